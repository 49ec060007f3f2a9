"""How learning rates fall before a machine's time is over."""

from __future__ import annotations

LOWEST = 0.05


def cooled(left: float, cool_down: float) -> float:
    """Return the factor on learning rates with `left` seconds to go, of which the last `cool_down`
    bring it from 1 to LOWEST; 1 without a cool-down."""
    return max(LOWEST, min(1.0, left / cool_down)) if cool_down else 1.0
