"""Put networks of single stages beside a common one, in one file of weights.

What a stage gains in training another may lose: the network is small, and each checkpoint is best
at other zooms. Stages are independent but for their parents, so each may have its own.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from pathlib import Path
from typing import Any

from generator import checkpoint
from generator.build import AnyNetwork
from generator.network import ExactUNet
from generator.tile import STAGE_ZOOMS, STAGE_ZOOMS_LISTED
from training.errors import TrainingError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("common", type=Path, help="weights of all other stages")
    parser.add_argument(
        "stages",
        nargs="+",
        metavar="ZOOM=FILE",
        help="a stage's own weights",
    )
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument(
        "--augmentation", type=float, nargs=5, metavar="A",
        help="strength told to the networks at zooms 7 9 11 13 15 [as each file has it]",
    )  # fmt: skip
    parser.add_argument(
        "--gain", action="append", default=[], metavar="ZOOM=LUMINANCE,COLOUR",
        help="factors on what a named stage adds to its parent, as training places lack it [1,1]",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Write the file and say how large it is; raises TrainingError."""
    own = dict(_stage(text) for text in args.stages)
    if len(own) < len(args.stages):
        raise TrainingError("a zoom is named twice, expected one file for each")
    gains = dict(_gain(text) for text in args.gain)
    combine(args.common, own, args.out, args.augmentation, gains)
    print(f"wrote {args.out} ({args.out.stat().st_size / 1e6:.1f} MB)")
    return 0


def combine(
    common: Path,
    stages: dict[int, Path],
    out: Path,
    augmentation: list[float] | None = None,
    gains: dict[int, tuple[float, float]] | None = None,
) -> None:
    """Write the weights of `common` with other networks for some stages.

    The strength that a stage is told comes from its file, unless `augmentation` gives all five.
    gains: factors on the luminance and the differences of colour that some of `stages` add.
    Raises TrainingError where networks or numbers of steps differ, or a gain is of no such stage.
    """
    gains = gains or {}
    if strangers := gains.keys() - stages.keys():
        raise TrainingError(
            f"a gain is given for zoom {min(strangers)}, expected one for a stage that is named "
            "with a file"
        )
    held = checkpoint.load(common)
    others = {zoom: checkpoint.load(path) for zoom, path in sorted(stages.items())}
    told = list(held.sampler.augmentation)
    record: dict[str, Any] = dict(held.record)
    for zoom, other in others.items():
        network = other.network_of(zoom)
        if network.config != held.network.config or other.sampler.steps != held.sampler.steps:
            raise TrainingError(
                f"{stages[zoom]} holds {network.config} of {other.sampler.steps} step(s), expected "
                f"{held.network.config} of {held.sampler.steps}, as {common}"
            )
        if zoom in gains:
            _scale(network, *gains[zoom])
        told[STAGE_ZOOMS.index(zoom)] = other.sampler.augmentation[STAGE_ZOOMS.index(zoom)]
    record["stages"] = dict(record.get("stages", {})) | {
        str(zoom): dict(other.record) | ({"gain": list(gains[zoom])} if zoom in gains else {})
        for zoom, other in others.items()
    }
    sampler = dataclasses.replace(held.sampler, augmentation=tuple(augmentation or told))
    networks = dict(held.specialists) | {z: other.network_of(z) for z, other in others.items()}
    checkpoint.save(out, held.network, sampler, record, networks)


def _scale(network: AnyNetwork, luminance: float, colour: float) -> None:
    """Scale the mean and the differences of the three channels that a network's head makes."""
    if not isinstance(network, ExactUNet):
        raise TrainingError("a gain is given for the paper's network, expected an exact one")
    for parameter in network.head.parameters():
        channels = parameter.data.view(3, -1, *parameter.shape[1:])
        mean = channels.mean(0, keepdim=True)
        channels.copy_(luminance * mean + colour * (channels - mean))


def _gain(text: str) -> tuple[int, tuple[float, float]]:
    zoom, _, rest = text.partition("=")
    try:
        luminance, colour = map(float, rest.split(","))
    except ValueError:
        luminance = colour = math.nan
    if zoom not in map(str, STAGE_ZOOMS) or not (0 < luminance < math.inf and colour >= 0):
        raise TrainingError(
            f"--gain is {text!r}, expected ZOOM=LUMINANCE,COLOUR with a zoom of "
            f"{STAGE_ZOOMS_LISTED} and factors such as 1.08,0.8"
        )
    return int(zoom), (luminance, colour)


def _stage(text: str) -> tuple[int, Path]:
    zoom, _, path = text.partition("=")
    if not path or zoom not in map(str, STAGE_ZOOMS):
        raise TrainingError(
            f"{text!r} names no stage, expected ZOOM=FILE with a zoom of {STAGE_ZOOMS_LISTED}"
        )
    return int(zoom), Path(path)
