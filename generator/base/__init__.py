"""Base maps: a picture of a whole planet as tiles of zooms 0 to 5, or to 7 where it is large."""
