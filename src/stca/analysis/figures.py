"""How pictures are made and kept."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from stca.errors import ConfigError
from stca.files import atomic_write

RIGHT, WRONG, QUERY, INK = "#1a9850", "#d73027", "#4575b4", "#222222"
SUFFIXES = (".png", ".pdf", ".svg")


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure in the format its name ends in, atomically.

    Raises:
        ConfigError: an ending that is no picture's.

    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError("A picture needs a picture's name", expected=" or ".join(SUFFIXES), found=path.name)
    with atomic_write(path) as file:
        figure.savefig(file, format=path.suffix[1:].lower(), dpi=150, bbox_inches="tight", facecolor="white")
    return path
