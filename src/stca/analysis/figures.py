"""Layout, fonts and files of figures."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from stca.errors import ConfigError
from stca.tools.files import atomic_write

RIGHT, WRONG, QUERY, INK = "#009e73", "#d55e00", "#0072b2", "#222222"
"""Colours of correct matches, wrong matches and queries, safe for colour blindness (Okabe and Ito)."""
SUFFIXES = (".png", ".pdf", ".svg")
PAGE = 7.2
"""Text width of a printed page in inches; fonts in a figure of this width keep their size in print."""

_CJK_FONTS = (
    "Noto Sans CJK",
    "Source Han Sans",
    "WenQuanYi",
    "Droid Sans Fallback",
    "Microsoft YaHei",
    "SimHei",
    "PingFang",
    "Hiragino Sans",
    "Yu Gothic",
    "IPAGothic",
    "Malgun Gothic",
    "NanumGothic",
    "Arial Unicode MS",
)


class Box(NamedTuple):
    """A rectangle on a sheet in inches; (x, y) is its upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Sheet:
    """A figure whose contents are placed in inches from its upper left corner.

    The layout does not depend on the texts, so crops keep their aspect ratio and rows stay aligned.
    """

    width: float
    height: float
    figure: Figure

    @classmethod
    def new(cls, width: float, height: float) -> Sheet:
        """Create an empty sheet of this size in inches."""
        return cls(width, height, Figure(figsize=(width, height)))

    def axes(self, box: Box) -> Axes:
        """Add axes for an image or a plot."""
        left, bottom = box.x / self.width, 1 - (box.y + box.height) / self.height
        size = box.width / self.width, box.height / self.height
        return self.figure.add_axes((left, bottom, *size))

    def text(self, x: float, y: float, text: str, *, size: float = 7.5, **style: Any) -> Text:
        """Add text whose upper left corner, or the anchor chosen by `ha` and `va`, is at (x, y)."""
        style = {"va": "top", "color": INK, "linespacing": 1.25, **style}
        return self.figure.text(x / self.width, 1 - y / self.height, text, fontsize=size, **style)

    words = text  # its name in version 0.1, for one more release


def finish(figure: Figure) -> Figure:
    """Set fallback fonts for Chinese, Japanese and Korean text, if the system has them."""
    for text in _texts(figure):
        text.set_fontfamily(list(font_families()))
    return figure


def _texts(part: Artist) -> Iterator[Text]:
    """All texts but labels of axes that are not shown, which Matplotlib would make for being asked."""
    hidden = (part.xaxis, part.yaxis) if isinstance(part, Axes) and not part.axison else ()
    if isinstance(part, Text):
        yield part
    for child in part.get_children():
        if child not in hidden:
            yield from _texts(child)


def printable(name: str) -> str:
    """Escape a name for drawing: dollar signs, and characters that no installed font has."""
    known = _characters()
    shown = "".join(c if ord(c) in known else c.encode("unicode_escape").decode() for c in name)
    return shown.replace("$", r"\$")


def shorten(name: str, length: int) -> str:
    """Shorten to `length` characters by cutting the beginning, since keys differ at the end."""
    return name if len(name) <= length else "…" + name[1 - length :]


def save_figure(figure: Figure, path: Path, *, dpi: int = 150) -> Path:
    """Write a figure in the format of the file name's suffix, atomically.

    Raises:
        ConfigError: the suffix is not .png, .pdf or .svg.

    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(
            "A figure needs an image file name", expected=" or ".join(SUFFIXES), found=path.name
        )
    with atomic_write(path) as file:
        figure.savefig(file, format=path.suffix[1:].lower(), dpi=dpi, bbox_inches="tight", facecolor="white")
    return path


@functools.cache
def font_families() -> tuple[str, ...]:
    """The default font, then installed fonts with Chinese, Japanese or Korean characters."""
    installed = sorted({font.name for font in font_manager.fontManager.ttflist})
    more = [name for start in _CJK_FONTS for name in installed if name.startswith(start)]
    return ("DejaVu Sans", *dict.fromkeys(more))


@functools.cache
def _characters() -> frozenset[int]:
    """The code points that these fonts can draw."""
    paths = [font_manager.findfont(name) for name in font_families()]
    return frozenset(code for path in paths for code in font_manager.get_font(path).get_charmap())
