"""The frames of a film that is being made, in a folder beside it, so that making can go on.

A frame gets its name once it is whole. The folder says which film its frames are of; those of
another are removed. One program at a time may use it.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from generator.atomicfile import atomic_replace
from generator.grid.pixels import Pixels
from generator.rasters.notice import save_options
from tileserver.errors import FlightError
from tileserver.flying.flight import FlightPlan

FRAME_BYTES = 2.2
"""Bytes of a frame for each of its pixels, about."""

ENDING = ".frames"
NOTE = "film"
"""Ending of the folder's name, and the file in it that says which film its frames are of."""

_VERSION = 1
"""Of the frames: raised when the same plan and world give others."""


class FrameFolder:
    """The folder of one film. Raises FlightError if it cannot be had.

    target: the film, beside which it lies. key: what the frames depend on, from `key_of`.
    fresh: whether frames of another film had to be removed. frames: the folder of the pictures.
    """

    def __init__(self, target: Path, key: str) -> None:
        self.folder = target.with_name(f".{target.name}{ENDING}")
        self.frames = self.folder / "frames"
        self.fresh = False
        try:
            self.folder.mkdir(exist_ok=True)
            self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            self._enter(target, key)
        except OSError as error:
            raise FlightError(
                f"the folder {self.folder} cannot be written ({error.strerror}), expected a place "
                "for the frames"
            ) from None

    def _enter(self, target: Path, key: str) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise FlightError(f"{target} is being made by another program") from None
        note = self.folder / NOTE
        if not note.is_file() or note.read_text(encoding="ascii") != key:
            self.fresh = self.frames.is_dir()
            shutil.rmtree(self.frames, ignore_errors=True)
            note.write_text(key, encoding="ascii")
        self.frames.mkdir(exist_ok=True)

    def path(self, number: int) -> Path:
        """Return where a frame lies or will lie; numbers start at 0, names at 1."""
        return self.frames / f"{number + 1:06}.png"

    def has(self, number: int) -> bool:
        """Say whether a frame is there."""
        return self.path(number).is_file()

    def put(self, number: int, pixels: Pixels) -> None:
        """Store a frame, uint8 [height, width, 3]."""
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG", compress_level=1, **save_options("PNG"))
        with atomic_replace(self.path(number), folder=self.folder) as part:
            part.write_bytes(stream.getvalue())

    def get(self, number: int) -> Pixels | None:
        """Return a frame, uint8 [height, width, 3], or None if it is missing or damaged."""
        try:
            with Image.open(self.path(number), formats=("PNG",)) as image:
                return np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError):
            return None

    def close(self) -> None:
        """Let the folder go and leave it there; a second call does nothing."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def remove(self) -> None:
        """Remove the folder: the film is made."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.close()


def unfinished(target: Path) -> list[tuple[Path, int]]:
    """Return the folders of other films beside a film that were left unfinished, with their bytes.

    A folder that another program is using is none of them.
    """
    found = []
    for note in sorted(target.absolute().parent.glob(f".*{ENDING}/{NOTE}")):
        folder = note.parent
        if folder.name != f".{target.name}{ENDING}" and _is_idle(folder):
            size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            found.append((folder, size))
    return found


def _is_idle(folder: Path) -> bool:
    """Say whether no program holds the lock of a folder of frames."""
    try:
        with (folder / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def key_of(plan: FlightPlan, world: bytes) -> str:
    """Return a text that is equal for equal frames."""
    fields = [_VERSION, world.hex(), plan.points, plan.altitudes, plan.size, plan.fps]
    length = [plan.seconds, None if plan.seconds else plan.speed]
    return hashlib.sha256(json.dumps([*fields, *length]).encode()).hexdigest()
