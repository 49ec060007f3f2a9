"""The files for operators: they name settings, paths and times that exist."""

from __future__ import annotations

import configparser
import contextlib
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import httpx
import pytest

from experiments.benchservers import status
from tests.archives import write_archive
from tests.servers import server
from tests.waiting import wait_until
from tileserver.cli import parser
from tileserver.settings import Settings

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
UNIT = ROOT / "docs" / "deploy" / "elsewhere.service"
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")

STOPPING = Settings().drain_seconds + 5 + 2
"""Seconds that a stopping server may take: it drains, then answers, then its processes end."""


def unit() -> configparser.SectionProxy:
    reader = configparser.RawConfigParser(strict=False, interpolation=None)
    reader.optionxform = str  # type: ignore[assignment,method-assign]
    reader.read(UNIT)
    return reader["Service"]


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml", "docs/deploy/elsewhere.service"])
def test_every_variable_is_a_setting(name: str) -> None:
    known = {f"ELSEWHERE_{item.name.upper()}" for item in fields(Settings)}
    named = set(re.findall(r"ELSEWHERE_[A-Z_]+", (ROOT / name).read_text()))
    assert named
    assert named <= known


def test_the_image_copies_what_is_there_and_nothing_hides_it() -> None:
    stage = DOCKERFILE.partition("FROM python:3.11-slim\n")[0]
    copied = [
        part for line in re.findall(r"^COPY (.*)$", stage, re.M) for part in line.split()[:-1]
    ]
    shown = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")
    ]
    assert {"pyproject.toml", "generator", "tileserver", "web"} <= set(copied)
    assert sorted(copied) == sorted(shown)
    assert all((ROOT / part).exists() for part in copied)


def test_the_image_runs_as_nobody_special_from_a_stage_without_build_tools() -> None:
    _, first, second = DOCKERFILE.split("\nFROM ")
    assert "pip install" in first
    assert "pip install" not in second
    assert "USER elsewhere" in second
    assert "VOLUME /cache" in second
    assert second.index("--owner elsewhere") < second.index("USER")


def test_the_command_of_image_and_unit_can_be_given() -> None:
    entry, command = (
        json.loads(re.findall(rf"^{word} (\[.*\])$", DOCKERFILE, re.M)[-1])
        for word in ("ENTRYPOINT", "CMD")
    )
    program, *words = unit()["ExecStart"].split()
    assert [Path(program).name] == entry == ["elsewhere"]
    assert words == command
    assert parser().parse_args(words).command == "serve"


@pytest.mark.parametrize("status", [200, 503])
def test_the_health_check_asks_whether_the_server_is_ready(status: int) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    asked: list[str] = []
    _, code, script = json.loads(re.findall(r"^  CMD (\[.*\])$", DOCKERFILE, re.M)[0])
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        environment = os.environ | {"ELSEWHERE_PORT": str(server.server_port)}
        done = subprocess.run([sys.executable, code, script], env=environment, capture_output=True)
        server.shutdown()
    assert asked == ["/readyz"]
    assert (done.returncode == 0) == (status == 200)


def test_services_are_given_the_time_to_drain() -> None:
    assert int(unit()["TimeoutStopSec"]) > STOPPING
    assert int(COMPOSE["services"]["elsewhere"]["stop_grace_period"].rstrip("s")) > STOPPING
    assert unit()["KillSignal"] == "SIGTERM"
    assert "STOPSIGNAL SIGTERM" in DOCKERFILE


def test_the_composed_service_is_reached_through_the_proxy_only_and_keeps_its_cache() -> None:
    service, proxy = COMPOSE["services"]["elsewhere"], COMPOSE["services"]["proxy"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["volumes"] == ["cache:/cache"]
    assert "cache" in COMPOSE["volumes"]
    assert service["read_only"] is True
    assert proxy["profiles"] == ["public"]
    source = proxy["volumes"][0].split(":")[0]
    assert "elsewhere:8000" in (ROOT / source).read_text()


@pytest.mark.skipif(NGINX is None, reason="needs nginx")
def test_nginx_keeps_what_it_may_and_passes_no_prefix_on(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.pmtiles")
    words = (f"archive={tmp_path / 'a.pmtiles'}", "archive_only=1", "trust_proxy=1")
    with server(tmp_path / "cache", *words) as running, nginx(tmp_path, running.url) as url:

        def get(path: str) -> tuple[int, str]:
            answer = httpx.get(url + path, headers={"x-forwarded-prefix": "/evil"})
            return answer.status_code, answer.headers.get("x-cache", "")

        (template,) = httpx.get(
            f"{url}/tilejson.json", headers={"x-forwarded-prefix": "/evil"}
        ).json()["tiles"]
        assert "evil" not in template
        versioned = "/" + template.format(z=3, x=1, y=2).split("/", 3)[3]
        assert "?v=" in versioned
        for path in (versioned, "/3/1/2.png"):
            assert [get(path) for _ in range(2)] == [(200, "MISS"), (200, "HIT")]
        assert get("/3/1/2.png?x=1") == (200, "HIT")
        for path in ("/3/1/2.png?v=000000000000", "/tilejson.json"):
            assert [get(path) for _ in range(2)] == [(200, "MISS")] * 2
        # No X-Cache: nginx adds headers to good answers only.
        assert [get("/9/1/2.png") for _ in range(2)] == [(404, "")] * 2
        running.process.terminate()
        assert running.process.wait(20) == 0
        assert get(versioned) == (200, "HIT")


@contextlib.contextmanager
def nginx(folder: Path, upstream: str) -> Iterator[str]:
    """Run nginx with the file for operators in front of a server, and give its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = (ROOT / "docs" / "deploy" / "nginx.conf").read_text()
    for old, new in (
        ("/var/cache/nginx/elsewhere", f"{folder}/kept"),
        ("127.0.0.1:8000", upstream.removeprefix("http://")),
        ("listen 80;", f"listen 127.0.0.1:{port};"),
    ):
        assert old in text
        text = text.replace(old, new)
    paths = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{name}_temp_path {folder}/{name};" for name in paths)
    head = f"daemon off; user root; pid {folder}/pid; error_log {folder}/errors;"
    (folder / "conf").write_text(
        f"{head} events {{}} http {{ access_log off; {temporary} {text} }}"
    )
    command = [str(NGINX), "-p", str(folder), "-c", str(folder / "conf")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: process.poll() is not None or status(f"{url}/livez") == 200)
            assert process.poll() is None
            yield url
        finally:
            process.terminate()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.M)
    (tmp_path / UNIT.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / UNIT.name], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
