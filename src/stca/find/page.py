"""Who was seen, where and when, as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from stca.errors import FrameError
from stca.footage.images import read_image
from stca.gallery import Gallery, find_crops
from stca.gallery.corrections import Correction, resolve
from stca.gallery.records import Record
from stca.gallery.times import format_span, format_time
from stca.linking import Linking
from stca.linking.camera_shift import without_camera_shift
from stca.linking.persons import names_of
from stca.tools.files import write_text
from stca.tools.provenance import provenance_line
from stca.tracks import representative_crops

PAGE = "people.html"
ANSWERS = 24
"""Most similar tracklets that the page knows of each."""
_HEIGHT, _WIDTH = 128, 72
_FEW = 400
"""Up to so many tracklets are shown by three crops, more by one: a page of 1,000 has some 4 MB."""


def write_page(
    gallery: Gallery | None, linking: Linking | None, path: Path, *, by_motion: bool = False
) -> Path:
    """Write the page.

    Args:
        gallery: with the vectors of everybody in `linking`; None where nobody was seen.
        linking: persons.
        path: of the HTML file.
        by_motion: some camera was tracked by motion alone, so that not everything is a person.

    Returns:
        `path`.

    """
    records: list[Record] = []
    answers: list[list[tuple[int, float]]] = []
    fits: list[float | None] = []
    names: dict[int, str] = {}
    numbers = linking.numbers() if linking else {}
    if gallery is not None and linking is not None:
        every, vectors = gallery.table()
        shown = [row for row, record in enumerate(every) if record.key in numbers]
        records = [every[row] for row in shown]
        as_linked, corrections = _as_linked(records, vectors[shown]), gallery.corrections()
        answers, names = most_similar(as_linked, ANSWERS), names_of(corrections, numbers)
        fits = _fits(as_linked, records, numbers, corrections)
    cameras = sorted({record.camera for record in records})
    content = {
        "threshold": linking.threshold if linking else None,
        "cameras": cameras,
        "names": names,
        "tracklets": [
            _tracklet(
                record,
                numbers[record.key],
                [(row, score, _apart(record, records[row], numbers)) for row, score in similar],
                fit,
                crops=3 if len(records) <= _FEW else 1,
            )
            for record, similar, fit in zip(records, answers, fits, strict=True)
        ],
    }
    environment = Environment(
        loader=PackageLoader("stca"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("people.html").render(
        persons=len(linking.persons) if linking else 0,
        tracklets=len(records),
        cameras=len(cameras),
        by_motion=by_motion,
        model=_model_label(gallery) if gallery else "",
        threshold=None if linking is None else f"{linking.threshold:.3f}",
        origin=None if linking is None else linking.origin,
        provenance=provenance_line(),
        # Inside <script>, only "<" could end the data: names of files are anybody's.
        content=json.dumps(content, ensure_ascii=False).replace("<", "\\u003c"),
    )
    write_text(path, page)
    return path


def is_our_page(path: Path) -> bool:
    """Whether a file is a page that `write_page` wrote."""
    try:
        with path.open("rb") as file:
            return b'content="stca find"' in file.read(2000)
    except OSError:
        return False


def page_beside(gallery: Path) -> Path | None:
    """The page that `stca find` wrote beside a gallery: it holds pictures; None if there is none."""
    path = gallery.absolute().parent / PAGE
    return path if is_our_page(path) else None


def _model_label(gallery: Gallery) -> str:
    return Path((gallery.source or gallery.fingerprint.name).removeprefix("pretrained:")).name


def _as_linked(records: Sequence[Record], vectors: Float32[np.ndarray, "N D"]) -> Float32[np.ndarray, "N D"]:
    """The vectors that linking compared, of unit length."""
    shifted = without_camera_shift([record.camera for record in records], vectors)
    shifted /= np.maximum(np.linalg.norm(shifted, axis=1, keepdims=True), 1e-9)
    return shifted


def most_similar(vectors: Float32[np.ndarray, "N D"], count: int) -> list[list[tuple[int, float]]]:
    """For each row the other rows of the largest cosine, best first: (row, cosine).

    Args:
        vectors: of unit length.
        count: how many at most.

    """
    found = []
    for start in range(0, len(vectors), 512):
        scores = vectors[start : start + 512] @ vectors.T
        scores[np.arange(len(scores)), np.arange(start, start + len(scores))] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")[:, : min(count, len(vectors) - 1)]
        for row, best in zip(scores, order, strict=True):
            found.append([(int(other), round(float(row[other]), 6)) for other in best])
    return found


def cosines_with_own(
    vectors: Float32[np.ndarray, "N D"], records: Sequence[Record], numbers: Mapping[str, int]
) -> list[float | None]:
    """The mean cosine of each row with the other rows of its person; None where there are none.

    Args:
        vectors: of unit length.
        records: N.
        numbers: of their persons, by key.

    """
    members: dict[int, list[int]] = {}
    for row, record in enumerate(records):
        members.setdefault(numbers[record.key], []).append(row)
    found: list[float | None] = [None] * len(records)
    for rows in members.values():
        if len(rows) > 1:
            own = vectors[rows]
            means = (own @ own.sum(axis=0) - (own * own).sum(axis=1)) / (len(rows) - 1)
            for row, mean in zip(rows, means.tolist(), strict=True):
                found[row] = round(mean, 6)
    return found


def _fits(
    vectors: Float32[np.ndarray, "N D"],
    records: Sequence[Record],
    numbers: Mapping[str, int],
    corrections: Sequence[Correction],
) -> list[float | None]:
    """`cosines_with_own`; None also where people said who it is, which nothing doubts."""
    said = {key for group in resolve(corrections).groups for key in group}
    found = cosines_with_own(vectors, records, numbers)
    return [None if record.key in said else fit for record, fit in zip(records, found, strict=True)]


def _apart(one: Record, other: Record, numbers: Mapping[str, int]) -> bool:
    """Whether two were taken for different people since one camera saw them at once, whatever their score."""
    return numbers[one.key] != numbers[other.key] and one.overlaps(other)


def _tracklet(
    record: Record, person: int, similar: list[tuple[int, float, bool]], fit: float | None, *, crops: int
) -> dict[str, Any]:
    return {
        "key": record.key,
        "camera": record.camera,
        "person": person,
        "first": record.first,
        "last": record.last,
        "clock": record.clock,
        "from": "" if record.first is None else format_time(record.first),
        "when": format_span(record),
        "frames": record.frames,
        "crops": _crops(record, crops),
        "similar": similar,
        "fit": fit,
    }


def _crops(record: Record, count: int) -> list[str]:
    """As data addresses; fewer where crops are gone."""
    found = find_crops(record)
    shown = []
    for path in representative_crops(found, count) if found else ():
        try:
            image = Image.fromarray(read_image(path))
        except FrameError:
            continue
        scale = min(_WIDTH / image.width, _HEIGHT / image.height)
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        data = io.BytesIO()
        image.resize(size, Image.Resampling.LANCZOS).save(data, format="jpeg", quality=82)
        shown.append(f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}")
    return shown
