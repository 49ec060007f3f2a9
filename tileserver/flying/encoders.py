"""Frames to a file: H.264 in MP4 with PyAV, an animated WebP, or a folder of pictures.

PyAV and not imageio-ffmpeg: its wheel has 36 MB against 68 MB, its code is under a BSD licence and
calls FFmpeg's libraries, whose terms (LGPL, x264 GPL) hold for the wheel, without another program.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image

from generator.grid.pixels import Pixels
from generator.rasters import notice
from tileserver.errors import FlightError
from tileserver.flying.flight import Flight

_EXPECTED = "expected .mp4, .webp, or a folder's name without an ending"

_X264 = {
    "crf": "18",
    "preset": "medium",
    # With AVX2 and AVX-512 the x264 of PyAV 18 gave other bytes for equal frames, depending on what
    # had been in memory before (found with MALLOC_PERTURB_); with SSE2 those of its plain C code.
    "x264-params": "asm=sse2" if platform.machine() in ("x86_64", "AMD64") else "asm=0",
}

_WEBP_PIXELS = 400_000_000
"""Pixels of an animated WebP, which is held in memory as a whole."""


@dataclass(frozen=True, slots=True)
class FilmMetadata:
    """What a film says of itself."""

    title: str
    description: str
    attribution: str


Encode = Callable[[Path, Iterable[Pixels], Flight, FilmMetadata], None]
"""(file to write, frames, their flight, texts)."""


def encoder(path: Path, flight: Flight) -> Encode | None:
    """Return what writes the kind of file that a name's ending asks for; None for a folder.

    Raises FlightError for another ending, and for what this kind of file cannot hold.
    """
    suffix, (width, height) = path.suffix.lower(), flight.plan.size
    if not suffix:
        if path.name.startswith((".", "-")):
            raise FlightError(f"the film's name is {path.name!r}, {_EXPECTED}")
        return None
    if suffix == ".mp4":
        if width % 2 or height % 2:
            raise FlightError(f"the film's size is {width}x{height}, expected even numbers for MP4")
        find_av()
        return write_mp4
    if suffix == ".webp":
        if width * height * flight.frames > _WEBP_PIXELS:
            raise FlightError(
                f"an animated WebP of {flight.frames:,} frames of {width}x{height} pixels would "
                f"not fit into memory, expected at most {_WEBP_PIXELS / 1e6:,.0f} million pixels "
                "in all, or .mp4"
            )
        return write_webp
    raise FlightError(f"{path} has the unknown ending {path.suffix}, {_EXPECTED}")


def find_av() -> Any:
    """Return the module av. Raises FlightError where it is not installed."""
    try:
        import av
    except ImportError:
        raise FlightError(
            "writing MP4 needs PyAV: install elsewhere[film], or write a .webp or a folder"
        ) from None
    return av


def write_mp4(path: Path, frames: Iterable[Pixels], flight: Flight, texts: FilmMetadata) -> None:
    """Write H.264, 4:2:0 in BT.709, which every player knows; equal frames give equal bytes."""
    av = find_av()
    width, height = flight.plan.size
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", format="mp4", options=options) as film:
        film.metadata["title"] = texts.title
        film.metadata["comment"] = notice.NOTICE
        film.metadata["description"] = texts.description
        film.metadata["copyright"] = texts.attribution
        rate = Fraction(flight.plan.fps).limit_denominator(1001)
        stream = film.add_stream("libx264", rate=rate, options=_X264)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1  # the number of threads decides the bytes
        stream.codec_context.gop_size = max(1, round(2 * flight.plan.fps))
        for name in ("colorspace", "color_primaries", "color_trc", "color_range"):
            setattr(stream.codec_context, name, 1)
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            packed = frame.reformat(
                format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
            )
            film.mux(stream.encode(packed))
        film.mux(stream.encode())


def write_webp(path: Path, frames: Iterable[Pixels], flight: Flight, texts: FilmMetadata) -> None:
    """Write an animated WebP that repeats for ever."""
    times = [round(1000 * number / flight.plan.fps) for number in range(flight.frames + 1)]
    exif = notice.exif(f"{notice.NOTICE} {texts.title}. {texts.description}", texts.attribution)
    first, *others = map(Image.fromarray, frames)
    first.save(
        path, "WEBP", save_all=True, append_images=others, loop=0, quality=70, method=4, exif=exif,
        duration=[after - before for before, after in zip(times, times[1:], strict=False)],
    )  # fmt: skip
