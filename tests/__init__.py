"""Tests, one file per module; `fakes` holds what several of them share."""
