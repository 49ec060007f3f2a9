"""What each command of `elsewhere` can be given, and how its texts are read."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from typing import NoReturn, TypeVar

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


def serve(sub: Parser) -> None:
    """Add what only `serve` can be given."""
    group = sub.get_default("settings")
    group.add_argument("--host", metavar="NAME", help="address to serve on (default 127.0.0.1)")
    group.add_argument("--port", metavar="N", help="port to serve on (default 8000)")
    group.add_argument("--public-url", metavar="URL", help="where clients reach this server")
    group.add_argument(
        "--trust-proxy",
        action="store_const",
        const=True,
        help="believe X-Forwarded-* headers: only behind a proxy that sets them",
    )
    group.add_argument("--workers", metavar="N", help="web processes (default 1)")
    text = "PMTiles archive of this world, written by export: its tiles are served from it"
    group.add_argument("--archive", metavar="FILE|URL", help=text)
    group.add_argument("--nice", metavar="N", help="how far making tiles yields, 0-19 (default 10)")
    for flag, text in SWITCHES.items():
        group.add_argument(f"--{flag}", action="store_const", const=True, help=text)
    group.add_argument(
        "--render-budget", metavar="N", help="blocks of tiles made for one client per minute"
    )
    group.add_argument("--api-key", metavar="KEY", help="opens what is closed to other clients")
    group.add_argument("--log-format", metavar="F", help="text or json (default text)")
    group.add_argument("--log-level", metavar="L", help="debug, info, warning or error")


def seed(sub: Parser) -> None:
    """Add what only `seed` can be given."""
    _region(sub)
    sub.add_argument(
        "--dry-run", action="store_true", help="only say how many tiles, bytes and hours"
    )
    sub.add_argument(
        "--no-pin", action="store_true", help="let a full cache evict the region's tiles"
    )
    sub.add_argument(
        "--missing", metavar="FILE", help="write the tiles that could not be made here, Z/X/Y each"
    )
    nice(sub)
    _cluster(sub)


def export(sub: Parser) -> None:
    """Add what only `export` can be given."""
    text = "file to write: .pmtiles, .mbtiles, .gpkg or .tif; beside --out it may be left out"
    sub.add_argument("output", metavar="OUT", nargs="?", help=text)
    _region(sub)
    sub.add_argument(
        "--format",
        choices=("png", "webp", "jpg"),
        default="png",
        help="of the tiles; in a GeoTIFF how it is packed, png being exact (default png)",
    )
    sub.add_argument("--cached", action="store_true", help="make no tiles, take what is stored")
    sub.add_argument("--force", action="store_true", help="replace OUT if it is there")
    sub.add_argument(
        "--dry-run", action="store_true", help="only say how many tiles, bytes and hours"
    )
    nice(sub)
    _cluster(sub)


def export_merge(sub: Parser) -> None:
    """Add what `export merge` can be given."""
    sub.add_argument("output", metavar="OUT", help="file to write: .pmtiles or .mbtiles")
    sub.add_argument(
        "shards", metavar="SHARD", nargs="+", help="PMTiles files, or folders or s3:// URLs of some"
    )
    sub.add_argument("--force", action="store_true", help="replace OUT if it is there")


def _cluster(sub: Parser) -> None:
    group = sub.add_argument_group("a cluster", "many machines, with elsewhere[cluster] on each")
    group.add_argument(
        "--cluster",
        metavar="auto|ray://HOST:PORT",
        type=read(parse_cluster),
        help="Ray cluster whose machines make the tiles, each worker with --threads (1)",
    )
    group.add_argument(
        "--gpus",
        metavar="N",
        type=read(parse_gpus),
        help="GPUs of a worker, such as 0.25 or 1 (default: 1 where this machine uses one, else 0)",
    )
    group.add_argument(
        "--out",
        metavar="DIR|s3://...",
        help="each worker writes PMTiles shards here instead of sending tiles",
    )


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
    where.add_argument(
        "--bbox",
        metavar="W,S,E,N",
        type=read(parse_bbox),
        help="box in degrees; W > E crosses the dateline",
    )
    where.add_argument(
        "--polygon",
        metavar="FILE",
        help="polygons: GeoJSON, GeoJSONSeq, GeoPackage, Shapefile, FlatGeobuf",
    )
    sub.add_argument("--yes", action="store_true", help="do not ask before long work")
    sub.add_argument("--layer", metavar="NAME", help="of a polygon file that has several")
    sub.add_argument(
        "--zooms",
        metavar="A-B",
        type=read(parse_zooms),
        required=True,
        help="zooms, such as 0-13 or 9,11",
    )


def nice(sub: Parser) -> None:
    """Add the priority of long work."""
    sub.get_default("settings").add_argument(
        "--nice", metavar="N", help="how far this yields to other programs, 0-19 (default 10)"
    )


def upscale(sub: Parser) -> None:
    """Add what only `upscale` can be given."""
    sub.add_argument("input", metavar="IN", help="picture or GeoTIFF of any size")
    sub.add_argument("output", metavar="OUT", help="picture to write, 4^N times larger")
    sub.add_argument(
        "--gsd",
        metavar="METRES",
        required=True,
        type=read(parse_metres),
        help="ground resolution of IN",
    )
    sub.add_argument(
        "--stages",
        metavar="N",
        default=1,
        type=read(parse_stages),
        help="how many times to enlarge by 4 (default 1)",
    )
    reading(sub)


def reading(sub: argparse.ArgumentParser) -> None:
    """Add how pictures of a user's own are read."""
    sub.add_argument(
        "--bands",
        metavar="R,G,B",
        type=read(parse_bands),
        default=(),
        help="numbers of the red, green and blue bands, such as 3,2,1 (default: as files say)",
    )
    sub.add_argument(
        "--stretch",
        metavar="MIN,MAX|none",
        type=read(parse_stretch),
        default="auto",
        help="samples that become black and white, none for the whole range of 16 bits "
        "(default: the 2nd and 98th percentiles of 16-bit pictures)",
    )


