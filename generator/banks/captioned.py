"""Sheets of pictures with captions, in titled sections, to be looked at by people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from generator.atomicfile import atomic_replace
from generator.grid.errors import ImageError
from generator.grid.pixels import Pixels
from generator.rasters.notice import save_options

WIDTH = 1200
"""Width of a sheet in pixels."""
_GAP, _LINE, _TITLE, _SIZE = 8, 13, 26, 11
_PAPER, _INK, _FAINT = (255, 255, 255), (20, 20, 20), (95, 95, 95)


@dataclass(frozen=True, slots=True, eq=False)
class CaptionedPicture:
    """A picture, uint8 [h, w, 3], or None for a grey square, and lines below it."""

    picture: Pixels | None
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """A title and its cells; side: pixels of a cell, captions lines that each has room for."""

    title: str
    cells: Sequence[CaptionedPicture]
    side: int = 96
    captions: int = 3


def compose(sections: Sequence[Section], footer: str = "") -> Pixels:
    """Lay sections out below each other and a line below them all, uint8 [H, WIDTH, 3]."""
    heights = [_height(section) for section in sections]
    foot = _LINE + _GAP if footer else 0
    canvas = Image.new("RGB", (WIDTH, sum(heights) + foot + _GAP), _PAPER)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(_SIZE)
    top = 0
    for section, height in zip(sections, heights, strict=True):
        draw.text((_GAP, top + _GAP), section.title, _INK, ImageFont.load_default(_SIZE + 3))
        for number, cell in enumerate(section.cells):
            row, column = divmod(number, _columns(section))
            x = _GAP + column * (section.side + _GAP)
            y = top + _TITLE + _GAP + row * _step(section)
            _paste(canvas, cell.picture, (x, y), section.side)
            for line, text in enumerate(_wrapped(cell.lines, font, section)):
                below = y + _picture_height(section) + 1 + line * _LINE
                draw.text((x, below), text, _FAINT, font)
        top += height
    draw.text((_GAP, top + _GAP), footer, _FAINT, font)
    return np.asarray(canvas)


def save(canvas: Pixels, path: Path, notice: str | None = None) -> None:
    """Write a sheet as PNG or WebP, by its suffix, whole or not at all; raises ImageError.

    notice: what the file says of its origin.
    """
    if path.suffix.lower() not in (".png", ".webp"):
        raise ImageError(f"the sheet is {path}, expected a name that ends in .png or .webp")
    format = path.suffix[1:].upper()
    options = {} if notice is None else save_options(format, notice)
    try:
        with atomic_replace(path) as part:
            Image.fromarray(canvas).save(part, format, quality=88, **options)
    except OSError as error:
        raise ImageError(f"cannot write the sheet {path}: {error}") from error


def _paste(canvas: Image.Image, picture: Pixels | None, place: tuple[int, int], side: int) -> None:
    image = Image.new("RGB", (side, side), (225, 225, 225))
    if picture is not None:
        image = Image.fromarray(picture)
        if max(image.size) != side:
            image = image.resize(_fitted(image.size, side), Image.Resampling.BOX)
    canvas.paste(image, place)


def _fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return width and height scaled so that the longer one is `side`."""
    scale = side / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _picture_height(section: Section) -> int:
    """Return the height of the section's highest picture."""
    shapes = [None if cell.picture is None else cell.picture.shape for cell in section.cells]
    heights = [
        section.side if shape is None else _fitted((shape[1], shape[0]), section.side)[1]
        for shape in shapes
    ]
    return max(heights, default=0)


def _wrapped(
    lines: Sequence[str], font: ImageFont.FreeTypeFont | ImageFont.ImageFont, section: Section
) -> list[str]:
    """Break lines to the cell's width; what finds no room is cut off with dots."""
    out: list[str] = []
    for line in lines:
        out.append("")
        for word in line.split():
            longer = f"{out[-1]} {word}".strip()
            if font.getlength(longer) <= section.side or not out[-1]:
                out[-1] = longer
            else:
                out.append(word)
    if len(out) > section.captions:
        out = [*out[: section.captions - 1], out[section.captions - 1] + " ..."]
    return [_cut(text, font, section.side) for text in out]


def _cut(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."


def _columns(section: Section) -> int:
    return max(1, (WIDTH - _GAP) // (section.side + _GAP))


def _step(section: Section) -> int:
    return _picture_height(section) + section.captions * _LINE + _GAP


def _height(section: Section) -> int:
    rows = -(-len(section.cells) // _columns(section))
    return _TITLE + _GAP + rows * _step(section)
