"""Building a bank from imagery: every image is looked at, blocks are chosen, the chosen encoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from PIL import Image
from rich.progress import Progress

from generator.banks import encode
from generator.banks.buildfolder import BuildFolder, scenes_key, source_key
from generator.banks.coverage import Blocks, choose
from generator.banks.fill import filled
from generator.banks.mute import muted
from generator.banks.options import BuildOptions, OfferedImage
from generator.banks.quilt import quilted
from generator.banks.report import BuildResult, RefusedImage, TakenImage
from generator.banks.stageimage import StageImage, at_stage
from generator.banks.survey import Survey, survey
from generator.banks.tonematch import BaseColours, matched
from generator.banks.warp import warped
from generator.grid.errors import BankError, GeneratorError
from generator.imagery.sources import Decoded, Source
from generator.memory.bank import Bank, Scene
from generator.nets.encoder import Encoder

_UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    MemoryError,
    Image.DecompressionBombError,
    GeneratorError,
)

Item = TypeVar("Item")
Chosen = dict[int, list[int]]
"""Numbers of the chosen blocks of an image, by zoom."""


@dataclass(frozen=True, slots=True)
class BankEncoder:
    """The encoder of a bank's codes, and its digest, 64 hexadecimal digits."""

    encoder: Encoder
    digest: str


def build(
    sources: Sequence[Source | OfferedImage],
    maker: BankEncoder,
    options: BuildOptions,
    work: BuildFolder,
    progress: Progress | None = None,
) -> BuildResult:
    """Build a bank from images, within the budget of each stage.

    sources: images, offered to all stages or to some (`gather` finds both in a folder).
    work: what an earlier call had done is not done again. Raises BankError when nothing can be
    used.
    """
    if not sources:
        raise BankError("there is no image to build a bank from")
    zooms = tuple(sorted(options.budget))
    offers = [
        OfferedImage(each.source, tuple(zoom for zoom in zooms if zoom in each.zooms))
        if isinstance(each, OfferedImage)
        else OfferedImage(each, zooms)
        for each in sources
    ]
    return _BankBuild(offers, maker, options, work).run(progress)


