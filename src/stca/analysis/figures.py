"""How pictures are made and kept."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from stca.errors import ConfigError
from stca.tools.files import atomic_write

RIGHT, WRONG, QUERY, INK = "#009e73", "#d55e00", "#0072b2", "#222222"
"""Green, red and blue that people with any colour vision can tell apart (Okabe and Ito)."""
SUFFIXES = (".png", ".pdf", ".svg")
PAGE = 7.2
"""Width of a page's text in inches: fonts of a figure this wide are printed at their size."""

_MORE_SCRIPTS = (
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
    """A place on a sheet in inches; (x, y) is its upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Sheet:
    """An empty figure on which things are placed in inches from its upper left corner.

    Crops keep their shape and rows stay in line, whatever the words beside them.
    """

    width: float
    height: float
    figure: Figure

    @classmethod
    def new(cls, width: float, height: float) -> Sheet:
        """Of that size in inches."""
        return cls(width, height, Figure(figsize=(width, height)))

    def axes(self, box: Box) -> Axes:
        """For a picture or a plot."""
        left, bottom = box.x / self.width, 1 - (box.y + box.height) / self.height
        size = box.width / self.width, box.height / self.height
        return self.figure.add_axes((left, bottom, *size))

    def text(self, x: float, y: float, text: str, *, size: float = 7.5, **style: Any) -> Text:
        """Text whose upper left corner (or what `ha` and `va` say) is at (x, y)."""
        style = {"va": "top", "color": INK, "linespacing": 1.25, **style}
        return self.figure.text(x / self.width, 1 - y / self.height, text, fontsize=size, **style)

    words = text  # its name in version 0.1, for one more release


def finish(figure: Figure) -> Figure:
    """Let every text fall back on fonts with more scripts, where the machine has them."""
    for text in figure.findobj(Text):
        text.set_fontfamily(list(font_families()))
    return figure


def printable(name: str) -> str:
    """A name from outside, ready to be drawn: no mathematics in it, no boxes for what no font can show."""
    known = _characters()
    shown = "".join(c if ord(c) in known else c.encode("unicode_escape").decode() for c in name)
    return shown.replace("$", r"\$")


def shorten(name: str, length: int) -> str:
    """At most `length` characters, the end kept, since keys differ there."""
    return name if len(name) <= length else "…" + name[1 - length :]


def save_figure(figure: Figure, path: Path, *, dpi: int = 150) -> Path:
    """Write a figure in the format its name ends in, atomically.

    Raises:
        ConfigError: an ending that is no picture's.

    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError("A picture needs a picture's name", expected=" or ".join(SUFFIXES), found=path.name)
    with atomic_write(path) as file:
        figure.savefig(file, format=path.suffix[1:].lower(), dpi=dpi, bbox_inches="tight", facecolor="white")
    return path


@functools.cache
def font_families() -> tuple[str, ...]:
    """The usual font, then those of this machine that know Chinese, Japanese or Korean."""
    installed = sorted({font.name for font in font_manager.fontManager.ttflist})
    more = [name for start in _MORE_SCRIPTS for name in installed if name.startswith(start)]
    return ("DejaVu Sans", *dict.fromkeys(more))


@functools.cache
def _characters() -> frozenset[int]:
    """What these fonts can draw."""
    paths = [font_manager.findfont(name) for name in font_families()]
    return frozenset(code for path in paths for code in font_manager.get_font(path).get_charmap())
