"""The commands round a lease: pack imagery, split a state, run a lease, join what came back."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from training.errors import TrainingError
from training.imagery.pyramid import Pyramid
from training.parts import INDEX, KEEPS, join_to, split
from training.state import STATE, DistillConfig, RunConfig, State

_REHEARSAL = {"preset": "exact-tiny", "core": 32, "margin": 8}
_SECONDS, _REHEARSAL_SECONDS = 540.0, 40.0


def add_commands(commands: Any) -> None:
    """Add the commands round a lease to the subcommands of an argument parser."""
    pack = commands.add_parser("pack", help="choose and compress imagery for a lease")
    pack.add_argument("--data", type=Path, required=True, help="folder made by prepare")
    pack.add_argument("--out", type=Path, required=True, help="folder to write")
    pack.add_argument("--limit-mib", type=float, default=36.0, help="most it may take [36]")
    pack.add_argument("--quality", type=int, default=85, help="of WebP, 1 to 100 [85]")
    pack.add_argument(
        "--window", type=int, default=RunConfig().window, help="parent pixels of a sample"
    )
    unpack = commands.add_parser("unpack", help="make a prepared folder of packed imagery")
    unpack.add_argument("packed", type=Path, help="folder made by pack")
    unpack.add_argument("--out", type=Path, required=True, help="folder to write")
    lease = commands.add_parser("lease", help="train against the clock, state out in parts")
    lease.add_argument("--data", type=Path, required=True, help="folder made by pack or prepare")
    lease.add_argument("--run", type=Path, required=True, help="folder with the state or its parts")
    lease.add_argument("--out", type=Path, required=True, help="folder for parts, log and picture")
    lease.add_argument("--seconds", type=float, help="all of it [540; 40 to rehearse]")
    lease.add_argument("--batch", type=int, help="samples of a step [as configured]")
    lease.add_argument("--save-every", type=float, default=120.0, help="seconds [120]")
    lease.add_argument(
        "--cool-down", type=float, default=0.0, help="last seconds, of falling learning rates [0]"
    )
    _add_sizes(lease)
    lease.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="to degrade parents [all cores]"
    )
    lease.add_argument("--compile", action="store_true", help="compile where that is faster")
    lease.add_argument("--init", type=Path, help="start a new run from these safetensors")
    lease.add_argument(
        "--teacher", dest="teacher_file", type=Path, help="distil from these safetensors"
    )
    lease.add_argument(
        "--rehearse", action="store_true", help="the same path with a tiny network, checked"
    )
    lease.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    for field in dataclasses.fields(DistillConfig):
        if field.name == "teacher":
            continue
        name = "--" + field.name.replace("_", "-")
        lease.add_argument(name, type=type(field.default), help="[the run's, or train's default]")
    cut = commands.add_parser("split", help="cut a run's state into parts, to travel")
    cut.add_argument("run", type=Path, help="folder of the run")
    cut.add_argument("--out", type=Path, required=True, help="folder to write")
    _add_sizes(cut)
    join = commands.add_parser("join", help="make a run of the parts that a lease gave back")
    join.add_argument("parts", type=Path, help="folder with state.json and its parts")
    join.add_argument("--run", type=Path, required=True, help="folder for train to continue in")


def _add_sizes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--part-mib", type=float, default=15.5, help="most of one part [15.5]")
    parser.add_argument("--limit-mib", type=float, default=60.0, help="most of all parts [60]")
    names = [keep.name for keep in KEEPS]
    parser.add_argument("--keep", choices=names, help="what parts hold [the most that fits]")


def pack(args: argparse.Namespace) -> int:
    """Run `pack`."""
    from training.pack import pack

    packed = pack(Pyramid(args.data), args.out, args.limit_mib, args.window, args.quality)
    for source, megapixels in sorted(packed.items(), key=lambda item: -item[1]):
        print(f"{megapixels:8.1f} Mpx  {source}")
    print(f"{sum(packed.values()):8.1f} Mpx in {args.out}")
    return 0


def unpack(args: argparse.Namespace) -> int:
    """Run `unpack`."""
    from training.pack import unpack

    print(f"{len(unpack(args.packed, args.out).images)} images in {args.out}")
    return 0


def lease(args: argparse.Namespace) -> int:
    """Run `lease`."""
    from generator.cascade import checkpoint
    from training.dataset import samples_for
    from training.distill import distilling
    from training.glance import glance
    from training.lease import Lease, Terms
    from training.ondevice import DeviceSamples

    began = time.monotonic()
    device = torch.device(args.device)
    torch.set_float32_matmul_precision("high")
    if args.rehearse:
        for name, value in _REHEARSAL.items():
            setattr(args, name, value)
    seconds = args.seconds or (_REHEARSAL_SECONDS if args.rehearse else _SECONDS)
    config = _config(args)
    state = State(config, device)
    trainer = distilling(state, args.teacher_file) if args.teacher_file else None
    if state.load(args.run):
        print(f"continuing {args.run} at step {state.step}", flush=True)
    elif args.init:
        state.start_from(checkpoint.load(args.init).network)
    elif trainer is not None and not args.rehearse:
        state.start_from(trainer.teacher)
    with tempfile.TemporaryDirectory() as scratch:
        pyramid = _imagery(args.data, Path(scratch))
        held_out = "val" if any(image.split == "val" for image in pyramid.images) else "train"
        chosen, others = (samples_for(config, pyramid, split) for split in ("train", held_out))
        samples = DeviceSamples(chosen, device, args.workers)
        shown = DeviceSamples(others, device)
    print(
        f"{samples.bytes / 2**20:.0f} MiB of imagery on {device}, batch {config.batch}, "
        f"{time.monotonic() - began:.0f} s",
        flush=True,
    )
    terms = Terms(
        began, seconds, args.save_every, args.cool_down, args.part_mib, args.limit_mib,
        args.keep, args.compile, 2.0 if args.rehearse else 10.0,
    )  # fmt: skip
    Lease(state, samples, args.out, terms, trainer).run()
    samples.close()
    glance(state, shown, args.out / "sheet.webp")
    if args.rehearse:
        _check(state, args.out)
    return 0


def split_state(args: argparse.Namespace) -> int:
    """Run `split`."""
    path = args.run / STATE
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError) as error:
        raise TrainingError(f"{path} is not the state of a run made by train: {error}") from error
    keep = split(state, args.out, args.part_mib, args.limit_mib, args.keep)
    size = sum(file.stat().st_size for file in args.out.glob("state.*.part")) / 2**20
    print(f"{args.out} holds step {state['step']} as {keep.name!r}, {size:.1f} MiB")
    return 0


def join_parts(args: argparse.Namespace) -> int:
    """Run `join`."""
    step = join_to(args.parts, args.run)
    logs = [folder / "log.jsonl" for folder in (args.run, args.parts)]
    lines = [line for log in logs if log.exists() for line in log.read_text().splitlines()]
    logs[0].write_text("".join(line + "\n" for line in dict.fromkeys(lines)))
    print(f"{args.run} is at step {step}; `train --run {args.run}` continues it")
    return 0


def _config(args: argparse.Namespace) -> RunConfig:
    """What the run was trained with so far, and what the command line changes."""
    from generator.cascade import checkpoint
    from training.batchsize import with_batch
    from training.export import run_config

    run = args.run
    if (run / INDEX).exists() and _newer(run):
        join_to(run, run)
    config = run_config(run) if (run / STATE).exists() else RunConfig()
    names = {field.name for field in dataclasses.fields(DistillConfig)} - {"teacher"}
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if args.teacher_file:
        digest = checkpoint.load(args.teacher_file).digest
        config = DistillConfig(**dataclasses.asdict(config) | {"teacher": digest})
    elif isinstance(config, DistillConfig) or given.keys() - dataclasses.asdict(config).keys():
        raise TrainingError("a distillation needs its teacher's weights, expected --teacher FILE")
    config = dataclasses.replace(config, **given)
    return with_batch(config, args.batch) if args.batch else config


def _newer(run: Path) -> bool:
    """Whether the parts in a folder are of a later step than the state beside them."""
    if not (run / STATE).exists():
        return True
    state = torch.load(run / STATE, map_location="cpu", weights_only=True, mmap=True)
    return int(json.loads((run / INDEX).read_text())["step"]) > int(state["step"])


def _imagery(folder: Path, scratch: Path) -> Pyramid:
    """Open a prepared folder, or decode a packed one into `scratch`."""
    from training.pack import PACK, unpack

    return unpack(folder, scratch) if (folder / PACK).exists() else Pyramid(folder)


def _check(state: State, out: Path) -> None:
    """Show that what a lease left is a run that goes on; raises TrainingError if it is not."""
    with tempfile.TemporaryDirectory() as scratch:
        step = join_to(out, Path(scratch))
        again = State(state.config, torch.device("cpu"))
        if not again.load(Path(scratch)) or again.step != state.step:
            raise TrainingError(f"{out} holds step {step}, expected step {state.step}")
    size = sum(file.stat().st_size for file in out.iterdir()) / 2**20
    print(f"rehearsed: step {step}, {size:.1f} MiB in {len(list(out.iterdir()))} files")
