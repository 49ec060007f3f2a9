"""Building banks: `build` turns images into scenes of codes, chosen by greedy coverage.

An image is brought to a stage's resolution (`resample`), matched to the world's tone (`tonematch`),
cut into blocks (`boxes`) and described (`survey`), but for those of no use (`faults`: `clouds`,
`nodata`, `joins`); chosen from (`coverage`), encoded (`encode`); `work` keeps what is done,
`builder` leads through it, `report` says what became of each image.
"""

from generator.banks.builder import Maker, build
from generator.banks.finding import Found, gather
from generator.banks.options import BuildOptions, Offer
from generator.banks.report import Built, Refused, Taken
from generator.banks.work import Work

__all__ = [
    "Built",
    "BuildOptions",
    "Found",
    "Maker",
    "Offer",
    "Refused",
    "Taken",
    "Work",
    "build",
    "gather",
]
