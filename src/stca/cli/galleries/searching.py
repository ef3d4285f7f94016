"""`stca search`."""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stca.cli.galleries.gallery import add_embedding, embedding_of, require_cameras
from stca.cli.galleries.persons import person_called
from stca.cli.parsing import Verbs, add_verb, gallery_place, picture, positive, require_with, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stca.gallery import Calibration, Gallery, Hit, Record
    from stca.tracks import FoundTracklet


def add_verbs(verbs: Verbs) -> None:
    """Add `search`."""
    search = add_verb(verbs, "search", _search, help="find a person's other tracklets in a gallery")
    search.add_argument("gallery", type=gallery_place, help="folder or milvus:// address of the gallery")
    query = search.add_argument(
        "query",
        nargs="+",
        help="key of a tracklet in the gallery, a tracklet's folder, photos (or a folder of photos) of one "
        "person, or a video; not with --person",
    )
    query.required = False  # with --person; nargs="*" would take nothing where an option comes before it
    search.add_argument(
        "--person",
        metavar="NUMBER|NAME",
        help="instead of a query: a person of the gallery (`stca person list`), by all of their tracklets",
    )
    search.add_argument(
        "--box",
        type=box,
        metavar="L,T,W,H",
        help="the person's left, top, width and height in pixels, in a photo, or in a video --at a time",
    )
    search.add_argument(
        "--at",
        type=clock_time,
        metavar="TIME",
        help="in a query video: seconds from its start, or H:MM:SS",
    )
    search.add_argument(
        "--detector",
        metavar="NAME|FILE",
        help="finds the person in photos or a video; default: as of `stca track`, and what is shaped like a "
        "crop of one person is used whole",
    )
    search.add_argument(
        "--whole", action="store_true", help="use photos or frames whole, as crops, whatever their shape"
    )
    search.add_argument("-k", type=positive, default=10, help="maximum number of results")
    search.add_argument("--camera", action="append", help="search only this camera; may be repeated")
    for name, meaning in (("from", "seen at or after"), ("to", "seen at or before")):
        search.add_argument(
            f"--{name}",
            type=seconds,
            metavar="TIME",
            help=f"{meaning} this time: seconds, or 2026-01-31T10:00:00 (local; or with Z or an offset)",
        )
    search.add_argument(
        "--hidden", action="store_true", help="search the tracklets that `stca person hide` hid too"
    )
    search.add_argument("--sheet", type=picture, metavar="FILE.png", help="write a contact sheet")
    search.add_argument("--blur", action="store_true", help="blur the heads on --sheet's contact sheet")
    search.add_argument("--json", action="store_true", help="print JSON instead of a table")
    add_embedding(search)
    search.set_defaults(workers=0)  # one tracklet is decoded before worker processes have started


def box(text: str) -> tuple[float, float, float, float]:
    """`100,50,60,160` as (left, top, width, height) in pixels."""
    try:
        left, top, width, height = (float(part) for part in text.split(","))
    except ValueError:
        left = top = width = height = math.nan
    if not (all(map(math.isfinite, (left, top, width, height))) and width > 0 and height > 0):
        raise argparse.ArgumentTypeError(
            f"a box is LEFT,TOP,WIDTH,HEIGHT in pixels, for example 100,50,60,160, not {text!r}"
        )
    return left, top, width, height


def clock_time(text: str) -> float:
    """`12.5`, `1:02.5` or `0:01:02.5` in seconds."""
    match = re.fullmatch(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"a time in a video is seconds or H:MM:SS, not {text!r}")
    return 3600 * int(match[1] or 0) + 60 * int(match[2] or 0) + float(match[3])


def _search(given: argparse.Namespace) -> None:
    from stca.errors import ConfigError
    from stca.gallery import Gallery

    require_with(given, "blur", "sheet")
    if bool(given.query) == (given.person is not None):
        found = "both" if given.query else "neither"
        raise ConfigError("A search is for one person", expected="a query or --person", found=found)
    with Gallery.open(given.gallery) as gallery, ExitStack() as stack:
        require_cameras(gallery, given.camera)
        queries, crops, hits = _answers(given, gallery, stack)
        calibration = gallery.calibration()
        threshold = calibration.threshold if calibration else None
        if given.json:
            content = {
                "query": asdict(queries[0]),
                "queries": [query.key for query in queries],
                "threshold": threshold,
                "hits": [asdict(hit) for hit in hits],
            }
            print(json.dumps(content, default=str, indent=1))
        else:
            print(table(hits, calibration))
        if given.sheet:
            title = f"{queries[0].key} in {gallery.where}"
            if given.person is not None:
                title = f"person {given.person} in {gallery.where}"
            _draw(given, title, (queries[0], crops), hits, threshold)


