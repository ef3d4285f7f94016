"""Scores between cameras on public sets, from which thresholds without labels are taken.

    python -m experiments.out_of_the_box.thresholds --shared ../shared

Writes src/stca/gallery/cross_camera_scores.json for the network in the package and those of the catalogue
that `shared` has: quantiles of the cosine of pairs of pictures from two cameras, no picture and no vector.
Some ten minutes on two cores.
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
from stca.linking.camera_shift import without_camera_shift
from stca.models import DEFAULT_PRETRAINED, ReIDModel, load_pretrained
from stca.runs import open_model
from stca.tools.files import write_text
from stca.tools.provenance import provenance_line

RETAIL = "person-reidentification-retail-{}"
CATALOGUE = {
    **{name: f"{name}/{name}.xml" for name in map(RETAIL.format, ("0277", "0286", "0287", "0288"))},
    "osnet_x0_25_msmt17": "osnet_x0_25_msmt17.onnx",
}
"""Networks of the catalogue, and their files below `shared/weights/reid`: the same networks in other
serialisations than the publishers', so their digests say nothing, and the name does."""
OUT = Path(__file__).parents[2] / "src" / "stca" / "gallery" / "cross_camera_scores.json"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, required=True, help="folder with reid_sets/")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument(
        "--package-only", action="store_true", help="the catalogue's networks stay as they are in --out"
    )
    args = parser.parse_args()
    model = load_pretrained()
    weights = ModelFingerprint.of(model).weights
    if args.package_only:
        others = [each for each in json.loads(args.out.read_text())["networks"] if not each["weights"]]
    else:
        files = {name: args.shared / "weights" / "reid" / file for name, file in CATALOGUE.items()}
        others = [
            {"name": name, "weights": "", "sets": sets(open_model(str(file)), args.shared)}
            for name, file in files.items()
        ]
    networks = [{"name": DEFAULT_PRETRAINED, "weights": weights, "sets": sets(model, args.shared)}, *others]
    content = {"made": provenance_line(), "networks": networks}
    write_text(args.out, json.dumps(content, indent=1) + "\n")
    print(args.out)
    return 0


def sets(model: ReIDModel, shared: Path) -> dict[str, Any]:
    """`scores` of every set."""
    return {name: scores(model, shared / "reid_sets" / folder) for name, folder in SETS.items()}


def scores(model: ReIDModel, root: Path) -> dict[str, Any]:
    """Quantiles of the cosine of pairs of pictures from two cameras, and how many pairs there are.

    "linked": of pairs of all cameras, as linking compares them.
    """
    gallery = load_dataset("folder", root).gallery
    embedded = embed_tracklets(model, gallery, clip_len=1, workers=0, label=root.name)
    vectors = embedded.vectors / np.linalg.norm(embedded.vectors, axis=1, keepdims=True)
    first, second = np.triu_indices(len(vectors), 1)
    across = embedded.camera_ids[first] != embedded.camera_ids[second]
    same = (embedded.person_ids[first] == embedded.person_ids[second]) & (embedded.person_ids[first] > 0)
    cosine = (vectors @ vectors.T)[first, second]
    mates, others = cosine[across & same], cosine[across & ~same]
    shifted = without_camera_shift(embedded.camera_ids.tolist(), vectors)
    shifted /= np.linalg.norm(shifted, axis=1, keepdims=True)
    linked = (shifted @ shifted.T)[first, second][~same]
    return {
        "pairs": [len(mates), len(others)],
        "different": [round(float(np.quantile(others, 1 - level)), 4) for level in LEVELS],
        "linked": [round(float(np.quantile(linked, 1 - level)), 4) for level in LEVELS],
        "same": [round(float(np.quantile(mates, share)), 4) for share in SHARES],
    }


if __name__ == "__main__":
    sys.exit(main())
