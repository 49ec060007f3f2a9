"""The command line: `elsewhere serve | seed | export | cache | render | upscale | ...`.

Exit status: 0 done, 1 done in part (seeding left holes), 2 asked for something that cannot be
done (one sentence on standard error), 130 stopped by Ctrl-C or SIGTERM (one line there).
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from generator import stopping
from generator.grid.errors import GeneratorError
from tileserver.commands import datasetflags, flags, flyflags, memoryflags, renderflags
from tileserver.commands.flags import Parser
from tileserver.documents.about import version
from tileserver.errors import ServerError

EXAMPLES = {
    "elsewhere": """\
  elsewhere serve                            browse the Earth at http://127.0.0.1:8000/
  elsewhere serve --seed 7 --port 9000       another Earth, another port
  elsewhere seed --bbox 5.9,45.8,10.5,47.8 --zooms 0-13
  elsewhere export alps.pmtiles --bbox 5.9,45.8,10.5,47.8 --zooms 0-11
  elsewhere fly "46.5,7.6 47.4,8.5" -o film.mp4 --altitude 400km:5km
  elsewhere render 13/4268/2891 -o tile.png
  elsewhere render --center 46.8,9.8 --gsd 100 --crs EPSG:3035 -o alps.tif
  elsewhere memory build photos -o mine.bank
  elsewhere upscale photo.tif large.tif --gsd 64 --stages 2""",
    "serve": """\
  elsewhere serve
  elsewhere serve --host 0.0.0.0 --port 9000 --seed 7 --cache /var/tmp/tiles
  elsewhere serve --base mars.jpg            the generated surface of another planet
  elsewhere serve --base planet:3            a planet that is made up too
  elsewhere serve --geography none           coasts and rivers as the base map alone has them
  elsewhere serve --archive alps.pmtiles     what `elsewhere export` wrote, the rest is made
  elsewhere serve --archive https://example.org/alps.pmtiles --archive-only""",
    "seed": """\
  elsewhere seed --bbox 5.9,45.8,10.5,47.8 --zooms 0-13
  elsewhere seed --bbox -180,-85,180,85 --zooms 0-7 --dry-run
  elsewhere seed --bbox 177,-19,-178,-16 --zooms 9,11   across the dateline
  elsewhere seed --polygon alps.geojson --zooms 0-11 --nice 19
  elsewhere seed --polygon alps.geojson --zooms 12,13 --missing missing.txt
  elsewhere seed --polygon africa.geojson --zooms 0-13 --cluster auto --yes
  The same command again continues a run that was stopped, even by kill -9. A box whose west is
  greater than its east crosses the dateline.""",
    "export": """  elsewhere export alps.pmtiles --bbox 5.9,45.8,10.5,47.8 --zooms 0-11
  elsewhere export fiji.mbtiles --bbox 177,-19,-178,-16 --zooms 0-9 --format webp
  elsewhere export alps.gpkg --bbox 5.9,45.8,10.5,47.8 --zooms 0-11 --format jpg
  elsewhere export alps.tif --polygon alps.geojson --zooms 11
  elsewhere export all.pmtiles --bbox -180,-85,180,85 --zooms 0-15 --cached --force
  elsewhere export --bbox 5.9,45.8,10.5,47.8 --zooms 0-15 --cluster auto --out s3://maps/alps""",
    "export merge": """\
  elsewhere export merge alps.pmtiles s3://maps/alps
  elsewhere export merge both.mbtiles alps.pmtiles jura.pmtiles --force""",
    "fly": """\
  elsewhere fly "46.5,7.6 47.4,8.5" -o film.mp4 --altitude 400km:5km
  elsewhere fly "30.0,31.2 24.1,32.9" -o nile.webp --altitude 60km --size 384x216 --fps 12
  elsewhere fly path.geojson -o frames --altitude 40km --seconds 20 --seed 7
  elsewhere fly path.geojson -o film.mp4 --altitude 40km --dry-run
  The same command again continues a film that was stopped, even by kill -9.""",
    "render": """\
  elsewhere render 15/17073/11564 -o tile.png
  elsewhere render 9/266/180 --seed 7 --no-cache -o - > tile.png
  elsewhere render --center -1.29,36.82 --gsd 10 -o nairobi.tif        in its UTM zone
  elsewhere render --center 46.8,9.8 --gsd 100 --crs EPSG:3035 --size 4096x2048 -o alps.tif
  elsewhere render --center 90,0 --gsd 5000 --crs EPSG:3995 -o arctic.png
  Pixels lie on whole multiples of --gsd, so that pictures of one system and size fit together.
  The same command again takes the tiles that were made before it was stopped from the cache.""",
    "upscale": """\
  elsewhere upscale photo.png large.png --gsd 64              4 times larger, 16 m per pixel
  elsewhere upscale landsat.tif fine.tif --gsd 30 --stages 2  16 times larger, georeferenced
  elsewhere upscale planetscope.tif fine.tif --gsd 3 --bands 3,2,1 --stretch 0,3000""",
    "dataset": """\
  elsewhere dataset pairs pairs --zooms 11,13 --count 500 --land
  elsewhere dataset variants photos varied --gsd 10 --per-image 4""",
    "pairs": """\
  elsewhere dataset pairs pairs --zooms 11,13 --count 500 --seeds 0-3
  elsewhere dataset pairs alps --zooms 13 --count 200 --bbox 5.9,45.8,10.5,47.8
  elsewhere dataset pairs land --zooms 7,9,11,13,15 --count 50 --land --dry-run
  The same command again continues a run that was stopped; a greater count adds to it.""",
    "variants": """\
  elsewhere dataset variants photos varied --gsd 10 --per-image 4
  elsewhere dataset variants photos varied --gsd 10 --stages 2 --strength 0.5
  photos/ holds a folder per class: photos/forest/a.png, photos/river/b.tif, ...""",
    "memory": """\
  elsewhere memory build photos -o mine.bank
  elsewhere serve --memory mine.bank
  elsewhere memory show mine.bank -o sheet.png""",
    "build": """\
  elsewhere memory build photos -o mine.bank
  elsewhere memory build drone -o mine.bank --gsd 0.2 --zooms 15
  elsewhere memory build https://example.org/catalog.json -o mine.bank --bbox 5.9,45.8,6.9,46.8
  elsewhere serve --memory mine.bank,shipped   mixed with the shipped memory
  The same command again continues a build that was stopped. mine.bank.sheet.webp shows what was
  taken, and what was refused and why.""",
    "show": """\
  elsewhere memory show mine.bank
  elsewhere memory show shipped -o sheet.png""",
    "planet": """\
  elsewhere planet third.png --seed 3
  elsewhere planet ice.png --seed 8 --style ice --width 8192
  elsewhere serve --base third.png
  elsewhere serve --base planet:3            the same planet, drawn when it is loaded
  elsewhere serve --base planet:8:ice""",
    "cache": """\
  elsewhere cache stats
  elsewhere cache clear --world 7 --bbox 5.9,45.8,10.5,47.8 --zooms 12-15""",
    "stats": """\
  elsewhere cache stats
  elsewhere cache stats --cache /var/tmp/tiles --json""",
    "verify": """\
  elsewhere cache verify            exit status 1 when there is damage
  elsewhere cache verify --repair   and remove it; tiles are made again when asked for""",
    "clear": """\
  elsewhere cache clear --world 7
  elsewhere cache clear --world 0 --bbox 177,-19,-178,-16 --zooms 9-15
  elsewhere cache clear --world all --yes""",
    "compact": """\
  elsewhere cache compact           the server must not be running""",
    "bench": """\
  elsewhere bench
  elsewhere bench --quick --json""",
}

