"""``python -m polytask``: the command, where it is not on the path."""

from polytask.cli import main

if __name__ == "__main__":
    main()
