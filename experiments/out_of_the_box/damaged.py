"""What damaged frames cost: 0, 1, 2 and 4 of the 8 frames of every query, for several ways to take the mean.

python -m experiments.out_of_the_box.damaged --shared ../shared --run RUN

People of VIPeR, which nothing was trained on: one camera asks with clips of which some frames are damaged,
the other answers with clean clips. A clip is one photograph, cut a little otherwise eight times.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from experiments.out_of_the_box.making.clips import Clip, damage_clip, walk
from experiments.out_of_the_box.making.material import load_material
from experiments.out_of_the_box.making.pictures import shrink
from experiments.out_of_the_box.teaching.student import frame_vectors
from experiments.out_of_the_box.teaching.teachers import Teacher, teacher_path
from experiments.out_of_the_box.video.learning import clip_vectors, read_video_student
from jaxtyping import Bool, Float, UInt8
from matplotlib.figure import Figure
from torch import Tensor

from stca.datasets import load_dataset
from stca.footage.images import read_image
from stca.models import ReIDModel
from stca.models.temporal_pooling import TemporalConsensus
from stca.ranking import RankMetrics, rank
from stca.runs import open_model
from stca.tools.files import atomic_write, write_text
from stca.tracking.quality import sharpness
from stca.tracklets import Embeddings, Tracklet

DAMAGED = (0, 1, 2, 4)
FRAMES = 8
Pool = Callable[[Float[Tensor, "N T D"], Float[Tensor, "N T"]], Float[Tensor, "N D"]]

POOLS: dict[str, Pool] = {
    "mean": lambda vectors, _: F.normalize(vectors, dim=2).mean(dim=1),
    "mean weighted by sharpness": lambda vectors, sharp: torch.einsum(
        "nt,ntd->nd", sharp, F.normalize(vectors, dim=2)
    ),
    "consensus": lambda vectors, _: TemporalConsensus(vectors.shape[2])(F.normalize(vectors, dim=2)),
}


class Row(NamedTuple):
    """One network and one way to take the mean: its figures by the number of damaged frames."""

    network: str
    over_time: str
    metrics: dict[int, RankMetrics]


class Seen(NamedTuple):
    """What a network makes of the clips, (N, T, D): of each set of queries and of the gallery; sharpness."""

    asked: dict[int, Tensor]
    sharp: dict[int, Tensor]
    answers: Tensor


def main() -> None:
    """Parse, make clips, embed, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with reid_sets/ and weights/")
    parser.add_argument("--run", type=Path, required=True, help="folder of the training")
    parser.add_argument("--model", default="pretrained", help="a name or file; a network that reads frames")
    parser.add_argument("--video", type=Path, metavar="FILE", help="a checkpoint.pt of `train_video`")
    parser.add_argument("--persons", type=int, default=150, help="of VIPeR")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="write the table there, and FILE.png")
    given = parser.parse_args()
    torch.set_num_threads(1)
    clips, gallery = clips_of_viper(given.shared, given.run, given.persons)
    model = open_model(given.model)
    teacher = Teacher(teacher_path(given.shared, "0277"), threads=1)
    rows = score_all("packaged", look(clips, gallery, lambda frames: frame_vectors(model, frames)))
    rows += score_all("retail-0277", look(clips, gallery, lambda frames: teacher(frames).vectors))
    if given.video:
        alone, gated = (partial(clip_vector, each) for each in read_video_student(given.video)[::-1])
        rows.append(score_clips("the 2D stream of STCA alone", clips, gallery, alone))
        rows.append(score_clips("STCA", clips, gallery, gated))
    print(table(rows))
    if given.out:
        write_text(given.out, table(rows) + "\n")
        with atomic_write(given.out.with_name(given.out.name.removesuffix(".md") + ".png")) as file:
            draw(rows).savefig(file, dpi=110, format="png")


