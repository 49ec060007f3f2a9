"""The server's settings: flags before ELSEWHERE_* variables before a TOML file before defaults."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from generator.base.tone import TONES
from generator.cascade.identityinputs import SHIPPED
from generator.geography.choice import NONE
from tileserver.errors import SettingsError, shortened

PREFIX = "ELSEWHERE_"
DEFAULT_LIMIT = 20 << 30
"""Bytes of the cache unless the settings say otherwise."""
DEFAULT_FILE = Path("elsewhere.toml")
MAX_SEED = (1 << 64) - 1

_URL = re.compile(r"https?://[A-Za-z0-9._\[\]:-]+(?:/[A-Za-z0-9._~-]+)*/?", re.ASCII)

ARCHIVE_URL = re.compile(r"https?://[A-Za-z0-9._\[\]:-]+/[!-~]+", re.ASCII)
"""What is read as the address of an archive; all else is a path."""

PUBLIC_BUDGET = 120
"""Blocks per client and minute of a public server: about eight first views of a large screen."""

LOG_FORMATS = ("text", "json")
LOG_LEVELS = ("debug", "info", "warning", "error")

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS |= {"ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40}


def default_cache() -> Path:
    """Return the user's cache directory for this program."""
    root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(root).expanduser() / "elsewhere"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set about a server.

    seed: world of the addresses that name none. base, weights: files of the user's own, None for
    the shipped ones. tone: of the base map, natural or none, None for its own default. memory:
    files of banks of layouts, `shipped` among them for the weights' own, () for no memory at all,
    None for the weights' own. geography: a folder of layers, none, or None for the base map's own.
    steps: sampler steps, None for the shipped choice. threads: of the
    generator, None for all cores. max_queue: blocks of tiles asked for and not made yet, above
    which requests are turned away. hold_seconds: how long a request waits for its tile.
    drain_seconds: how long tiles are still made once the server is told to stop. cache_limit: bytes
    of the data file. public_url: URL that clients reach the server at, None for what their requests
    name. trust_proxy: whether X-Forwarded-* headers are believed. workers: web processes. nice: by
    how much the process that makes tiles yields to all others, 0 to 19. public: whether strangers
    may reach the server. render_budget: blocks of tiles made for one client per minute, None for
    the default of `public` or else any number. cached_only: make no tiles but the base map's for
    clients without the key. archive: path or URL of a PMTiles archive of the server's world, whose
    tiles are served as they are. archive_only: make no tiles that it does not have. api_key: opens
    what is closed to others. log_format: text or json. access_log: whether every answer is logged.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    seed: int = 0
    cache: Path = field(default_factory=default_cache)
    base: Path | None = None
    tone: str | None = None
    geography: str | None = None
    weights: Path | None = None
    memory: tuple[str, ...] | None = None
    steps: int | None = None
    threads: int | None = None
    max_queue: int = 256
    hold_seconds: float = 20.0
    drain_seconds: float = 5.0
    cache_limit: int = DEFAULT_LIMIT
    public_url: str | None = None
    trust_proxy: bool = False
    workers: int = 1
    nice: int = 10
    public: bool = False
    render_budget: int | None = None
    cached_only: bool = False
    archive: str | None = None
    archive_only: bool = False
    api_key: str | None = field(default=None, repr=False)
    log_format: str = "text"
    log_level: str = "info"
    access_log: bool = False

    @property
    def budget(self) -> int | None:
        """Return how many blocks are made for one client per minute, None for any number."""
        if self.render_budget is None and self.public:
            return PUBLIC_BUDGET
        return self.render_budget

    @classmethod
    def load(
        cls,
        flags: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        file: Path | None = None,
    ) -> Settings:
        """Combine flags (None = not given), environment and file. Raises SettingsError.

        file: a TOML file that must be there; None takes ./elsewhere.toml if it is there.
        """
        found = gather(flags, os.environ if env is None else env, file)
        return cls(**{name: _READERS[name](*given) for name, given in found.items()})


def gather(
    flags: Mapping[str, Any] | None, env: Mapping[str, str], file: Path | None
) -> dict[str, tuple[Any, str]]:
    """Return what was given for each setting, not yet read, and where. Raises SettingsError."""
    source = file if file is not None else DEFAULT_FILE
    found = {name: (value, f"{name} in {source}") for name, value in _read_file(file).items()}
    for name in _READERS:
        variable = PREFIX + name.upper()
        if env.get(variable):
            found[name] = (env[variable], variable)
        if flags and flags.get(name) is not None:
            found[name] = (flags[name], "--" + name.replace("_", "-"))
    return found


def parse_seed(value: object, name: str = "seed") -> int:
    """Read a seed, 0 to 2**64 - 1. Raises SettingsError."""
    return _whole(0, MAX_SEED)(value, name)


def parse_size(value: object, name: str) -> int:
    """Read a number of bytes such as 5000000, '20GB' or '1.5 GiB'. Raises SettingsError."""
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([kmgt]i?)?b?", str(value).lower())
    size = int(float(match[1]) * _UNITS[match[2] or ""]) if match else 0
    if size < 1 << 20:
        raise SettingsError(f"{name} is {_shown(value)}, expected a size of 1 MiB or more: 20GB")
    return size


