"""Imagery found under a path: a manifest, or a folder of GeoTIFF, PNG, JPEG, WebP and XYZ tiles."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import track

from training import geotiff, picture, xyz
from training.errors import TrainingError
from training.pieces import cut
from training.place import Scale
from training.sources import Imagery, check_gsd, read_manifest
from training.split import Splitter

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Options:
    """What a user says about imagery that does not say it itself.

    gsd: metres per pixel of images without their own. source: one name for all [the name of the
    sub-folder that an image lies in]. splitter: how places are divided.
    """

    gsd: float | None = None
    source: str | None = None
    splitter: Splitter = field(default_factory=Splitter)


def find(path: Path, options: Options) -> Imagery:
    """Find the imagery under a path, in an order that depends on names only.

    A manifest, or a folder that holds one, says all itself. Raises TrainingError when nothing is
    there; what cannot be used is named in `failed`, and the rest goes on.
    """
    if path.is_file() or (path / MANIFEST).is_file():
        if options.gsd is not None or options.source is not None:
            raise TrainingError(f"{path} is a manifest, which names resolution and source itself")
        return Imagery(read_manifest(path, options.splitter))
    if not path.is_dir():
        raise TrainingError(f"{path} does not exist, expected a manifest or a folder of imagery")
    if options.gsd is not None:
        check_gsd("--gsd", options.gsd)
    wanted = (*geotiff.SUFFIXES, *picture.SUFFIXES)
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in wanted)
    files = [file for file in files if file.is_file()]
    if not files:
        raise TrainingError(f"{path} holds no {MANIFEST} and no {', '.join(wanted)} files")
    trees: dict[Path, list[Path]] = defaultdict(list)
    found = Imagery()
    for file in track(files, description="reading headers"):
        if xyz.address(file.relative_to(path)) is not None:
            trees[file.parents[2]].append(file)
        else:
            _add_image(found, path, file, options)
    for root, tiles in sorted(trees.items()):
        name = str(root.relative_to(path))
        source = options.source or (root.name if root != path else path.resolve().name)
        joined = xyz.join(root, name, tiles, source, options.splitter)
        found.sources += joined.sources
        found.failed += joined.failed
        found.notes += joined.notes
    return found


def _add_image(found: Imagery, root: Path, file: Path, options: Options) -> None:
    inner = file.relative_to(root)
    name = inner.as_posix()
    source = options.source or (inner.parts[0] if len(inner.parts) > 1 else root.resolve().name)
    fallback = None if options.gsd is None else Scale(options.gsd)
    note = None
    try:
        if file.suffix.lower() in geotiff.SUFFIXES:
            scene, note = geotiff.open_scene(file, name, source, fallback)
        else:
            scene = picture.open_scene(file, name, source, fallback)
        if scene is None:
            raise TrainingError(
                f"{name} does not say its ground resolution; give --gsd METRES, or put a world "
                f'file or a {file.stem}.json with {{"gsd_m": METRES}} beside it'
            )
        found.sources += cut(scene, options.splitter)
    except TrainingError as error:
        found.failed.append(str(error))
        return
    except (OSError, ValueError, SyntaxError) as error:
        found.failed.append(f"{name} cannot be read: {error}")
        return
    if note is not None:
        found.notes.append(note)
