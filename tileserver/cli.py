"""The command line: `elsewhere serve | seed | render | upscale | bench`.

Exit status: 0 done, 1 done in part (seeding left holes), 2 asked for something that cannot be
done (one sentence on standard error), 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import NoReturn, TypeVar

from generator.errors import GeneratorError
from generator.tile import Tile
from tileserver.errors import ServerError
from tileserver.region import parse_bbox, parse_zooms

Value = TypeVar("Value")

EXAMPLES = {
    "elsewhere": """\
  elsewhere serve                            browse the Earth at http://127.0.0.1:8000/
  elsewhere serve --seed 7 --port 9000       another Earth, another port
  elsewhere seed --bbox 5.9,45.8,10.5,47.8 --zooms 0-13
  elsewhere render 13/4268/2891 -o tile.png
  elsewhere upscale photo.tif large.tif --gsd 64 --stages 2""",
    "serve": """\
  elsewhere serve
  elsewhere serve --host 0.0.0.0 --port 9000 --seed 7 --cache /var/tmp/tiles
  elsewhere serve --base mars.jpg            the generated surface of another planet""",
    "seed": """\
  elsewhere seed --bbox 5.9,45.8,10.5,47.8 --zooms 0-13
  elsewhere seed --bbox -180,-85,180,85 --zooms 0-7 --dry-run
  elsewhere seed --bbox 177,-19,-178,-16 --zooms 9,11   across the dateline
  The same command again continues a run that was stopped, even by kill -9.""",
    "render": """\
  elsewhere render 15/17073/11564 -o tile.png
  elsewhere render 9/266/180 --seed 7 --no-cache -o - > tile.png""",
    "upscale": """\
  elsewhere upscale photo.png large.png --gsd 64              4 times larger, 16 m per pixel
  elsewhere upscale landsat.tif fine.tif --gsd 30 --stages 2  16 times larger, georeferenced""",
    "bench": """\
  elsewhere bench
  elsewhere bench --quick --json""",
}

SWITCHES = {
    "public": "strangers may come: budgets for clients, details only for this machine or the key",
    "cached-only": "make no tiles, except for clients with the key",
    "access-log": "log every answer",
}

SHARED = {
    "cache": ("DIR", "folder of the tile cache (default: elsewhere in the user's cache folder)"),
    "cache-limit": ("SIZE", "size that the cache may reach, such as 20GB"),
    "seed": ("N", "which parallel Earth, 0 to 2^64 - 1 (default 0)"),
    "base": ("FILE", "equirectangular PNG, JPEG or GeoTIFF of another planet (default: the Earth)"),
    "weights": ("FILE", "weights of the network, safetensors (default: the shipped ones)"),
    "steps": ("N", "sampling steps per tile (default: the weights' own fast choice)"),
    "threads": ("N", "processor threads of the network (default: all cores)"),
}


class Parser(argparse.ArgumentParser):
    """An argument parser that answers a mistake with one sentence."""

    def error(self, message: str) -> NoReturn:
        """Print the sentence and leave with status 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    args = parser().parse_args(join_negative(given))
    try:
        from tileserver import commands

        run: Callable[[argparse.Namespace], int] = getattr(commands, args.command)
        return run(args)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ServerError, GeneratorError) as error:
        print(f"elsewhere {args.command}: {error}", file=sys.stderr)
        return 2
    except MemoryError:
        print(f"elsewhere {args.command}: not enough memory for this", file=sys.stderr)
        return 2


