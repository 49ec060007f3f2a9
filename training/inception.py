"""Frechet Inception distance by torch-fidelity, from weights that the user has."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from training.errors import TrainingError

WIDTH = 2048
"""Width of the features: the distance of fewer windows is mostly bias."""


class _Windows(Dataset[Tensor]):
    """Windows as torch-fidelity reads them: uint8 [3, H, W]."""

    def __init__(self, windows: NDArray[np.uint8]) -> None:
        self.windows = torch.from_numpy(np.ascontiguousarray(windows.transpose(0, 3, 1, 2)))

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int) -> Tensor:
        return self.windows[index]


def inception_distance(first: NDArray[np.uint8], second: NDArray[np.uint8], weights: Path) -> float:
    """FID between two sets of windows uint8 [N, 256, 256, 3].

    weights: torch-fidelity's file weights-inception-2015-12-05-6726825d.pth. Raises TrainingError
    if the file or the library is missing or they do not fit.
    """
    if not weights.is_file():
        raise TrainingError(
            f"{weights} is not a file; --inception expects torch-fidelity's Inception weights "
            "(weights-inception-2015-12-05-6726825d.pth)"
        )
    try:
        from torch_fidelity import calculate_metrics
    except (ImportError, RuntimeError) as error:
        # A torchvision of another build than torch fails with a RuntimeError.
        raise TrainingError(
            f"FID needs torch-fidelity, which cannot be loaded ({error}); install elsewhere[fid] "
            "with the torchvision that belongs to this torch"
        ) from error
    try:
        found = calculate_metrics(
            input1=_Windows(first),
            input2=_Windows(second),
            fid=True,
            cuda=torch.cuda.is_available(),
            cache=False,
            verbose=False,
            feature_extractor_weights_path=str(weights),
        )
    except (pickle.UnpicklingError, EOFError, RuntimeError, LookupError, TypeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise TrainingError(f"{weights} does not serve as Inception weights: {reason}") from error
    return float(found["frechet_inception_distance"])
