"""Waiting for a page; playwright's own way compiles a string, which the pages' security policy forbids."""

from __future__ import annotations

import time
from typing import Any


def until(page: Any, expression: str, *, seconds: float = 30.0) -> None:
    """Wait until a JavaScript expression is true."""
    end = time.monotonic() + seconds
    while not _holds(page, expression):
        assert time.monotonic() < end, f"never true: {expression}"
        page.wait_for_timeout(50)


def _holds(page: Any, expression: str) -> bool:
    from playwright.sync_api import Error

    try:
        return bool(page.evaluate(f"Boolean({expression})"))
    except Error as error:
        if "context was destroyed" in str(error):  # another page comes
            return False
        raise
