"""The tables of the paper as data: published figures and the recipe of each cell.

Figures are percent, as printed (Bhuiyan and Huang, Image and Vision Computing 123, 2022, 104474).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stca.distance import Metric
from stca.models import PEERS
from stca.models.peers import SYSTEMS
from stca.recipes.peers import TRAININGS

Published = tuple[float | None, ...]


@dataclass(frozen=True)
class Column:
    """A column: its label, and the metric it shows ("epochs": number of training epochs)."""

    label: str
    figure: str


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Args:
        label: the row header.
        published: one figure per column; None if the paper has none.
        recipes: the recipe of our figure per column; empty for other authors' methods.
        metric: distance of the ranking.
        note: what is to be known of our figures; it stands beside them.

    """

    label: str
    published: Published
    recipes: tuple[str | None, ...] = ()
    metric: Metric = "cosine"
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table."""

    name: str
    title: str
    head: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    words: str = ""
    """A note that is printed above our table."""

    def cells(self) -> Iterator[Cell]:
        """Row by row."""
        for row in self.rows:
            recipes = row.recipes or (None,) * len(self.columns)
            for column, recipe, published in zip(self.columns, recipes, row.published, strict=True):
                yield Cell(self.name, row, column, recipe, published)


@dataclass(frozen=True)
class Cell:
    """A cell: the paper's figure, and the recipe of ours, if there is one."""

    table: str
    row: Row
    column: Column
    recipe: str | None
    published: float | None

    def matches(self, text: str) -> bool:
        """Whether its row, column or recipe has this text."""
        return text.lower() in f"{self.row.label} {self.column.label} {self.recipe or ''}".lower()


_OTHERS: Mapping[str, Published] = {
    "CNN + XQDA": (47.6, 65.3, None, None, None),
    "TriNet": (67.7, 79.8, None, None, None),
    "Part-Alignment": (72.2, 83.0, 78.3, 83.6, None),
    "Mask-Guided": (71.1, 77.1, None, None, None),
    "Snippet": (71.1, 82.1, None, None, 85.4),
    "RevisitTempool (Baseline)": (75.8, 83.1, None, None, None),
    "M3D": (74.1, 84.4, None, None, 74.0),
    "coSAM (SE-ResNet50)": (79.9, 84.9, 94.1, 95.4, None),
    "STA": (80.8, 86.3, 94.9, 96.2, None),
    "AttDriven": (78.2, 87.0, None, None, 86.3),
    "GLTR": (78.5, 87.3, 93.7, 96.3, 86.0),
    "Mutual Attention": (80.9, 87.3, 94.8, 96.7, None),
    "VRSTC": (82.3, 88.5, 93.5, 95.0, 83.4),
    "NVAN": (82.8, 90.0, 94.9, 96.3, None),
    "AP3D": (85.1, 90.1, 95.6, 96.3, 86.7),
    "MG-RAFA": (85.9, 88.8, None, None, None),
    "I2GNN": (86.3, 89.1, None, None, None),
    "STCAN": (84.5, 88.9, None, None, None),
    "BiCnet-TKS": (86.0, 90.2, 96.1, 96.3, None),
    "STMN": (84.5, 90.5, 95.2, 97.0, None),
}

BUILT: Mapping[str, str] = {
    "TriNet": "trinet",
    "RevisitTempool (Baseline)": "resnet50tp",
    "coSAM (SE-ResNet50)": "se_resnet50_cosam45_tp",
    "STA": "sta",
    "GLTR": "gltr",
    "NVAN": "nvan",
    "AP3D": "ap3dres50",
    "BiCnet-TKS": "bicnet_tks",
    "STMN": "stmn",
    "STCAN": "stcan",
}
"""Those of the other methods that are models here (STCAN: by layers of ours); docs/peers.md has the rest."""

OUR_LAYERS = "our layers; not the authors' network"
REMEMBERED = "settings remembered, not verified"


def _recipes_of(method: str) -> tuple[str | None, ...]:
    """By settings of which `note_of` says how far they are their authors' (`stca.recipes.peers`)."""
    if method not in BUILT:
        return ()
    mars, duke, ilids = (f"{BUILT[method]}_{data}" for data in ("mars", "duke", "ilids"))
    return mars, mars, duke, duke, ilids


def note_of(model: str) -> str:
    """How far the recipes of a peer are their authors', and whether the network is."""
    if SYSTEMS[PEERS[model].system].our_layers:
        return OUR_LAYERS
    return "settings read in its script" if TRAININGS[model].read_in_script else REMEMBERED


def _metric_of(method: str) -> Metric:
    """By which its authors' tests compare vectors."""
    distance = SYSTEMS[PEERS[BUILT[method]].system].distance if method in BUILT else None
    return "euclidean" if distance == "euclidean" else "cosine"


