"""Recently used pixels: the oldest go first, and nobody changes them."""

import numpy as np
import pytest

from generator.grid.tile import Tile
from tileserver.rendering.engine import recent as module
from tileserver.rendering.engine.recent import Recent


def test_the_longest_unused_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECENT_TILES", 2)
    kept, keys = Recent(), [(0, Tile(2, n, 0)) for n in range(3)]
    for key in keys[:2]:
        kept.put(key, np.zeros((1, 1, 3), np.uint8))
    assert kept.get(keys[0]) is not None
    kept.put(keys[2], np.zeros((1, 1, 3), np.uint8))
    assert [key in kept for key in keys] == [True, False, True]
    assert kept.get(keys[1]) is None
    kept.clear()
    assert keys[0] not in kept


def test_kept_pixels_cannot_be_changed() -> None:
    kept, pixels = Recent(), np.zeros((1, 1, 3), np.uint8)
    kept.put((0, Tile(0, 0, 0)), pixels)
    with pytest.raises(ValueError, match="read-only"):
        pixels[0] = 1
