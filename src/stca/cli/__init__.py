"""The command line: parse, one call, print."""

from stca.tools.collector import no_collector

with no_collector(lasting=True):  # a seventh of the time of these imports was the collector's
    from stca.cli.main import main

__all__ = ["main"]