STOPPED = {
    "seed": "the same command goes on from here",
    "export": "{output} was not written. What was made is stored",
    "shards": "the same command goes on from here",
    "export merge": "{output} was not written",
    "fly": "{output} was not written. The same command goes on from here",
    "render": "{output} was not written. What was stored is not made again",
    "upscale": "{output} was not written",
    "planet": "{output} was not written",
    "build": "the same command goes on from here",
    "pairs": "the same command goes on from here",
    "variants": "the same command goes on from here",
}
"""What is left of a command that was told to stop."""

SHARED = {
    "cache": ("DIR", "folder of the tile cache (default: elsewhere in the user's cache folder)"),
    "cache-limit": ("SIZE", "size that the cache may reach, such as 20GB"),
    "seed": ("N", "which parallel Earth, 0 to 2^64 - 1 (default 0)"),
    "base": (
        "FILE|planet:N",
        "equirectangular picture of another planet, or the made-up planet N, such as "
        "planet:3 or planet:3:ice (default: the Earth)",
    ),
    "tone": (
        "NAME",
        "of the base map: natural, as satellite imagery has it, or none, as the picture is "
        "(default: natural, none for a picture of your own)",
    ),
    "geography": (
        "none|DIR",
        "folder with layers of coasts, rivers, towns and roads to draw after, or none "
        "(default: the base map's own, none for a picture of your own)",
    ),
    "weights": ("FILE", "weights of the network, safetensors (default: the shipped ones)"),
    "memory": (
        "FILE,...|none",
        "banks of layouts to draw from, made by memory build; shipped names the weights' own, none "
        "draws without (default: the weights' own)",
    ),
    "steps": ("N", "sampling steps per tile (default: the weights' own fast choice)"),
    "threads": ("N", "processor threads of the network (default: all cores)"),
}

