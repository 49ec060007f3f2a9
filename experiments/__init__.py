"""Experiments that back figures and tables of the documents; no part of the package."""

from training.packages import missing_packages

if (_missing := missing_packages()) is not None:
    raise SystemExit(f"experiments: {_missing}")
