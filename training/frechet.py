"""Distances between two sets of feature vectors: Frechet's, and the unbiased kernel distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigvalsh

Features = NDArray[np.float64]
"""[N, D]."""


def frechet(first: Features, second: Features) -> float | None:
    """Frechet distance of the Gaussians fitted to two sets (Heusel et al. 2017).

    Returns None where a set has no more rows than columns: its covariance is then singular and
    the distance mostly bias.
    """
    if min(len(first), len(second)) <= first.shape[1]:
        return None
    means = first.mean(0) - second.mean(0)
    a, b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    # The trace of (ab)^(1/2) is the sum of the roots of the eigenvalues of l' b l, where a = l l'.
    values, vectors = np.linalg.eigh(a)
    root = vectors * np.sqrt(values.clip(0))
    cross = np.sqrt(eigvalsh(root.T @ b @ root).clip(0)).sum()
    return float(means @ means + np.trace(a) + np.trace(b) - 2 * cross)


def kernel_distance(first: Features, second: Features, group: int = 1) -> float:
    """Squared maximum mean discrepancy, unbiased, cubic kernel, times 1000 (Binkowski et al. 2018).

    Both [N, D]. Rows stand in groups of `group` (the crops of one window), and the groups of equal
    number may belong together (a child and the truth of the same parent). Only pairs of rows from
    different groups are averaged (the U-statistic of Gretton et al. 2012, Lemma 6), so that 0 is
    expected of two sets of one distribution, whatever their sizes. May be slightly negative.
    """
    if first.shape != second.shape or len(first) < 2 * group:
        raise ValueError(f"sets are {first.shape} and {second.shape}, expected equal ones")
    groups = np.arange(len(first)) // group
    apart = groups[:, None] != groups

    def mean(a: Features, b: Features) -> float:
        kernel = (a @ b.T / a.shape[1] + 1) ** 3
        return float(kernel[apart].mean())

    return 1000 * (mean(first, first) + mean(second, second) - 2 * mean(first, second))
