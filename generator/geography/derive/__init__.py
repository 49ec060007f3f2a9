"""Scripts that make the layer files of geography from packages; nothing at run time needs them."""
