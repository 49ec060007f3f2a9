"""Which package may import which: the table, and a check that every file keeps to it.

A new file may import from the standard library, from the packages that LAYERS allows its own
package, and from any third-party library that CONFINED does not reserve for others.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# package -> the packages of this project that its files may import
LAYERS = {
    "generator": {"generator"},
    "tileserver": {"tileserver", "generator", "web"},
    "training": {"training", "generator"},
    "web": {"web"},
    "experiments": {"experiments", "training", "tileserver", "generator"},
}

# package -> its folders: each may import itself, those before it, and the modules beside them
ORDER = {
    "generator": (
        "grid", "nets", "rasters", "imagery", "planets", "base", "geography", "memory", "cascade",
        "upscaling", "banks", "datasets",
    ),
    "tileserver": (
        "regions", "cache", "archives", "rendering", "documents", "serving", "processes", "batch",
        "cluster", "flying", "commands",
    ),
    "training": ("imagery", "samples", "losses", "measure", "run", "commands"),
}  # fmt: skip
ENTRANCES = {
    "generator",
    "tileserver.cli",
    "tileserver.__main__",
    "training.cli",
    "training.__main__",
}
"""Modules beside the folders that may import from all of them."""

# library -> the packages, folders of them, or single modules, that may import it
CONFINED = {
    "torch": {"generator", "training", "experiments"},
    "safetensors": {"generator", "training"},
    "starlette": {"tileserver"},
    "uvicorn": {"tileserver"},
    "lmdb": {"tileserver"},
    "aiofiles": {"tileserver"},
    "prometheus_client": {"tileserver"},
    "rasterio": {
        "generator.geography.derive",
        "generator.imagery",
        "generator.rasters",
        "tileserver.batch.geotiff",
        "training",
        "experiments",
    },
    "pystac": {"generator.imagery"},
    "pystac_client": {"generator.imagery"},
    "requests": {"generator.imagery"},
    "shapely": {"tileserver.regions"},
    "pyogrio": {"tileserver.regions"},
    "pyproj": {"tileserver.regions"},
    "av": {"tileserver.flying.encoders"},
    "pmtiles": {"tileserver.archives", "tileserver.batch.pmtilesfile"},
    "urllib3": {"generator.imagery", "tileserver.archives"},
}


def modules(root: Path) -> dict[str, Path]:
    found = {}
    for package in LAYERS:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


@cache
def import_statements(text: str) -> list[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Return the imports of a file's text, wherever they are, and whether for types only."""
    found = []
    pending: list[tuple[ast.AST, bool]] = [(ast.parse(text), False)]
    while pending:
        node, for_types = pending.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append((node, for_types))
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            pending += [(inner, True) for inner in node.body]
            pending += [(inner, for_types) for inner in node.orelse]
        elif not isinstance(node, ast.expr):
            pending += [(inner, for_types) for inner in ast.iter_child_nodes(node)]
    return found


def imports(path: Path, module: str, types_too: bool = True) -> Iterator[str]:
    """Yield the full dotted name of all that a file imports, wherever in the file it does so."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node, for_types in import_statements(path.read_text(encoding="utf-8")):
        if for_types and not types_too:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{start}.{alias.name}" for alias in node.names)


def violations(root: Path) -> list[str]:
    found = []
    for module, path in modules(root).items():
        package = module.split(".")[0]
        for name in imports(path, module):
            top = name.split(".")[0]
            if top in LAYERS and top not in LAYERS[package]:
                allowed = ", ".join(sorted(LAYERS[package]))
                found.append(f"{module} imports {name}; files in {package}/ may import: {allowed}")
            if top in CONFINED and not CONFINED[top] & lineage(module):
                allowed = ", ".join(sorted(CONFINED[top]))
                found.append(f"{module} imports {name}; only these may import {top}: {allowed}")
    return found


def lineage(module: str) -> set[str]:
    """Return a module's name and those of all that it lies in."""
    parts = module.split(".")
    return {".".join(parts[:count]) for count in range(1, len(parts) + 1)}


def upward(root: Path) -> list[str]:
    """Return what is imported, if only for types, from a folder that comes later in ORDER."""
    found = []
    for module, path in modules(root).items():
        package, *inner = module.split(".")
        if package not in ORDER or module in ENTRANCES:
            continue
        order = ORDER[package]
        place = order.index(inner[0]) if inner and inner[0] in order else -1
        for name in imports(path, module):
            top, *parts = name.split(".")
            if top == package and parts and parts[0] in order[place + 1 :]:
                before = ", ".join(order[: place + 1]) or "no folder"
                found.append(f"{module} imports {name}; it may import from: {before}")
    return found


