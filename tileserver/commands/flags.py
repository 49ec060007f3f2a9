"""What each command of `elsewhere` can be given, and how its texts are read."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from generator.grid.tile import Tile
from generator.planets.style import STYLES
from generator.rasters import parse_bands, parse_stretch
from tileserver.regions.region import parse_bbox, parse_zooms

Value = TypeVar("Value")

SWITCHES = {
    "public": "strangers may come: budgets for clients, details only for this machine or the key",
    "cached-only": "make no tiles beyond the base map, except for clients with the key",
    "archive-only": "make no tiles that the archive lacks: no weights, no process for making them",
    "access-log": "log every answer",
}


class Parser(argparse.ArgumentParser):
    """An argument parser that answers a mistake with one sentence."""

    def error(self, message: str) -> NoReturn:
        """Print the sentence and leave with status 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def option(
    sub: argparse._ActionsContainer,
    name: str,
    metavar: str,
    help: str,
    reader: Callable[[str], Any] | None = None,
    **given: Any,
) -> None:
    """Add a flag or an operand with a value.

    reader: reads it, and raises ValueError with a sentence. given: what argparse takes besides.
    """
    if reader is not None:
        given["type"] = read(reader)
    sub.add_argument(name, metavar=metavar, help=help, **given)


def switch(sub: argparse._ActionsContainer, name: str, help: str) -> None:
    """Add a flag that takes no value."""
    sub.add_argument(name, action="store_true", help=help)


def serve(sub: Parser) -> None:
    """Add what only `serve` can be given."""
    group = sub.get_default("settings")
    option(group, "--host", "NAME", "address to serve on (default 127.0.0.1)")
    option(group, "--port", "N", "port to serve on (default 8000)")
    option(group, "--public-url", "URL", "where clients reach this server")
    text = "believe X-Forwarded-* headers: only behind a proxy that sets them"
    _setting(group, "--trust-proxy", text)
    option(group, "--workers", "N", "web processes (default 1)")
    text = "PMTiles archive of this world, written by export: its tiles are served from it"
    option(group, "--archive", "FILE|URL", text)
    option(group, "--nice", "N", "how far making tiles yields, 0-19 (default 10)")
    for flag, text in SWITCHES.items():
        _setting(group, f"--{flag}", text)
    option(group, "--render-budget", "N", "blocks of tiles made for one client per minute")
    option(group, "--api-key", "KEY", "opens what is closed to other clients")
    option(group, "--log-format", "F", "text or json (default text)")
    option(group, "--log-level", "L", "debug, info, warning or error")


def _setting(group: argparse._ActionsContainer, name: str, help: str) -> None:
    """Add a setting that is on where it is given; None, not off, says that it is not."""
    group.add_argument(name, action="store_const", const=True, help=help)


def seed(sub: Parser) -> None:
    """Add what only `seed` can be given."""
    _region(sub)
    switch(sub, "--dry-run", "only say how many tiles, bytes and hours")
    switch(sub, "--no-pin", "let a full cache evict the region's tiles")
    option(sub, "--missing", "FILE", "write the tiles that could not be made here, Z/X/Y each")
    nice(sub)
    _cluster(sub)


def export(sub: Parser) -> None:
    """Add what only `export` can be given."""
    text = "file to write: .pmtiles, .mbtiles, .gpkg or .tif; beside --out it may be left out"
    option(sub, "output", "OUT", text, nargs="?")
    _region(sub)
    text = "of the tiles; in a GeoTIFF how it is packed, png being exact (default png)"
    sub.add_argument("--format", choices=("png", "webp", "jpg"), default="png", help=text)
    switch(sub, "--cached", "make no tiles, take what is stored")
    force(sub, "OUT")
    switch(sub, "--dry-run", "only say how many tiles, bytes and hours")
    nice(sub)
    _cluster(sub)


def export_merge(sub: Parser) -> None:
    """Add what `export merge` can be given."""
    option(sub, "output", "OUT", "file to write: .pmtiles or .mbtiles")
    text = "PMTiles files, or folders or s3:// URLs of some"
    option(sub, "shards", "SHARD", text, nargs="+")
    force(sub, "OUT")


def force(sub: Parser, what: str) -> None:
    """Add the leave to replace what is there."""
    switch(sub, "--force", f"replace {what} if it is there")


def _cluster(sub: Parser) -> None:
    group = sub.add_argument_group("a cluster", "many machines, with elsewhere[cluster] on each")
    text = "Ray cluster whose machines make the tiles, each worker with --threads (1)"
    option(group, "--cluster", "auto|ray://HOST:PORT", text, parse_cluster)
    text = "GPUs of a worker, such as 0.25 or 1 (default: 1 where this machine uses one, else 0)"
    option(group, "--gpus", "N", text, parse_gpus)
    text = "each worker writes PMTiles shards here instead of sending tiles"
    option(group, "--out", "DIR|s3://...", text)


def parse_cluster(text: str) -> str:
    """Check the address of a cluster. Raises ValueError with a sentence."""
    if text != "auto" and not re.fullmatch(r"(ray://)?[A-Za-z0-9.\-\[\]:]+:[0-9]{1,5}", text):
        raise ValueError(f"the cluster is {text!r}, expected auto or ray://HOST:PORT")
    return text