ACTIONS: dict[str, tuple[str, Callable[[Parser], None]]] = {
    "stats": (
        "show what is stored, for which worlds and zooms, and how much room is left",
        flags.cache_stats,
    ),
    "verify": ("read every stored tile and list the damaged ones", flags.cache_verify),
    "clear": ("remove tiles of a world, a box or some zooms", flags.cache_clear),
    "compact": (
        "make the file as small as its tiles, while nobody else uses the cache",
        flags.nothing,
    ),
    "build": ("make a bank of layouts from imagery of your own", memoryflags.build),
    "show": ("show what a bank holds, and where it comes from", memoryflags.show),
    "pairs": (
        "write pairs of a parent and the child that one stage makes of it",
        datasetflags.pairs,
    ),
    "variants": (
        "write variants of labelled pictures: made coarse, and made again",
        datasetflags.variants,
    ),
}
"""What the commands that consist of several actions can do, and what adds the flags of each."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    args = parser().parse_args(joined_words(given))
    try:
        if getattr(args, "print_config", False):
            from tileserver.commands.configtext import config_text

            print(config_text(args), end="")
            return 0
        module, _, name = args.run.partition(":")
        run: Callable[[argparse.Namespace], int] = getattr(import_module(module), name)
        return run(args)
    except KeyboardInterrupt:
        stopping.say(stopped(args))
        return stopping.STATUS
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ServerError, GeneratorError) as error:
        print(f"elsewhere {args.command}: {error}", file=sys.stderr)
        return 2
    except MemoryError:
        print(f"elsewhere {args.command}: not enough memory for this", file=sys.stderr)
        return 2


def stopped(args: argparse.Namespace) -> str:
    """Return what is said of a command that was told to stop."""
    left = STOPPED.get(getattr(args, "action", args.command))
    return f"Stopped; {left.format_map(vars(args))}." if left else "Stopped."


def joined_words(arguments: list[str]) -> list[str]:
    """Join words that argparse would take apart, or for something else.

    'export merge' becomes one command; '-10,…' no flag: '--bbox=-10,…' for a box, a space before it
    for the path of `fly`.
    """
    if arguments[:2] == ["export", "merge"]:
        arguments = ["export merge", *arguments[2:]]
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] == "--bbox" and argument[:2].lstrip("-").isdigit():
            joined[-1] += "=" + argument
        elif re.match(r"-\d[\d.]*,", argument):  # a path's first latitude
            joined.append(" " + argument)
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
    world = ("base", "tone", "geography")
    model = ("seed", "weights", "memory", "steps", "threads")
    flags.serve(_command(commands, "serve", "serve tiles and the map page", *SHARED))
    flags.seed(_command(commands, "seed", "make every tile of a region in advance", *SHARED))
    flags.export(_command(commands, "export", "write a region to one file", *SHARED))
    merge = _parser(commands, "export merge", "join shards of one world to one file")
    merge.set_defaults(run="tileserver.commands.merge:merge")
    flags.export_merge(merge)
    flyflags.fly(_command(commands, "fly", "film a flight over a world", *SHARED))
    cache = ("cache", "cache-limit")
    _group(
        commands,
        "cache",
        "look after the tile cache",
        dict.fromkeys(("stats", "verify", "clear", "compact"), cache),
    )
    text = "write a tile, or a picture of any place, to a file"
    renderflags.render(_command(commands, "render", text, *SHARED))
    flags.upscale(_command(commands, "upscale", "add detail to a picture of your own", *model))
    memory = {"build": model[1::3], "show": ("base", "tone", *model[1::3])}
    _group(commands, "memory", "make and show banks of layouts", memory)
    pictures = {"pairs": (*world, *model[1:]), "variants": model}
    _group(commands, "dataset", "write pictures to train other networks with", pictures)
    # It needs no settings: a planet is drawn by nothing but its own flags.
    planet = _parser(commands, "planet", "draw a made-up planet as a base map")
    planet.set_defaults(run="tileserver.commands.planet:planet")
    flags.planet(planet)
    flags.bench(_command(commands, "bench", "measure this machine", *world, *model))
    return top


def _group(
    commands: argparse._SubParsersAction[Parser],
    name: str,
    text: str,
    shared: Mapping[str, Sequence[str]],
) -> None:
    """Add a command of several actions. shared: the flags that each shares with others."""
    adding = _parser(commands, name, text).add_subparsers(
        dest="action", required=True, metavar="ACTION"
    )
    for action, names in shared.items():
        help, add_flags = ACTIONS[action]
        parser = _command(adding, action, help, *names)
        parser.set_defaults(run=f"tileserver.commands.{name}:{action}")
        add_flags(parser)


def _parser(commands: argparse._SubParsersAction[Parser], name: str, help: str) -> Parser:
    """Add a command with its help and examples."""
    return commands.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + ".",
        epilog="examples:\n" + EXAMPLES[name],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _command(
    commands: argparse._SubParsersAction[Parser], name: str, help: str, *shared: str
) -> Parser:
    """Add a command with the flags that it shares with others."""
    sub = _parser(commands, name, help)
    group = sub.add_argument_group(
        "settings", "each also as ELSEWHERE_<NAME> in the environment or in elsewhere.toml"
    )
    group.add_argument("--config", metavar="FILE", help="TOML file (default: ./elsewhere.toml)")
    for flag in shared:
        metavar, text = SHARED[flag]
        group.add_argument(f"--{flag}", metavar=metavar, help=text)
    group.add_argument(
        "--print-config",
        action="store_true",
        help="only print every setting and where it comes from, as TOML",
    )
    sub.set_defaults(settings=group, run=f"tileserver.commands.{name}:{name}")
    return sub
