"""The matrix product's rate is a number that makes sense on any machine."""

from __future__ import annotations

import pytest

from generator.probe import matrix_rate


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_machine_multiplies_at_some_gigaflops(precision: str) -> None:
    assert 0.05 < matrix_rate(precision, seconds=0.01) < 1e7
