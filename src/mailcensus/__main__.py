"""`python -m mailcensus` is the `mailcensus` command."""

from mailcensus.cli import main

if __name__ == "__main__":
    main()
