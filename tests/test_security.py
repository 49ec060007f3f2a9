"""What docs/security.md says of pages and files, where no other test holds it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.site import Site, on_site

WEB = Path(__file__).parents[1] / "web"
SINKS = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|srcdoc"


@on_site
async def test_pages_run_their_own_scripts_alone(here: Site) -> None:
    for path in ("/?f=html", "/connect"):
        answer = await here.get(path)
        policy = dict(
            part.strip().split(" ", 1)
            for part in answer.headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == "'self'"
        assert not {"script-src", "script-src-elem", "connect-src", "frame-src"} & set(policy)
        assert policy["base-uri"] == policy["object-src"] == "'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_pages_make_no_html_of_any_text() -> None:
    for file in WEB.glob("*.js"):
        for line in file.read_text(encoding="utf-8").splitlines():
            if re.search(SINKS, line):
                # A constant: in quotes, with nothing put in or added.
                assert re.fullmatch(r"\s*[\w.]+\.innerHTML = '[^'$]*';", line), f"{file}: {line}"


def test_pages_have_no_script_in_their_html() -> None:
    for file in WEB.glob("*.html"):
        text = file.read_text(encoding="utf-8")
        assert re.findall(r"<script[^>]*>([^<]+)", text) == []
        assert not re.search(r"\son\w+=|javascript:", text)


@pytest.mark.parametrize("path", ["/static/leaflet/leaflet.js", "/?f=html"])
def test_many_ranges_cost_no_more_than_the_file(tmp_path: Path, path: str) -> None:
    @on_site
    async def check(here: Site) -> None:
        whole = len((await here.get(path)).content)
        scattered = ",".join(f"{place}-{place}" for place in range(0, 6000, 2))
        for ranges in (scattered, "0-," * 4000 + "0-", "9-1", "-", "0-0,-1"):
            answer = await here.get(path, headers={"range": f"bytes={ranges}"})
            assert answer.status_code in (200, 206, 400, 416)
            assert len(answer.content) <= whole

    check(tmp_path)
