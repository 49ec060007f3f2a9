"""Imagery found at an address: a manifest, a STAC catalogue, or a folder of images and tiles."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

from rich.progress import track

from generator.grid.errors import ImageryError
from generator.imagery import image, xyz
from generator.imagery.options import Options
from generator.imagery.pieces import cut
from generator.imagery.place import Scale
from generator.imagery.sources import Imagery, check_gsd, read_manifest
from generator.rasters import is_picture, is_url

MANIFEST = "manifest.json"
CATALOGUES = ("catalog.json", "collection.json")
"""Names of the first document of a STAC catalogue in a folder."""


def find(address: Path | str, options: Options) -> Imagery:
    """Find the imagery under a path or at an http URL, in an order that depends on names only.

    A manifest, or a folder that holds one, says all itself; so do STAC documents (see `stac`).
    Raises ImageryError when nothing is there; what cannot be used is named in `failed`, and the
    rest goes on.
    """
    path = Path(address)
    catalogue = _catalogue(address)
    manifest = path.is_file() or (path / MANIFEST).is_file()
    if options.gsd is not None and (catalogue or manifest):
        kind = "STAC" if catalogue else "a manifest"
        raise ImageryError(f"{address} is {kind}, which names resolutions itself")
    if catalogue is not None:
        return _items(catalogue, options)
    if manifest:
        if options.source is not None:
            raise ImageryError(f"{path} is a manifest, which names resolution and source itself")
        return Imagery(read_manifest(path, options.splitter, options.reading))
    if not path.is_dir():
        raise ImageryError(f"{path} does not exist, expected a manifest or a folder of imagery")
    if options.gsd is not None:
        check_gsd("--gsd", options.gsd)
    files = sorted(file for file in path.rglob("*") if is_picture(file))
    if not files:
        raise ImageryError(f"{path} holds no {MANIFEST} and no picture")
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


def _catalogue(address: Path | str) -> str | None:
    """Return the address of a STAC document, None for a manifest or a folder of other imagery.

    A manifest is a list, and a STAC document an object.
    """
    if is_url(str(address)):
        return str(address)
    path = Path(address)
    if path.is_dir():
        if (path / MANIFEST).is_file():
            return None
        inside = (path / name for name in CATALOGUES)
        return next((str(file) for file in inside if file.is_file() and _is_stac(file)), None)
    return str(path) if path.is_file() and _is_stac(path) else None


def _is_stac(path: Path) -> bool:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    stac = {"stac_version", "features"}
    return isinstance(found, dict) and bool(stac & found.keys())


def _items(address: str, options: Options) -> Imagery:
    try:
        from generator.imagery.stac import items
    except ImportError as error:
        raise ImageryError(
            f"{address} is STAC, which needs pystac-client: install elsewhere[stac]"
        ) from error
    return items(address, options)


def _add_image(found: Imagery, root: Path, file: Path, options: Options) -> None:
    inner = file.relative_to(root)
    name = inner.as_posix()
    source = options.source or (inner.parts[0] if len(inner.parts) > 1 else root.resolve().name)
    fallback = None if options.gsd is None else Scale(options.gsd)
    try:
        scene, notes = image.open_scene(file, name, source, fallback, options.reading)
        if scene is None:
            raise ImageryError(
                f"{name} does not say its ground resolution; give --gsd METRES, or put a world "
                f'file or a {file.stem}.json with {{"gsd_m": METRES}} beside it'
            )
        found.sources += cut(scene, options.splitter, options.finest)
    except ImageryError as error:
        found.failed.append(str(error))
        return
    except (OSError, ValueError, SyntaxError) as error:
        found.failed.append(f"{name} cannot be read: {error}")
        return
    found.notes += notes
