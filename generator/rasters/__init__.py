"""Reading pictures of any kind that GDAL or Pillow reads, in one way for all who read any.

A picture is read as 8-bit red, green and blue, upright, with what the file says of it: which band
is which colour (`samples`), where it lies (`georeference`, `orientation`), what of it is valid.
A file is known by its content (`content`) and read by Pillow (`plain`) or GDAL (`gdal`); `holes`
fills what is not valid. Without rasterio, PNG, JPEG, WebP and plain TIFF are read.
"""

from generator.rasters.content import is_picture
from generator.rasters.files import Files, is_url
from generator.rasters.georeference import Georeference, find_rasterio
from generator.rasters.holes import Filled, filled
from generator.rasters.opening import open_files, open_picture, read_whole, whole_of
from generator.rasters.picture import OpenedPicture, Picture, WholePicture
from generator.rasters.plain import MAX_PIXELS
from generator.rasters.samples import Reading, parse_bands, parse_stretch

TIFF_SUFFIXES = (".tif", ".tiff")
SUFFIXES = (".png", ".jpg", ".jpeg", *TIFF_SUFFIXES)
"""Endings of pictures that are written; see `generator.rasters.writing`."""

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "TIFF_SUFFIXES",
    "Files",
    "Filled",
    "Georeference",
    "OpenedPicture",
    "Picture",
    "Reading",
    "WholePicture",
    "filled",
    "find_rasterio",
    "is_picture",
    "is_url",
    "open_files",
    "open_picture",
    "parse_bands",
    "parse_stretch",
    "read_whole",
    "whole_of",
]