def parse_gpus(text: str) -> float:
    """Read how many GPUs a worker takes. Raises ValueError with a sentence."""
    expected = "a part of one such as 0.25, or a whole number up to 64"
    value = parse_number(text, "the number of GPUs", expected, 0, 64)
    if value > 1 and value % 1:
        raise ValueError(f"the number of GPUs is {text!r}, expected {expected}")
    return value


def _region(sub: Parser) -> None:
    where = sub.add_mutually_exclusive_group(required=True)
    option(where, "--bbox", "W,S,E,N", "box in degrees; W > E crosses the dateline", parse_bbox)
    text = "polygons: GeoJSON, GeoJSONSeq, GeoPackage, Shapefile, FlatGeobuf"
    option(where, "--polygon", "FILE", text)
    yes(sub)
    option(sub, "--layer", "NAME", "of a polygon file that has several")
    option(sub, "--zooms", "A-B", "zooms, such as 0-13 or 9,11", parse_zooms, required=True)


def yes(sub: Parser) -> None:
    """Add the leave to begin long work unasked."""
    switch(sub, "--yes", "do not ask before long work")


def nice(sub: Parser) -> None:
    """Add the priority of long work."""
    text = "how far this yields to other programs, 0-19 (default 10)"
    option(sub.get_default("settings"), "--nice", "N", text)


def upscale(sub: Parser) -> None:
    """Add what only `upscale` can be given."""
    option(sub, "input", "IN", "picture or GeoTIFF of any size")
    option(sub, "output", "OUT", "picture to write, 4^N times larger")
    option(sub, "--gsd", "METRES", "ground resolution of IN", parse_metres, required=True)
    text = "how many times to enlarge by 4 (default 1)"
    option(sub, "--stages", "N", text, parse_stages, default=1)
    reading(sub)


def reading(sub: Parser) -> None:
    """Add how pictures of a user's own are read."""
    text = "numbers of the red, green and blue bands, such as 3,2,1 (default: as files say)"
    option(sub, "--bands", "R,G,B", text, parse_bands, default=())
    text = (
        "samples that become black and white, none for the whole range of 16 bits "
        "(default: the 2nd and 98th percentiles of 16-bit pictures)"
    )
    option(sub, "--stretch", "MIN,MAX|none", text, parse_stretch, default="auto")


def planet(sub: Parser) -> None:
    """Add what `planet` can be given."""
    option(sub, "output", "OUT", "picture to write: .png or .jpg")
    text = "which planet, 0 to 2^64 - 1 (default 0)"
    sub.add_argument("--seed", metavar="N", type=int, default=0, help=text)
    text = "; ".join(f"{name}: {style.words}" for name, style in STYLES.items())
    option(sub, "--style", "NAME", text, default="terra")
    text = "pixels, 64 to 16384 (default 4096)"
    sub.add_argument("--width", metavar="N", type=int, default=4096, help=text)


def bench(sub: Parser) -> None:
    """Add what only `bench` can be given."""
    switch(sub, "--quick", "a first idea within seconds")
    switch(sub, "--json", "print JSON")


def cache_stats(sub: Parser) -> None:
    """Add what only `cache stats` can be given."""
    switch(sub, "--json", "print JSON")


def cache_verify(sub: Parser) -> None:
    """Add what only `cache verify` can be given."""
    switch(sub, "--repair", "remove what is damaged")


def cache_clear(sub: Parser) -> None:
    """Add what only `cache clear` can be given."""
    option(sub, "--world", "SEED|all", "whose tiles: a seed's, or everybody's", required=True)
    text = "only tiles that meet this box in degrees; W > E crosses the dateline"
    option(sub, "--bbox", "W,S,E,N", text, parse_bbox)
    option(sub, "--zooms", "A-B", "only these, such as 0-13 or 9,11", parse_zooms)
    switch(sub, "--yes", "do not ask")


def nothing(sub: Parser) -> None:
    """Add nothing: the command has no flags of its own."""


def parse_tile(text: str) -> Tile:
    """Read 'Z/X/Y'. Raises ValueError with a sentence."""
    parts = text.split("/")
    if len(parts) != 3 or not all(p.isascii() and p.isdigit() and len(p) < 25 for p in parts):
        raise ValueError(f"the tile is {text!r}, expected Z/X/Y such as 13/4268/2891")
    return Tile(*map(int, parts))


def parse_metres(text: str) -> float:
    """Read a ground resolution in metres. Raises ValueError with a sentence."""
    expected = "metres per pixel such as 64"
    return parse_number(text, "the ground resolution", expected, 0.01, 100_000)


def parse_stages(text: str) -> int:
    """Read a number of stages. Raises ValueError with a sentence."""
    return parse_whole(text, "the number of stages", 1, 5)


def parse_number(text: str, name: str, expected: str, low: float, high: float) -> float:
    """Read a number from `low` to `high`. Raises ValueError with a sentence."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise ValueError(f"{name} is {text!r}, expected {expected}")
    return value


def parse_whole(text: str, name: str, low: int, high: int) -> int:
    """Read a whole number from `low` to `high`. Raises ValueError with a sentence."""
    plain = text.isascii() and text.isdigit() and len(text) <= len(str(high))
    if not plain or not low <= int(text) <= high:
        raise ValueError(f"{name} is {text!r}, expected {low} to {high}")
    return int(text)


def read(reader: Callable[[str], Value]) -> Callable[[str], Value]:
    """Make argparse show the reader's own sentence."""

    def shown(text: str) -> Value:
        try:
            return reader(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return shown
