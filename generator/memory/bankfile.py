"""Banks as safetensors, in a file of their own or beside the tensors of a network.

A bank is two tensors of bytes, `bank/codes` and `bank/places`, each compressed, and one text of
JSON that describes them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import lzma
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from generator.atomicfile import atomic_replace
from generator.grid.errors import BankError
from generator.memory.bank import Bank, Scene
from generator.memory.config import choosing_scale
from generator.memory.descriptor import GATES, SIZE, grid_shape
from generator.memory.packing import compress, expand, pack, packed_size, unpack

FORMAT = "elsewhere-bank-1"
"""Version of the file's layout and meaning; other versions are refused."""

CODES, PLACES = "bank/codes", "bank/places"
"""Names of the tensors."""

Bytes = NDArray[np.uint8]

_TEXTS = ("name", "source", "licence", "credit", "latitude", "longitude")


def save(bank: Bank, path: Path) -> None:
    """Write a bank; a file of that name is replaced at once when the new one is whole."""
    tensors, text = to_tensors(bank)
    data = to_bytes(tensors, {"format": FORMAT, "bank": text})
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with atomic_replace(path, durable=True) as part:
            part.write_bytes(data)
    except OSError as error:
        raise BankError(f"cannot write the bank {path}: {error}") from error


def load(path: Path, encoder: str | None = None) -> Bank:
    """Read a bank whose codes the encoder of this digest made (None: any encoder).

    Raises BankError if it is missing, empty, damaged, of another version or of another encoder.
    """
    try:
        if path.stat().st_size == 0:
            raise BankError(f"the bank {path} is empty, expected a file that `memory build` wrote")
        with safe_open(path, "np") as opened:
            metadata = opened.metadata() or {}
            names = set(opened.keys())
            tensors = {name: opened.get_tensor(name) for name in {CODES, PLACES} & names}
    except OSError as error:
        raise BankError(f"cannot read the bank {path}: {error}") from error
    except SafetensorError as error:
        raise BankError(f"the bank {path} is damaged or no bank at all: {error}") from error
    if metadata.get("format") != FORMAT:
        raise BankError(
            f"{path} holds a bank of format {metadata.get('format')!r}, expected {FORMAT!r}"
        )
    return from_tensors(tensors, metadata.get("bank", ""), encoder, str(path))


def to_tensors(bank: Bank) -> tuple[dict[str, Bytes], str]:
    """Return the two tensors of a bank, uint8 of one dimension, and the text that belongs to them.

    The text is for a value of the file's metadata; `from_tensors` makes the bank of them again.
    """
    # Codes, two in a byte, and then all that scenes are chosen by.
    codes = b"".join(
        pack(scene.codes[zoom], bank.levels)
        for scene in bank.scenes
        for zoom in sorted(scene.codes)
    )
    places = b"".join(_place_bytes(scene) for scene in bank.scenes)
    # The text says what the bytes are.
    described = {
        "format": FORMAT,
        "encoder": bank.encoder,
        "dimensions": bank.dimensions,
        "levels": bank.levels,
        "digest": bank.digest,
        "scenes": [
            {name: getattr(scene, name) for name in _TEXTS}
            | {"shape": scene.shape, "zooms": sorted(scene.codes)}
            for scene in bank.scenes
        ],
    }
    tensors = {CODES: compress(codes), PLACES: compress(places)}
    described["sha256"] = {name: _sha256(tensor) for name, tensor in tensors.items()}
    return tensors, json.dumps(described, sort_keys=True)


def from_tensors(
    tensors: Mapping[str, Bytes], text: str, encoder: str | None = None, where: str = "the bank"
) -> Bank:
    """Make the bank of what `to_tensors` returned; `where` names its origin in messages.

    encoder: digest of the encoder that must have made the codes, None for any. Raises BankError as
    `load` does.
    """
    # Version and encoder first: other files may hold anything.
    with _damage(where):
        described: dict[str, Any] = json.loads(text)
        version, made_by = described["format"], described["encoder"]
    if version != FORMAT:
        raise BankError(f"{where} holds a bank of format {version!r}, expected {FORMAT!r}")
    if encoder is not None and made_by != encoder:
        raise BankError(
            f"{where} holds codes of the encoder {made_by[:16]}, expected those of {encoder[:16]}: "
            "build it again with this network"
        )
    with _damage(where):
        # Bytes must be those that were written, and give the same bank.
        for name in (CODES, PLACES):
            if _sha256(tensors[name]) != described["sha256"][name]:
                raise ValueError(f"{name} has another digest than was written")
        raw = {name: expand(tensors[name]) for name in (CODES, PLACES)}
        scenes = tuple(_scenes(described, raw))
        bank = Bank(scenes, made_by, described["dimensions"], described["levels"])
        if bank.digest != described["digest"]:
            raise ValueError("the bank has another digest than was written")
    return bank


@contextlib.contextmanager
def _damage(where: str) -> Iterator[None]:
    """Turn whatever reading a damaged bank raises into one sentence."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, lzma.LZMAError, EOFError) as error:
        raise BankError(f"{where} is damaged: {error}") from error


def _place_bytes(scene: Scene) -> bytes:
    """Return descriptors, gates and validity, plane by plane."""
    planes = [np.moveaxis(scene.descriptors, 2, 0), np.moveaxis(scene.gates, 2, 0), scene.valid]
    return b"".join(np.ascontiguousarray(plane).tobytes() for plane in planes)


def _scenes(described: dict[str, Any], raw: dict[str, bytes]) -> Iterator[Scene]:
    """Cut the scenes out of the expanded bytes. Raises ValueError for too few or too many."""
    codes, places = _Cutter(raw[CODES]), _Cutter(raw[PLACES])
    for entry in described["scenes"]:
        (height, width), zooms = entry["shape"], entry["zooms"]
        # Codes of each zoom, packed.
        by_zoom = {}
        for zoom in zooms:
            scale = choosing_scale(zoom)
            shape = (scale * height, scale * width, described["dimensions"])
            levels = described["levels"]
            by_zoom[zoom] = unpack(codes(packed_size(*shape, levels)), shape, levels)
        # Descriptors, gates and validity, plane by plane.
        rows, columns = grid_shape(height, width)
        descriptors = np.moveaxis(places(SIZE, rows, columns).view(np.int8), 0, 2)
        gates = np.moveaxis(places(GATES, rows, columns), 0, 2)
        yield Scene(
            codes=by_zoom,
            descriptors=np.ascontiguousarray(descriptors),
            gates=np.ascontiguousarray(gates),
            valid=places(rows, columns) > 0,
            **{name: entry[name] for name in _TEXTS},
        )
    codes.finish()
    places.finish()


class _Cutter:
    """Cuts arrays of bytes from the front of a buffer."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = np.frombuffer(data, np.uint8), 0

    def __call__(self, *shape: int) -> Bytes:
        """Return the next uint8 array. Raises ValueError if too little is left."""
        size = int(np.prod(shape))
        part = self._data[self._at : self._at + size]
        self._at += size
        return part.reshape(shape)

    def finish(self) -> None:
        """Raise ValueError if anything is left."""
        if self._at != len(self._data):
            raise ValueError(f"{len(self._data) - self._at} bytes too many")


def _sha256(tensor: Bytes) -> str:
    return hashlib.sha256(np.ascontiguousarray(tensor).tobytes()).hexdigest()
