"""`stca person list | name | merge | split | judge | hide | show | undo | log | pairs`."""

from __future__ import annotations

import argparse
import json
import sys
import unicodedata
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from stca.cli.parsing import Verbs, add_verb, gallery_place, positive, shown_place

if TYPE_CHECKING:
    from stca.gallery import Gallery
    from stca.gallery.corrections import Correction
    from stca.linking.persons import Person


def add_verbs(verbs: Verbs) -> None:
    """Add `person` and what is below it."""
    parent = verbs.add_parser(
        "person", help="who is who in a gallery: name people, correct what linking got wrong"
    )
    below = parent.add_subparsers(title="commands", metavar="COMMAND", required=True)

    shown = add_verb(below, "list", _list, help="list the persons, or the tracklets of some of them")
    shown.add_argument("gallery", type=gallery_place, help="folder or milvus:// address of the gallery")
    shown.add_argument("number", type=int, nargs="*", help="list the tracklets of these persons")

    name = _add_correction(below, "name", _name, "give a person a name")
    name.add_argument("number", type=int, help="of the person (see `stca person list`)")
    name.add_argument("name", help="1 to 100 characters")

    merge = _add_correction(below, "merge", _merge, "two persons are one; the second becomes the first")
    merge.add_argument("first", type=int, help="number of a person")
    merge.add_argument("second", type=int, help="number of another person")

    split = _add_correction(
        below, "split", _split, "take tracklets out of a person; together they are another"
    )
    hide = _add_correction(below, "hide", _hide, "tracklets are nobody (a poster, a dummy): leave them out")
    show = _add_correction(below, "show", _show, "hidden tracklets are somebody after all")
    for parser in (split, hide, show):
        parser.add_argument("key", nargs="+", help="of a tracklet (see `stca gallery list`)")

    judge = _add_correction(below, "judge", _judge, "say whether an answer of a search is right")
    judge.add_argument("query", help="key of a tracklet")
    judge.add_argument("answer", help="key of another tracklet")
    judge.add_argument("verdict", choices=("right", "wrong"), help="whether both show the same person")

    undo = add_verb(below, "undo", _undo, help="undo a correction")
    undo.add_argument("gallery", type=gallery_place, help="folder or milvus:// address of the gallery")
    undo.add_argument("correction", type=positive, help="its number (see `stca person log`)")

    log = add_verb(below, "log", _log, help="list all corrections, oldest first; undone ones too")
    log.add_argument("gallery", type=gallery_place, help="folder or milvus:// address of the gallery")
    for parser in (shown, log):
        parser.add_argument("--json", action="store_true", help="print JSON instead of text")

    pairs = add_verb(
        below, "pairs", _pairs, help="pairs of tracklets that people said to be one person or two, as CSV"
    )
    pairs.add_argument("gallery", type=gallery_place, help="folder or milvus:// address of the gallery")
    pairs.add_argument("--out", type=Path, metavar="FILE.csv", help="write a file instead of printing")


def _add_correction(below: Verbs, name: str, run: object, help: str) -> argparse.ArgumentParser:
    parser = add_verb(below, name, run, help=help)
    parser.add_argument("gallery", type=gallery_place, help="folder or milvus:// address of the gallery")
    parser.add_argument("--author", metavar="NAME", help="who says so, for the log; default: not said")
    return parser


def _list(given: argparse.Namespace) -> None:
    from stca.errors import GalleryError
    from stca.gallery import Gallery
    from stca.gallery.times import format_span, format_time
    from stca.linking.persons import persons

    with Gallery.open(given.gallery) as gallery:
        found = {person.number: person for person in persons(gallery, given.number or None)}
    if missing := [number for number in given.number if number not in found]:
        raise GalleryError(
            f"The gallery has no person {missing[0]}",
            where=shown_place(given.gallery),
            hint="see `stca person list`",
        )
    chosen = [found[number] for number in given.number or found]
    if given.json:
        print(json.dumps([asdict(person) for person in chosen], default=str, indent=1))
        return
    if not found:
        print("nobody yet: stca link finds persons")
    elif given.number:
        for person in chosen:
            print(f"person {person.number}{': ' + person.name if person.name else ''}")
            for record in person.records:
                print(f"  {record.key}  {format_span(record)}".rstrip())
    else:
        width = max(4, *(len(person.name or "") for person in chosen))
        print(f"{'person':>6}  {'name':<{width}}  {'tracklets':>9}  {'first seen':<25}  cameras")
        for person in chosen:
            first = next((record.first for record in person.records if record.first is not None), None)
            seen = "-" if first is None else format_time(first)
            cameras = ", ".join(sorted({record.camera for record in person.records}))
            who = f"{person.number:>6}  {person.name or '':<{width}}"
            print(f"{who}  {len(person.records):>9}  {seen:<25}  {cameras}")


_DIGITS = 19  # of a number of 64 bits


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _normal_letters(name: str) -> str:
    return _normal(name).casefold()


def person_called(gallery: Gallery, who: str) -> Person:
    """A person by number, else by name: exactly, else in capitals or not.

    Raises:
        GalleryError: there is none, or several have this name.

    """
    from stca.errors import GalleryError
    from stca.linking.persons import person_names, persons

    found = []
    if who.isascii() and who.isdigit() and len(who) < _DIGITS:
        found = persons(gallery, [int(who)])
    for same in (_normal, _normal_letters) if not found else ():
        called = [number for number, name in person_names(gallery).items() if same(name) == same(who)]
        if called and (found := persons(gallery, called)):
            break
    if len(found) == 1:
        return found[0]
    raise GalleryError(
        f"The gallery has {'several persons' if found else 'no person'} called {who!r}",
        expected="a number or a name",
        found=", ".join(f"person {person.number}" for person in found) or None,
        where=gallery.where,
        hint="see `stca person list`",
    )


