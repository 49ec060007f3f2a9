"""What `seed` and `export` do with `--cluster`: the same work, by many machines."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
from collections.abc import Callable

from tileserver.batch.archive import ArchiveMetadata
from tileserver.batch.estimate import Estimate
from tileserver.batch.progress import duration, progress
from tileserver.batch.seed import Tally
from tileserver.cluster import seed as making
from tileserver.cluster.group import MOST_TILES, group_limit, repetition
from tileserver.cluster.raycluster import RayCluster, Workers
from tileserver.cluster.seed import CacheSink, GroupSink
from tileserver.cluster.shards import ShardFolder, ShardSink, manifest_of
from tileserver.cluster.worker import GroupTask, portable, terms
from tileserver.commands.basics import say
from tileserver.commands.confirmation import RegionJob
from tileserver.documents.about import abstract, attribution, title
from tileserver.encoding import ENCODINGS
from tileserver.errors import ClusterError
from tileserver.regions.region import Region
from tileserver.rendering.models import describe, load_renderer
from tileserver.settings import Settings

connect: Callable[[str, int, float], Workers] = RayCluster
load = load_renderer
"""How a worker gets its renderer."""


def check_flags(args: argparse.Namespace) -> None:
    """Raise ClusterError for what means nothing without a cluster."""
    for name in ("out", "gpus"):
        if args.cluster is None and getattr(args, name) is not None:
            raise ClusterError(
                f"--{name} is {getattr(args, name)}, expected it beside --cluster only"
            )


def about(settings: Settings, region: Region, format: str, world: bytes) -> ArchiveMetadata:
    """Return what a file of a region says of itself."""
    texts = (title(settings.seed), abstract(settings), attribution(settings))
    return ArchiveMetadata(*texts, format, region.bbox, region.zooms, settings.seed, world)


def make(args: argparse.Namespace, job: RegionJob, format: str = "png") -> Tally:
    """Have a cluster make a region: into the job's cache, or into shards."""
    settings, world = portable(job.settings), job.maker.world
    out = None if args.out is None else ShardFolder(args.out)
    task = GroupTask(settings, world, load, terms=terms(job.maker.renderer))
    if out is not None:
        said = about(settings, job.region, format, world)
        task = dataclasses.replace(task, encoding=ENCODINGS[format, 1], out=out.place, about=said)
    assert settings.threads is not None
    workers = connect(args.cluster, settings.threads, gpus_of(args, job))
    with contextlib.closing(workers):
        limit = group_limit(job.region, workers.count)
        sink: GroupSink = CacheSink(job.cache, world)
        if out is not None:
            wanted = manifest_of(world, job.region, format, limit)
            sink = ShardSink(out, out.begin(wanted))
        say(
            f"Making {len(job.region):,} tiles of world {settings.seed} with {workers.count:,} "
            f"workers of the cluster at {args.cluster} in {args.out or settings.cache}"
        )
        with progress() as report:
            return making.make(workers, task, sink, job.region, report)


def gpus_of(args: argparse.Namespace, job: RegionJob) -> float:
    """Return how many GPUs a worker takes."""
    if args.gpus is not None:
        return float(args.gpus)
    return 1.0 if describe(job.maker.renderer).get("device") == "cuda" else 0.0


def cluster_text(found: Estimate, job: RegionJob) -> str:
    """Return what a dry run says of a cluster: node-hours, with what groups repeat."""
    share = repetition(job.maker.renderer, job.region, MOST_TILES)
    processors = os.cpu_count() or 1
    hours = found.seconds * share / 3600
    if describe(job.maker.renderer).get("device") == "cuda":
        unit = "hours of GPUs such as this one, one worker each"
    else:
        hours *= min(1.0, (job.settings.threads or processors) / processors)
        unit = f"node-hours of machines with {processors} processors such as this one"
    return (
        f"By a cluster: about {hours:,.2f} {unit}, {duration(hours * 36)} with 100 of them. Groups "
        f"of {MOST_TILES:,} tiles take {share:.2f} times the blocks that hold their tiles."
    )