def join_negative(arguments: list[str]) -> list[str]:
    """Write '--bbox', '-10,…' as '--bbox=-10,…': a box may start with a minus sign."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] == "--bbox" and argument[:2].lstrip("-").isdigit():
            joined[-1] += "=" + argument
        else:
            joined.append(argument)
    return joined


def parser() -> Parser:
    """Return the parser of every command."""
    top = Parser(
        prog="elsewhere",
        description="An infinite generated Earth, served as map tiles.",
        epilog="examples:\n" + EXAMPLES["elsewhere"],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"elsewhere {version()}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _serve(_command(commands, "serve", "serve tiles and the map page", *SHARED))
    _seed(_command(commands, "seed", "make every tile of a region in advance", *SHARED))
    _render(_command(commands, "render", "write one tile to a file", *SHARED))
    model = ("seed", "weights", "steps", "threads")
    _upscale(_command(commands, "upscale", "add detail to a picture of your own", *model))
    _bench(_command(commands, "bench", "measure this machine", "base", *model))
    return top


def version() -> str:
    """Return the installed version."""
    try:
        return metadata.version("elsewhere")
    except metadata.PackageNotFoundError:
        return "not installed"


def _command(
    commands: argparse._SubParsersAction[Parser], name: str, help: str, *shared: str
) -> Parser:
    """Add a command with the flags that it shares with others."""
    sub = commands.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + ".",
        epilog="examples:\n" + EXAMPLES[name],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    group = sub.add_argument_group(
        "settings", "each also as ELSEWHERE_<NAME> in the environment or in elsewhere.toml"
    )
    group.add_argument("--config", metavar="FILE", help="TOML file (default: ./elsewhere.toml)")
    for flag in shared:
        metavar, text = SHARED[flag]
        group.add_argument(f"--{flag}", metavar=metavar, help=text)
    sub.set_defaults(settings=group)
    return sub


def _serve(sub: Parser) -> None:
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
    group.add_argument("--nice", metavar="N", help="how far making tiles yields, 0-19 (default 10)")
    for flag, text in SWITCHES.items():
        group.add_argument(f"--{flag}", action="store_const", const=True, help=text)
    group.add_argument(
        "--render-budget", metavar="N", help="blocks of tiles made for one client per minute"
    )
    group.add_argument("--api-key", metavar="KEY", help="opens what is closed to other clients")
    group.add_argument("--log-format", metavar="F", help="text or json (default text)")
    group.add_argument("--log-level", metavar="L", help="debug, info, warning or error")


def _seed(sub: Parser) -> None:
    sub.add_argument(
        "--bbox",
        metavar="W,S,E,N",
        type=_read(parse_bbox),
        required=True,
        help="box in degrees; W > E crosses the dateline",
    )
    sub.add_argument(
        "--zooms",
        metavar="A-B",
        type=_read(parse_zooms),
        required=True,
        help="zooms, such as 0-13 or 9,11",
    )
    sub.add_argument(
        "--dry-run", action="store_true", help="only say how many tiles, bytes and hours"
    )


def _render(sub: Parser) -> None:
    sub.add_argument("tile", metavar="Z/X/Y", type=_read(parse_tile), help="which tile")
    sub.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        help="picture to write (.png, .jpg or .tif), or - for PNG on standard output",
    )
    sub.add_argument("--no-cache", action="store_true", help="neither read nor store tiles")


def _upscale(sub: Parser) -> None:
    sub.add_argument("input", metavar="IN", help="picture or GeoTIFF of any size")
    sub.add_argument("output", metavar="OUT", help="picture to write, 4^N times larger")
    sub.add_argument(
        "--gsd",
        metavar="METRES",
        required=True,
        type=_read(parse_metres),
        help="ground resolution of IN",
    )
    sub.add_argument(
        "--stages",
        metavar="N",
        default=1,
        type=_read(parse_stages),
        help="how many times to enlarge by 4 (default 1)",
    )


def _bench(sub: Parser) -> None:
    sub.add_argument("--quick", action="store_true", help="a first idea within seconds")
    sub.add_argument("--json", action="store_true", help="print JSON")


def parse_tile(text: str) -> Tile:
    """Read 'Z/X/Y'. Raises ValueError with a sentence."""
    parts = text.split("/")
    if len(parts) != 3 or not all(p.isascii() and p.isdigit() and len(p) < 25 for p in parts):
        raise ValueError(f"the tile is {text!r}, expected Z/X/Y such as 13/4268/2891")
    return Tile(*map(int, parts))


def parse_metres(text: str) -> float:
    """Read a ground resolution in metres. Raises ValueError with a sentence."""
    try:
        metres = float(text)
    except ValueError:
        metres = 0.0
    if not 0.01 <= metres <= 100_000:
        raise ValueError(f"the ground resolution is {text!r}, expected metres per pixel such as 64")
    return metres


def parse_stages(text: str) -> int:
    """Read a number of stages. Raises ValueError with a sentence."""
    if not (text.isascii() and text.isdigit() and len(text) < 3 and 1 <= int(text) <= 5):
        raise ValueError(f"the number of stages is {text!r}, expected 1 to 5")
    return int(text)


def _read(reader: Callable[[str], Value]) -> Callable[[str], Value]:
    """Make argparse show the reader's own sentence."""

    def read(text: str) -> Value:
        try:
            return reader(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read