def planet(sub: Parser) -> None:
    """Add what `planet` can be given."""
    sub.add_argument("output", metavar="OUT", help="picture to write: .png or .jpg")
    sub.add_argument(
        "--seed", metavar="N", type=int, default=0, help="which planet, 0 to 2^64 - 1 (default 0)"
    )
    sub.add_argument(
        "--style",
        metavar="NAME",
        default="terra",
        help="; ".join(f"{name}: {style.words}" for name, style in STYLES.items()),
    )
    sub.add_argument(
        "--width", metavar="N", type=int, default=4096, help="pixels, 64 to 16384 (default 4096)"
    )


def bench(sub: Parser) -> None:
    """Add what only `bench` can be given."""
    sub.add_argument("--quick", action="store_true", help="a first idea within seconds")
    text = "measure stored tiles over HTTP instead, with wrk and nginx where they are installed"
    sub.add_argument("--http", action="store_true", help=text)
    text = "measure first views over HTTP instead, asked for as the page asks"
    sub.add_argument("--views", action="store_true", help=text)
    text = "with --views: processes that compute beside the server, 0 to 64 (default 0)"
    sub.add_argument("--busy", metavar="N", type=read(parse_busy), default=0, help=text)
    text = "with --http or --views: web processes of the server (default 1)"
    sub.get_default("settings").add_argument("--workers", metavar="N", help=text)
    sub.add_argument("--json", action="store_true", help="print JSON")


def parse_busy(text: str) -> int:
    """Return the number of busy processes. Raises ValueError."""
    return parse_whole(text, "--busy", 0, 64)


def cache_stats(sub: Parser) -> None:
    """Add what only `cache stats` can be given."""
    sub.add_argument("--json", action="store_true", help="print JSON")


def cache_verify(sub: Parser) -> None:
    """Add what only `cache verify` can be given."""
    sub.add_argument("--repair", action="store_true", help="remove what is damaged")


def cache_clear(sub: Parser) -> None:
    """Add what only `cache clear` can be given."""
    sub.add_argument(
        "--world", metavar="SEED|all", required=True, help="whose tiles: a seed's, or everybody's"
    )
    sub.add_argument(
        "--bbox",
        metavar="W,S,E,N",
        type=read(parse_bbox),
        help="only tiles that meet this box in degrees; W > E crosses the dateline",
    )
    sub.add_argument(
        "--zooms", metavar="A-B", type=read(parse_zooms), help="only these, such as 0-13 or 9,11"
    )
    sub.add_argument("--yes", action="store_true", help="do not ask")


def cache_compact(sub: Parser) -> None:
    """Add nothing: `cache compact` has no flags of its own."""


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
