"""Banks: what fits together, what a digest covers, and files that come back whole or not at all."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from generator.grid.errors import BankError
from generator.memory import FORMAT, Bank, Scene, from_tensors, load, save, to_tensors
from tests.fakes_memory import ENCODER, synthetic_bank, synthetic_scene

SCENE = synthetic_scene(1, 11, 40)
BANK = synthetic_bank(1, scenes=1, side=40)


def with_codes(scene: Scene, change: int) -> Scene:
    codes = {zoom: array.copy() for zoom, array in scene.codes.items()}
    codes[11][3, 4, 0] = change
    return dataclasses.replace(scene, codes=codes)


def test_a_scene_knows_its_grid() -> None:
    assert SCENE.chosen_at == 11
    assert SCENE.shape == (40, 40)
    assert SCENE.dimensions == 4
    assert {zoom: array.shape for zoom, array in SCENE.codes.items()} == {
        11: (40, 40, 4), 13: (160, 160, 4),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"codes": {13: SCENE.codes[13]}},
            r"zooms \[13\], expected 7, or 9, or 11 and 13, or 15, or 17",
        ),
        ({"codes": {11: SCENE.codes[11], 13: SCENE.codes[11]}}, r"codes of zoom 13 .* int8 \[40,"),
        ({"descriptors": SCENE.descriptors[1:]}, r"descriptors .* expected int8 \[3, 3, 32\]"),
        ({"gates": SCENE.gates.astype(np.int8)}, r"gates .* are int8 .* expected uint8"),
        ({"valid": SCENE.valid[:, :2]}, r"valid .* expected bool \[3, 3\]"),
    ],
)
def test_scenes_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BankError, match=message):
        dataclasses.replace(SCENE, **change)


def test_small_scenes_are_refused() -> None:
    small = {15: np.zeros((23, 60, 4), np.int8)}
    with pytest.raises(BankError, match="60 x 23 pixels, expected at least 24 x 24"):
        dataclasses.replace(SCENE, codes=small)


def test_banks_of_mixed_codes_are_refused() -> None:
    with pytest.raises(BankError, match="codes of 3 numbers, expected 4"):
        Bank((SCENE, synthetic_scene(2, 11, 40, 3)), ENCODER, 4)
    with pytest.raises(BankError, match="not all from -2 to 2"):
        Bank((SCENE,), ENCODER, 4, levels=5)


def test_digest_covers_all_that_decides_the_field_and_nothing_else() -> None:
    def digest(scene: Scene, encoder: str = ENCODER) -> str:
        return Bank((scene,), encoder, 4).digest

    first = digest(SCENE)
    assert len(first) == 64
    assert digest(dataclasses.replace(SCENE, name="other", licence="other")) == first
    changed = [
        digest(with_codes(SCENE, (int(SCENE.codes[11][3, 4, 0]) + 4) % 7 - 3)),
        digest(dataclasses.replace(SCENE, descriptors=SCENE.descriptors[::-1])),
        digest(dataclasses.replace(SCENE, gates=SCENE.gates[::-1])),
        digest(dataclasses.replace(SCENE, valid=~SCENE.valid)),
        digest(SCENE, "6" * 64),
        Bank((SCENE, SCENE), ENCODER, 4).digest,
    ]
    assert len({first, *changed}) == 7


def test_credits_name_each_source_once() -> None:
    scenes = (
        dataclasses.replace(SCENE, source="b", licence="CC0-1.0", credit=""),
        dataclasses.replace(SCENE, source="a", licence="CC-BY-4.0", credit="A. Person"),
        dataclasses.replace(SCENE, source="b", licence="CC0-1.0", credit=""),
        dataclasses.replace(SCENE, source="", licence="", credit=""),
    )
    assert Bank(scenes, ENCODER, 4).credits == ["a, CC-BY-4.0, A. Person", "b, CC0-1.0"]


def same(first: Bank, second: Bank) -> bool:
    texts = ("name", "source", "licence", "credit", "latitude")
    return first.digest == second.digest and all(
        getattr(a, text) == getattr(b, text)
        for a, b in zip(first.scenes, second.scenes, strict=True)
        for text in texts
    )


def test_a_bank_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "mine.bank"
    save(BANK, path)
    assert same(load(path, ENCODER), BANK)
    assert same(load(path), BANK)
    assert [file.name for file in path.parent.iterdir()] == ["mine.bank"]


def test_an_empty_bank_comes_back_too(tmp_path: Path) -> None:
    save(Bank((), ENCODER, 4), tmp_path / "none.bank")
    assert load(tmp_path / "none.bank", ENCODER).scenes == ()


def test_codes_of_all_levels_come_back() -> None:
    codes = np.arange(-128, 128).repeat(4).reshape(32, 32, 1).astype(np.int8)
    scene = synthetic_scene(1, 15, 32, 1)
    bank = Bank((dataclasses.replace(scene, codes={15: codes}),), ENCODER, 1, levels=257)
    assert from_tensors(*to_tensors(bank)).digest == bank.digest


def test_a_bank_lives_beside_other_tensors(tmp_path: Path) -> None:
    tensors, text = to_tensors(BANK)
    path = tmp_path / "weights.safetensors"
    save_file({"stem.weight": np.zeros((2, 3), np.float32), **tensors}, path, {"memory": text})
    assert same(from_tensors(load_file(path), text, ENCODER), BANK)


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.bank"
    save(BANK, path)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(BankError, match="cannot write the bank .*No space left"):
        save(Bank((), ENCODER, 4), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_missing_empty_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.bank"
    with pytest.raises(BankError, match="cannot read the bank .*mine.bank"):
        load(path)
    path.write_bytes(b"")
    with pytest.raises(BankError, match="mine.bank is empty"):
        load(path)
    path.write_bytes(b"GIF89a" * 100)
    with pytest.raises(BankError, match="damaged or no bank at all"):
        load(path)
    with pytest.raises(BankError, match="cannot read the bank"):
        load(tmp_path)
    save_file({"a": np.zeros(3)}, path)
    with pytest.raises(BankError, match=f"format None, expected '{FORMAT}'"):
        load(path)


def test_another_encoder_is_refused(tmp_path: Path) -> None:
    save(BANK, tmp_path / "mine.bank")
    with pytest.raises(BankError, match=r"encoder 5555.*, expected those of 7777.*build it again"):
        load(tmp_path / "mine.bank", "7" * 64)


def test_another_version_is_refused(tmp_path: Path) -> None:
    tensors, text = to_tensors(BANK)
    path = tmp_path / "mine.bank"
    save_file(tensors, path, {"format": "elsewhere-bank-9", "bank": text})
    with pytest.raises(BankError, match="'elsewhere-bank-9', expected 'elsewhere-bank-1'"):
        load(path)
    with pytest.raises(BankError, match="'elsewhere-bank-9', expected 'elsewhere-bank-1'"):
        from_tensors(tensors, text.replace(FORMAT, "elsewhere-bank-9"))


@pytest.mark.parametrize("share", [0.001, 0.01, 0.5, 0.99])
def test_truncated_files_are_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "mine.bank"
    save(BANK, path)
    data = path.read_bytes()
    path.write_bytes(data[: max(1, int(share * len(data)))])
    with pytest.raises(BankError, match="damaged"):
        load(path)


@pytest.mark.parametrize("name", ["bank/codes", "bank/places"])
def test_a_flipped_bit_is_found(name: str) -> None:
    tensors, text = to_tensors(BANK)
    tensors[name] = tensors[name].copy()
    tensors[name][len(tensors[name]) // 2] ^= 16
    with pytest.raises(BankError, match=f"the bank is damaged: {name} has another digest"):
        from_tensors(tensors, text)


@pytest.mark.parametrize(
    "change",
    [
        {"scenes": []}, {"scenes": 3}, {"dimensions": 5}, {"dimensions": None}, {"levels": 9},
        {"digest": "0" * 64}, {"sha256": {}}, {"sha256": []}, {"levels": "seven"},
    ],
)  # fmt: skip
def test_texts_that_do_not_belong_are_refused(change: dict[str, object]) -> None:
    tensors, text = to_tensors(BANK)
    with pytest.raises(BankError, match="damaged"):
        from_tensors(tensors, json.dumps(json.loads(text) | change))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"format": 1}'])
def test_unreadable_texts_are_refused(text: str) -> None:
    with pytest.raises(BankError, match="damaged"):
        from_tensors(to_tensors(BANK)[0], text)


def test_missing_tensors_are_refused() -> None:
    with pytest.raises(BankError, match="damaged"):
        from_tensors({}, to_tensors(BANK)[1])
