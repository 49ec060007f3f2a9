"""What a bank is built from: how much of each stage, which imagery, on which terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from generator.grid.errors import BankError
from generator.imagery.sources import Source
from generator.memory.config import CHOICES


@dataclass(frozen=True, slots=True)
class SceneScale:
    """How scenes that are chosen at one zoom are cut from imagery.

    nominal: metres per child pixel of what a scene shows at its finest. unit: child pixels along
    one pixel of the choosing grid. side: longest side of a scene, block: sides of the squares that
    are taken or left, both in child pixels.
    """

    nominal: float
    unit: int = 4
    side: int = 1024
    block: int = 256


SCALES = {
    7: SceneScale(1000.0),
    9: SceneScale(250.0),
    11: SceneScale(15.0, 16, 2048, 1024),
    15: SceneScale(3.8),
    17: SceneScale(1.0),
}
"""By the zoom at which scenes are chosen; what is chosen at 11 is shown down to 13."""

FORBIDDEN = "copyleft"
"""The class of licences that no bank takes."""

_DEFAULT_BUDGET = 40e6


@dataclass(frozen=True, slots=True)
class OfferedImage:
    """An image, and the zooms at which scenes of it may be chosen, ascending."""

    source: Source
    zooms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What is taken; raises BankError for what cannot be meant.

    budget: child pixels taken for each zoom at which scenes are chosen (7, 9, 11 with 13, 15, 17);
    a zoom that is not named gets none. block: sides of the squares that are taken or left, child
    pixels. exclude: globs on the name of a source or an image. licences: classes of licences that
    are taken, None for all but copyleft. splits: parts of the imagery that are taken, None for all.
    spread: how strongly a source that has much of the budget gives way to others. calm: weight of
    ground without texture against that with much. warp: mirror and bend every picture before
    anything is made of it, so that layouts are not those of their places (for banks that are
    shipped). fill: globs on the name of a source or an image whose holes, such as clouds, are
    filled with other parts of the picture (`generator.banks.fill`). quilt: sides in pixels, by such
    globs, of the squares of which every second one becomes another part of the picture
    (`generator.banks.quilt`). extend: sides in pixels, by such globs, to which smaller quilted
    pictures go on with parts of themselves. mute: shares of the colour contrast that is left, by
    such globs (`generator.banks.mute`).
    """

    budget: Mapping[int, float] = field(
        default_factory=lambda: dict.fromkeys(CHOICES, _DEFAULT_BUDGET)
    )
    block: Mapping[int, int] = field(
        default_factory=lambda: {zoom: scale.block for zoom, scale in SCALES.items()}
    )
    exclude: tuple[str, ...] = ()
    licences: frozenset[str] | None = None
    splits: frozenset[str] | None = None
    spread: float = 4.0
    calm: float = 0.5
    warp: bool = False
    fill: tuple[str, ...] = ()
    quilt: Mapping[str, int] = field(default_factory=dict)
    extend: Mapping[str, int] = field(default_factory=dict)
    mute: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse zooms of no stage, and a budget or a block of nothing."""
        for name, table in (("budget", self.budget), ("block", self.block)):
            for zoom, value in table.items():
                if zoom not in CHOICES:
                    wanted = ", ".join(map(str, CHOICES))
                    raise BankError(f"the {name} names zoom {zoom}, expected some of {wanted}")
                if not value > 0:
                    raise BankError(f"the {name} of zoom {zoom} is {value:g}, expected more than 0")
        if missing := sorted(set(self.budget) - set(self.block)):
            raise BankError(f"no block is given for zoom {missing[0]}")

    def fills(self, source: Source) -> bool:
        """Return whether the holes of an image are filled."""
        return any(source.matches(glob) for glob in self.fill)

    def quilts(self, source: Source) -> int:
        """Return the side of the squares by which an image is quilted, 0 for none."""
        return source.told(self.quilt, 0)

    def extends(self, source: Source) -> int:
        """Return the least side of an image that is quilted, 0 for as it is."""
        return source.told(self.extend, 0)

    def mutes(self, source: Source) -> float:
        """Return the share of an image's colour contrast that is left, 1 for all."""
        return source.told(self.mute, 1.0)

    def refusal(self, source: Source) -> str | None:
        """Return why a source may not be taken, None where it may."""
        if source.licence_class == FORBIDDEN:
            return "its licence is copyleft"
        if self.licences is not None and source.licence_class not in self.licences:
            return f"its licence is of the class {source.licence_class or 'unknown'}"
        if self.splits is not None and source.split not in self.splits:
            return f"it is kept for {source.split}"
        for glob in self.exclude:
            if source.matches(glob):
                return f"excluded by {glob}"
        return None
