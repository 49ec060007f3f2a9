"""What layout codes become when their picture is mirrored or turned: a small network of integers.

A code says in six numbers what 4 x 4 pixels look like, and nothing in it is turned by turning its
place. Two layers tell the codes of the turned picture from the 5 x 5 codes round each place. They
are learned for one encoder (`training.run.reorienting`). Weights and activations are small whole
numbers whose sums stay below 2**24, so that float32 products are exact in any order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.grid.errors import WeightsError
from generator.memory.bank import Codes
from generator.memory.orientation import ORIENTATIONS, PLAIN

REACH = 2
"""Codes on each side that one depends on."""

SIDE = 2 * REACH + 1

TURNED = len(ORIENTATIONS) - 1
"""Orientations that need other codes."""

MOST_ACTIVE = 255
"""Greatest value of the hidden layer; the least is 0."""

_AT_ONCE = 8192
_NAMES = ("hidden", "hidden_bias", "out", "out_bias")


@dataclass(frozen=True, eq=False)
class Reorientation:
    """The weights of the two layers, W hidden numbers, for codes of D numbers with L levels.

    hidden: int8 [25 D, W], codes row by row; hidden_bias: int32 [W]; shift: the hidden sums are
    divided by 2 ** shift; out: int8 [W, 7 D L], scores of each level by orientation but the first,
    then number of a code; out_bias: int32 [7 D L]. Raises WeightsError for arrays that do not fit.
    """

    hidden: NDArray[np.int8]
    hidden_bias: NDArray[np.int32]
    out: NDArray[np.int8]
    out_bias: NDArray[np.int32]
    shift: int
    dimensions: int
    levels: int

    def __post_init__(self) -> None:
        """Refuse arrays of other shapes or types, and sums that float32 could not hold."""
        wide, scores = len(self.hidden_bias), TURNED * self.dimensions * self.levels
        for name, kind, shape in (
            ("hidden", np.int8, (SIDE * SIDE * self.dimensions, wide)),
            ("hidden_bias", np.int32, (wide,)),
            ("out", np.int8, (wide, scores)),
            ("out_bias", np.int32, (scores,)),
        ):
            array = getattr(self, name)
            if array.dtype != kind or array.shape != shape:
                raise WeightsError(
                    f"{name} of the weights' reorientation is {array.dtype} {list(array.shape)}, "
                    f"expected {np.dtype(kind)} {list(shape)}"
                )
        most = max(
            int(np.abs(weights.astype(np.int64)).sum(0).max()) * top
            + int(np.abs(bias.astype(np.int64)).max())
            for weights, bias, top in (
                (self.hidden, self.hidden_bias, self.levels // 2),
                (self.out, self.out_bias, MOST_ACTIVE),
            )
        )
        if most >= 1 << 24 or not 0 <= self.shift < 24:
            raise WeightsError(
                f"the weights' reorientation has sums up to {most} and a shift of {self.shift}, "
                f"expected sums below {1 << 24} and a shift from 0 to 23"
            )

    def told(self, seen: Codes, orientation: int) -> Codes:
        """Return the codes of turned pictures at some places: int8 [n, D].

        seen: int8 [n, 25 D], the codes round each place in the picture as it is, row by row;
        orientation: number of ORIENTATIONS. Turned like the picture, the results are the codes of
        the turned picture. Where all numbers of a code are 0 they stay 0.
        """
        middle = slice(len(self.hidden) // 2 - self.dimensions // 2, None)
        own = seen[:, middle][:, : self.dimensions]
        if orientation == PLAIN:
            return own
        made = np.empty_like(own)
        # A few at a time, so that their sums stay in the processor's cache.
        for first in range(0, len(seen), _AT_ONCE):
            some = slice(first, first + _AT_ONCE)
            made[some] = self._best(seen[some].astype(np.float32), orientation)
        made[~own.any(1)] = 0
        return made

    def _best(self, seen: NDArray[np.float32], orientation: int) -> Codes:
        """Return the likeliest codes, int8 [n, D], of what is seen, whole numbers [n, 25 D]."""
        weights, bias = self._hidden
        sums = seen @ weights + bias
        np.clip(np.floor(sums * np.float32(2.0**-self.shift)), 0, MOST_ACTIVE, out=sums)
        weights, bias = self._outs[orientation - 1]
        scores = (sums @ weights + bias).reshape(len(seen), self.dimensions, self.levels)
        # Ties go to the lower level.
        best: Codes = (scores.argmax(2) - self.levels // 2).astype(np.int8)
        return best

    @cached_property
    def _hidden(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weights and bias of the hidden layer."""
        return self.hidden.astype(np.float32), self.hidden_bias.astype(np.float32)

    @cached_property
    def _outs(self) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Weights and bias of the scores of each orientation."""
        weights = np.split(self.out.astype(np.float32), TURNED, 1)
        biases = np.split(self.out_bias.astype(np.float32), TURNED)
        return [(np.ascontiguousarray(w), b) for w, b in zip(weights, biases, strict=True)]

    @cached_property
    def digest(self) -> str:
        """Return hexadecimal digits that change with all that decides the codes."""
        digest = hashlib.sha256(repr((self.shift, self.dimensions, self.levels)).encode())
        for array in (self.hidden, self.hidden_bias, self.out, self.out_bias):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def to_tensors(made: Reorientation) -> dict[str, NDArray[Any]]:
    """Return the arrays that hold all of it, by name."""
    sizes = np.array([made.shift, made.dimensions, made.levels], np.int32)
    arrays = {name: np.ascontiguousarray(getattr(made, name)) for name in _NAMES}
    return {"sizes": sizes} | arrays


def from_tensors(arrays: Mapping[str, NDArray[Any]]) -> Reorientation:
    """Make it of what `to_tensors` returned; raises WeightsError for anything else."""
    try:
        shift, dimensions, levels = (int(size) for size in arrays["sizes"])
        hidden, hidden_bias, out, out_bias = (arrays[name] for name in _NAMES)
        return Reorientation(hidden, hidden_bias, out, out_bias, shift, dimensions, levels)
    except (KeyError, ValueError) as error:
        raise WeightsError(f"the weights' reorientation is not whole: {error}") from error
