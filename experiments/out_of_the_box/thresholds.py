"""Scores between cameras on public sets, from which thresholds without labels are taken.

    python -m experiments.out_of_the_box.thresholds --shared ../shared

Writes src/stca/gallery/cross_camera_scores.json for the networks in the package: quantiles of the cosine of
pairs of pictures from two cameras, no picture and no vector. Two to three minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from experiments.out_of_the_box.validation import SETS

from stca.datasets import load_dataset
from stca.embedding import embed_tracklets
from stca.gallery import ModelFingerprint
from stca.gallery.cross_camera import LEVELS, SHARES
from stca.models import DEFAULT_PRETRAINED, ReIDModel, load_pretrained
from stca.tools.files import write_text
from stca.tools.provenance import provenance_line

OUT = Path(__file__).parents[2] / "src" / "stca" / "gallery" / "cross_camera_scores.json"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, required=True, help="folder with reid_sets/")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    model = load_pretrained()
    network = {
        "name": DEFAULT_PRETRAINED,
        "weights": ModelFingerprint.of(model).weights,
        "sets": {name: scores(model, args.shared / "reid_sets" / folder) for name, folder in SETS.items()},
    }
    content = {"made": provenance_line(), "networks": [network]}
    write_text(args.out, json.dumps(content, indent=1) + "\n")
    print(args.out)
    return 0


def scores(model: ReIDModel, root: Path) -> dict[str, Any]:
    """Quantiles of the cosine of pairs of pictures from two cameras, and how many pairs there are."""
    gallery = load_dataset("folder", root).gallery
    embedded = embed_tracklets(model, gallery, clip_len=1, workers=0, label=root.name)
    vectors = embedded.vectors / np.linalg.norm(embedded.vectors, axis=1, keepdims=True)
    first, second = np.triu_indices(len(vectors), 1)
    across = embedded.camera_ids[first] != embedded.camera_ids[second]
    same = (embedded.person_ids[first] == embedded.person_ids[second]) & (embedded.person_ids[first] > 0)
    cosine = (vectors @ vectors.T)[first, second]
    mates, others = cosine[across & same], cosine[across & ~same]
    return {
        "pairs": [len(mates), len(others)],
        "different": [round(float(np.quantile(others, 1 - level)), 4) for level in LEVELS],
        "same": [round(float(np.quantile(mates, share)), 4) for share in SHARES],
    }


if __name__ == "__main__":
    sys.exit(main())
