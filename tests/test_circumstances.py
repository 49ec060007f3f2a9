"""Circumstances: what may change a model's identity changes them, and nothing else does."""

import os
from pathlib import Path

import pytest

from generator import circumstances as module
from generator.circumstances import circumstances


def test_the_same_circumstances_stay_the_same() -> None:
    assert circumstances() == circumstances()
    assert len(circumstances()) == 32


def test_the_weights_content_counts_and_its_place_does_not(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"weights")
    second.write_bytes(b"weights")
    before = circumstances(weights=first)
    assert circumstances(weights=second) == before
    assert circumstances(base=first) != before
    about = first.stat()
    first.write_bytes(b"WEIGHTS")
    os.utime(first, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert circumstances(weights=first) != before


def test_a_long_file_counts_by_its_size_and_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "planet.tif"
    path.write_bytes(bytes(100))
    before = circumstances(base=path)
    monkeypatch.setattr(module, "HASHED_BYTES", 10)
    long = circumstances(base=path)
    assert long not in (before, circumstances())
    assert circumstances(base=path) == long
    os.utime(path, ns=(1, 1))
    assert circumstances(base=path) != long


def test_a_missing_file_is_a_circumstance_too(tmp_path: Path) -> None:
    assert circumstances(weights=tmp_path / "none") != circumstances()


def test_steps_libraries_processor_devices_and_variables_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {circumstances(), circumstances(steps=1), circumstances(steps=2)}
    for name, value in (
        ("_version", lambda name: "9.9"),
        ("_processor", lambda: "a better one"),
        ("_accelerators", lambda: ["/dev/nvidia7"]),
        ("LIBRARIES", ()),
    ):
        with monkeypatch.context() as changed:
            changed.setattr(module, name, value)
            found.add(circumstances())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "77")
    found.add(circumstances())
    assert len(found) == 8
