"""The benchmark over HTTP measures a server process, here with a fast renderer behind it."""

import json
import sys
from pathlib import Path

import pytest

from experiments import webbench as module
from experiments.benchservers import sample, server
from experiments.webbench import alternate, median, table, webbench
from experiments.webload import Load
from tileserver.encode import decode_png
from tileserver.errors import StartError

FAKE = """
import argparse, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.fakes import FakeRenderer
from tileserver.settings import Settings
from tileserver.processes.supervisor import serve

def load(settings):
    return FakeRenderer(0.01)

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--archive")
    parser.add_argument("--archive-only", action="store_true")
    serve(Settings(**vars(parser.parse_args())), load)
"""


@pytest.mark.slow
def test_the_report_is_whole_json_and_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def brief(url: str, seconds: float, headers: object = None, paths: object = ()) -> Load:
        return load(url, 0.2, 4, headers, paths)  # type: ignore[arg-type]

    load = module.load
    monkeypatch.setattr("experiments.webload.client", lambda: "Python")
    monkeypatch.setattr(module, "load", brief)
    monkeypatch.setattr(module, "static", lambda *_: module.contextlib.nullcontext(None))
    script = tmp_path / "fake.py"
    script.write_text(FAKE.format(root=str(Path(__file__).parents[1])))
    report = json.loads(json.dumps(webbench([sys.executable, str(script)], quick=True)))
    assert 18_000 < report["tile_bytes"] < 22_000
    assert report["server"]["rate"] > 20
    assert report["busy"]["made"] > 0
    assert report["many"]["archived"]["rate"] > 20
    assert report["busy"]["rate_ratio"] > 0
    for found in (report["server"], report["unchanged"], *report["many"].values()):
        assert found["failures"] == 0
    assert "share_of_nginx" not in report
    assert "share of nginx's" in table(report | {"share_of_nginx": 0.6})


def test_a_server_that_does_not_start_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(StartError, match="the server did not start within"),
        server([sys.executable, "-c", "print('no')"], tmp_path / "cache"),
    ):
        pass


def test_the_sample_is_a_tile_of_the_size_asked_for() -> None:
    assert len(sample(20_000)) == pytest.approx(20_000, rel=0.1)
    assert decode_png(sample(60_000)).shape == (256, 256, 3)


def test_rounds_alternate_and_give_medians() -> None:
    order: list[str] = []

    def measure(name: str, rate: float) -> Load:
        order.append(name)
        return Load(rate * len(order), 1.0, 2.0, 1)

    found = alternate({"a": lambda: measure("a", 1), "b": lambda: measure("b", 2)}, 3)
    assert order == ["a", "b"] * 4
    assert found["a"] == {"rate": 5.0, "p50_ms": 1.0, "p99_ms": 2.0, "failures": 3}
    assert median([Load(1, 1, 1, 0), Load(9, 2, 3, 2)])["rate"] == 5
