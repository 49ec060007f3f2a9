"""Reading documents: within a time limit, and with one sentence for whatever goes wrong."""

import json
import socket
import time

import pytest

from generator.grid.errors import ImageryError
from tests.staccatalog import serving

pytest.importorskip("pystac_client")
from generator.imagery import stacreader  # only where pystac-client is
from generator.imagery.stacreader import Reader, absolute, local, shown  # as above


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    (folder / "good.json").write_text(json.dumps({"name": "é"}), encoding="utf-8")
    (folder / "list.json").write_text("[]")
    (folder / "page.html").write_text("<html>")
    (folder / "binary").write_bytes(b"\xff\xfe\x00")
    (folder / "large.json").write_text(json.dumps({"long": "x" * 200_000}))
    with serving(folder) as url:
        yield url


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_documents_of_servers_and_files_are_read(server, tmp_path):
    path = tmp_path / "a b.json"
    path.write_text('{"a": 1}')
    reader = Reader(5)
    assert reader.document(f"{server}/good.json") == {"name": "é"}
    assert reader.document(str(path)) == reader.document(path.as_uri()) == {"a": 1}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("none.json", "none.json answered 404 .*, expected a STAC document"),
        ("list.json", "list.json holds no JSON object, expected a STAC catalogue"),
        ("page.html", "page.html is not JSON"),
        ("binary", "binary is not JSON"),
    ],
)
def test_other_answers_are_explained(server, path, message):
    with pytest.raises(ImageryError, match=message):
        Reader(5).document(f"{server}/{path}")


@pytest.mark.parametrize("path", ["never", "drip"])
def test_a_server_that_does_not_answer_or_only_drips_is_given_up_in_time(server, path):
    before = time.monotonic()
    with pytest.raises(ImageryError, match="did not answer within 0.5 seconds"):
        Reader(0.5).document(f"{server}/{path}?token=secret")
    assert time.monotonic() - before < 5


def test_nobody_there_is_explained_without_the_key():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/catalog.json"
    with pytest.raises(ImageryError, match="cannot be reached: .*refused") as caught:
        Reader(5).document(f"{url}?token=secret")
    assert "secret" not in str(caught.value)


def test_an_endless_answer_is_cut_off(server, monkeypatch):
    monkeypatch.setattr(stacreader, "LARGEST", 100_000)
    with pytest.raises(ImageryError, match="sends more than"):
        Reader(5).document(f"{server}/large.json")


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(ImageryError, match="cannot read .*none.json: No such file"):
        Reader(5).document(str(tmp_path / "none.json"))
    (tmp_path / "odd.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ImageryError, match="odd.json is not JSON"):
        Reader(5).document(str(tmp_path / "odd.json"))


def test_a_server_may_not_point_into_the_files_of_its_reader():
    here = "https://example.org/stac/catalog.json"
    assert absolute("./a/b.tif", here) == "https://example.org/stac/a/b.tif"
    assert absolute("/etc/b.tif", here) == "https://example.org/etc/b.tif"
    for link in ("file:///etc/b.tif", "s3://bucket/b.tif", "/vsizip/b.zip/b.tif"):
        with pytest.raises(ImageryError, match="expected an http address"):
            absolute(link, here)


def test_files_may_point_to_files_and_servers_only(tmp_path):
    here = str(tmp_path / "catalog.json")
    assert absolute("a/b.tif", here) == str(tmp_path / "a" / "b.tif")
    assert absolute("https://example.org/b.tif", here) == "https://example.org/b.tif"
    assert local(absolute("file:///data/b%20c.tif", here)).name == "b c.tif"
    with pytest.raises(ImageryError, match=r"points to s3://bucket/b.tif"):
        absolute("s3://bucket/b.tif", here)


def test_addresses_are_shown_without_their_query():
    assert shown("https://example.org/a.json?sig=secret") == "https://example.org/a.json"
    assert shown("what? folder/a.json") == "what? folder/a.json"
