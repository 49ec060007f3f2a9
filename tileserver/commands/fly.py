"""The command `elsewhere fly`: a film of a flight over a world."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from generator.cascade.weightsheader import finest_zoom
from tileserver.batch.progress import duration, progress
from tileserver.commands.basics import say
from tileserver.commands.configtext import read_settings
from tileserver.commands.confirmation import confirmed, open_job
from tileserver.commands.seed import estimate_text
from tileserver.documents.about import abstract, attribution, title
from tileserver.flying.altitude import parse_altitudes
from tileserver.flying.encoders import FilmMetadata
from tileserver.flying.film import Film, FilmTarget, frame_bytes, seed_tiles
from tileserver.flying.flight import Flight, FlightPlan
from tileserver.flying.framefolder import unfinished
from tileserver.flying.frames import FrameRenderer, region
from tileserver.flying.route import read_route
from tileserver.regions.region import Region
from tileserver.rendering.batch import BatchRenderer
from tileserver.settings import Settings


def fly(args: argparse.Namespace) -> int:
    """Film a flight, making the tiles that are not stored, or only say what that would take."""
    settings = read_settings(args)
    flight = Flight(read_flight_plan(args), finest_zoom(settings.weights))
    target = FilmTarget.of(Path(args.output), flight, args.force)
    if not args.dry_run:
        target.check_room(flight)
    seen = region(flight)
    for note in (*flight.notes(), *leftover_notes(target.path)):
        say(note)
    with open_job(settings, seen) as job:
        if args.dry_run:
            print(estimate_text(job.estimate(), seen, settings))
            print(frames_text(flight))
            return 0
        if not confirmed(job, args.yes):
            return 2
        return _make(job.maker, flight, seen, target, settings)


def leftover_notes(path: Path) -> Iterator[str]:
    """Yield a sentence for each folder of frames beside a film whose own film was not finished."""
    for folder, size in unfinished(path):
        yield (
            f"Note: {folder} holds {size / 1e6:,.0f} MB of frames of an unfinished film; the "
            "command that began it goes on with them, or the folder may be removed"
        )


def read_flight_plan(args: argparse.Namespace) -> FlightPlan:
    """Return the flight that the arguments ask for. Raises FlightError."""
    points, altitudes = read_route(args.path), parse_altitudes(args.altitude)
    return FlightPlan(points, altitudes, args.size, args.fps, args.speed, args.seconds)


def _make(
    maker: BatchRenderer, flight: Flight, seen: Region, target: FilmTarget, settings: Settings
) -> int:
    say(
        f"Filming {flight.metres / 1000:,.0f} km over world {settings.seed}: {flight.frames:,} "
        f"frames, {flight.seconds:,.1f} s, from {len(seen):,} tiles"
    )
    texts = FilmMetadata(title(settings.seed), abstract(settings), attribution(settings))
    with contextlib.closing(Film(maker, flight, target)) as film:
        if film.fresh:
            say("The frames beside it are of another film; this one is begun anew")
        with progress() as report:
            seed_tiles(maker, seen, report)
        with progress("frames") as report:
            size = film.make(texts, report)
    print(
        f"Wrote {target.path}: {flight.frames:,} frames, {flight.seconds:,.1f} s, "
        f"{size / 1e6:,.1f} MB."
    )
    return 0


def frames_text(flight: Flight) -> str:
    """Return what a dry run says of the frames; the time is that of drawing three of them."""
    blank = np.zeros((256, 256, 3), np.uint8)
    renderer = FrameRenderer(flight, lambda tile: blank)
    samples = (0, flight.frames // 2, flight.frames - 1)
    started = time.perf_counter()
    for number in samples:
        renderer.frame(number)
    seconds = (time.perf_counter() - started) / len(samples) * flight.frames
    width, height = flight.plan.size
    return (
        f"To be drawn: {flight.frames:,} frames of {width}x{height}, {flight.seconds:,.1f} s of "
        f"film, {flight.metres / 1000:,.0f} km, in {duration(seconds)} after that; about "
        f"{frame_bytes(flight) / 1e6:,.0f} MB beside the film until it is made."
    )
