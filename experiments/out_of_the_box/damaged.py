"""What damaged frames cost: 0, 1, 2 and 4 of the 8 frames of every query, for several ways to take the mean.

python experiments/out_of_the_box/damaged.py --shared ../shared --run RUN

People of VIPeR, which nothing was trained on: one camera asks with clips of which some frames are damaged,
the other answers with clean clips. A clip is one photograph, cut a little otherwise eight times.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stca.datasets import load_dataset
from stca.files import write_text
from stca.images import read_image
from stca.models.temporal_pooling import TemporalConsensus
from stca.ranking import RankMetrics, rank
from stca.runs import open_model
from stca.tracking.quality import sharpness
from stca.tracklets import Embeddings, Tracklet

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from out_of_the_box.clips import Clip, damage_clip, walk
from out_of_the_box.material import load_material
from out_of_the_box.student import frame_vectors
from out_of_the_box.teachers import Teacher, teacher_path

DAMAGED = (0, 1, 2, 4)
FRAMES = 8
Pool = Callable[[Float[Tensor, "N T D"], Float[Tensor, "N T"]], Float[Tensor, "N D"]]

POOLS: dict[str, Pool] = {
    "mean": lambda vectors, _: F.normalize(vectors, dim=2).mean(dim=1),
    "mean weighted by sharpness": lambda vectors, sharp: (F.normalize(vectors, dim=2) * sharp[..., None]).sum(
        dim=1
    ),
    "consensus": lambda vectors, _: TemporalConsensus(vectors.shape[2])(F.normalize(vectors, dim=2)),
}


def main() -> None:
    """Parse, make clips, embed, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with reid_sets/ and weights/")
    parser.add_argument("--run", type=Path, required=True, help="folder of the training")
    parser.add_argument("--model", default="pretrained", help="a name or file; a network that reads frames")
    parser.add_argument("--persons", type=int, default=150, help="of VIPeR")
    parser.add_argument("--out", type=Path, help="write the table there too")
    given = parser.parse_args()
    torch.set_num_threads(1)
    queries, gallery = clips_of_viper(given.shared, given.run, given.persons)
    model = open_model(given.model)
    teacher = Teacher(teacher_path(given.shared, "0277"), grid=(8, 4), threads=1)
    readers: dict[str, Callable[[np.ndarray], Tensor]] = {
        "packaged": lambda frames: frame_vectors(model, frames),
        "retail-0277": lambda frames: teacher(frames).vectors,
    }
    lines = ["| network | over time | " + " | ".join(f"{n} of {FRAMES} damaged" for n in DAMAGED) + " |"]
    lines.append("|---|---|" + "---|" * len(DAMAGED))
    for name, read in readers.items():
        answers = torch.stack([read(clip) for clip in gallery])
        asked = {n: torch.stack([read(clip.seen) for clip in clips]) for n, clips in queries.items()}
        sharp = {
            n: torch.tensor([[sharpness(f) for f in clip.seen] for clip in clips])
            for n, clips in queries.items()
        }
        for how, pool in POOLS.items():
            target = pool(answers, torch.ones(answers.shape[:2]))
            cells = [_cell(score(pool(asked[n], sharp[n].float()), target)) for n in DAMAGED]
            lines.append(f"| {name} | {how} | " + " | ".join(cells) + " |")
            print(lines[-1], flush=True)
    print("\n".join(lines))
    if given.out:
        write_text(given.out, "\n".join(lines) + "\n")


def clips_of_viper(shared: Path, work: Path, persons: int) -> tuple[dict[int, list[Clip]], list[np.ndarray]]:
    """Queries by the number of damaged frames (each set's are among the next one's), and the gallery."""
    pictures: dict[int, list[Tracklet]] = {}
    for tracklet in load_dataset("folder", shared / "reid_sets" / "viper").gallery:
        pictures.setdefault(tracklet.person_id, []).append(tracklet)
    _, apart = load_material(shared, work)  # who stands in front is nobody whom the network has seen
    chosen = sorted(pictures)[:: max(1, len(pictures) // persons)][:persons]
    queries: dict[int, list[Clip]] = {count: [] for count in DAMAGED}
    gallery = []
    for person in chosen:
        rng = np.random.default_rng((20, person))
        first, second = (read_image(tracklet.frames[0]) for tracklet in pictures[person])
        clean = walk(rng, first, FRAMES)
        gallery.append(walk(rng, second, FRAMES))
        order = rng.permutation(FRAMES)
        whole = damage_clip(rng, clean, np.isin(np.arange(FRAMES), order[: max(DAMAGED)]), apart)
        for count in DAMAGED:
            damaged = np.isin(np.arange(FRAMES), order[:count])
            seen = np.where(damaged[:, None, None, None], whole.seen, clean)
            queries[count].append(Clip(clean, seen, damaged))
    return queries, gallery


def score(asked: Float[Tensor, "N D"], answers: Float[Tensor, "N D"]) -> RankMetrics:
    """Row i of both is the same person, seen by two cameras."""
    persons = np.arange(1, len(asked) + 1)
    query, gallery = (
        Embeddings(
            vectors.numpy().astype(np.float32),
            persons,
            np.full(len(persons), camera),
            tuple(f"{camera}/{person}" for person in persons),
        )
        for camera, vectors in enumerate((asked, answers), start=1)
    )
    return rank(query, gallery)


def _cell(metrics: RankMetrics) -> str:
    rank1, mean_ap = (metrics.interval(figure) for figure in ("rank-1", "mAP"))
    return (
        f"{100 * float(metrics.cmc[0]):.1f} ({100 * rank1.low:.0f}-{100 * rank1.high:.0f}) / "
        f"{100 * metrics.mean_ap:.1f} ({100 * mean_ap.low:.0f}-{100 * mean_ap.high:.0f})"
    )


if __name__ == "__main__":
    main()
