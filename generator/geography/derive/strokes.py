"""Networks of roads: junctions that are one, and strokes, which go straight on at junctions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from generator.geography.linefile import WORLD_BITS

Integers = NDArray[np.int64]
Node = TypeVar("Node", bound=Hashable)

_MERGED_METRES = 260
"""Junctions joined by short edges become one if they all lie in a square of this side."""

_STRAIGHT = -0.6
"""A stroke goes on where the cosine between two edges is below: it bends by 53 degrees or less."""


@dataclass(frozen=True, slots=True)
class Network:
    """Junctions int64 [n, 2], and edges int64 [m, 2] between them as their indices."""

    points: Integers
    edges: Integers


def merged(network: Network) -> Network:
    """Merge junctions that short edges join: dual carriageways, roundabouts, crossings."""
    points, edges = network.points, network.edges
    side = _units(_MERGED_METRES, points)
    lengths = np.abs(points[edges[:, 0]] - points[edges[:, 1]]).max(axis=1)
    short = np.flatnonzero(lengths < side[edges[:, 0]])
    parent = list(range(len(points)))
    low, high = points.tolist(), points.tolist()

    def top(node: int) -> int:
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    # Shortest edges first; a group grows no wider than the square.
    for edge in short[np.argsort(lengths[short], kind="stable")].tolist():
        a, b = (top(node) for node in edges[edge].tolist())
        if a == b:
            continue
        least = [min(low[a][k], low[b][k]) for k in (0, 1)]
        most = [max(high[a][k], high[b][k]) for k in (0, 1)]
        if max(most[0] - least[0], most[1] - least[1]) <= side[a]:
            a, b = min(a, b), max(a, b)
            parent[b], low[a], high[a] = a, least, most
    tops = np.array([top(node) for node in range(len(points))])
    # A merged junction lies in the mean of its junctions.
    counts = np.maximum(np.bincount(tops, minlength=len(points)), 1)
    means = [np.bincount(tops, points[:, k], len(points)) / counts for k in (0, 1)]
    ends = np.sort(tops[edges], axis=1)
    ends = np.unique(ends[ends[:, 0] != ends[:, 1]], axis=0)
    return Network(np.rint(np.stack(means, axis=1)).astype(np.int64), ends)


def smoothed(network: Network, lines: list[Integers], metres: float, times: int) -> Network:
    """Move junctions inside strokes, by less than a length, towards the line of their neighbours.

    It takes back the steps of coordinates that were rounded.
    """
    before = np.concatenate([line[:-2] for line in lines])
    inner = np.concatenate([line[1:-1] for line in lines])
    after = np.concatenate([line[2:] for line in lines])
    through = np.maximum(np.bincount(inner, minlength=len(network.points)), 1)[:, None]
    original = network.points.astype(np.float64)
    most = _units(metres, network.points)[:, None]
    points = original.copy()
    for _ in range(times):
        # The foot of the perpendicular on the neighbours' line, if it is near.
        chord = points[after] - points[before]
        offset = points[inner] - points[before]
        square = np.maximum(np.square(chord).sum(axis=1), 1)
        along = np.clip((offset * chord).sum(axis=1) / square, 0, 1)[:, None]
        step = along * chord - offset
        step[np.sqrt(np.square(step).sum(axis=1)) > 2 * most[inner, 0]] = 0
        moves = np.stack([np.bincount(inner, step[:, k], len(points)) for k in (0, 1)], axis=1)
        points += moves / through / 2
        points = original + np.clip(points - original, -most, most)
    return Network(np.rint(points).astype(np.int64), network.edges)


def strokes(network: Network) -> list[Integers]:
    """Return all edges once, in runs of junctions that go on as straight as they can."""
    ends = [(a, b) for a, b in network.edges.tolist()]
    following = {
        node: _pairs(network, node, edges) for node, edges in sorted(meeting(ends).items())
    }
    return [
        np.array([ends[run[0][0]][run[0][1]], *(ends[edge][1 - turned] for edge, turned in run)])
        for run in runs(ends, following)
    ]


def meeting(ends: Sequence[tuple[Node, Node]]) -> dict[Node, list[int]]:
    """Return the edges at each node, those that begin and end there twice."""
    at: dict[Node, list[int]] = defaultdict(list)
    for edge, nodes in enumerate(ends):
        for node in nodes:
            at[node].append(edge)
    return at


def runs(
    ends: Sequence[tuple[Node, Node]], following: Mapping[Node, Mapping[int, int]]
) -> Iterator[list[tuple[int, bool]]]:
    """Yield all edges once, in runs: their numbers, and whether each goes from its second node on.

    ends: each edge's nodes; following: by node and edge, the edge that goes on there.
    """
    used: set[int] = set()
    for first in range(len(ends)):
        if first in used:
            continue
        used.add(first)
        run = [(first, False)]
        # Grow at the tail, then turn round and grow at the other.
        for _ in range(2):
            edge, turned = run[-1]
            node = ends[edge][1 - turned]
            while (edge := following.get(node, {}).get(edge, -1)) >= 0 and edge not in used:
                used.add(edge)
                run.append((edge, turned := ends[edge][0] != node))
                node = ends[edge][1 - turned]
            run = [(edge, not turned) for edge, turned in reversed(run)]
        yield run


def _units(metres: float, points: Integers) -> NDArray[np.float64]:
    """Return how many units a length on the ground has at each point, float64 [n]."""
    stretch = np.cosh(np.pi * (1 - 2 * points[:, 1] / (1 << WORLD_BITS)))
    found: NDArray[np.float64] = metres / 40_075_016.7 * (1 << WORLD_BITS) * stretch
    return found


def _pairs(network: Network, node: int, edges: list[int]) -> dict[int, int]:
    """Pair the edges at a junction, the straightest pair first."""
    if len(edges) < 2:
        return {}
    others = network.edges[edges].sum(axis=1) - node
    away = (network.points[others] - network.points[node]).astype(np.float64)
    away /= np.maximum(np.sqrt(np.square(away).sum(axis=1, keepdims=True)), 1)
    cosines = away @ away.T
    pairs: dict[int, int] = {}
    rows, columns = np.triu_indices(len(edges), 1)
    values = cosines[rows, columns]
    for k in np.argsort(values, kind="stable").tolist():
        a, b = edges[rows[k]], edges[columns[k]]
        # Where only two edges meet, the road goes on in any case.
        if values[k] > _STRAIGHT and len(edges) > 2:
            break
        if a not in pairs and b not in pairs:
            pairs[a], pairs[b] = b, a
    return pairs
