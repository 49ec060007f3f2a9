"""A real server process with the fake renderer: python -m tests.fake_server CACHE DELAY DRAIN."""

import sys
from pathlib import Path

from tests.fakes import FakeRenderer
from tileserver import app
from tileserver.settings import Settings


def main(cache: str, delay: str, drain: str) -> None:
    """Serve until a signal ends it."""
    app.load_renderer = lambda _: FakeRenderer(float(delay))  # type: ignore
    app.DRAIN_SECONDS = float(drain)
    app.serve(Settings(port=0, cache=Path(cache)))


if __name__ == "__main__":
    main(*sys.argv[1:])
