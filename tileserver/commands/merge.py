"""The command `elsewhere export merge`: shards of one world as one file."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from tileserver.batch.export import check_target
from tileserver.batch.progress import progress
from tileserver.cluster import merge as merging
from tileserver.cluster.shards import ShardFolder
from tileserver.commands.basics import say
from tileserver.errors import ExportError


def merge(args: argparse.Namespace) -> int:
    """Join shards."""
    path = Path(args.output)
    check_joined(path, args.force)
    join([ShardFolder(url) for url in args.shards], path)
    return 0


def check_joined(path: Path, force: bool) -> None:
    """Raise ExportError, before any work, for a file that shards cannot be joined to."""
    if path.suffix.lower() not in merging.SUFFIXES:
        raise ExportError(
            f"{path} cannot be joined from shards, expected {' or '.join(merging.SUFFIXES)}"
        )
    check_target(path, (), force)


def join(folders: Iterable[ShardFolder], path: Path) -> None:
    """Join the shards of folders to a file, and say so."""
    shards = [shard for folder in folders for shard in folder.shards()]
    say(f"Joining {len(shards):,} shards to {path}")
    with progress() as report:
        done = merging.merge(shards, path, report)
    print(f"Wrote {path}: {done.written:,} tiles, {done.size / 1e6:,.1f} MB.")
