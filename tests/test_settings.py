"""Settings: where a value comes from, and one sentence for each bad one."""

from pathlib import Path
from typing import Any

import pytest

from tileserver.errors import SettingsError
from tileserver.settings import Settings, default_cache, parse_size


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_defaults_serve_this_machine_only() -> None:
    settings = Settings.load({}, {})
    assert settings == Settings()
    assert (settings.host, settings.port, settings.seed) == ("127.0.0.1", 8000, 0)
    assert settings.cache == default_cache()


def test_flags_beat_variables_beat_the_file_beats_defaults(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text('port = 1\nseed = 2\nhost = "file"\nhold_seconds = 2.5\n')
    env = {"ELSEWHERE_PORT": "11", "ELSEWHERE_SEED": "12", "OTHER": "x"}
    settings = Settings.load({"port": 21, "host": None}, env, file)
    assert (settings.port, settings.seed, settings.host) == (21, 12, "file")
    assert settings.hold_seconds == 2.5
    assert settings.max_queue == Settings().max_queue


def test_the_file_of_the_working_directory_is_read_unasked(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.toml").write_text('cache = "tiles"\ncache_limit = "2 GiB"\n')
    settings = Settings.load({}, {})
    assert settings.cache == Path("tiles")
    assert settings.cache_limit == 2 << 30


def test_the_default_cache_follows_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert Settings.load({}, {}).cache == Path("/somewhere/elsewhere")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert Settings.load({}, {}).cache == Path.home() / ".cache" / "elsewhere"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("port", "80a", "0 to 65535"),
        ("port", 70000, "0 to 65535"),
        ("port", -1, "0 to 65535"),
        ("port", True, "0 to 65535"),
        ("port", 80.5, "0 to 65535"),
        ("seed", str(2**64), "0 to 18446744073709551615"),
        ("seed", "9" * 5000, "0 to 18446744073709551615"),
        ("seed", "٣", "0 to 18446744073709551615"),
        ("steps", 0, "1 to 1000"),
        ("max_queue", 0, "1 to 1000000"),
        ("archive", "ftp://example.org/a.pmtiles", "a file or an http"),
        ("archive", "https://user:secret@example.org/a.pmtiles", "a file or an http"),
        ("archive", "http://example.org", "a file or an http"),
        ("archive", "", "a path"),
        ("archive_only", "maybe", "true or false"),
        ("hold_seconds", "soon", "0.1 to 3600 seconds"),
        ("hold_seconds", "nan", "0.1 to 3600 seconds"),
        ("cache_limit", "10 bananas", "a size of 1 MiB or more"),
        ("cache_limit", "5", "a size of 1 MiB or more"),
        ("public_url", "ftp://example.org", "a URL"),
        ("public_url", 'http://a/"><script>', "a URL"),
        ("trust_proxy", "perhaps", "true or false"),
        ("workers", 0, "1 to 64"),
        ("nice", 20, "0 to 19"),
        ("render_budget", 0, "1 to 1000000"),
        ("log_format", "xml", "one of: text, json"),
        ("log_level", "loud", "one of: debug, info, warning, error"),
        ("tone", "warm", "one of: natural, none"),
        ("geography", "", "a folder of layers, or none"),
        ("geography", 5, "a folder of layers, or none"),
        ("memory", "", "files of banks"),
        ("memory", "a.bank,none", "files of banks"),
        ("memory", "a.bank,,b.bank", "files of banks"),
        ("memory", "a.bank,a.bank", "files of banks"),
        ("memory", 7, "files of banks"),
        ("cache", "", "a path"),
        ("cache", 5, "a path"),
        ("host", "two words", "a host name"),
    ],
)
def test_a_bad_value_is_one_sentence(name: str, value: Any, expected: str) -> None:
    with pytest.raises(SettingsError, match=f"expected {expected}") as caught:
        Settings.load({name: value}, {})
    message = str(caught.value)
    assert message.startswith(f"--{name.replace('_', '-')} is ")
    assert len(message) < 200


def test_the_sentence_says_where_the_value_stands(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="^ELSEWHERE_PORT is 'x'"):
        Settings.load({}, {"ELSEWHERE_PORT": "x"})
    file = tmp_path / "a.toml"
    file.write_text("port = 'x'")
    with pytest.raises(SettingsError, match=r"^port in .*a\.toml is 'x'"):
        Settings.load({}, {}, file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"prot = 80", "unknown key 'prot', expected some of: host, port, "),
        (b"port = = 3", "is not TOML"),
        (b"\xff\xfe", "is not TOML"),
        (None, "is missing"),
    ],
)
def test_a_bad_file_is_told(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "my.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=message):
        Settings.load({}, {}, file)


def test_a_directory_is_no_settings_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        Settings.load({}, {}, tmp_path)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1048576", 1 << 20), ("20GB", 20 * 10**9), ("1.5 GiB", 3 << 29), ("2m", 2 * 10**6)],
)
def test_sizes_have_units(text: str, size: int) -> None:
    assert parse_size(text, "limit") == size


def test_a_bad_key_is_told_without_showing_it() -> None:
    with pytest.raises(SettingsError, match="8 to 200 printable") as error:
        Settings.load({"api_key": "se cret"}, {})
    assert "se cret" not in str(error.value)
    assert "sesame-open" not in repr(Settings(api_key="sesame-open"))


def test_a_public_server_has_a_budget_unless_it_is_given() -> None:
    assert Settings().budget is None
    assert Settings(public=True).budget == 120
    assert Settings(public=True, render_budget=7).budget == 7
    assert Settings(render_budget=7).budget == 7


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("none", ()),
        ("shipped", ("shipped",)),
        ("mine.bank, shipped", ("mine.bank", "shipped")),
        (["a.bank", "b.bank"], ("a.bank", "b.bank")),
        ([], ()),
        ("~/mine.bank", (str(Path("~/mine.bank").expanduser()),)),
    ],
)
def test_memory_is_files_shipped_or_none(value: object, read: tuple[str, ...]) -> None:
    assert Settings.load({"memory": value}, {}).memory == read
    assert Settings.load({}, {}).memory is None
    if isinstance(value, str):
        assert Settings.load({}, {"ELSEWHERE_MEMORY": value}).memory == read


@pytest.mark.parametrize(
    ("value", "read"),
    [("none", "none"), ("layers", "layers"), ("~/layers", str(Path("~/layers").expanduser()))],
)
def test_geography_is_a_folder_or_none(value: str, read: str, tmp_path: Path) -> None:
    assert Settings.load({"geography": value}, {}).geography == read
    assert Settings.load({}, {"ELSEWHERE_GEOGRAPHY": value}).geography == read
    file = tmp_path / "my.toml"
    file.write_text(f'geography = "{value}"')
    assert Settings.load({}, {}, file).geography == read
    assert Settings.load({}, {}).geography is None