def _read_file(file: Path | None) -> dict[str, Any]:
    path = file if file is not None else DEFAULT_FILE
    try:
        with path.open("rb") as stream:
            content = tomllib.load(stream)
    except FileNotFoundError:
        if file is None:
            return {}
        raise SettingsError(f"the settings file {path} is missing, expected a TOML file") from None
    except OSError as error:
        raise SettingsError(
            f"the settings file {path} cannot be read ({error.strerror}), expected a TOML file"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"the settings file {path} is not TOML: {error}") from None
    for name in content:
        if name not in _READERS:
            raise SettingsError(
                f"the settings file {path} has an unknown key {_shown(name)}, "
                f"expected some of: {', '.join(_READERS)}"
            )
    return content


def _whole(low: int, high: int) -> Callable[[object, str], int]:
    def read(value: object, name: str) -> int:
        text = str(value)
        sound = not isinstance(value, bool) and re.fullmatch(r"[0-9]{1,20}", text, re.ASCII)
        if not sound or not low <= int(text) <= high:
            raise SettingsError(f"{name} is {_shown(value)}, expected {low} to {high}")
        return int(text)

    return read


def _seconds(value: object, name: str) -> float:
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = -1.0
    if not 0.1 <= seconds <= 3600:
        raise SettingsError(f"{name} is {_shown(value)}, expected 0.1 to 3600 seconds")
    return seconds


def _path(value: object, name: str) -> Path:
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise SettingsError(f"{name} is {_shown(value)}, expected a path")
    return Path(value).expanduser()


def _archive(value: object, name: str) -> str:
    """Read the path or the http(s) URL of an archive."""
    if isinstance(value, str) and "://" in value:
        if not ARCHIVE_URL.fullmatch(value):
            raise SettingsError(
                f"{name} is {_shown(value.partition('://')[0] + '://...')}, expected a file or an "
                "http(s) URL without a user's name"  # which is not shown, as a password may follow
            )
        return value
    return str(_path(value, name))


def _geography(value: object, name: str) -> str:
    """Read the path of a folder, or 'none'."""
    if value == NONE:
        return NONE
    try:
        return str(_path(value, name))
    except SettingsError:
        raise SettingsError(
            f"{name} is {_shown(value)}, expected a folder of layers, or {NONE}"
        ) from None


def _memory(value: object, name: str) -> tuple[str, ...]:
    """Read 'FILE,FILE', 'shipped' or 'none', or a list of such names."""
    named = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if named in (["none"], []):
        return ()
    if (
        not isinstance(named, list)
        or not all(isinstance(part, str) and part and "\0" not in part for part in named)
        or "none" in named
        or len(set(named)) < len(named)
    ):
        raise SettingsError(
            f"{name} is {_shown(value)}, expected files of banks with commas between them, one of "
            "which may be shipped, or none"
        )
    return tuple(part if part == SHIPPED else str(Path(part).expanduser()) for part in named)


def _host(value: object, name: str) -> str:
    if not isinstance(value, str) or not value.strip() or any(c.isspace() for c in value):
        raise SettingsError(f"{name} is {_shown(value)}, expected a host name or an IP address")
    return value


def _secret(value: object, name: str) -> str:
    text = str(value)
    if not re.fullmatch(r"[!-~]{8,200}", text):
        raise SettingsError(
            f"{name} has {len(text)} characters, expected 8 to 200 printable ASCII characters "
            "without blanks"
        )
    return text


def _choice(*known: str) -> Callable[[object, str], str]:
    def read(value: object, name: str) -> str:
        if value not in known:
            raise SettingsError(f"{name} is {_shown(value)}, expected one of: {', '.join(known)}")
        return str(value)

    return read


def _url(value: object, name: str) -> str:
    if not isinstance(value, str) or not _URL.fullmatch(value):
        raise SettingsError(f"{name} is {_shown(value)}, expected a URL: https://example.org/maps")
    return value.rstrip("/")


def _switch(value: object, name: str) -> bool:
    text = str(value).lower()
    if text not in ("true", "false", "1", "0", "yes", "no", "on", "off"):
        raise SettingsError(f"{name} is {_shown(value)}, expected true or false")
    return text in ("true", "1", "yes", "on")


def _shown(value: object) -> str:
    text = repr(str(value) if isinstance(value, Path) else value)
    return shortened(text)


_READERS: dict[str, Callable[[object, str], Any]] = {
    "host": _host,
    "port": _whole(0, 65535),
    "seed": parse_seed,
    "cache": _path,
    "base": _path,
    "tone": _choice(*TONES),
    "geography": _geography,
    "weights": _path,
    "memory": _memory,
    "steps": _whole(1, 1000),
    "threads": _whole(1, 1024),
    "max_queue": _whole(1, 1_000_000),
    "hold_seconds": _seconds,
    "drain_seconds": _seconds,
    "cache_limit": parse_size,
    "public_url": _url,
    "trust_proxy": _switch,
    "workers": _whole(1, 64),
    "nice": _whole(0, 19),
    "public": _switch,
    "render_budget": _whole(1, 1_000_000),
    "cached_only": _switch,
    "archive": _archive,
    "archive_only": _switch,
    "api_key": _secret,
    "log_format": _choice(*LOG_FORMATS),
    "log_level": _choice(*LOG_LEVELS),
    "access_log": _switch,
}
assert set(_READERS) == {item.name for item in fields(Settings)}
