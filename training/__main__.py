"""`python -m training`: Ctrl-C is answered from here on, also while the rest is imported."""

import signal
import sys


def main() -> int:
    """Run the command line; return its exit status."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends this silently while the next is imported
    from generator import stopping

    def run() -> int:
        from training.packages import missing_packages

        if (missing := missing_packages()) is not None:
            print(f"training: {missing}", file=sys.stderr)
            return 2
        from training.cli import main as cli

        return cli()

    return stopping.command(run)


if __name__ == "__main__":
    sys.exit(main())