def _answers(
    given: argparse.Namespace, gallery: Gallery, stack: ExitStack
) -> tuple[Sequence[Record], FoundTracklet | None, list[Hit]]:
    """Records of the query, the one with most crops first; that one's crops; and the hits."""
    from stca.gallery import find_crops, search_several, search_tracklet
    from stca.runs.gallery_model import gallery_model

    low, high = getattr(given, "from"), given.to
    span = (-math.inf if low is None else low, math.inf if high is None else high)
    filters: dict[str, Any] = {
        "cameras": given.camera,
        "time": None if low is None and high is None else span,
        "hidden": given.hidden,
    }
    model = gallery_model(gallery, given.model)
    if given.person is not None:
        _refuse_for_keys(given)
        person = person_called(gallery, given.person)
        name = "" if person.name is None else f" ({person.name})"
        many = "tracklet" if len(person.records) == 1 else "tracklets"
        print(f"person {person.number}{name}: {len(person.records)} {many}", file=sys.stderr)
        records = sorted(person.records, key=lambda record: -record.frames)
        return records, find_crops(records[0]), search_several(gallery, records, given.k, **filters)
    own = gallery.get(given.query[0]) if len(given.query) == 1 else None
    if own is not None:
        _refuse_for_keys(given)
        record, vector = own
        hits = gallery.search(vector, given.k, queries=(record,), **filters)
        return [record], find_crops(record), hits
    work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stca-query-")))
    crops = _query_crops(given, gallery, work)
    record, hits = search_tracklet(gallery, model, crops, given.k, **filters, **embedding_of(given))
    return [record], crops, hits


def _refuse_for_keys(given: argparse.Namespace) -> None:
    """Tracklets of the gallery have their vectors already."""
    from stca.errors import ConfigError

    given_options = {"--box": given.box, "--at": given.at, "--detector": given.detector}
    for option, value in given_options.items():
        if value is not None:
            raise ConfigError(
                f"{option} is for photos and videos",
                found=f"the key {given.query[0]!r} of a tracklet" if given.query else "--person",
            )


def _query_crops(given: argparse.Namespace, gallery: Gallery, work: Path) -> FoundTracklet:
    """The query's crops; what of a photo or video is used is printed on stderr."""
    from stca.gallery import open_query

    (first, *others) = given.query
    if not others and not Path(first).exists():
        _require_key_or_file(gallery, first)
    query = open_query(
        [Path(place) for place in given.query],
        work,
        box=given.box,
        at=given.at,
        detector=given.detector,
        whole=given.whole,
    )
    for note in query.notes:
        print(note, file=sys.stderr)
    return query.found


def _require_key_or_file(gallery: Gallery, name: str) -> None:
    """Raise GalleryError for a query that is neither a key nor a file, in the words of what it looks like."""
    from stca.errors import GalleryError
    from stca.footage.containers import VIDEO_SUFFIXES
    from stca.footage.images import IMAGE_SUFFIXES
    from stca.linking.persons import person_names

    if Path(name).suffix.lower() in {*VIDEO_SUFFIXES, *IMAGE_SUFFIXES} and gallery.get(name) is None:
        raise GalleryError("There is no such file", expected="a photo, a video or a key", found=name)
    for number, called in person_names(gallery).items():
        if called.casefold() == name.casefold():
            raise GalleryError("This is the name of a person", found=name, hint=f"--person {number}")
    gallery.require_key(name)


def table(hits: Sequence[Hit], calibration: Calibration | None) -> str:
    """Results, a line each, and what the threshold is and where it is from."""
    from stca.gallery.times import format_span

    if not hits:
        return "no tracklet passes the filters (stca gallery stats lists cameras and times)"
    width = max(3, *(len(hit.key) for hit in hits))
    camera = max(6, *(len(hit.record.camera) for hit in hits))
    lines = [f"{'rank':>4}  {'key':<{width}}  {'camera':<{camera}}  {'score':>7}  {'':<10}  time"]
    for hit in hits:
        mark = "same time" if hit.at_once else {True: "match", False: "below", None: ""}[hit.accepted]
        mark = {True: "said same", False: "said other", None: mark}[hit.said]
        lines.append(
            f"{hit.rank:>4}  {hit.key:<{width}}  {hit.record.camera:<{camera}}  {hit.score:>7.4f}  {mark:<10}"
            f"  {format_span(hit.record)}".rstrip()
        )
    if any(hit.at_once for hit in hits):
        lines.append("same time: one camera saw it together with the query, so it is taken for somebody else")
    if calibration is None:
        lines.append("no threshold yet (stca calibrate): the best result may still be the wrong person")
        return "\n".join(lines)
    if not any(hit.accepted for hit in hits):
        other = "other " if hits[0].score >= calibration.threshold else ""
        lines.append(f"no match: no {other}result reaches the threshold {calibration.threshold:.4f}")
    lines.append(calibration.summary())
    return "\n".join(lines)


def _draw(
    given: argparse.Namespace,
    title: str,
    query: tuple[Record, FoundTracklet | None],
    hits: Sequence[Hit],
    threshold: float | None,
) -> None:
    from stca.analysis import save_figure
    from stca.gallery import find_crops
    from stca.gallery.figures import answer_figure
    from stca.gallery.times import format_time

    record, crops = query
    start = "" if record.first is None else format_time(record.first)
    figure = answer_figure(
        (record.key, start, crops),
        [(hit, find_crops(hit.record)) for hit in hits],
        title=title,
        threshold=threshold,
        blur=given.blur,
    )
    print(save_figure(figure, given.sheet), file=sys.stderr if given.json else sys.stdout)
