"""Shards: PMTiles files in a folder, here or in an object store, a group of tiles in each.

A shard is there whole or not at all, and its name is its group's number. A manifest beside the
shards says of which world, region and format they are and how the region was cut, so that a run on
other machines goes on with the same groups.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.atomicfile import atomic_replace
from generator.grid.tile import Tile
from tileserver.archives.tilearchive import TileArchive
from tileserver.batch.archive import ArchiveMetadata
from tileserver.batch.pmtilesfile import PmtilesFile, metadata_of
from tileserver.cluster.group import TileGroup
from tileserver.errors import ArchiveError, ExportError
from tileserver.regions.region import Region
from tileserver.regions.tileid import tile_id

if TYPE_CHECKING:
    from tileserver.cluster.worker import GroupResult

MANIFEST = "shards.json"
SUFFIX = ".pmtiles"


class ShardFolder:
    """A folder of shards: a path, or a URL such as s3://bucket/name. Raises ExportError."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        try:
            core: Any = importlib.import_module("fsspec.core")
        except ImportError:
            raise ExportError("shards need fsspec: install elsewhere[cluster]") from None
        try:
            self._files, self._root = core.url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            raise ExportError(
                f"{self.url} cannot be opened ({error}), expected a folder or a URL such as "
                "s3://bucket/name"
            ) from None

    @property
    def is_local(self) -> bool:
        """Whether the folder lies in this machine's file system."""
        return "file" in self._files.protocol

    @property
    def place(self) -> str:
        """Return the path or URL as it means the same to other machines."""
        return self._root if self.is_local else self.url

    def begin(self, manifest: dict[str, Any]) -> int:
        """Write the manifest, or go on with one that is there; return its `limit`.

        Raises ExportError where the shards that are there are of anything else.
        """
        path = f"{self._root}/{MANIFEST}"
        with self._speaking("be written"):
            self._files.makedirs(self._root, exist_ok=True)
            if not self._files.exists(path):
                self._files.pipe_file(path, json.dumps(manifest, indent=1).encode())
                return int(manifest["limit"])
            there = json.loads(self._files.cat_file(path))
        for name in (name for name in manifest if name != "limit"):
            if there.get(name) != manifest[name]:
                raise ExportError(
                    f"{self.url} holds shards of another {name} ({there.get(name)}, not "
                    f"{manifest[name]}), expected a new folder or the same command as before"
                )
        return int(there["limit"])

    def numbers(self) -> set[int]:
        """Return the groups whose shards are there."""
        return {int(Path(name).stem) for name in self._names() if Path(name).stem.isdigit()}

    def write(self, number: int, tiles: Mapping[Tile, bytes], about: ArchiveMetadata) -> None:
        """Write a group's shard whole, in the place of an older one."""
        name = f"{number:07}{SUFFIX}"
        with self._speaking("be written"):
            if self.is_local:
                with atomic_replace(Path(self._root, name), durable=True) as part:
                    _write(part, tiles, about)
                return
            with tempfile.TemporaryDirectory(prefix="elsewhere-") as folder:
                _write(Path(folder, name), tiles, about)
                self._files.put_file(str(Path(folder, name)), f"{self._root}/{name}")

    def shards(self) -> list[TileShard]:
        """Return the shards that are there, by name; of a single file, itself."""
        with self._speaking("be read"):
            if self._files.isfile(self._root):
                return [self._shard(self._root)]
        found = [self._shard(name) for name in sorted(self._names())]
        if not found:
            raise ExportError(f"{self.url} holds no shard, expected files that end in {SUFFIX}")
        return found

    def _shard(self, path: str) -> TileShard:
        return TileShard(path, self)

    def _names(self) -> list[str]:
        with self._speaking("be read"):
            self._files.invalidate_cache()
            listed: list[str] = self._files.ls(self._root, detail=False)
        return [name for name in listed if name.endswith(SUFFIX)]

    def size(self, path: str) -> int:
        """Return how many bytes a file has."""
        with self._speaking("be read"):
            return int(self._files.info(path)["size"])

    def read(self, path: str, offset: int, length: int) -> bytes:
        """Return a part of a file."""
        with self._speaking("be read"):
            found: bytes = self._files.cat_file(path, start=offset, end=offset + length)
        return found

    @contextlib.contextmanager
    def _speaking(self, what: str) -> Iterator[None]:
        """Raise ExportError with a sentence for whatever the store runs into."""
        try:
            yield
        except ExportError:
            raise
        except Exception as error:  # each store has errors of its own
            reason = getattr(error, "strerror", None) or " ".join(str(error).split())
            raise ExportError(
                f"{self.url} cannot {what}: {reason or type(error).__name__}"
            ) from error


class TileShard:
    """One file of tiles in a folder of shards. Raises ExportError where it is none.

    It is the `ByteRanges` of its archive. about: what it says of itself.
    """

    modified, remote = 0, True

    def __init__(self, path: str, folder: ShardFolder) -> None:
        self.name, self.size = path, folder.size(path)
        self._folder = folder
        try:
            self.archive = TileArchive(self)
            self.about = metadata_of(self.archive)
        except (ArchiveError, LookupError, TypeError):
            raise ExportError(
                f"{path} is no PMTiles file of a world, expected shards or exports of `elsewhere`"
            ) from None

    def read(self, offset: int, length: int) -> bytes:
        """Return a part of the file. Raises ExportError."""
        return self._folder.read(self.name, offset, length)

    def close(self) -> None:
        """Nothing is open."""


class ShardSink:
    """Lets workers write shards; a group is left out whose shard is there."""

    def __init__(self, folder: ShardFolder, limit: int) -> None:
        self.limit: int | None = limit
        self._folder = folder
        self._there = folder.numbers()

    def left(self, group: TileGroup) -> TileGroup | None:
        """Return a group whose shard is not there."""
        return None if group.number in self._there else group

    def take(self, number: int, result: GroupResult) -> None:
        """Note that a group's shard is there, if its worker could write it."""
        if not result.reasons:
            self._there.add(number)


def manifest_of(world: bytes, region: Region, format: str, limit: int) -> dict[str, Any]:
    """Return what decides a folder's shards."""
    ranges = hashlib.sha256()
    for zoom in region.zooms:
        ranges.update(repr((zoom, *region.id_ranges(zoom))).encode())
    return {
        "world": world.hex(),
        "region": ranges.hexdigest()[:16],
        "zooms": list(region.zooms),
        "format": format,
        "limit": limit,
    }


def _write(path: Path, tiles: Mapping[Tile, bytes], about: ArchiveMetadata) -> None:
    with contextlib.closing(PmtilesFile(path, about)) as shard:
        for tile in sorted(tiles, key=tile_id):
            shard.add(tile, tiles[tile])
        shard.finish()
