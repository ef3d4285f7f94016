"""`stca search | calibrate`."""

from __future__ import annotations

import argparse
import csv
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stca.cli.gallery import add_embedding, embedding_of, model_of
from stca.cli.parsing import Verbs, add_verb, picture, positive, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stca.gallery import Gallery, Hit, Record
    from stca.tracks import FoundTracklet


def add_verbs(verbs: Verbs) -> None:
    """Add the verbs."""
    search = add_verb(verbs, "search", _search, help="where else was this person?")
    search.add_argument("gallery", type=Path, help="its folder")
    search.add_argument("query", help="a tracklet's folder, or the key of one that is in the gallery")
    search.add_argument("-k", type=positive, default=10, help="how many answers")
    search.add_argument("--camera", action="append", help="only in this one; may be repeated")
    for name, meaning in (("from", "not over before"), ("to", "not begun after")):
        search.add_argument(
            f"--{name}",
            type=seconds,
            metavar="TIME",
            help=f"{meaning}: seconds, or 2026-01-31T10:00:00 (local time; or with Z or an offset)",
        )
    search.add_argument("--sheet", type=picture, metavar="FILE.png", help="draw query and answers there")
    search.add_argument("--json", action="store_true", help="print JSON instead of a table")
    add_embedding(search)
    search.set_defaults(workers=0)  # one tracklet is decoded faster than processes begin

    calibrate = add_verb(verbs, "calibrate", _calibrate, help="from which score on is an answer somebody?")
    calibrate.add_argument("gallery", type=Path, help="its folder")
    calibrate.add_argument(
        "--far", type=fraction, default=0.01, help="false-accept rate that is wanted, of searches for nobody"
    )
    calibrate.add_argument(
        "--labels",
        type=Path,
        metavar="FILE.csv",
        help="columns key,person; default: the tracklets' own, else they are cut in two",
    )
    calibrate.add_argument("--across", action="store_true", help="only compare different cameras")
    calibrate.add_argument("--plot", type=picture, metavar="FILE.png", help="draw DIR over FAR there")
    add_embedding(calibrate)


def fraction(text: str) -> float:
    """A number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"a fraction between 0 and 1 is needed, not {text!r}")
    return value


# ---- search ----


def _search(given: argparse.Namespace) -> None:
    from stca.gallery import Gallery, find_crops, search_tracklet

    low, high = getattr(given, "from"), given.to
    span = (-math.inf if low is None else low, math.inf if high is None else high)
    filters: dict[str, Any] = {
        "cameras": given.camera,
        "time": None if low is None and high is None else span,
    }
    with Gallery.open(given.gallery) as gallery:
        model = model_of(gallery, given.model)
        own = gallery.get(given.query)
        if own is not None:
            record, crops = own[0], find_crops(own[0])
            hits = gallery.search(own[1], given.k, without=record.key, **filters)
        else:
            crops = _folder_of(given, gallery)
            record, hits = search_tracklet(gallery, model, crops, given.k, **filters, **embedding_of(given))
        calibration = gallery.calibration()
    threshold = calibration.threshold if calibration else None
    if given.json:
        answers = [asdict(hit) for hit in hits]
        content = {"query": asdict(record), "threshold": threshold, "hits": answers}
        print(json.dumps(content, default=str, indent=1))
    else:
        print(table(hits, threshold))
    if given.sheet:
        _draw(given, record, crops, hits, threshold)


def _folder_of(given: argparse.Namespace, gallery: Gallery) -> FoundTracklet:
    """The one tracklet there."""
    from stca.errors import GalleryError
    from stca.tracks import find_tracklets

    if not given.query or not Path(given.query).is_dir():  # Path("") is the current folder
        gallery.require_key(given.query)
    tracklets = find_tracklets(Path(given.query))
    if len(tracklets) != 1:
        raise GalleryError(
            "A query is one tracklet",
            expected="a folder of crops",
            found=f"{len(tracklets)} tracklets",
            where=given.query,
            hint=f"for example {tracklets[0].folder}",
        )
    return tracklets[0]


def table(hits: Sequence[Hit], threshold: float | None) -> str:
    """Answers, a line each, with a line where the threshold lies."""
    from stca.gallery.figures import format_span

    if not hits:
        return "no tracklet passes the filters (stca gallery stats lists cameras and times)"
    width = max(3, *(len(hit.key) for hit in hits))
    camera = max(6, *(len(hit.record.camera) for hit in hits))
    lines = [f"{'rank':>4}  {'key':<{width}}  {'camera':<{camera}}  {'score':>7}  {'':<9}  time"]
    for hit in hits:
        mark = {True: "somebody", False: "below", None: ""}[hit.accepted]
        lines.append(
            f"{hit.rank:>4}  {hit.key:<{width}}  {hit.record.camera:<{camera}}  {hit.score:>7.4f}  {mark:<9}"
            f"  {format_span(hit.record)}".rstrip()
        )
    if threshold is None:
        lines.append("no threshold yet (stca calibrate): the best answer may still be the wrong person")
    elif not hits[0].accepted:
        lines.append(f"nobody: no answer reaches the threshold {threshold:.4f}")
    return "\n".join(lines)


def _draw(
    given: argparse.Namespace,
    record: Record,
    crops: FoundTracklet | None,
    hits: Sequence[Hit],
    threshold: float | None,
) -> None:
    import sys

    from stca.analysis import save_figure
    from stca.gallery import find_crops
    from stca.gallery.figures import answer_figure, format_time

    start = "" if record.first is None else format_time(record.first)
    figure = answer_figure(
        (record.key, start, crops),
        [(hit, find_crops(hit.record)) for hit in hits],
        title=f"{record.key} in {given.gallery}",
        threshold=threshold,
    )
    print(save_figure(figure, given.sheet), file=sys.stderr if given.json else sys.stdout)


# ---- calibrate ----


def _calibrate(given: argparse.Namespace) -> None:
    from stca.analysis import save_figure
    from stca.gallery import Gallery, calibrate_gallery
    from stca.gallery.figures import calibration_figure

    labels = read_labels(given.labels) if given.labels else None
    with Gallery.open(given.gallery) as gallery:
        calibration, searches = calibrate_gallery(
            gallery,
            model_of(gallery, given.model),
            far=given.far,
            labels=labels,
            across=given.across,
            **embedding_of(given),
        )
    print(calibration.table())
    if given.plot:
        title = (
            f"{given.gallery}: {calibration.searches} searches for people in it, {calibration.impostors} not"
        )
        print(save_figure(calibration_figure(calibration, searches, title=title), given.plot))


def read_labels(path: Path) -> dict[str, int]:
    """Who is who, from a CSV file with columns key and person.

    Raises:
        GalleryError: it cannot be read, or lacks a column, a person is no whole number, or a key is there
            twice.

    """
    from stca.errors import GalleryError

    labels: dict[str, int] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            for row in rows:
                key, person = row["key"], int(row["person"])
                if key in labels:
                    raise ValueError(f"{key!r} is named a second time in line {rows.line_num}")
                if not -(2**63) <= person < 2**63:
                    raise ValueError(f"a person beyond 64 bits in line {rows.line_num}")
                labels[key] = person
        return labels
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise GalleryError(
            "Cannot read labels", expected="columns key,person (a whole number)", found=error, where=path
        ) from error
