"""The sheet of a build: what was taken of which image, and what was refused and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from generator.banks.captioned import CaptionedPicture, Section, compose
from generator.banks.report import BuildResult, TakenImage
from generator.grid.pixels import Pixels
from generator.memory.config import CHOSEN_AT

SHOWN = 99
"""Images that are shown of each section; the title says how many there are."""

Item = TypeVar("Item")


def draw(built: BuildResult) -> Pixels:
    """Return the sheet of a build, uint8 [H, W, 3]."""
    sections = []
    for zoom in sorted({each.zoom for each in built.taken}):
        taken = [each for each in built.taken if each.zoom == zoom]
        area = built.area(zoom) / 1e6
        title = f"Taken for zoom {stages(zoom)}: {area:.1f} megapixels of {len(taken)} images"
        cells = [CaptionedPicture(each.thumbnail, _lines(each)) for each in _evenly(taken)]
        lines = 5 if any(each.left for each in taken) else 3
        sections.append(Section(_counted(title, taken), cells, captions=lines))
    if built.refused:
        title = f"Refused: {len(built.refused)} images"
        cells = [
            CaptionedPicture(each.thumbnail, (Path(each.name).name, each.reason))
            for each in _evenly(built.refused)
        ]
        sections.append(Section(_counted(title, built.refused), cells, captions=6))
    if built.spare:
        count = len(built.spare)
        sections.append(Section(f"{count} more could be used: the budget was spent on others", ()))
    return compose(sections)


def stages(zoom: int) -> str:
    """Return the zooms that show what is chosen at one, such as '11 and 13'."""
    return " and ".join(str(shown) for shown, chosen in CHOSEN_AT.items() if chosen == zoom)


def _lines(each: TakenImage) -> tuple[str, ...]:
    return Path(each.name).name, f"{each.area / 1e6:.2f} of {each.whole / 1e6:.2f} MP", *each.left


def _evenly(items: Sequence[Item]) -> list[Item]:
    """Return at most SHOWN items, taken evenly."""
    count = min(SHOWN, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def _counted(title: str, items: Sequence[object]) -> str:
    return title if len(items) <= SHOWN else f"{title}, {SHOWN} of them shown"
