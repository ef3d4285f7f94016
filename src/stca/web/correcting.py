"""Corrections as the interface gets them, made by the functions of `stca.linking.persons`."""

from __future__ import annotations

from typing import TypeVar

from stca.gallery import Gallery
from stca.gallery.corrections import Correction
from stca.linking.persons import (
    RenumberedError,
    hide,
    judge,
    merge_persons,
    name_person,
    show,
    split_person,
    take_out,
)
from stca.web.problems import WebError, renumbered
from stca.web.schemas import CorrectionIn

Value = TypeVar("Value")


def apply_correction(gallery: Gallery, given: CorrectionIn, *, author: str) -> Correction:
    """Make a correction.

    Raises:
        WebError: an entry that its kind needs is missing, or one is given that it does not take; a tracklet
            by which a person is meant is of another person by now.
        GalleryError: as the functions of `stca.linking.persons`.

    """
    _refuse_others(given)
    try:
        return _apply(gallery, given, author)
    except RenumberedError as error:
        raise renumbered(error.what) from None


def _apply(gallery: Gallery, given: CorrectionIn, author: str) -> Correction:
    match given.kind:
        case "same" | "different":
            query, answer = _one(given, "keys"), _one(given, "others")
            return judge(gallery, query, answer, same=given.kind == "same", author=author)
        case "name":
            return name_person(
                gallery,
                _given(given, given.person, "person"),
                _given(given, given.name, "name"),
                author=author,
                keys=given.keys,
            )
        case "merge":
            first = _given(given, given.person, "person")
            second = _given(given, given.other_person, "other_person")
            return merge_persons(gallery, first, second, author=author, keys=given.keys, others=given.others)
        case "take out":
            return take_out(gallery, _one(given, "keys"), author=author)
        case "split":
            return split_person(gallery, _some(given), author=author)
        case "hide":
            return hide(gallery, _some(given), author=author)
        case "show":
            return show(gallery, _some(given), author=author)


_TAKES = {
    "same": {"keys", "others"},
    "different": {"keys", "others"},
    "name": {"person", "name", "keys"},
    "merge": {"person", "other_person", "keys", "others"},
}
"""Entries by kind; the other kinds take keys."""


def _refuse_others(given: CorrectionIn) -> None:
    takes = _TAKES.get(given.kind, {"keys"})
    entries = {"keys", "others", "person", "other_person", "name"}
    extra = sorted(name for name in entries - takes if getattr(given, name) not in (None, []))
    if extra:
        raise WebError(
            f"A correction of kind {given.kind!r} has other entries",
            status=422,
            expected=", ".join(sorted(takes)),
            found=", ".join(extra),
        )


def _given(given: CorrectionIn, value: Value | None, name: str) -> Value:
    if value is None:
        raise WebError(f"A correction of kind {given.kind!r} is incomplete", status=422, expected=name)
    return value


def _some(given: CorrectionIn) -> list[str]:
    if not given.keys:
        raise WebError(f"A correction of kind {given.kind!r} is incomplete", status=422, expected="keys")
    return given.keys


def _one(given: CorrectionIn, name: str) -> str:
    found = getattr(given, name)
    if len(found) != 1:
        raise WebError(
            f"A correction of kind {given.kind!r} is about one tracklet",
            status=422,
            expected=f"{name} with one entry",
            found=len(found),
        )
    return str(found[0])
