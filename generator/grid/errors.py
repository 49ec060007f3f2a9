"""The errors that `generator` raises on purpose: one base class, one sentence per message."""


class GeneratorError(Exception):
    """Base of every error whose message is one sentence meant for the person at the keyboard."""


class TileError(GeneratorError, ValueError):
    """A tile address or a bounding box that is not on the map."""


def unserved(zoom: int, finest: int) -> TileError:
    """Return the error for a zoom beyond the finest that weights serve."""
    return TileError(f"zoom is {zoom}, expected 0 to {finest} with these weights")


class BaseMapError(GeneratorError):
    """A base map image that is missing, unreadable or not a whole planet."""


class WeightsError(GeneratorError):
    """Network weights that are missing, damaged or of another version."""


class ImageError(GeneratorError):
    """A user's image that cannot be read or written as asked."""


class ImageryError(GeneratorError):
    """Imagery that cannot be found, read or used."""


class DatasetError(GeneratorError):
    """A data set that cannot be drawn or written as asked."""


class BankError(GeneratorError):
    """A bank of layouts that is missing, damaged, of another version or of another encoder."""


class GeographyError(GeneratorError):
    """A layer of geography that is missing, damaged, of another version or no such layer."""