class _BankBuild:
    """One build: images by their number in `sources`."""

    def __init__(
        self,
        offers: Sequence[OfferedImage],
        maker: BankEncoder,
        options: BuildOptions,
        work: BuildFolder,
    ) -> None:
        self.offers, self.maker, self.options, self.work = offers, maker, options, work
        self.sources = [offer.source for offer in offers]
        self.base = BaseColours()
        self.keys = [source_key(offer, options) for offer in offers]

    def run(self, progress: Progress | None) -> BuildResult:
        """Look at all images, choose among their blocks, encode what is chosen."""
        # Every image is looked at, and blocks are chosen among all of them.
        numbers = range(len(self.sources))
        seen = [self._seen(n) for n in _with_progress(progress, "looking at images", numbers)]
        chosen = self._chosen(seen)
        refused = [
            RefusedImage(source.name, "; ".join(each.refused), each.thumbnail)
            for source, each in zip(self.sources, seen, strict=True)
            if not each.candidates
        ]
        # What was chosen is encoded.
        scenes: list[Scene] = []
        for number in _with_progress(progress, "encoding", sorted(chosen)):
            try:
                scenes += self._scenes(number, seen[number], chosen[number])
            except _UNREADABLE as error:
                refused.append(RefusedImage(self.sources[number].name, _said(error)))
                del chosen[number]
        if not scenes:
            reasons = "; ".join(each.sentence for each in refused[:3])
            raise BankError(f"none of the {len(seen)} images can be used: {reasons}")
        # One bank, and what became of every image.
        scenes.sort(key=lambda scene: scene.chosen_at)
        config = self.maker.encoder.config
        bank = Bank(tuple(scenes), self.maker.digest, config.dimensions, config.levels)
        spare = (n for n in numbers if seen[n].candidates and n not in chosen)
        taken = tuple(self._taken(seen, chosen))
        return BuildResult(bank, taken, tuple(refused), tuple(self.sources[n].name for n in spare))

    def _seen(self, number: int) -> Survey:
        """Return what is seen of an image, looking at it where that is not kept."""
        source, key = self.sources[number], self.keys[number]
        if (reason := self.options.refusal(source)) is not None:
            return Survey({}, (reason,))
        if (kept := self.work.survey(key)) is not None:
            return kept
        try:
            decoded = self._decoded(number)
            if decoded is None:
                seen = Survey({}, ("most of it is masked",))
            else:
                seen = survey(self.offers[number], decoded, self.options, self.base)
        except _UNREADABLE as error:
            # Not kept: the file may be whole the next time.
            return Survey({}, (_said(error),))
        self.work.keep_survey(key, seen)
        return seen

    def _decoded(self, number: int) -> Decoded | None:
        """Read an image, fill its holes, quilt and mute it where that is wanted.

        What comes from a server is kept, and what was changed so: it is asked for twice.
        """
        source, key = self.sources[number], self.keys[number]
        fills, side = self.options.fills(source), self.options.quilts(source)
        share = self.options.mutes(source)
        if source.files and not fills and not side and share == 1:
            return source.read()
        if (kept := self.work.pixels(key)) is not None:
            return kept
        decoded = source.read()
        if decoded is not None:
            decoded = filled(decoded) if fills else decoded
            decoded = quilted(decoded, side, self.options.extends(source)) if side else decoded
            decoded = muted(decoded, share) if share != 1 else decoded
            self.work.keep_pixels(key, decoded)
        return decoded

    def _chosen(self, seen: Sequence[Survey]) -> dict[int, Chosen]:
        """Return the chosen blocks of all images, by image."""
        names = sorted({source.source for source in self.sources})
        found: dict[int, Chosen] = {}
        for zoom, budget in sorted(self.options.budget.items()):
            rows = [
                (number, block, source, each.candidates[zoom].how.grow)
                for number, (source, each) in enumerate(zip(self.sources, seen, strict=True))
                if zoom in each.candidates
                for block in range(len(each.candidates[zoom].blocks))
            ]
            if not rows:
                continue
            each_block = [seen[n].candidates[zoom].blocks[b] for n, b, _, _ in rows]
            blocks = Blocks(
                descriptors=np.stack([block.descriptor for block in each_block]),
                texture=np.array([block.texture for block in each_block], np.float32),
                water=np.array([block.water for block in each_block], np.float32),
                sharpness=np.array([1 / grow for _, _, _, grow in rows], np.float32),
                area=np.array([block.area for block in each_block], np.int64),
                source=np.array([names.index(s.source) for _, _, s, _ in rows], np.int64),
                image=np.array([n for n, _, _, _ in rows], np.int64),
            )
            for index in sorted(choose(blocks, budget, self.options.spread, self.options.calm)):
                number, block, _, _ = rows[index]
                found.setdefault(number, {}).setdefault(zoom, []).append(block)
        return found

    def _scenes(self, number: int, seen: Survey, chosen: Chosen) -> tuple[Scene, ...]:
        """Return the scenes of an image, encoding them where they are not kept."""
        maker, source = self.maker, self.sources[number]
        key = scenes_key(self.keys[number], maker.digest, chosen)
        if (kept := self.work.scenes(key)) is not None:
            return kept
        decoded = self._decoded(number)
        if decoded is None:
            raise BankError(f"{source.name} changed while the bank was built")
        made: list[Scene] = []
        for zoom, numbers in sorted(chosen.items()):
            candidate = seen.candidates[zoom]
            raw = at_stage(decoded, candidate.how)
            if self.options.warp:
                raw = warped(raw, source.name)
            toned = StageImage(zoom, matched(raw.child, raw.good, source, self.base), raw.good)
            blocks = [candidate.blocks[n] for n in numbers]
            made += encode.scenes(toned, blocks, source, maker.encoder)
        self.work.keep_scenes(key, made)
        return tuple(made)

    def _taken(self, seen: Sequence[Survey], chosen: dict[int, Chosen]) -> Iterator[TakenImage]:
        for number, by_zoom in sorted(chosen.items()):
            source = self.sources[number]
            for zoom, numbers in sorted(by_zoom.items()):
                candidate = seen[number].candidates[zoom]
                blocks = candidate.blocks
                yield TakenImage(
                    name=source.name,
                    source=source.source,
                    zoom=zoom,
                    area=sum(blocks[n].area for n in numbers),
                    whole=sum(block.area for block in blocks),
                    lat=source.lat,
                    lon=source.lon,
                    thumbnail=seen[number].thumbnail,
                    left=candidate.left,
                )


def _with_progress(
    progress: Progress | None, description: str, items: Sequence[Item]
) -> Iterable[Item]:
    """Yield items with a bar that counts them."""
    if progress is None:
        yield from items
        return
    task = progress.add_task(description, total=len(items), rate="")
    for item in items:
        yield item
        speed = progress.tasks[task].speed
        progress.update(task, advance=1, rate=f"{speed:.1f}/s" if speed else "")


def _said(error: BaseException) -> str:
    """Return an error as one line."""
    return " ".join(str(error).split()) or type(error).__name__
