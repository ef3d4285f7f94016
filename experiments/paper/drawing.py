"""Draw figures 4, 5 and 6 from models, embeddings and logged metrics, with captions and data."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from stca.analysis import (
    PairedLists,
    clip_maps,
    count_outcomes,
    default_window,
    loss_figure,
    maps_figure,
    outcome_label,
    pair_lists,
    paired_lists_figure,
    ranked_lists,
    sample_by_outcome,
    smooth,
)
from stca.evaluation import TestSet
from stca.models import ReIDModel
from stca.tracklets import Splits, Tracklet

LIMIT = 600_000
"""Maximum size of an image file in bytes."""
PERSONS, QUERIES, LENGTH = 3, 6, 5
SYSTEMS = ("STCA", "2D-CNN")
TERMS = ("total", "triplet")


@dataclass(frozen=True)
class DrawnFigure:
    """A figure with caption and data.

    Args:
        figure: the figure.
        caption: caption in Markdown.
        header: column names of the data.
        rows: the data.
        photos: whether the figure has photographs only, so that it can be reduced to 256 colours.

    """

    figure: Figure
    caption: str
    header: tuple[str, ...]
    rows: list[tuple[object, ...]]
    photos: bool = False

    def png(self) -> bytes:
        """Encode as PNG, at the highest resolution within the size limit."""
        for dpi in (150, 135, 120, 105, 90):
            buffer = io.BytesIO()
            self.figure.savefig(buffer, format="png", dpi=dpi, bbox_inches="tight", facecolor="white")
            image = Image.open(buffer).convert("RGB")
            data = _encode(image)
            if len(data) > LIMIT and self.photos:
                data = _encode(image.quantize(256, method=Image.Quantize.FASTOCTREE))
            if len(data) <= LIMIT:
                break
        return data


def attention(models: Mapping[str, ReIDModel], splits: Splits, *, data: str, seed: int = 0) -> DrawnFigure:
    """Draw figure 4: activation maps of both networks, and STCA's gate.

    Args:
        models: 2D-CNN with Cosine and STCA, by label.
        splits: data set; one query each of some persons drawn at random is shown.
        data: name of the data set in captions.
        seed: random seed of the selection.

    """
    chosen = draw_persons(splits.query, PERSONS, seed=seed)
    clips = [clip_maps(models, tracklet) for tracklet in chosen]
    frames = len(clips[0].frames)
    every = max(1, frames // 4)
    how = f"{len(chosen)} of {len(splits.query):,} queries, drawn at random (seed {seed})"
    note = (
        f"{how}; frames 1, {1 + every}, ... of {frames} from the tracklet's middle.\n"
        "Activation: L2 norm over the channels of the last 2D feature map, in multiples of its mean over the "
        "clip; one colour scale for both networks."
    )
    figure = maps_figure(
        clips, across=PERSONS, every=every, title=f"Attention of the networks: {data}", note=note
    )
    rows: list[tuple[object, ...]] = [
        (clip.key, each.label.replace("\n", " ").replace("$", ""), frame + 1, *_summary(values))
        for clip in clips
        for each in clip.maps
        for frame, values in enumerate(each.values)
    ]
    caption = (
        f"{how[0].upper()}{how[1:]}, of {data}. Below the frames the activation of 2D-CNN with Cosine "
        "and of STCA: per place the L2 norm over the channels of the last 2D feature "
        "map, in multiples of its mean over the clip, on one colour scale for both. Then STCA's gate "
        "1 + A_S, coloured from its least to its most in each clip. Ranges stand above the rows. The paper "
        "does not say how its maps were made from the feature maps. The table of numbers has each frame's "
        "least, mean and most, as they come from the network."
    )
    return DrawnFigure(figure, caption, ("tracklet", "map", "frame", "least", "mean", "most"), rows)


def lists(
    ours: TestSet,
    theirs: TestSet,
    splits: Splits,
    *,
    data: str,
    image_size: tuple[int, int],
    seed: int = 0,
) -> DrawnFigure:
    """Draw figure 5: the five nearest gallery tracklets of six queries, by STCA and by the paper's baseline.

    Args:
        ours: embeddings by STCA.
        theirs: embeddings by the baseline.
        splits: the same queries and gallery.
        data: name of the data set in captions.
        image_size: (H, W) of the crops in pixels.
        seed: random seed of the selection (`stca.analysis.sample_by_outcome`).

    """
    protocol = splits.protocols[0]
    found = [ranked_lists(test.query, test.gallery, k=LENGTH, protocol=protocol) for test in (ours, theirs)]
    pairs = pair_lists(*found)
    chosen = sample_by_outcome(pairs, QUERIES, seed=seed)
    tracklets = {t.key: t for t in (*splits.query, *splits.gallery)}
    figure = paired_lists_figure(
        chosen,
        pairs,
        tracklets,
        labels=SYSTEMS,
        title=f"The five nearest gallery tracklets: {data}; protocol {protocol}, cosine distance",
        aspect=image_size[0] / image_size[1],
    )
    counts = {outcome_label(each, SYSTEMS): count for each, count in count_outcomes(pairs).items()}
    caption = (
        f"Top {LENGTH} of {len(chosen)} queries by STCA (above) and by the baseline, 2D-CNN without "
        f"Cosine, (below) on {data}, protocol {protocol}: green with a tick is the same person, dashed red "
        "with a cross another person. "
        f"At rank 1, of all {len(pairs):,} queries: "
        + ", ".join(f"{words}: {count:,}" for words, count in counts.items())
        + f". The queries shown are drawn at random (seed {seed}) from these four kinds in turn, so they do "
        "not show how frequent each kind is."
    )
    header = ("part", "kind", "query", "system", "rank", "gallery", "person", "camera", "distance", "right")
    return DrawnFigure(figure, caption, header, _list_rows(chosen, tracklets), photos=True)


def losses(metrics: Mapping[str, Sequence[Mapping[str, Any]]], *, data: str) -> DrawnFigure:
    """Draw figure 6: total and triplet loss over training steps.

    Args:
        metrics: records of metrics.jsonl by label: cosine mining, then euclidean.
        data: name of the training data in captions.

    """
    trained = {label: [r for r in records if r["kind"] == "train"] for label, records in metrics.items()}
    window = default_window(min(map(len, trained.values())))
    title = f"STCA's losses by the distance in its triplets: {data}; every part has its own scale"
    figure = loss_figure(metrics, terms=TERMS, window=window, title=title)
    caption = (
        f"Total and triplet loss of STCA on {data}: (a), (b) with cosine, (c), (d) with euclidean distance "
        f"in the triplet loss. Faint: as logged. Line: mean over {window} logged values. Every part has its "
        "own scale: a euclidean distance has another size than a cosine distance, so the curves' shapes "
        "compare, not their heights."
    )
    rows = []
    for label, records in trained.items():
        smoothed = [smooth(np.array([r[term] for r in records]), window) for term in TERMS]
        for place, record in enumerate(records):
            values = [record[term] for term in TERMS] + [each[place] for each in smoothed]
            rows.append((label, record["step"], record["epoch"], *(f"{value:.5g}" for value in values)))
    header = ("run", "step", "epoch", *TERMS, *(f"{term}_smoothed" for term in TERMS))
    return DrawnFigure(figure, caption, header, rows)


def draw_persons(tracklets: Sequence[Tracklet], count: int, *, seed: int = 0) -> list[Tracklet]:
    """Draw one tracklet each of `count` different persons at random."""
    order = np.random.default_rng(seed).permutation(len(tracklets))
    by_person = {tracklets[i].person_id: tracklets[i] for i in order[::-1]}
    first = dict.fromkeys(tracklets[i].person_id for i in order)
    return [by_person[person] for person in first][:count]


def _list_rows(chosen: Sequence[PairedLists], tracklets: Mapping[str, Tracklet]) -> list[tuple[object, ...]]:
    return [
        (
            part,
            outcome_label(pair.outcome, SYSTEMS),
            pair.query,
            system,
            rank,
            match.key,
            tracklets[match.key].person_id,
            tracklets[match.key].camera_id,
            f"{match.distance:.5f}",
            int(match.right),
        )
        for part, pair in zip("abcdef", chosen, strict=False)
        for system, each in zip(SYSTEMS, (pair.first, pair.second), strict=True)
        for rank, match in enumerate(each.matches, 1)
    ]


def _summary(values: np.ndarray) -> tuple[str, ...]:
    return tuple(f"{value:.5g}" for value in (values.min(), values.mean(), values.max()))


def _encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="png", optimize=True)
    return buffer.getvalue()
