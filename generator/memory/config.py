"""How layouts are chosen at each stage: one table of whole numbers, the same for every world."""

from __future__ import annotations

from dataclasses import dataclass

WINDOW = 24
"""Side of a described window in pixels of the choosing grid."""

STEP = 8
"""Distance between the described windows of a scene, in pixels of the choosing grid."""

SITE = 4
"""Distance between the sites at which labels are costed, in pixels of the choosing grid."""


@dataclass(frozen=True, slots=True)
class ChoiceConfig:
    """How cells are laid and choose at one zoom; lengths in pixels of the choosing grid.

    spacing: distance between cells; reach: how far from its centre a cell may rule, about 1.5
    spacings; phased: cells choose in four phases and may continue a scene of a neighbour's.
    floor: squared distance of descriptors below which fits count as equally good.
    bonus: 1/256 of the best distance that continuing a scene may cost.
    penalty: 1/256 of the best distance that showing a place again nearby costs.
    unlike: cost of ground whose tone is unlike that of a cell's centre, 0 for none.
    gain: 1/16 octaves by which a world's own parents are fainter than the imagery of the scenes.
    """

    spacing: int
    reach: int
    phased: bool = False
    floor: int = 96
    bonus: int = 90
    penalty: int = 160
    unlike: int = 0
    gain: int = 0

    @property
    def candidates(self) -> int:
        """Cheapest candidates that are remembered until neighbours have chosen."""
        return 16 if self.phased else 1

    @property
    def sites(self) -> int:
        """Sites on each side of the square in which a cell may rule."""
        return 2 * self.reach // SITE + 2


CHOICES = {
    7: ChoiceConfig(spacing=24, reach=36, gain=14),
    9: ChoiceConfig(spacing=24, reach=36, gain=12),
    11: ChoiceConfig(spacing=14, reach=21, phased=True, floor=600, gain=6),
    15: ChoiceConfig(spacing=36, reach=54, unlike=1500, gain=6),
    17: ChoiceConfig(spacing=36, reach=54, unlike=1500, gain=6),
}
"""By the zoom at which a scene is chosen."""

SHOWN_TURNED = {7: (0, 1), 9: (0, 1), 11: tuple(range(8)), 15: tuple(range(8)), 17: (0, 1)}
"""Orientations in which scenes are shown, numbers of ORIENTATIONS, by the zoom of their choice.

East and west may be exchanged everywhere; all eight are shown where shadows are small.
"""

CHOSEN_AT = {7: 7, 9: 9, 11: 11, 13: 11, 15: 15, 17: 17}
"""The zoom at which the scenes that a stage shows were chosen: 13 goes on with those of 11."""


KEEP_EDGES = (11, 15, 17)
"""Stages whose children keep their parents' edges: parents of 7 and 9 are too smooth to have any,
and 13 goes on with the scenes of 11, which know the edges."""

MEDIANS = {17: 11}
"""Sides of a median filter of the parent, in its pixels: the spots of 4 m that stand for houses and
trees at 15 are blots at 17, whose layouts have houses and trees of their own."""


def choosing_scale(zoom: int) -> int:
    """Return how many parent pixels of a stage lie along one pixel of its choosing grid."""
    return 1 << (zoom - CHOSEN_AT[zoom])
