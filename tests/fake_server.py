"""A real server process with the fake renderer: python -m tests.fake_server PORT CACHE DELAY."""

import sys
from pathlib import Path

from tests.fakes import FakeRenderer
from tileserver import app
from tileserver.settings import Settings


def main(port: str, cache: str, delay: str) -> None:
    """Serve until a signal ends it."""
    app.load_renderer = lambda _: FakeRenderer(float(delay))  # type: ignore
    app.serve(Settings(port=int(port), cache=Path(cache)))


if __name__ == "__main__":
    main(*sys.argv[1:])
