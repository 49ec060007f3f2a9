"""A real headless Chromium for tests, driven over its DevTools protocol."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from websockets.sync.client import ClientConnection, connect

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
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
START_SECONDS = 60.0
ANSWER_SECONDS = 60.0


def find_chromium() -> str | None:
    """Path of an installed Chromium, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class PageError(AssertionError):
    """What was asked of the page went wrong in the page."""


class Page:
    """One tab: evaluates JavaScript, presses keys, takes screenshots, remembers complaints."""

    def __init__(self, socket: ClientConnection) -> None:
        """Take over the tab at the other end of `socket`."""
        self._socket = socket
        self._sent = 0
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a DevTools method and return its result."""
        self._sent += 1
        number = self._sent
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            message = json.loads(self._socket.recv(timeout=deadline - time.monotonic()))
            if message.get("id") == number:
                if "error" in message:
                    raise PageError(f"{method}: {message['error']['message']}")
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
        """Value of a JavaScript expression once it is true; PageError when it stays false."""
        deadline = time.monotonic() + seconds
        while True:
            value = self.run(script)
            if value:
                return value
            if time.monotonic() > deadline:
                raise PageError(f"still not true after {seconds:g} s: {script}")
            time.sleep(0.05)

    def open(self, url: str) -> None:
        """Load a page afresh, also when only its hash differs."""
        self.send("Page.navigate", url="about:blank")
        self.until("location.href === 'about:blank' && document.readyState === 'complete'")
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


def _wait_for(ready: Callable[[], str | None], process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        answer = ready()
        if answer:
            return answer
        if process.poll() is not None:
            raise RuntimeError(f"Chromium ended with status {process.returncode} at its start")
        time.sleep(0.05)
    raise RuntimeError(f"Chromium did not start within {START_SECONDS:g} s")


def _page_address(port: str) -> str | None:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
        targets = json.load(answer)
    pages = [str(t["webSocketDebuggerUrl"]) for t in targets if t["type"] == "page"]
    return pages[0] if pages else None


@contextmanager
def chromium(path: str) -> Iterator[Page]:
    """A tab of a new Chromium with an empty profile; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="elsewhere-chromium-") as folder:
        profile = Path(folder) / "profile"
        command = [path, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            note = profile / "DevToolsActivePort"

            def port() -> str | None:
                lines = note.read_text().splitlines() if note.exists() else []
                return lines[0] if len(lines) > 1 else None

            number = _wait_for(port, process)
            address = _wait_for(lambda: _page_address(number), process)
            with connect(address, max_size=None, proxy=None) as socket:
                yield Page(socket)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            time.sleep(0.1)  # its children let go of the profile
