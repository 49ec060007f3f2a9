"""Put networks of single stages beside a common one, in one file of weights.

What a stage gains in training another may lose: the network is small, and each checkpoint is best
at other zooms. Stages are independent but for their parents, so each may have its own.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from generator.cascade import checkpoint
from generator.grid.tile import STAGE_ZOOMS, STAGE_ZOOMS_LISTED
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


def run(args: argparse.Namespace) -> int:
    """Write the file and say how large it is; raises TrainingError."""
    own = dict(_stage(text) for text in args.stages)
    if len(own) < len(args.stages):
        raise TrainingError("a zoom is named twice, expected one file for each")
    combine(args.common, own, args.out, args.augmentation)
    print(f"wrote {args.out} ({args.out.stat().st_size / 1e6:.1f} MB)")
    return 0


def combine(
    common: Path,
    stages: dict[int, Path],
    out: Path,
    augmentation: list[float] | None = None,
) -> None:
    """Write the weights of `common` with other networks for some stages.

    The strength that a stage is told comes from its file, unless `augmentation` gives all five;
    encoder and memory of layouts come from `common`. Raises TrainingError where networks, numbers
    of steps or encoders differ.
    """
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
        if other.encoder_digest != held.encoder_digest:
            raise TrainingError(
                f"{stages[zoom]} draws codes of the encoder {other.encoder_digest[:16] or 'none'}, "
                f"expected those of {held.encoder_digest[:16] or 'none'}, as {common}"
            )
        told[STAGE_ZOOMS.index(zoom)] = other.sampler.augmentation[STAGE_ZOOMS.index(zoom)]
    record["stages"] = dict(record.get("stages", {})) | {
        str(zoom): dict(other.record) for zoom, other in others.items()
    }
    sampler = dataclasses.replace(held.sampler, augmentation=tuple(augmentation or told))
    networks = dict(held.specialists) | {z: other.network_of(z) for z, other in others.items()}
    checkpoint.save(out, held.network, sampler, record, networks, held.encoder, held.bank)


def _stage(text: str) -> tuple[int, Path]:
    zoom, _, path = text.partition("=")
    if not path or zoom not in map(str, STAGE_ZOOMS):
        raise TrainingError(
            f"{text!r} names no stage, expected ZOOM=FILE with a zoom of {STAGE_ZOOMS_LISTED}"
        )
    return int(zoom), Path(path)
