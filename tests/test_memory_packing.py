"""Packing: every code of every number of levels comes back, and like codes take little room."""

import lzma

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.memory import packing


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 6), st.sampled_from([3, 5, 7, 15, 255]))
def test_codes_come_back(height: int, width: int, dimensions: int, levels: int) -> None:
    top = levels // 2
    codes = np.random.default_rng(height).integers(-top, top + 1, (height, width, dimensions))
    narrow = codes.astype(np.int8)
    data = np.frombuffer(packing.pack(narrow, levels), np.uint8)
    assert len(data) == packing.packed_size(height, width, dimensions, levels)
    assert np.array_equal(packing.unpack(data, (height, width, dimensions), levels), narrow)


def test_calm_ground_takes_little_room() -> None:
    calm = np.zeros((200, 200, 4), np.int8)
    calm[50:60, 50:60] = 2
    assert len(packing.compress(packing.pack(calm, 7))) < 500


def test_random_codes_take_little_more_than_their_entropy() -> None:
    codes = np.random.default_rng(1).integers(-3, 4, (200, 200, 4)).astype(np.int8)
    bits = 8 * len(packing.compress(packing.pack(codes, 7))) / codes.size
    assert np.log2(7) < bits < 1.05 * np.log2(7)


def test_foreign_bytes_are_refused() -> None:
    with pytest.raises(lzma.LZMAError):
        packing.expand(np.full(100, 255, np.uint8))
    with pytest.raises(ValueError, match="reshape"):
        packing.unpack(np.zeros(5, np.uint8), (4, 2, 1), 7)
