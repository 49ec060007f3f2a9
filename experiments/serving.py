"""How fast a server is: stored tiles against nginx and under load, or first views."""

from __future__ import annotations

import argparse
import json
import sys

from experiments import benchservers, viewbench, webbench
from experiments.command import Experiment, at_least
from generator import stopping


def run(args: argparse.Namespace) -> int:
    """Measure a server with a cache of its own, and print what was found."""
    print("This takes two to seven minutes", file=sys.stderr)
    command = [sys.executable, "-m", "tileserver", "serve", "--seed", str(args.seed), *args.serve]
    if args.views:
        with benchservers.fresh(command) as (address, _):
            report = viewbench.viewbench(address, 1 if args.quick else viewbench.ROUNDS, args.busy)
        show = viewbench.table
    else:
        report, show = webbench.webbench(command, args.quick, args.seed), webbench.table
    print(json.dumps(report, indent=2) if args.json else show(report))
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the experiment's options."""
    text = "first views, asked for as the page asks, instead of stored tiles"
    parser.add_argument("--views", action="store_true", help=text)
    text = "with --views: processes that compute beside the server [0]"
    parser.add_argument("--busy", metavar="N", type=at_least(0), default=0, help=text)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--seed", type=at_least(0), default=0, help="of the server's world [0]")
    text = "further flags of `elsewhere serve`, behind --"
    parser.add_argument("serve", nargs="*", metavar="FLAG", help=text)


EXPERIMENT = Experiment(
    name="serving",
    summary="Stored tiles over HTTP, with wrk and nginx where they are installed, or first views",
    examples=("--quick", "-- --workers 4", "--views --busy 2"),
    add_arguments=add_arguments,
    run=run,
)

if __name__ == "__main__":
    sys.exit(stopping.command(EXPERIMENT.main))
