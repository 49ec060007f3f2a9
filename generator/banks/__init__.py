"""Building banks: `build` turns images into scenes of codes, chosen by greedy coverage.

An image is brought to a stage's resolution (`resample`), matched to the world's tone (`tonematch`),
cut into blocks (`boxes`) and described (`survey`), but for those of no use (`faults`: `clouds`,
`nodata`, `joins`); chosen from (`coverage`), encoded (`encode`); `work` keeps what is done,
`builder` leads through it, `report` says what became of each image.
"""

from generator.banks.builder import BankEncoder, build
from generator.banks.buildfolder import BuildFolder
from generator.banks.finding import FoundImagery, gather
from generator.banks.options import BuildOptions, OfferedImage
from generator.banks.report import BuildResult, RefusedImage, TakenImage

__all__ = [
    "BankEncoder",
    "BuildFolder",
    "BuildOptions",
    "BuildResult",
    "FoundImagery",
    "OfferedImage",
    "RefusedImage",
    "TakenImage",
    "build",
    "gather",
]
