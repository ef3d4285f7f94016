"""The command line: parse, one call, print."""

from stca.cli.main import main

__all__ = ["main"]
