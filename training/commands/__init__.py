"""The commands of `python -m training`: each declares its flags and runs."""
