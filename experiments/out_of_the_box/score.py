"""Rank-1 and mAP of the packaged network and what it is measured against, on VIPeR, GRID and PRID2011.

python -m experiments.out_of_the_box.score --shared ../shared [MODEL ...]

Pictures go through the pipeline of `stca evaluate`. Two figures per set: by the protocol `cross-camera`,
where pictures of the query's own camera distract, and against pictures of other cameras only.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from experiments.out_of_the_box.validation import SETS, Figures, other_cameras

from stca.datasets import load_dataset
from stca.embedding import embed_tracklets
from stca.models import ImageReID, ReIDModel
from stca.models.baselines import CNN2D
from stca.models.colour_histogram import ColourHistogram
from stca.ranking import rank
from stca.runs import open_model
from stca.tools.files import write_text
from stca.tools.provenance import provenance

BASELINES = {
    "retail-0277": "weights/reid/person-reidentification-retail-0277/person-reidentification-retail-0277.xml",
    "retail-0286": "weights/reid/person-reidentification-retail-0286/person-reidentification-retail-0286.xml",
    "retail-0287": "weights/reid/person-reidentification-retail-0287/person-reidentification-retail-0287.xml",
    "retail-0288": "weights/reid/person-reidentification-retail-0288/person-reidentification-retail-0288.xml",
    "OSNet x0.25": "weights/reid/osnet_x0_25_msmt17.onnx",
}
OURS = ("pretrained:stca_small", "pretrained:cnn2d_mobile", "colour_histogram")
FRAMEWISE = (CNN2D, ColourHistogram, ImageReID)


def main() -> None:
    """Parse, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with reid_sets/ and weights/")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("model", nargs="*", help="names or files; default: everything that is compared")
    given = parser.parse_args()
    known = {name: str(given.shared / path) for name, path in BASELINES.items()}
    named = {name: known.get(name, name) for name in given.model or (*known, *OURS)}
    table = {}
    for name, source in named.items():
        table[name] = score(open_model(source), given.shared)
        print(
            f"| {name} | " + " | ".join(_cell(figures) for figures in table[name].values()) + " |", flush=True
        )
    if given.json:
        rows = {name: {key: each._asdict() for key, each in cells.items()} for name, cells in table.items()}
        write_text(given.json, json.dumps({"provenance": provenance(), "results": rows}, indent=1) + "\n")


def score(model: ReIDModel, shared: Path) -> dict[str, Figures]:
    """Both figures of every set."""
    cells = {}
    for name, folder in SETS.items():
        splits = load_dataset("folder", shared / "reid_sets" / folder)
        clip_len = 1 if isinstance(model, FRAMEWISE) else None  # the same vectors, without repeated frames
        embedded = embed_tracklets(model, splits.gallery, label="", workers=0, clip_len=clip_len)
        both = rank(embedded, embedded, protocol="cross-camera")
        cells[f"{name}, cross-camera"] = Figures(float(both.cmc[0]), both.mean_ap)
        cells[f"{name}, other cameras only"] = other_cameras(embedded)
    return cells


def _cell(figures: Figures) -> str:
    return f"{100 * figures.rank1:.1f} / {100 * figures.mean_ap:.1f}"


if __name__ == "__main__":
    main()