def cycle(root: Path, types_too: bool = False, package: str = "") -> list[str]:
    """Return one chain of modules that import each other in a ring, or nothing.

    types_too: imports for annotations only count as well; package: the only one looked at.
    """
    known = modules(root)
    graph: dict[str, set[str]] = {}
    for module, path in known.items():
        if not module.startswith(package):
            continue
        names = set(imports(path, module, types_too))
        names |= {name.rpartition(".")[0] for name in names} - {module}
        graph[module] = {name for name in names & known.keys() if not is_parent(name, module)}
    finished: set[str] = set()

    def visit(module: str, chain: list[str]) -> list[str]:
        if module in chain:
            return [*chain[chain.index(module) :], module]
        if module in finished:
            return []
        for name in sorted(graph.get(module, ())):
            if ring := visit(name, [*chain, module]):
                return ring
        finished.add(module)
        return []

    return next((ring for module in graph if (ring := visit(module, []))), [])


def is_parent(package: str, module: str) -> bool:
    """Importing from the package that one stands in is no ring by itself."""
    return module.startswith(package + ".")


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / (name.replace("__", "/") + ".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return root


def test_every_file_imports_only_what_its_package_may() -> None:
    assert "generator.grid.tile" in modules(ROOT)
    assert violations(ROOT) == []


@pytest.mark.parametrize("package", ORDER)
def test_a_folder_imports_only_those_before_it(package: str) -> None:
    folders = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    assert folders == set(ORDER[package])
    assert [found for found in upward(ROOT) if found.startswith(package)] == []


def test_an_import_from_a_later_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "tileserver" / "cache").mkdir(parents=True)
    text = "from tileserver.rendering.metrics import Count\n"
    (tmp_path / "tileserver" / "cache" / "a.py").write_text(text)
    (tmp_path / "tileserver" / "settings.py").write_text(text)
    found = upward(tmp_path)
    assert any(
        "cache.a imports tileserver.rendering.metrics.Count; it may import from: regions" in f
        for f in found
    )
    assert any(
        "settings imports tileserver.rendering.metrics.Count; it may import from: no" in f
        for f in found
    )


def test_no_module_imports_itself_by_a_ring() -> None:
    assert cycle(ROOT) == []


def test_the_generator_has_no_ring_even_for_types() -> None:
    assert cycle(ROOT, types_too=True, package="generator") == []


def loaded_by(module: str) -> set[str]:
    """Return the modules that a new interpreter has after an import."""
    code = f"import {module}, sys; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    return set(ran.stdout.split())


def test_the_cascade_does_without_the_papers_network() -> None:
    loaded = loaded_by("generator.cascade.loading")
    assert "generator.nets.decoder" in loaded
    assert not loaded & {"generator.nets.paper", "generator.cascade.paperstage"}


def test_addresses_do_without_torch() -> None:
    names = [f"generator.grid.{p.stem}" for p in (ROOT / "generator" / "grid").glob("[!_]*.py")]
    names.append("generator.cascade.renderer")
    assert "torch" not in loaded_by(", ".join(names))


def test_a_forbidden_package_is_found_even_inside_a_function(tmp_path: Path) -> None:
    write(tmp_path, generator__a="def f() -> None:\n    from tileserver import cache\n")
    (found,) = violations(tmp_path)
    assert "generator.a imports tileserver.cache" in found
    assert "files in generator/ may import: generator" in found


def test_a_confined_library_is_found(tmp_path: Path) -> None:
    write(tmp_path, tileserver__a="import torch.nn\n", generator__rasters="import rasterio\n")
    (found,) = violations(tmp_path)
    assert "only these may import torch: experiments, generator, training" in found


def test_a_library_may_be_confined_to_a_folder_of_a_package(tmp_path: Path) -> None:
    (tmp_path / "generator" / "imagery").mkdir(parents=True)
    (tmp_path / "generator" / "imagery" / "a.py").write_text("from rasterio import warp\n")
    assert violations(tmp_path) == []
    write(tmp_path, generator__imagery_b="from rasterio import warp\n")
    (found,) = violations(tmp_path)
    assert "generator.imagery_b imports rasterio.warp" in found


def test_a_ring_is_found_through_relative_imports(tmp_path: Path) -> None:
    write(tmp_path, generator__a="from . import b\n", generator__b="from .a import c\n")
    assert cycle(tmp_path) == ["generator.a", "generator.b", "generator.a"]


def test_an_import_for_annotations_only_makes_no_ring(tmp_path: Path) -> None:
    lazy = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import c\n"
    write(tmp_path, generator__a="from . import b\n", generator__b=lazy)
    assert cycle(tmp_path) == []
