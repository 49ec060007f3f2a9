"""What a stage sees of its parents in a world with geography, and what is drawn over its child."""

from __future__ import annotations

from generator.geography.geography import Geography, ParentGround
from generator.geography.overlay import Overlay
from generator.grid.pixels import Pixels, ReadArea
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE


class StageParents:
    """Looks at rectangles of parents of one zoom in one world, and completes their children.

    The first rectangle is kept for those inside it.
    """

    def __init__(self, geography: Geography | None, zoom: int, base: bool, read: ReadArea) -> None:
        self.zoom, self.read = zoom, read
        self._geography, self._base = geography, base
        self._seen: ParentGround | None = None

    def __call__(self, area: Rectangle) -> ParentGround:
        """Return the ground of a rectangle."""
        if self._seen is not None and self._seen.area.holds(area):
            return self._seen.part(area)
        if self._geography is None:
            found = self.read(area, self.zoom)
            self._seen = ParentGround(area, found, found)
        else:
            self._seen = self._geography.parent_ground(
                self.zoom, area, lambda part: self.read(part, self.zoom), self._base
            )
        return self._seen

    def overlay(self, core: Rectangle) -> Overlay | None:
        """Return what is drawn by rule over the child of a core, None for nothing."""
        if self._geography is None:
            return None
        return self._geography.overlay(self.zoom + 2, core.finer(SCALE))

    def completed(
        self, core: Rectangle, child: Pixels, ground: ParentGround, overlay: Overlay | None
    ) -> Pixels:
        """Draw fields, blocks, water and roads into the child of a core, a stage's pixels."""
        if self._geography is None:
            return child
        return self._geography.completed(self.zoom + 2, core, child, ground, overlay)
