"""Whether the bytes of a picture are all there, told without decoding it."""

from __future__ import annotations

import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def is_whole(data: bytes, format: str) -> bool:
    """Say whether bytes can be a whole picture: of a PNG every chunk's checksum is right.

    format: png, webp or jpeg. WebP and JPEG have no checksums: begin and end have to be there.
    """
    if format == "png":
        return _is_whole_png(data)
    if format == "webp":
        size = int.from_bytes(data[4:8], "little") + 8
        return data[:4] == b"RIFF" and data[8:12] == b"WEBP" and size == len(data)
    return data[:3] == b"\xff\xd8\xff" and data[-2:] == b"\xff\xd9"


def _is_whole_png(data: bytes) -> bool:
    if data[:8] != _SIGNATURE:
        return False
    at, kind = 8, b""
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return False
        at = end + 4
    return kind == b"IEND" and at == len(data)
