"""Circumstances: what may change a model's identity changes them, and nothing else does."""

import os
from pathlib import Path

import pytest

from generator.cascade import identityinputs as module
from generator.cascade.identityinputs import identity_inputs


def test_the_same_identity_inputs_stay_the_same() -> None:
    assert identity_inputs() == identity_inputs()
    assert len(identity_inputs()) == 32


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
    found.add(identity_inputs())
    monkeypatch.setattr(module, "PACKAGE", tmp_path / "b")
    found.add(identity_inputs())
    assert len(found) == 1
    edited = tmp_path / "b" / "inner" / "deeper" / "code.py"
    edited.write_text("edited\n")
    found.add(identity_inputs())
    (edited.parent / "more.py").write_text("")
    found.add(identity_inputs())
    assert len(found) == 3


def test_this_code_is_read_with_its_sub_folders() -> None:
    names = {path.relative_to(module.PACKAGE).as_posix() for path in module._code(module.PACKAGE)}
    assert {"cascade/identityinputs.py", "imagery/sources.py", "stopping.py"} <= names


def test_the_weights_content_counts_and_its_place_does_not(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"weights")
    second.write_bytes(b"weights")
    before = identity_inputs(weights=first)
    assert identity_inputs(weights=second) == before
    assert identity_inputs(base=first) != before
    about = first.stat()
    first.write_bytes(b"WEIGHTS")
    os.utime(first, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert identity_inputs(weights=first) != before


def test_a_long_file_counts_by_its_size_and_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "planet.tif"
    path.write_bytes(bytes(100))
    before = identity_inputs(base=path)
    monkeypatch.setattr(module, "HASHED_BYTES", 10)
    long = identity_inputs(base=path)
    assert long not in (before, identity_inputs())
    assert identity_inputs(base=path) == long
    os.utime(path, ns=(1, 1))
    assert identity_inputs(base=path) != long


def test_the_tone_counts_and_its_default_by_its_name_does_not() -> None:
    assert identity_inputs(tone="natural") == identity_inputs()
    assert identity_inputs(tone="none") != identity_inputs()
    assert identity_inputs(tone="none") != identity_inputs(tone="warm")
    planet = Path("planet:3")
    assert identity_inputs(planet) == identity_inputs(planet, tone="natural")
    assert identity_inputs(planet) != identity_inputs(planet, tone="none")


def test_geography_counts_and_its_default_by_its_name_does_not() -> None:
    picture, planet = Path("mars.png"), Path("planet:3")
    assert identity_inputs(geography="none") != identity_inputs()
    assert identity_inputs(planet, geography="none") != identity_inputs(planet)
    assert identity_inputs(picture, geography="none") == identity_inputs(picture)


def test_layers_count_by_their_names_and_content_and_their_place_does_not(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    missing = identity_inputs(geography=str(first))
    for folder in (first, second):
        folder.mkdir()
        (folder / "water.bin").write_bytes(b"coast")
        (folder / "layers.json").write_bytes(b"{}")
    before = identity_inputs(geography=str(first))
    assert before == identity_inputs(geography=str(second))
    (first / "water.bin").write_bytes(b"COAST")
    (second / "water.bin").rename(second / "rivers.bin")
    changed = {identity_inputs(geography=str(folder)) for folder in (first, second)}
    assert len({missing, before, *changed}) == 4


def test_the_earths_layers_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generator.geography.choice.EARTH_FOLDER", tmp_path)
    before = identity_inputs()
    other = [identity_inputs(base) for base in (Path("planet:3"), Path("mars.png"))]
    (tmp_path / "water.bin").write_bytes(b"coast")
    assert identity_inputs() != before
    assert other == [identity_inputs(base) for base in (Path("planet:3"), Path("mars.png"))]


def test_a_missing_file_is_a_circumstance_too(tmp_path: Path) -> None:
    assert identity_inputs(weights=tmp_path / "none") != identity_inputs()


def test_steps_libraries_processor_devices_and_variables_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {identity_inputs(), identity_inputs(steps=1), identity_inputs(steps=2)}
    for name, value in (
        ("_version", lambda name: "9.9"),
        ("_processor", lambda: "a better one"),
        ("_accelerators", lambda: ["/dev/nvidia7"]),
        ("LIBRARIES", ()),
    ):
        with monkeypatch.context() as changed:
            changed.setattr(module, name, value)
            found.add(identity_inputs())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "77")
    found.add(identity_inputs())
    assert len(found) == 8


def test_banks_count_by_what_they_hold_and_in_their_order(tmp_path: Path) -> None:
    first, second = str(tmp_path / "a.bank"), str(tmp_path / "b.bank")
    Path(first).write_bytes(b"1")
    Path(second).write_bytes(b"2")
    known = [
        identity_inputs(memory=memory)
        for memory in (None, (), ("shipped",), (first,), (first, second), (second, first))
    ]
    assert len(set(known)) == len(known)
    Path(second).write_bytes(b"1")
    assert identity_inputs(memory=(second,)) == identity_inputs(memory=(first,))
    Path(second).write_bytes(b"3")
    assert identity_inputs(memory=(first, second)) != known[4]
