"""How wide lines of each kind and rank are, from which zoom on they are drawn, and how they bend.

Ranks count from 0, the largest. Rivers have the ranks of GSHHG: 1 to 4 permanent ones from major to
minor, 5 to 7 intermittent ones, 8 to 10 canals. Its rank 0 is the banks of the widest rivers, which
are water there; made-up rivers of rank 0 are lines like others.
"""

from __future__ import annotations

from dataclasses import dataclass

from generator.grid.errors import GeographyError

SHARE = 1024
"""Bends are multiples of 1 / SHARE of a piece's length."""


@dataclass(frozen=True, slots=True)
class LineKind:
    """One kind of lines."""

    name: str
    """At most 8 ASCII letters."""

    key: int
    """Parts this kind's random numbers from those of others."""

    widths: tuple[int, ...]
    """Metres by rank."""

    least: tuple[int, ...]
    """Narrowest drawn width by rank, in 256ths of a pixel."""

    zooms: tuple[int, ...]
    """Coarsest zoom at which a rank is drawn."""

    bend: int
    """Farthest that a piece's middle moves across it, in 1 / SHARE of its length."""

    scale: int
    """Length in metres, without `per_width`, below which pieces bend less and less."""

    per_width: int
    """Widths that are added to `scale`."""

    swing: int
    """Pieces longer than this many times their scale do not bend farther than those."""

    varies: int
    """Width varies by +- varies / SHARE along a line."""

    narrows: int
    """In high mountains a line is narrower by narrows / SHARE of its width."""

    def __post_init__(self) -> None:
        """Refuse tables of different lengths."""
        if not len(self.widths) == len(self.least) == len(self.zooms):
            raise GeographyError(f"the tables of {self.name} differ in length, expected one rank")


RIVERS = LineKind(
    "rivers",
    key=0x52495645,
    widths=(600, 250, 140, 70, 40, 40, 30, 20, 50, 30, 20),
    least=(320, 300, 250, 170, 90, 90, 0, 0, 60, 0, 0),
    zooms=(5, 5, 5, 7, 9, 9, 10, 11, 9, 10, 11),
    bend=190,
    scale=150,
    per_width=5,
    swing=4,
    varies=256,
    narrows=720,
)
ROADS = LineKind(
    "roads",
    key=0x524F4144,
    widths=(25, 14, 10, 7),
    least=(60, 40, 0, 0),
    zooms=(11, 11, 13, 13),
    bend=26,
    scale=500,
    per_width=0,
    swing=3,
    varies=0,
    narrows=0,
)
RAIL = LineKind(
    "rail",
    key=0x5241494C,
    widths=(8,),
    least=(0,),
    zooms=(13,),
    bend=16,
    scale=1200,
    per_width=0,
    swing=2,
    varies=0,
    narrows=0,
)

KINDS = {kind.name: kind for kind in (RIVERS, ROADS, RAIL)}


def kind_of(name: str) -> LineKind:
    """Return the kind of a name; raises GeographyError for others."""
    if name not in KINDS:
        raise GeographyError(f"the kind of lines is {name!r}, expected one of {', '.join(KINDS)}")
    return KINDS[name]
