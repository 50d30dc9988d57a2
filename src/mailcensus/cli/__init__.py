"""The command line: one file per verb, thin. `mailcensus.cli.app` puts them together."""

from mailcensus.cli.app import main

__all__ = ["main"]
