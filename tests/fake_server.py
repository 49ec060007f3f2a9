"""A real server with the fake renderer: python -m tests.fake_server CACHE [NAME=VALUE ...].

NAME is a setting, or `delay` and `loading`: the seconds that a block and the start take; or `gate`:
a file that must be there before the start goes on; or `broken`: the start fails then.
"""

import functools
import sys
import time
from pathlib import Path

from generator.grid.errors import WeightsError
from tests.fakes import FakeRenderer
from tileserver import logs
from tileserver.processes.supervisor import serve
from tileserver.settings import Settings


def load(settings: Settings, delay: float, loading: float, gate: str, broken: str) -> FakeRenderer:
    """Return what makes the tiles; runs in the generator process."""
    if loading:
        (settings.cache / "loading").touch()
        time.sleep(loading)
    while gate and not Path(gate).exists():
        time.sleep(0.02)
    if broken:
        raise WeightsError("the weights are of another version")
    return FakeRenderer(delay)


def main(cache: str, *words: str) -> None:
    """Serve on a free port until a signal ends it."""
    values = dict(word.split("=", 1) for word in words)
    delay, loading = (float(values.pop(name, "0")) for name in ("delay", "loading"))
    gate, broken = (values.pop(name, "") for name in ("gate", "broken"))
    settings = Settings.load({"port": 0, "cache": Path(cache), **values}, {})
    logs.configure("supervisor")
    given = {"delay": delay, "loading": loading, "gate": gate, "broken": broken}
    serve(settings, functools.partial(load, **given))


if __name__ == "__main__":
    main(*sys.argv[1:])
