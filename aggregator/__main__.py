"""`python -m aggregator` is the `aggregator` command."""

import sys


def main() -> None:
    """Run the command; who interrupts it while it is still loading sees no traceback."""
    try:
        from aggregator.cli import main as run  # noqa: PLC0415 - what is interrupted is mostly this import

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
