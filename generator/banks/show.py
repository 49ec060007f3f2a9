"""Showing a bank: what it holds in words, a map of its places, its scenes as drawn."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from generator.banks.captioned import WIDTH, CaptionedPicture, Section, compose
from generator.base.basemap import BaseMap
from generator.cascade.layoutstage import LayoutStage
from generator.grid.pixels import Pixels
from generator.grid.tile import SCALE, row_of
from generator.memory.bank import Bank, Scene
from generator.memory.config import CHOICES, CHOSEN_AT
from generator.nets.decoder import LayoutDecoder
from generator.rasters.notice import NOTICE

GREY = 110
"""Level of the parent over which scenes are drawn: they show nothing but their codes."""

SHOWN = 24
"""Scenes that are drawn for each stage."""

_SIDE = 48
_RESOLUTION = {7: 1000.0, 9: 250.0, 11: 60.0, 13: 15.0, 15: 3.8, 17: 1.0}
_COLOURS = {
    7: (90, 160, 255), 9: (80, 220, 120), 11: (255, 200, 40), 15: (255, 80, 60),
    17: (230, 120, 255),
}  # fmt: skip
_MAP_ZOOM = 2
_DOT = 4


def text(bank: Bank) -> str:
    """Return what a bank holds and where it comes from, as lines."""
    lines = [f"digest   {bank.digest}", f"encoder  {bank.encoder}"]
    lines.append(f"scenes   {len(bank.scenes)}, codes of {bank.dimensions} x {bank.levels} levels")
    for zoom in CHOICES:
        scenes = [scene for scene in bank.scenes if scene.chosen_at == zoom]
        shown = " and ".join(str(z) for z, chosen in CHOSEN_AT.items() if chosen == zoom)
        places = sum(int(scene.valid.sum()) for scene in scenes)
        lines.append(
            f"  zoom {shown:<9} {len(scenes):>5} scenes, {megapixels(scenes):>7.1f} megapixels, "
            f"{places:>7,} places"
        )
    named = Counter((scene.source, scene.licence or "licence not stated") for scene in bank.scenes)
    lines.append("sources")
    lines += [
        f"  {source}: {n} scenes, {licence}" for (source, licence), n in sorted(named.items())
    ]
    if credits := sorted({scene.credit for scene in bank.scenes} - {""}):
        lines += ["credits", *(f"  {credit}" for credit in credits)]
    return "\n".join(lines)


def megapixels(scenes: Sequence[Scene]) -> float:
    """Return the child pixels of scenes at their finest, in millions, invalid ones included."""
    codes = (scene.codes[max(scene.codes)] for scene in scenes)
    area = sum(int(each.shape[0]) * int(each.shape[1]) for each in codes)
    return area * SCALE**2 / 1e6


def sheet(bank: Bank, network: LayoutDecoder, basemap: BaseMap) -> Pixels:
    """Return a map of the scenes' places, and scenes of each stage as drawn over grey.

    Returns uint8 [H, W, 3]; its last line says that it is generated.
    """
    located = sum(_place(scene) is not None for scene in bank.scenes)
    title = (
        f"{located} of {len(bank.scenes)} scenes have a place: blue 7, green 9, yellow 11, red 15, "
        "violet 17"
    )
    sections = [Section(title, [CaptionedPicture(_map(bank, basemap), ())], WIDTH - 16, 0)]
    by_zoom: dict[int, list[Scene]] = defaultdict(list)
    for scene in bank.scenes:
        by_zoom[max(scene.codes)].append(scene)
    stage = LayoutStage(network)
    for zoom, scenes in sorted(by_zoom.items()):
        count = min(SHOWN, len(scenes))
        few = [scenes[i * len(scenes) // count] for i in range(count)]
        cells = [CaptionedPicture(drawn(scene, zoom, stage), (scene.source,)) for scene in few]
        title = f"Zoom {zoom}: {count} of {len(scenes)} scenes, drawn over grey"
        sections.append(Section(title, cells, SCALE * _SIDE, 1))
    return compose(sections, NOTICE)


def drawn(scene: Scene, zoom: int, stage: LayoutStage) -> Pixels:
    """Return the middle of a scene as the network draws it over grey, uint8 [h, w, 3]."""
    codes = scene.codes[zoom]
    height, width = (min(_SIDE, side // 2 * 2) for side in codes.shape[:2])
    y, x = _middle(scene, codes.shape[0] // scene.shape[0], (height, width))
    edge = stage.margin
    laid = np.zeros((scene.dimensions, height + 2 * edge, width + 2 * edge), np.int8)
    laid[:, edge : edge + height, edge : edge + width] = np.moveaxis(
        codes[y : y + height, x : x + width], 2, 0
    )
    parent = np.full((*laid.shape[1:], 3), GREY, np.uint8)
    return stage(parent, laid, np.array([_RESOLUTION[zoom]]), 1.0)


def _middle(scene: Scene, scale: int, sides: tuple[int, int]) -> tuple[int, int]:
    """Return the upper left corner of a part round the valid place nearest to the middle."""
    rows, columns = np.nonzero(scene.valid)
    if not len(rows):
        return 0, 0
    away = (rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2
    best = int(away.argmin())
    corner = []
    for at, side, whole in zip((rows, columns), sides, scene.shape, strict=True):
        centre = scale * (12 + 8 * int(at[best]))
        corner.append(min(max(0, centre - side // 2), scale * whole - side))
    return corner[0], corner[1]


def _place(scene: Scene) -> tuple[float, float] | None:
    if scene.latitude is None or scene.longitude is None:
        return None
    return scene.latitude, scene.longitude


def _map(bank: Bank, basemap: BaseMap) -> Pixels:
    """Return the world with a dot for each scene that has a place."""
    side = 256 << _MAP_ZOOM
    image = Image.fromarray(basemap.region(_MAP_ZOOM, 0, 0, side, side))
    draw = ImageDraw.Draw(image)
    for scene in bank.scenes:
        if (place := _place(scene)) is None:
            continue
        x = (place[1] + 180) / 360 * side
        y = row_of(place[0], side)
        box = (x - _DOT, y - _DOT, x + _DOT, y + _DOT)
        draw.ellipse(box, _COLOURS[scene.chosen_at], (0, 0, 0))
    # Without the polar quarters, where nobody has imagery.
    return np.asarray(image)[side // 12 : side * 3 // 4]
