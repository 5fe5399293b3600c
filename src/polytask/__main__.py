"""The ``polytask`` command, and ``python -m polytask`` where it is not on the path."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command; one that is stopped while it is still being read says so, too."""
    try:
        from polytask.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
