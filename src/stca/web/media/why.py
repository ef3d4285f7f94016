"""Why an answer is one: where the network looked, what each crop counts, how sure the score is."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
from jaxtyping import Float32

from stca.errors import StcaError
from stca.gallery import Gallery, Hit, Record
from stca.web.media import out
from stca.web.media.certainty import curve_points
from stca.web.media.looking import NOTES, Look, draw, look
from stca.web.media.pictures import crops_of, webp
from stca.web.problems import not_found

if TYPE_CHECKING:
    from stca.web.state import ServerState


def explain(state: ServerState, key: str, answer: str | None) -> tuple[out.WhyOut, bytes | None]:
    """Why a tracklet is an answer to another, or without an answer, what its own vector is made of.

    Returns:
        what is known, and its picture (WebP) where there is one.

    Raises:
        WebError: no such tracklet (404).

    """
    snapshot = state.snapshot()
    records = [snapshot.record(key)] + ([] if answer is None else [snapshot.record(answer)])
    vectors = [_vector(state.gallery, record) for record in records]
    score = None if answer is None else float(np.clip(vectors[0] @ vectors[1], -1, 1))
    looks: list[Look] = []
    problem = None
    try:
        crops = [crops_of(record) for record in records]
        with state.model_lock:
            model = state.model()
            for found, other in zip(crops, reversed(vectors), strict=True):
                looks.append(look(state.gallery, model, found, other))
    except StcaError as error:
        looks, problem = [], state.public(error.what)
    picture = webp(draw(looks)).data if looks else None
    hits = [] if score is None else state.gallery.rated([(records[1], score)], queries=records[:1])
    return _said(state, key, hits, looks, problem), picture


def _vector(gallery: Gallery, record: Record) -> Float32[np.ndarray, " D"]:
    found = gallery.get(record.key)
    if found is None:  # removed a moment ago
        raise not_found("There is no such tracklet", found=record.key)
    return found[1]


def _said(
    state: ServerState,
    key: str,
    hits: list[Hit],
    looks: list[Look],
    problem: str | None,
) -> out.WhyOut:
    hit = hits[0] if hits else None
    answer, score = (None, None) if hit is None else (hit.key, hit.score)
    calibration = state.gallery.calibration()
    threshold = None if calibration is None else calibration.threshold
    sure = None if score is None else _certainty(state, score)
    words = "" if score is None else "How sure this score is, is not known: run `stca calibrate`."
    if sure is not None:
        words = sure.words
    elif score is not None and threshold is not None:
        words = f"Only the threshold of {threshold:.3f} is known, no pairs of people to compare with."
    address = f"/media/why/{quote(key)}" + ("" if answer is None else f"?answer={quote(answer, safe='')}")
    return out.WhyOut(
        key=key,
        answer=answer,
        score=score,
        threshold=threshold,
        far=None if calibration is None else calibration.far,
        accepted=None if hit is None else hit.accepted,
        words=words,
        picture=address if looks else None,
        looks=[_look_out(each) for each in looks],
        problem=problem,
        certainty=sure,
    )


def _look_out(look: Look) -> out.LookOut:
    crops = [
        out.CropValue(number=int(number), value=float(value))
        for number, value in zip(look.numbers, look.values, strict=True)
    ]
    return out.LookOut(
        key=look.key,
        of=look.of,
        detail=look.detail,
        note=NOTES[look.detail],
        cosine=look.cosine,
        constant=look.constant,
        crops=crops,
    )


def _certainty(state: ServerState, score: float) -> out.CertaintyOut | None:
    found = state.certainty()
    if found is None:
        return None
    points = [out.CurvePoint(score=a, different=b, same=c) for a, b, c in curve_points(found)]
    different, same = found.at(score)
    return out.CertaintyOut(
        source=found.source,
        words=found.words(score),
        score=out.CurvePoint(score=score, different=different, same=same),
        points=points,
    )
