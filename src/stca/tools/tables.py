"""Cells of tables that people open in a spreadsheet."""

from __future__ import annotations


def harmless(text: str) -> str:
    """A cell's text; with an apostrophe before it where a spreadsheet would take it for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
