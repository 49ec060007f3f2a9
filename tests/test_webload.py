"""Load on a URL: what wrk prints is read, and the stand-in for it counts what it gets."""

import shutil

import pytest

from experiments import webload
from experiments.webload import Load, load, read_wrk
from tests.sockets import echo, serving
from tileserver.serving.http import send_plain
from tileserver.serving.protocol import ProtocolContext

PRINTED = """Running 4s test @ http://127.0.0.1:1/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.07ms    2.10ms  30.01ms   93.51%
  Latency Distribution
     50%  611.00us
     75%    0.86ms
     90%    1.49ms
     99%    1.02s
  203 requests in 4.00s, 4.70GB read
Requests/sec:  50049.72
Transfer/sec:      1.17GB
"""


def test_what_wrk_prints_is_read() -> None:
    assert read_wrk(PRINTED) == Load(50049.72, 0.611, 1020.0, 0)
    errors = (
        "  Socket errors: connect 1, read 2, write 0, timeout 3\n  Non-2xx or 3xx responses: 40\n"
    )
    assert read_wrk(PRINTED + errors).failures == 46


@pytest.mark.parametrize("tool", ["Python", "wrk"])
def test_answers_are_counted_and_errors_told(tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if tool == "wrk" and shutil.which("wrk") is None:
        pytest.skip("wrk is not installed")
    monkeypatch.setattr(webload, "client", lambda: tool)

    async def refuse(scope: object, receive: object, send: object) -> None:
        await send_plain(send, 404, [(b"content-length", b"0")])  # type: ignore[arg-type]

    seconds = 1.0 if tool == "wrk" else 0.2
    with serving(ProtocolContext(), echo) as (port, server):
        found = load(f"http://127.0.0.1:{port}/a?b", seconds, 3, {"X-Y": "z"})
        assert found.failures == 0
        assert found.rate > 20
        assert 0 < found.p50_ms <= found.p99_ms
        assert server.server_state.total_requests >= found.rate * seconds * 0.5
        turns = load(f"http://127.0.0.1:{port}", seconds, 3, paths=["/a", "/b"])
        assert (turns.failures, turns.rate > 20) == (0, True)
    with serving(ProtocolContext(), refuse) as (port, _):
        assert load(f"http://127.0.0.1:{port}/", seconds, 3).failures > 20
    with pytest.raises(OSError, match=r"."):
        load(f"http://127.0.0.1:{port}/", seconds, 1)
