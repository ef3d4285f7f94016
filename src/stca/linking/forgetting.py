"""Forgetting a person: all their tracklets, and their name."""

from __future__ import annotations

from stca.errors import GalleryError
from stca.gallery.gallery import Gallery
from stca.gallery.keeping import Forgotten, forget
from stca.linking.persons import Person, persons
from stca.tools.lookup import suggest


def forget_person(
    gallery: Gallery, who: int | str, *, remember: bool = True, dry_run: bool = False, wait: float = 60.0
) -> Forgotten:
    """Forget every tracklet of a person, and the name unless somebody else has it too.

    A person is who linking says it is. Tracklets that linking did not give them stay: look for those first
    (`stca search`).

    Args:
        gallery: that may be written.
        who: number or name.
        remember: as of `stca.gallery.keeping.forget`.
        dry_run: likewise.
        wait: likewise.

    Raises:
        GalleryError: no such person, or several of the name; as `stca.gallery.keeping.forget`.

    """
    people = persons(gallery)
    person = _find(gallery, people, who)
    others = {each.name for each in people if each is not person}
    names = [person.name] if person.name is not None and person.name not in others else []
    keys = [record.key for record in person.records]
    return forget(gallery, keys, names=names, remember=remember, dry_run=dry_run, wait=wait)


def _find(gallery: Gallery, people: list[Person], who: int | str) -> Person:
    number = int(who) if isinstance(who, int) or (who.isascii() and who.isdecimal()) else None
    found = [each for each in people if each.number == number] or [
        each for each in people if each.name == who
    ]
    if len(found) == 1:
        return found[0]
    if found:
        numbers = ", ".join(str(each.number) for each in found)
        raise GalleryError(
            f"Several persons are called {who!r}", expected="a number", found=numbers, where=gallery.where
        )
    close = suggest(str(who), [each.name for each in people if each.name])
    raise GalleryError(
        f"The gallery has no person {who!r}",
        where=gallery.where,
        hint=f"did you mean {close!r}?" if close else "see `stca person list`",
    )