def clips_of_viper(shared: Path, work: Path, persons: int) -> tuple[list[Clip], list[np.ndarray]]:
    """Queries, of which as many frames are damaged as ever are, and the gallery, which is clean."""
    pictures: dict[int, list[Tracklet]] = {}
    for tracklet in load_dataset("folder", shared / "reid_sets" / "viper").gallery:
        pictures.setdefault(tracklet.person_id, []).append(tracklet)
    _, apart = load_material(shared, work)  # who stands in front is nobody whom the network has seen
    chosen = sorted(pictures)[:: max(1, len(pictures) // persons)][:persons]
    clips, gallery = [], []
    for person in chosen:
        rng = np.random.default_rng((20, person))
        first, second = (read_image(tracklet.frames[0]) for tracklet in pictures[person])
        clean = walk(rng, first, FRAMES)
        gallery.append(walk(rng, second, FRAMES))
        damaged = np.isin(np.arange(FRAMES), rng.permutation(FRAMES)[: max(DAMAGED)])
        clips.append(damage_clip(rng, clean, damaged, apart))
    return clips, gallery


def look(clips: list[Clip], gallery: list[np.ndarray], read: Callable[[np.ndarray], Tensor]) -> Seen:
    """Read every frame once; where fewer frames are damaged, the last of the damaged ones are clean."""
    clean = torch.stack([read(clip.clean) for clip in clips])
    seen = torch.stack([read(clip.seen) for clip in clips])
    sharp = torch.tensor([[[sharpness(f) for f in frames] for frames in (c.clean, c.seen)] for c in clips])
    asked, weights = {}, {}
    for count in DAMAGED:
        damaged = np.array([_first(clip, count) for clip in clips])
        mask = torch.from_numpy(damaged)
        asked[count] = torch.where(mask[..., None], seen, clean)
        weights[count] = torch.where(mask, sharp[:, 1], sharp[:, 0]).float()
    return Seen(asked, weights, torch.stack([read(frames) for frames in gallery]))


def score_all(network: str, seen: Seen) -> list[Row]:
    """Every way to take the mean."""
    rows = []
    for how, pool in POOLS.items():
        target = pool(seen.answers, torch.ones(seen.answers.shape[:2]))
        found = {n: score(pool(seen.asked[n], seen.sharp[n]), target) for n in DAMAGED}
        rows.append(Row(network, how, found))
    return rows


def score_clips(
    network: str, clips: list[Clip], gallery: list[np.ndarray], read: Callable[[np.ndarray], Tensor]
) -> Row:
    """A network that reads whole clips, (T, H, W, 3) to (D,)."""
    answers = torch.stack([read(frames) for frames in gallery])
    metrics = {}
    for count in DAMAGED:
        masks = [_first(clip, count)[:, None, None, None] for clip in clips]
        seen = [np.where(mask, clip.seen, clip.clean) for mask, clip in zip(masks, clips, strict=True)]
        metrics[count] = score(torch.stack([read(frames) for frames in seen]), answers)
    return Row(network, "consensus", metrics)


def clip_vector(model: ReIDModel, frames: UInt8[np.ndarray, "T H W 3"]) -> Float[Tensor, " D"]:
    """Of one clip of any size."""
    with torch.no_grad():
        return clip_vectors(model, torch.from_numpy(shrink(frames, model.image_size))[None])[0][0]


def _first(clip: Clip, count: int) -> Bool[np.ndarray, " T"]:
    """Which frames are damaged where so many are."""
    return np.asarray(clip.damaged & (np.cumsum(clip.damaged) <= count))


def table(rows: list[Row]) -> str:
    """Rank-1 / mAP in percent, with 95 % intervals over persons."""
    head = "| network | over time | " + " | ".join(f"{n} of {FRAMES} damaged" for n in DAMAGED) + " |"
    lines = [head, "|---|---|" + "---|" * len(DAMAGED)]
    for row in rows:
        cells = " | ".join(_cell(metrics) for metrics in row.metrics.values())
        lines.append(f"| {row.network} | {row.over_time} | {cells} |")
    return "\n".join(lines)


def draw(rows: list[Row]) -> Figure:
    """MAP by the number of damaged frames, a panel for each network."""
    networks = list(dict.fromkeys(row.network for row in rows))
    figure = Figure(figsize=(4.2 * len(networks), 3.4), layout="constrained")
    for panel, network in zip(np.atleast_1d(figure.subplots(1, len(networks))), networks, strict=True):
        for shift, row in enumerate(each for each in rows if each.network == network):
            found = [metrics.interval("mAP") for metrics in row.metrics.values()]
            middle = [100 * each.estimate for each in found]
            down = [100 * (each.estimate - each.low) for each in found]
            up = [100 * (each.high - each.estimate) for each in found]
            where = np.array(DAMAGED) + 0.06 * (shift - 1)
            panel.errorbar(where, middle, yerr=(down, up), marker="o", capsize=2, label=row.over_time)
        panel.set(title=network, xlabel=f"damaged frames of {FRAMES}", ylabel="mAP, %", xticks=DAMAGED)
    panel.legend(loc="lower left", fontsize="small")
    return figure


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
