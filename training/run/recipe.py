"""A recipe: everything that decides a training.

Each part of a recipe's file is a dataclass here, whose fields are the keys that it may have: the
network's configuration, Recipe for [train], Phase, SamplerConfig, MemoryRecipe, SharpenRecipe,
EntriesRecipe, ChainsRecipe, AdditionRecipe and ReorientationRecipe.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from generator.grid.tile import STAGE_ZOOMS
from generator.nets.config import (
    AnyConfig,
    LayoutConfig,
    NetworkConfig,
    PaperConfig,
    SamplerConfig,
)

FAMILIES: dict[str, type[AnyConfig]] = {
    "layout": LayoutConfig,
    "unet": NetworkConfig,
    "paper": PaperConfig,
}
"""Networks that can be trained, by what a recipe calls them."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of a training; the first whose `until` is not reached counts.

    until: last step. groups: of windows in a step. rate: learning rate. own: of a layout memory,
    share of a group's windows with their own layouts; the others are collages of other places'.
    terms: weight of each term of the loss, by its name in training/losses/terms; empty for the
    family's own.
    """

    until: int
    groups: int = 1
    rate: float = 4e-4
    own: float = 0.5
    terms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MemoryRecipe:
    """What the shipped bank is built from, and how the stages use it.

    megapixels: of child pixels, by the zoom at which scenes are chosen (keys are text in TOML).
    licences: classes that are taken, none for all but copyleft; take, exclude: globs on names of
    what is, and of what is not. fill: globs on those whose holes, such as clouds, are filled.
    quilt: sides in pixels, by a glob on names, of the squares of which every second one becomes
    another part of its picture, so that layouts are not those of their place; extend: sides in
    pixels to which smaller ones of these pictures go on with parts of themselves. mute: shares of
    the colour contrast that is left, by a glob on names, of pictures with gaudy ground.
    warp: whether imagery is bent before it is encoded, so that layouts are not those of their
    place. enlarged: most by which imagery is enlarged, by the zoom of the choice.
    resolved: metres that a source's pixels truly resolve where they are finer, by a glob on names.
    rescaled: metres per pixel at which pictures of natural ground, which looks alike at many
    scales, are offered instead of their own, by a glob on names; part: left, top, right and bottom
    of what is offered of them, as shares of their sides; hide: such rectangles of pictures that
    count as holes, what would be known again wherever it is shown.
    strengths, contrast: how far codes lead at zooms 7, 9, 11, 13, 15 and perhaps 17, and factors on
    their detail; a number for 17 makes weights that serve it. saturation, sharpness: factors on the
    differences of its colours and on the finest of its brightness, none for 1.
    """

    megapixels: Mapping[str, float] = field(default_factory=dict)
    licences: tuple[str, ...] = ("open", "attribution", "share-alike")
    take: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    fill: tuple[str, ...] = ()
    quilt: Mapping[str, int] = field(default_factory=dict)
    extend: Mapping[str, int] = field(default_factory=dict)
    mute: Mapping[str, float] = field(default_factory=dict)
    warp: bool = False
    enlarged: Mapping[str, float] = field(default_factory=dict)
    resolved: Mapping[str, float] = field(default_factory=dict)
    rescaled: Mapping[str, float] = field(default_factory=dict)
    part: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    hide: Mapping[str, tuple[tuple[float, ...], ...]] = field(default_factory=dict)
    strengths: tuple[float, ...] = (0.3, 0.6, 1.0, 0.7, 0.8)
    contrast: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.0)
    saturation: tuple[float, ...] = ()
    sharpness: tuple[float, ...] = ()

    @property
    def sampler(self) -> SamplerConfig:
        """Return how stages use the bank, as weights hold it."""
        return SamplerConfig(1, self.strengths, self.contrast, self.saturation, self.sharpness)


@dataclass(frozen=True, slots=True)
class SharpenRecipe:
    """Which pictures `prepare --sharpen` takes, and what enlarges them.

    finest, coarsest: metres per pixel; take: globs, of which one matches the file or the source;
    weights: those that enlarge, "" for the shipped ones.
    """

    finest: float = 21.0
    coarsest: float = 32.0
    take: tuple[str, ...] = ("*",)
    weights: str = ""


@dataclass(frozen=True, slots=True)
class DecoderRecipe:
    """What trainings that go on from finished weights have in common; several follow each other.

    steps: of this one. region_octaves: weight of the energies of octaves, of which colour has most;
    the features of regions have 1. anchor: weight of the distance from a first drawing;
    adversarial: how many times as long as that of all distances the critic's gradient is. window,
    edge: parent pixels along a window, and those on each side that no loss sees; group: windows
    that are compared with each other, groups: in a step. seed: of all that chance decides.
    """

    OWN: ClassVar[tuple[str, ...]] = ("region_octaves", "anchor", "adversarial")
    """Terms of the loss whose weights are keys."""

    steps: int = 0
    region_octaves: float = 1.0
    anchor: float = 0.3
    adversarial: float = 1.0
    window: int = 48
    edge: int = 4
    group: int = 4
    groups: int = 1
    seed: int = 0

    @property
    def terms(self) -> dict[str, float]:
        """Weight of each term of the loss."""
        own = {name: float(getattr(self, name)) for name in self.OWN}
        return {"region_style": 1.0, **own}


@dataclass(frozen=True, slots=True)
class EntriesRecipe(DecoderRecipe):
    """A training of a bank's entries under many places' parents.

    rate: levels that a number moves in a visit at most. decoder_rate: learning rate of the decoder,
    0 to keep it. anchor: to an entry's first drawing. zooms: of the stages whose entries move;
    shares: of the groups for zooms 7 to 15, or 17; none for each stage's share of the codes.
    """

    rate: float = 0.7
    decoder_rate: float = 5e-5
    adversarial: float = 2.0
    zooms: tuple[int, ...] = STAGE_ZOOMS
    shares: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ChainsRecipe(DecoderRecipe):
    """A training of the decoder in chains of the product's own worlds.

    rate: learning rate of the decoder. anchor: to the decoder's first drawing. hold: weight of the
    distance from its mean colours of 16 x 16 pixels, beside all else: as long at 1 / hold grey
    levels. checkerboard: weight of patterns that repeat with every code. ema: decay of the
    weights' average. places: of the world from which chains are taken; pool: real windows of a zoom
    among which those that look alike are found. seed: of the world, the places and the groups.
    """

    OWN: ClassVar[tuple[str, ...]] = (*DecoderRecipe.OWN, "hold", "checkerboard")

    rate: float = 5e-5
    hold: float = 0.22
    checkerboard: float = 0.0
    ema: float = 0.995
    places: int = 80
    pool: int = 1000


@dataclass(frozen=True, slots=True)
class AdditionRecipe(MemoryRecipe):
    """Scenes that are added to the bank of finished weights; several follow each other.

    The candidates are what [memory] would make of the same keys; without megapixels there are none,
    and only what is there changes. keep: megapixels of them that are kept, by the zoom of the
    choice, those that serve the world's land best; all where a zoom is not named. places: of land
    that is asked what its cells look for. drop: scenes of the bank that go, globs on their names or
    sources, by the zoom of the choice. crop: of others the part that stays, by globs on their
    names: left, top, right and bottom as shares of their sides. quilt_codes: sides in child pixels,
    by the zoom of the choice and such globs as of drop, of the squares of which every second one
    becomes another part of its scene (`training.run.codequilt`). entries: how the entries of the
    new scenes are trained, the decoder staying as it is. strengths, contrast, saturation,
    sharpness: of the weights from here on, no strengths for those that they have.
    """

    keep: Mapping[str, float] = field(default_factory=dict)
    places: int = 4000
    drop: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    crop: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    quilt_codes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    entries: EntriesRecipe = EntriesRecipe(decoder_rate=0.0)
    strengths: tuple[float, ...] = ()
    contrast: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ReorientationRecipe:
    """How it is learned what codes become when their picture is mirrored or turned.

    windows: of real imagery that are encoded in all orientations; width: numbers of the hidden
    layer; steps, rate: of the training. seed: of all that chance decides.
    """

    windows: int = 600
    width: int = 128
    steps: int = 6000
    rate: float = 8e-3
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a training is made from.

    network: configuration. init: weights that the networks start from where they fit, or "";
    init_digest: the SHA-256 that they must have, or "". window: parent pixels along a training
    window; edge: those on each side that no loss sees; group: windows that are drawn together, and
    of a layout memory resemble each other; shares: of the groups, by stage 7 to 15, or to 17.
    empty: of a layout memory, share of own-layout windows without codes. ema: of the average.
    sampler: of a diffusion network, how the exported weights are sampled.
    """

    network: AnyConfig = field(default_factory=LayoutConfig)
    init: str = ""
    init_digest: str = ""
    seed: int = 0
    window: int = 48
    edge: int = 4
    group: int = 4
    shares: tuple[float, ...] = (0.12, 0.16, 0.22, 0.25, 0.25)
    empty: float = 0.06
    ema: float = 0.998
    phases: tuple[Phase, ...] = (Phase(until=10_000),)
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    memory: MemoryRecipe = field(default_factory=MemoryRecipe)
    sharpen: SharpenRecipe = field(default_factory=SharpenRecipe)
    entries: tuple[EntriesRecipe, ...] = ()
    chains: tuple[ChainsRecipe, ...] = ()
    additions: tuple[AdditionRecipe, ...] = ()
    reorientation: tuple[ReorientationRecipe, ...] = ()

    @property
    def family(self) -> str:
        """What a recipe calls the network's kind, one of FAMILIES."""
        return next(name for name, kind in FAMILIES.items() if type(self.network) is kind)

    def phase(self, step: int) -> Phase:
        """Return the phase of a step; the last one goes on for ever."""
        return next((phase for phase in self.phases if step < phase.until), self.phases[-1])

    def terms(self, step: int) -> Mapping[str, float]:
        """Return the weight of each term of the loss at a step."""
        return self.phase(step).terms or _DEFAULT_TERMS[self.family]

    def as_json(self) -> dict[str, Any]:
        """Return the whole recipe for a record: a JSON object."""
        whole = dataclasses.asdict(self)
        whole["network"]["family"] = self.family
        return whole


_DENOISING = {"denoising": 1.0}
_DEFAULT_TERMS: dict[str, Mapping[str, float]] = {
    "layout": {"pixels": 1.0, "features": 1.0, "code_size": 2e-3},
    "unet": _DENOISING,
    "paper": _DENOISING,
}
