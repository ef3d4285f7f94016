"""How the commands of experiments end."""

from __future__ import annotations

import sys
from collections.abc import Callable

from stca.errors import StcaError


def exit_status(work: Callable[[], int | None]) -> int:
    """Do the work: its exit status (None: 0), 1 after an error in one line, 130 where it was interrupted."""
    try:
        return work() or 0
    except StcaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run the same command to resume", file=sys.stderr)
        return 130
