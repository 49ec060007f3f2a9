"""A real headless Chromium for tests, driven over its DevTools protocol."""

from __future__ import annotations

import base64
import fcntl
import io
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--remote-debugging-pipe",  # commands on descriptor 3, answers on 4: no port, no library
)
LAUNCH = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
ANSWER_SECONDS = 60.0
LEAVING = ("navigated", "context was destroyed", "find default execution context")
"""What Chromium says of a script whose page gave way to another."""


def find_chromium() -> str | None:
    """Path of an installed Chromium, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class PageError(AssertionError):
    """What was asked of the page went wrong in the page."""


class Leaving(PageError):
    """The page was left for another while it was asked."""


class Pipe:
    """Chromium's debugging pipe: JSON messages with a zero byte after each."""

    def __init__(self, write: int, read: int) -> None:
        self._write = write
        self._read = read
        self._rest = b""

    def send(self, message: dict[str, Any]) -> None:
        """Send one message."""
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]

    def receive(self, deadline: float) -> dict[str, Any]:
        """Return the next message. Raises PageError past the deadline or when Chromium ended."""
        while b"\0" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._read], [], [], left)[0]:
                raise PageError(f"Chromium gave no answer within {ANSWER_SECONDS:g} s")
            part = os.read(self._read, 1 << 20)
            if not part:
                raise PageError("Chromium ended")
            self._rest += part
        text, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message


class Page:
    """One tab: evaluates JavaScript, presses keys, takes screenshots, remembers complaints."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._sent = 0
        self._session: dict[str, str] = {}
        self.complaints: list[str] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        answer = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": answer["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a DevTools method and return its result."""
        self._sent += 1
        number = self._sent
        self._pipe.send({"id": number, "method": method, "params": params, **self._session})
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            message = self._pipe.receive(deadline)
            if message.get("id") == number:
                if "error" in message:
                    said = message["error"]["message"]
                    kind = Leaving if any(words in said for words in LEAVING) else PageError
                    raise kind(f"{method}: {said}")
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        method = event.get("method")
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            thrown = details.get("exception", {}).get("description", details["text"])
            self.complaints.append(f"exception: {thrown}")
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            said = [str(part.get("value", part.get("description"))) for part in params["args"]]
            self.complaints.append(f"console {params['type']}: {' '.join(said)}")
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            entry = params["entry"]
            self.complaints.append(f"{entry['source']}: {entry['text']} {entry.get('url', '')}")

    def run(self, script: str) -> Any:
        """Value of a JavaScript expression; promises are awaited."""
        answer = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise PageError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def until(self, script: str, seconds: float = 30.0) -> Any:
        """Value of a JavaScript expression once it is true; PageError when it stays false.

        A page that is left meanwhile, for one that was clicked, counts as false.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                value = self.run(script)
            except Leaving:
                value = False
            if value:
                return value
            if time.monotonic() > deadline:
                raise PageError(f"still not true after {seconds:g} s: {script}")
            time.sleep(0.05)

    def open(self, url: str) -> None:
        """Load a page afresh, also when only its hash differs."""
        self.send("Page.navigate", url="about:blank")
        self.until("location.href === 'about:blank' && document.readyState === 'complete'")
        if url == "about:blank":
            return
        self.send("Page.navigate", url=url)
        self.until("location.href !== 'about:blank' && document.readyState === 'complete'")

    def reload(self) -> None:
        """Load the same address again."""
        self.run("window.before = true")
        self.send("Page.reload")
        self.until("!window.before && document.readyState === 'complete'")

    def viewport(self, width: int, height: int, *, phone: bool = False) -> None:
        """Make the window this large, in CSS pixels; a phone also has touch."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )
        self.send("Emulation.setTouchEmulationEnabled", enabled=phone)

    def screenshot(self, path: Path | None = None) -> NDArray[np.uint8]:
        """What the window shows, uint8 [height, width, 3]; also saved as PNG when asked."""
        data = base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])
        if path is not None:
            path.write_bytes(data)
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    def key(self, key: str, *, shift: bool = False) -> None:
        """Press and release one key, named as KeyboardEvent.key names it."""
        event: dict[str, Any] = {"key": key, "modifiers": 8 if shift else 0}
        text = key if len(key) == 1 else {"Enter": "\r"}.get(key)
        codes = {"Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39}
        event["windowsVirtualKeyCode"] = codes.get(key, 0)
        down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        self.send("Input.dispatchKeyEvent", **event, **down)
        self.send("Input.dispatchKeyEvent", **event, type="keyUp")

    def type(self, text: str) -> None:
        """Insert text into the focused field."""
        self.send("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Click the middle of the element that a CSS selector finds."""
        x, y = self.middle(selector)
        self.drag((x, y), (x, y))

    def middle(self, selector: str) -> tuple[float, float]:
        """Middle of an element in the window, in CSS pixels."""
        found = self.run(
            f"(() => {{ const r = document.querySelector({json.dumps(selector)})"
            ".getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })()"
        )
        return float(found[0]), float(found[1])

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 8) -> None:
        """Press the mouse at `start`, move it to `end` and let go."""

        def mouse(kind: str, x: float, y: float) -> None:
            held: dict[str, Any] = {"button": "left", "clickCount": 1}
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **held)

        mouse("mousePressed", *start)
        if start != end:
            for step in range(1, steps + 1):
                share = step / steps
                x = start[0] + (end[0] - start[0]) * share
                mouse("mouseMoved", x, start[1] + (end[1] - start[1]) * share)
        mouse("mouseReleased", *end)

    def swipe(self, start: tuple[float, float], end: tuple[float, float], steps: int = 8) -> None:
        """Put a finger down at `start`, move it to `end` and lift it."""

        def touch(kind: str, *points: dict[str, float]) -> None:
            self.send("Input.dispatchTouchEvent", type=kind, touchPoints=list(points))

        touch("touchStart", {"x": start[0], "y": start[1]})
        for step in range(1, steps + 1):
            share = step / steps
            x = start[0] + (end[0] - start[0]) * share
            touch("touchMove", {"x": x, "y": start[1] + (end[1] - start[1]) * share})
        touch("touchEnd")


def _high(descriptor: int) -> int:
    """Move a descriptor out of the way of 3 and 4."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved


@contextmanager
def chromium(path: str, *flags: str) -> Iterator[Page]:
    """A tab of a new Chromium with an empty profile; both are gone afterwards.

    flags: for its command line, beside FLAGS.
    """
    commands, answers = [tuple(map(_high, os.pipe())) for _ in range(2)]
    theirs = (commands[0], answers[1])
    with tempfile.TemporaryDirectory(
        prefix="elsewhere-chromium-", ignore_cleanup_errors=True
    ) as profile:
        launch = [sys.executable, "-c", LAUNCH, *map(str, theirs)]
        process = subprocess.Popen(
            [*launch, path, *FLAGS, *flags, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=theirs,
            start_new_session=True,
        )
        for descriptor in theirs:
            os.close(descriptor)
        try:
            yield Page(Pipe(commands[1], answers[0]))
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            os.close(commands[1])
            os.close(answers[0])
