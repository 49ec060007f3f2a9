"""What a file of weights says of itself, read in milliseconds and without loading the network."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from generator.cascade.identityinputs import WEIGHTS
from generator.grid.errors import WeightsError
from generator.nets.config import sampler_from_json


def finest_zoom(weights: Path | None = None) -> int:
    """Return the finest zoom that weights serve, None being the shipped ones.

    Raises WeightsError for a file that does not say it.
    """
    path = WEIGHTS if weights is None else weights
    try:
        with safe_open(path, "numpy") as opened:
            metadata = opened.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"cannot read the weights {path}: {error}") from error
    if "sampler" not in metadata:
        raise WeightsError(f"{path} holds no sampler's configuration, expected weights")
    return sampler_from_json(metadata["sampler"]).max_zoom
