"""How often each piece of work was begun, on disk: a piece that ends its process is found out, too."""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stca.tools.files import write_text
from stca.tools.tables import harmless

FAILED_FILE = "failed.csv"


@dataclass(frozen=True, slots=True)
class Attempts:
    """A folder with one file per piece that was begun and has not ended well.

    Args:
        folder: below the results; all machines see it.
        most: how often a piece is begun in one run.

    """

    folder: Path
    most: int = 3

    def clear(self) -> None:
        """Forget those of earlier runs."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def begin(self, name: str) -> bool:
        """Count one more attempt; False, and nothing is counted, if there were enough."""
        path = self._path(name)
        begun = len(path.read_text()) if path.exists() else 0
        if begun >= self.most:
            return False
        path.write_text("x" * (begun + 1))
        return True

    def succeed(self, name: str) -> None:
        """Remove a piece that ended well."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.folder / hashlib.blake2b(name.encode(), digest_size=12).hexdigest()


def write_failed(folder: Path, reasons: Mapping[str, str]) -> None:
    """Write which pieces were set aside, and why; without any, remove the file of an earlier run."""
    if not reasons:
        (folder / FAILED_FILE).unlink(missing_ok=True)
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("video", "reason"))
    writer.writerows((harmless(name), harmless(" ".join(why.split()))) for name, why in reasons.items())
    write_text(folder / FAILED_FILE, text.getvalue())
