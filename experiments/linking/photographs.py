"""Thresholds for linking without labels, on photographs of real people in two cameras.

    python -m experiments.linking.photographs --shared ../shared

As many people as are said are drawn from a set, one picture from each of two cameras, of half of them from
one camera only; pairs within a camera are taken to be seen at once, a tenth of them, and pictures are linked.
The threshold of public sets is that of the two other sets. Last, what the best threshold would reach, with
and without what the vectors of a camera have in common. Writes experiments/results/linking_photographs.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from experiments.out_of_the_box.validation import SETS

from stca.datasets import load_dataset
from stca.embedding import embed_tracklets
from stca.gallery import ModelFingerprint
from stca.gallery.cross_camera import scores_of_share
from stca.linking.camera_shift import without_camera_shift
from stca.linking.clustering import average_linkage, cosine_distances
from stca.linking.threshold import FEW, RARE, threshold_of_cosines
from stca.models import load_pretrained
from stca.tools.files import write_text
from stca.tools.provenance import provenance_line
from stca.tracklets import Embeddings

OUT = Path(__file__).parents[1] / "results" / "linking_photographs.md"
PEOPLE = (10, 25, 50, 150)
DRAWS = 20
TRIED = tuple(np.arange(0.25, 0.71, 0.03))
_HEAD = (
    "| set | people | seen at once | public sets | the higher one | best | best, vectors as they are |",
    "|---|---:|---|---|---|---|---|",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, required=True, help="folder with reid_sets/")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    model = load_pretrained()
    fingerprint = ModelFingerprint.of(model)  # which reads all weights
    lines = [
        f"""# Linking photographs without labels

Threshold, then precision / recall / F1 over pairs of pictures, percent, means over {DRAWS} draws, with
the packaged network; "best": the threshold with the highest F1. Of different people one pair in {RARE} N
reaches the threshold of public sets (N: pictures, {FEW} at least).
""",
        *_HEAD,
    ]
    for name, folder in SETS.items():
        splits = load_dataset("folder", args.shared / "reid_sets" / folder)
        embedded = embed_tracklets(model, splits.gallery, label=name, workers=0, clip_len=1)
        for people in PEOPLE:
            lines.append(_row(name, embedded, people, fingerprint))
            print(lines[-1], flush=True)
    lines += ["", "`python -m experiments.linking.photographs --shared ../shared`", "", provenance_line()]
    write_text(args.out, "\n".join(lines) + "\n")


def _row(name: str, embedded: Embeddings, people: int, fingerprint: ModelFingerprint) -> str:
    rng = np.random.default_rng(people)
    found: dict[str, list[np.ndarray]] = {}
    for _ in range(DRAWS):
        rows = _draw(embedded, people, rng)
        plain = embedded.vectors[rows]
        vectors = without_camera_shift(embedded.camera_ids[rows].tolist(), plain)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        person, camera = embedded.person_ids[rows], embedded.camera_ids[rows]
        pairs = np.triu_indices(len(rows), 1)
        unit = plain / np.linalg.norm(plain, axis=1, keepdims=True)
        cosines = (unit @ unit.T)[pairs]
        same = (person[:, None] == person)[pairs]
        at_once = np.flatnonzero((camera[:, None] == camera)[pairs] & ~same)
        known = rng.choice(at_once, min(len(at_once), max(45, len(at_once) // 10)), replace=False)
        tried = [
            *(
                (rule, vectors, t)
                for rule, t in _thresholds(cosines[known], len(rows), name, fingerprint).items()
            ),
            *((f"{kind} {t:.2f}", some, t) for kind, some in (("b", vectors), ("p", plain)) for t in TRIED),
        ]
        for rule, some, threshold in tried:
            labels = average_linkage(cosine_distances(some), threshold=1 - threshold)
            together = (labels[:, None] == labels)[pairs]
            counts = (together & same).sum(), together.sum(), same.sum()
            found.setdefault(rule, []).append(np.array([threshold, *counts]))
    rules = [found[rule] for rule in ("at once", "public", "higher")]
    best = [
        max((each for rule, each in found.items() if rule.startswith(f"{kind} ")), key=_f1) for kind in "bp"
    ]
    return f"| {name} | {people} | {' | '.join(map(_cell, [*rules, *best]))} |"


def _draw(embedded: Embeddings, people: int, rng: np.random.Generator) -> np.ndarray:
    """One picture from each of two cameras of so many people, of every second one from one camera only."""
    rows: list[int] = []
    for person in rng.permutation(np.unique(embedded.person_ids[embedded.person_ids > 0])):
        mine = np.flatnonzero(embedded.person_ids == person)
        cameras = np.unique(embedded.camera_ids[mine])[:2]
        if len(cameras) == 2 and len(rows) < 2 * people:
            rows += [int(rng.choice(mine[embedded.camera_ids[mine] == camera])) for camera in cameras]
    alone = {2 * person + person // 2 % 2 for person in range(0, people, 2)}  # of either camera in turn
    return np.array([row for number, row in enumerate(rows) if number not in alone])


def _thresholds(
    at_once: np.ndarray, count: int, name: str, fingerprint: ModelFingerprint
) -> Mapping[str, float]:
    scores = scores_of_share(fingerprint, 1 / (RARE * max(FEW, count)))
    if scores is None:
        raise SystemExit("the packaged network has no scores on public sets")
    public = float(np.mean([score for other, score in scores.items() if other != name]))
    normal = threshold_of_cosines(at_once, count)
    return {"at once": normal, "public": public, "higher": max(normal, public)}


def _f1(draws: list[np.ndarray]) -> float:
    _, right, together, same = np.mean(draws, axis=0)
    return float(2 * right / (together + same))


def _cell(draws: list[np.ndarray]) -> str:
    threshold, right, together, same = np.mean(draws, axis=0)
    precision, recall = right / max(together, 1e-9), right / same
    return f"{threshold:.2f}: {100 * precision:.0f} / {100 * recall:.0f} / {100 * _f1(draws):.0f}"


if __name__ == "__main__":
    main()
