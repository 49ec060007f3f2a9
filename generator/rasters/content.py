"""What a file is by its first bytes, whatever its name ends with."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from PIL.TiffImagePlugin import ImageFileDirectory_v2

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gtiff", ".jp2", ".j2k", ".vrt", ".gif",
    ".bmp",
)  # fmt: skip
"""Endings by which pictures in folders are known; a file of another is looked into."""

_BESIDE = (".ovr", ".msk", ".aux", ".part")
"""Endings of files that belong to a picture, or are not finished."""
_HEADER = 64
_BIT_DEPTH = 24
"""Byte of a PNG that says how many bits a sample has."""


class Content(Enum):
    """Kinds of content that are told apart; OTHER is left to GDAL."""

    PNG = "PNG"
    DEEP_PNG = "PNG of 16 bits"
    JPEG = "JPEG"
    WEBP = "WebP"
    TIFF = "TIFF"
    JPEG_2000 = "JPEG 2000"
    VRT = "VRT"
    OTHER = "unknown"


_STARTS = {
    b"\xff\xd8\xff": Content.JPEG,
    b"II*\0": Content.TIFF, b"MM\0*": Content.TIFF, b"II+\0": Content.TIFF, b"MM\0+": Content.TIFF,
    b"\0\0\0\x0cjP  ": Content.JPEG_2000, b"\xff\x4f\xff\x51": Content.JPEG_2000,
    b"<VRTDataset": Content.VRT,
}  # fmt: skip


def content_of(path: Path) -> Content:
    """Return what a file is. Raises OSError."""
    with path.open("rb") as file:
        start = file.read(_HEADER)
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        deep = len(start) > _BIT_DEPTH and start[_BIT_DEPTH] == 16
        return Content.DEEP_PNG if deep else Content.PNG
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return Content.WEBP
    stripped = start.lstrip(b"\xef\xbb\xbf\r\n\t ")
    for known, kind in _STARTS.items():
        if start.startswith(known) or (kind is Content.VRT and stripped.startswith(known)):
            return kind
    return Content.OTHER


def is_picture(path: Path) -> bool:
    """Whether a file of a folder is a picture, by its ending or by its content."""
    suffix = path.suffix.lower()
    if path.name.startswith(".") or suffix in _BESIDE or not path.is_file():
        return False
    try:
        return suffix in SUFFIXES or content_of(path) is not Content.OTHER
    except OSError:
        return False


def tiff_tag(path: Path, page: int, tag: int, absent: object) -> object:
    """Return a tag of a TIFF's page, counted from 0, or `absent` where it has none."""
    with path.open("rb") as file:
        try:
            # Eight bytes lead to the first directory; sixteen do in a BigTIFF.
            start = file.read(8)
            directory = ImageFileDirectory_v2(start + (file.read(8) if 43 in start[2:4] else b""))
            for _ in range(page + 1):
                if directory.next == 0:
                    return absent
                file.seek(directory.next)
                directory.load(file)
            return directory.get(tag, absent)
        except Exception:  # whatever Pillow makes of damage, which is named when pixels are read
            return absent