TABLE1 = Table(
    "table1",
    "Table 1: STCA beside other methods",
    "method",
    (
        Column("MARS mAP", "mAP"),
        Column("MARS rank-1", "rank-1"),
        Column("Duke mAP", "mAP"),
        Column("Duke rank-1", "rank-1"),
        Column("iLIDS rank-1", "rank-1"),
    ),
    (
        *(
            Row(
                method,
                figures,
                _recipes_of(method),
                _metric_of(method),
                note_of(BUILT[method]) if method in BUILT else "",
            )
            for method, figures in _OTHERS.items()
        ),
        Row(
            "STCA",
            (87.0, 90.3, 96.2, 96.6, 88.3),
            ("stca_mars", "stca_mars", "stca_duke", "stca_duke", "stca_ilids"),
        ),
    ),
    "The other methods' figures are as the paper prints them. Ours of other methods: settings "
    "remembered, not verified; "
    f"{sum(TRAININGS[name].read_in_script for name in BUILT.values())} of {len(BUILT)} read in their "
    "authors' scripts. Each row says which.",
)


def _two_sizes(label: str, published: Published, name: str, suffix: str = "") -> Row:
    small, large = f"{name}_mars{suffix}_256", f"{name}_mars{suffix}"
    return Row(label, published, (small, small, large, large, large))


TABLE2 = Table(
    "table2",
    "Table 2: resolution, on MARS",
    "method",
    (
        Column("256x128 mAP", "mAP"),
        Column("256x128 rank-1", "rank-1"),
        Column("384x128 mAP", "mAP"),
        Column("384x128 rank-1", "rank-1"),
        Column("epoch", "epochs"),
    ),
    (
        _two_sizes("3D-CNN", (70.5, 78.1, 73.5, 81.3, 800), "cnn3d", "_euclidean"),
        _two_sizes("3D-CNN with Cosine", (75.2, 83.6, 77.2, 85.9, 500), "cnn3d"),
        _two_sizes("2D-CNN", (75.8, 83.1, 77.4, 84.5, 800), "cnn2d", "_euclidean"),
        _two_sizes("2D-CNN with Cosine", (81.3, 87.1, 82.2, 87.9, 500), "cnn2d"),
        _two_sizes("Concatenate(2D-CNN, 3D-CNN) with Cosine", (81.9, 86.9, 83.1, 86.6, 500), "concat"),
        _two_sizes("STCA with Cosine", (84.9, 89.1, 87.0, 90.3, 450), "stca"),
    ),
    "Epoch: in the paper's lines about where training converged, in ours how many were trained. Ours are "
    "all scored by cosine; for rows without Cosine the paper does not say.",
)

_FRAMES: Mapping[int, Published] = {
    2: (86.5, 89.4, 97.4, 97.8),
    4: (87.1, 90.1, 97.6, 98.3),
    6: (87.0, 89.9, 97.8, 98.3),
    8: (87.0, 90.3, 97.6, 98.2),
    10: (86.7, 89.6, 97.7, 98.2),
    12: (86.5, 89.5, 97.4, 98.2),
}
TABLE3 = Table(
    "table3",
    "Table 3: frames per clip, STCA on MARS",
    "frames",
    tuple(Column(figure, figure) for figure in ("mAP", "rank-1", "rank-5", "rank-10")),
    tuple(
        Row(str(frames), figures, ("stca_mars" if frames == 8 else f"stca_mars_t{frames}",) * 4)
        for frames, figures in _FRAMES.items()
    ),
    "Every network is trained and tested with that many frames.",
)


def _distances(mining: str, metric: Metric, published: Published) -> Row:
    suffix = "_euclidean" if mining == "euclidean" else ""
    recipes = (f"stca_mars{suffix}", f"stca_mars{suffix}", f"stca_ilids{suffix}")
    return Row(f"{mining} mining, {metric} score", published, recipes, metric)


TABLE4 = Table(
    "table4",
    "Table 4: distances of mining and scoring, STCA",
    "distances",
    (Column("MARS mAP", "mAP"), Column("MARS rank-1", "rank-1"), Column("iLIDS rank-1", "rank-1")),
    (
        _distances("euclidean", "euclidean", (80.6, 85.5, 85.3)),
        _distances("euclidean", "cosine", (83.5, 87.4, 86.7)),
        _distances("cosine", "euclidean", (84.8, 89.2, 87.3)),
        _distances("cosine", "cosine", (87.0, 90.3, 88.3)),
    ),
    "Two trainings, each scored twice.",
)

TABLES: Mapping[str, Table] = {table.name: table for table in (TABLE1, TABLE2, TABLE3, TABLE4)}
