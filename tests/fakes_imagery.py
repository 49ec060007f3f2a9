"""Pictures of made-up ground, as files with a place, and a tiny network with its encoder."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from PIL import Image

from generator.cascade import checkpoint
from generator.grid.pixels import Pixels
from generator.imagery.sources import Decoded, Source
from generator.nets.config import LayoutConfig, SamplerConfig
from generator.nets.decoder import LayoutDecoder
from generator.nets.encoder import Encoder
from tests.fakes_memory import ground

TINY = LayoutConfig(widths=(16, 32), blocks=(1, 1, 1), embedding=32, dimensions=4, encoder=(16, 1))


def tiny_encoder(seed: int = 0) -> Encoder:
    """Return an untrained encoder whose codes differ from 0."""
    torch.manual_seed(seed)
    encoder = Encoder(TINY)
    with torch.no_grad():
        encoder.head.weight.mul_(4)
    return encoder.eval()


def tiny_weights(path: Path, seed: int = 0) -> Path:
    """Write weights of an untrained layout network with an encoder."""
    torch.manual_seed(seed)
    checkpoint.save(path, LayoutDecoder(TINY), SamplerConfig(), {}, encoder=tiny_encoder(seed))
    return path


def source(
    pixels: Pixels,
    name: str = "a.png",
    gsd: float = 4.0,
    mask: Pixels | None = None,
    **more: object,
) -> Source:
    """Return an image in memory as a source; `more` as of Source, place (lat, lon) or none."""
    lat, lon = more.pop("place", (None, None))  # type: ignore[misc]
    known: dict[str, object] = {"source": "made up", "split": "train", "files": (Path(name),)}
    return Source(
        name=name, gsd=gsd, lat=lat, lon=lon, read=lambda: Decoded(pixels, mask), **known | more
    )  # type: ignore[arg-type]


def write_picture(path: Path, pixels: Pixels, gsd: float, place: tuple[float, float]) -> Path:
    """Write a PNG with a sidecar that says its resolution, place, licence and credit."""
    Image.fromarray(pixels).save(path)
    about = {"gsd_m": gsd, "lat": place[0], "lon": place[1], "licence": "CC0-1.0", "credit": "me"}
    path.with_suffix(".json").write_text(json.dumps(about))
    return path


def write_folder(folder: Path, count: int, side: int = 128, gsd: float = 4.0) -> Path:
    """Write pictures of different ground, each at a place of its own."""
    folder.mkdir()
    for number in range(count):
        pixels = ground(number, side, side, 8 + number)
        write_picture(folder / f"p{number:02}.png", pixels, gsd, (40 + number / 10, 10.0))
    return folder