def _name(given: argparse.Namespace) -> None:
    from stca.gallery import Gallery
    from stca.linking.persons import name_person

    with Gallery.open(given.gallery) as gallery:
        done = name_person(gallery, given.number, given.name, author=given.author or "")
    _say(given, f"person {given.number} is {given.name}", done)


def _merge(given: argparse.Namespace) -> None:
    from stca.gallery import Gallery
    from stca.linking.constraints import seen_at_once
    from stca.linking.persons import merge_persons

    with Gallery.open(given.gallery) as gallery:
        both = seen_at_once(*(gallery.records_of_persons([each]) for each in (given.first, given.second)))
        done = merge_persons(gallery, given.first, given.second, author=given.author or "")
    if both is not None:
        one, other = both
        print(
            f"warning: camera {one.camera} saw them at the same time ({one.key}, {other.key}): they can "
            "hardly be one person; `stca person undo` takes it back",
            file=sys.stderr,
        )
    _say(given, f"person {given.second} is person {given.first} now", done)


def _split(given: argparse.Namespace) -> None:
    from stca.gallery import Gallery
    from stca.linking.persons import split_person

    with Gallery.open(given.gallery) as gallery:
        done = split_person(gallery, given.key, author=given.author or "")
        number = gallery.person_numbers()[done.keys[0]]
    _say(given, f"{_tracklets(done)} of their own: person {number}", done)


def _hide(given: argparse.Namespace) -> None:
    from stca.gallery import Gallery
    from stca.linking.persons import hide

    with Gallery.open(given.gallery) as gallery:
        done = hide(gallery, given.key, author=given.author or "")
    _say(given, f"{_tracklets(done)} hidden", done)


def _show(given: argparse.Namespace) -> None:
    from stca.gallery import Gallery
    from stca.linking.persons import show

    with Gallery.open(given.gallery) as gallery:
        done = show(gallery, given.key, author=given.author or "")
    _say(given, f"{_tracklets(done)} shown; stca link says who it is", done)


def _judge(given: argparse.Namespace) -> None:
    from stca.gallery import Gallery
    from stca.linking.persons import judge

    with Gallery.open(given.gallery) as gallery:
        done = judge(
            gallery, given.query, given.answer, same=given.verdict == "right", author=given.author or ""
        )
    words = "one person" if done.kind == "same" else "different people"
    _say(
        given, f"{given.query} and {given.answer} are {words}; stca link and stca calibrate will use it", done
    )


def _undo(given: argparse.Namespace) -> None:
    from stca.gallery import Gallery
    from stca.linking.persons import undo

    with Gallery.open(given.gallery) as gallery:
        done = undo(gallery, given.correction)
    later = done.renumbered and done.kind not in ("same", "different", "name")
    print(
        f"correction {done.id} ({done.kind}) is undone"
        + ("; persons were linked since, so it counts from the next stca link on" if later else "")
    )


def _tracklets(done: Correction) -> str:
    return done.keys[0] if len(done.keys) == 1 else f"{len(done.keys)} tracklets"


def _say(given: argparse.Namespace, words: str, done: Correction) -> None:
    print(f"{words} (stca person undo {shown_place(given.gallery)} {done.id} takes it back)")


def _log(given: argparse.Namespace) -> None:
    from stca.gallery import Gallery
    from stca.gallery.corrections import resolve
    from stca.gallery.times import format_time

    with Gallery.open(given.gallery) as gallery:
        corrections = gallery.corrections()
    left_out = {each.id for each in resolve(corrections).left_out}
    if given.json:
        content = [
            asdict(each) | {"gone": sorted(each.gone), "left_out": each.id in left_out}
            for each in corrections
        ]
        print(json.dumps(content, indent=1))
        return
    if not corrections:
        print("nobody has corrected anything")
    for each in corrections:
        state = [f"by {each.author}"] if each.author else []
        state += [f"undone {format_time(each.undone)}"] if each.undone is not None else []
        state += ["contradicts newer ones, left out"] if each.id in left_out else []
        state += [f"{len(each.gone)} of its tracklets are gone"] if each.gone else []
        about = "; ".join([f"{each.kind}: {_about(each)}", *state])
        print(f"{each.id:>4}  {format_time(each.time)}  {about}")


def _about(each: Correction) -> str:
    sides = [
        f"{', '.join(side[:3])}{f' and {len(side) - 3} more' if len(side) > 3 else ''}"
        for side in (each.keys, each.others)
        if side
    ]
    link = {"same": " and ", "different": " and ", "merge": " with "}.get(each.kind, " from ")
    return link.join(sides) + (f" are {each.text}" if each.text else "")


def _pairs(given: argparse.Namespace) -> None:
    from stca.gallery import Gallery
    from stca.gallery.corrections import labelled_pairs, pairs_csv
    from stca.tools.files import write_text

    with Gallery.open(given.gallery) as gallery:
        pairs = labelled_pairs(gallery.corrections())
    text = pairs_csv(pairs)
    if given.out is None:
        sys.stdout.write(text)
        return
    write_text(given.out, text)
    print(f"{len(pairs)} pairs in {given.out}")
