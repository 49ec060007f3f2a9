"""Circumstances: what may change a model's identity changes them, and nothing else does."""

import os
from pathlib import Path

import pytest

from generator.cascade import identityinputs as module
from generator.cascade.identityinputs import circumstances


def test_the_same_circumstances_stay_the_same() -> None:
    assert circumstances() == circumstances()
    assert len(circumstances()) == 32


def test_an_edit_anywhere_in_the_code_counts_and_its_place_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for copy in ("a", "b"):
        inner = tmp_path / copy / "inner" / "deeper"
        inner.mkdir(parents=True)
        for folder in (inner, inner.parent, inner.parent.parent):
            (folder / "code.py").write_text(f"{folder.name == 'inner'}\n")
    found = set()
    monkeypatch.setattr(module, "PACKAGE", tmp_path / "a")
    found.add(circumstances())
    monkeypatch.setattr(module, "PACKAGE", tmp_path / "b")
    found.add(circumstances())
    assert len(found) == 1
    edited = tmp_path / "b" / "inner" / "deeper" / "code.py"
    edited.write_text("edited\n")
    found.add(circumstances())
    (edited.parent / "more.py").write_text("")
    found.add(circumstances())
    assert len(found) == 3


def test_this_code_is_read_with_its_sub_folders() -> None:
    names = {path.relative_to(module.PACKAGE).as_posix() for path in module._code(module.PACKAGE)}
    assert {"cascade/identityinputs.py", "imagery/sources.py", "stopping.py"} <= names


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


def test_the_tone_counts_and_its_default_by_its_name_does_not() -> None:
    assert circumstances(tone="natural") == circumstances()
    assert circumstances(tone="none") != circumstances()
    assert circumstances(tone="none") != circumstances(tone="warm")
    planet = Path("planet:3")
    assert circumstances(planet) == circumstances(planet, tone="natural")
    assert circumstances(planet) != circumstances(planet, tone="none")


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


def test_banks_count_by_what_they_hold_and_in_their_order(tmp_path: Path) -> None:
    first, second = str(tmp_path / "a.bank"), str(tmp_path / "b.bank")
    Path(first).write_bytes(b"1")
    Path(second).write_bytes(b"2")
    known = [
        circumstances(memory=memory)
        for memory in (None, (), ("shipped",), (first,), (first, second), (second, first))
    ]
    assert len(set(known)) == len(known)
    Path(second).write_bytes(b"1")
    assert circumstances(memory=(second,)) == circumstances(memory=(first,))
    Path(second).write_bytes(b"3")
    assert circumstances(memory=(first, second)) != known[4]
