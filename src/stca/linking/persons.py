"""The persons of a gallery, and corrections by people: name, merge, take out, split, hide, judge, undo.

Each takes effect at once, in one commit with its entry in the gallery's log, and binds the next `stca link`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from stca.errors import GalleryError
from stca.gallery.corrections import Change, Correction, Kind, PersonTable
from stca.gallery.gallery import Gallery
from stca.gallery.records import Record
from stca.linking.linking import by_time


@dataclass(frozen=True, slots=True)
class Person:
    """A person of a gallery.

    Args:
        number: as `Record.person`.
        name: given by `name_person`; None: without a name.
        records: the tracklets, in time order.

    """

    number: int
    name: str | None
    records: tuple[Record, ...]


class RenumberedError(GalleryError):
    """A tracklet by which a person is meant is of another person by now."""


def persons(gallery: Gallery, numbers: Sequence[int] | None = None) -> list[Person]:
    """Persons by number; tracklets without a person, and hidden ones, are of none.

    Args:
        gallery: a gallery.
        numbers: only these persons, as far as there are such; None: all.

    """
    found = gallery.records() if numbers is None else gallery.records_of_persons(sorted(set(numbers)))
    return group_persons(found, hidden=gallery.hidden(), names=person_names(gallery))


def group_persons(
    records: Iterable[Record], *, hidden: Collection[str], names: Mapping[int, str]
) -> list[Person]:
    """The persons of records, by number.

    Args:
        records: in any order; those without a person are left out.
        hidden: keys of records to leave out.
        names: by number (`person_names`).

    """
    groups: dict[int, list[Record]] = {}
    for record in records:
        if record.person is not None and record.key not in hidden:
            groups.setdefault(record.person, []).append(record)
    return [
        Person(number, names.get(number), tuple(sorted(groups[number], key=by_time)))
        for number in sorted(groups)
    ]


def person_names(gallery: Gallery) -> dict[int, str]:
    """The names of persons by number, of those that have one."""
    corrections = gallery.corrections("name", "take out", "split", "hide")
    named = {key for each in corrections if each.kind == "name" for key in each.keys}
    numbers = gallery.persons_of(sorted(named))
    return names_of(corrections, {key: number for key, number in numbers.items() if number is not None})


def names_of(corrections: Sequence[Correction], numbers: Mapping[str, int]) -> dict[int, str]:
    """The names of persons by number.

    A name is that of the tracklets that the person had then, until they are named again or taken out. The
    newest name comes first: it goes to the person with most of its tracklets; an older name goes to the
    person with most of its own among those that have none yet.

    Args:
        corrections: the log, oldest first.
        numbers: person by key.

    """
    names: dict[int, str] = {}
    elsewhere: set[str] = set()
    """Tracklets that were named later, or are of another person than they were when they were named."""
    for correction in reversed(corrections):
        if not correction.counts or correction.kind not in ("name", "take out", "split", "hide"):
            continue
        keys, _ = correction.standing()
        if correction.kind == "name":
            mine = [numbers[key] for key in keys if key in numbers and key not in elsewhere]
            for number, _ in Counter(mine).most_common():  # of equally many, the one with the first tracklet
                if number not in names:
                    names[number] = correction.text
                    break
        elsewhere.update(keys)
    return names


def name_person(
    gallery: Gallery, number: int, name: str, *, author: str = "", keys: Sequence[str] = ()
) -> Correction:
    """Name a person. The name belongs to the tracklets: it follows most of them when persons are linked anew.

    Where persons may have been numbered anew since the number was read, `keys`, some of the person's
    tracklets, tell whether it still is the same person.

    Raises:
        RenumberedError: one of `keys` is not of the person.
        GalleryError: no such person; a name that is not 1 to 100 printable characters; a read-only gallery.

    """

    def plan(table: PersonTable) -> Change:
        return Change("name", _person(gallery, table, number, keys), text=name, author=author)

    return gallery.correct(plan)


def merge_persons(
    gallery: Gallery,
    first: int,
    second: int,
    *,
    author: str = "",
    keys: Sequence[str] = (),
    others: Sequence[str] = (),
) -> Correction:
    """Two persons are one: the second's tracklets become the first's. `keys`, `others`: as in `name_person`.

    Raises:
        RenumberedError: one of `keys` or `others` is not of its person.
        GalleryError: no such persons, or one of them twice; a read-only gallery.

    """

    def plan(table: PersonTable) -> Change:
        if first == second:
            raise GalleryError(
                "A person cannot be merged with itself",
                expected="two persons",
                found=first,
                where=gallery.where,
            )
        ours, theirs = _person(gallery, table, first, keys), _person(gallery, table, second, others)
        return Change("merge", ours, theirs, author=author, persons=dict.fromkeys(theirs, first))

    return gallery.correct(plan)


def take_out(gallery: Gallery, key: str, *, author: str = "") -> Correction:
    """A tracklet is not of its person; it becomes a person of its own.

    Raises:
        GalleryError: no such tracklet, or one without a person or alone; a read-only gallery.

    """
    return _split(gallery, "take out", [key], author)


def split_person(gallery: Gallery, keys: Sequence[str], *, author: str = "") -> Correction:
    """These tracklets of one person are another one, all of them the same.

    Raises:
        GalleryError: a missing tracklet, tracklets of several persons or of none, or all of a person's;
            a read-only gallery.

    """
    return _split(gallery, "split", keys, author)


def hide(gallery: Gallery, keys: Sequence[str], *, author: str = "") -> Correction:
    """These tracklets are nobody (a poster, a dummy): they are no longer searched, linked or counted.

    Raises:
        GalleryError: a missing tracklet, or one that is hidden already; a read-only gallery.

    """

    def plan(table: PersonTable) -> Change:
        chosen = _chosen(gallery, table, keys)
        if again := [key for key in chosen if key in table.hidden]:
            raise GalleryError(f"{again[0]!r} is hidden already", where=gallery.where)
        return Change("hide", chosen, author=author, persons=dict.fromkeys(chosen))

    return gallery.correct(plan)


def show(gallery: Gallery, keys: Sequence[str], *, author: str = "") -> Correction:
    """These hidden tracklets are somebody after all; they have no person until the next `stca link`.

    Raises:
        GalleryError: a missing tracklet, or one that is not hidden; a read-only gallery.

    """

    def plan(table: PersonTable) -> Change:
        chosen = _chosen(gallery, table, keys)
        if seen := [key for key in chosen if key not in table.hidden]:
            raise GalleryError(f"{seen[0]!r} is not hidden", where=gallery.where)
        return Change("show", chosen, author=author)

    return gallery.correct(plan)


def judge(gallery: Gallery, query: str, answer: str, *, same: bool, author: str = "") -> Correction:
    """Whether an answer shows the query's person. No tracklet moves; the next `stca link` is bound by it.

    Raises:
        GalleryError: a missing tracklet, or the same one twice; a read-only gallery.

    """

    def plan(table: PersonTable) -> Change:
        if len(_chosen(gallery, table, [query, answer])) < 2:
            raise GalleryError("A tracklet is no answer to itself", found=query, where=gallery.where)
        return Change("same" if same else "different", (query,), (answer,), author=author)

    return gallery.correct(plan)


def undo(gallery: Gallery, id: int) -> Correction:
    """Undo a correction, in any order.

    Its tracklets get the person that they would have without it, unless persons were numbered anew since
    (`Correction.renumbered`): then no tracklet moves before the next `stca link`.

    Raises:
        GalleryError: no such correction, or one that was undone already; a read-only gallery.

    """
    return gallery.undo_correction(id)


def _split(gallery: Gallery, kind: Kind, keys: Sequence[str], author: str) -> Correction:
    def plan(table: PersonTable) -> Change:
        chosen = _chosen(gallery, table, keys)
        of = table.persons_of(chosen)
        number = of[chosen[0]]
        if number is None or len(set(of.values())) > 1:
            raise GalleryError(
                "These tracklets are not of one person",
                expected="tracklets of one person",
                found=", ".join(f"{key} of {_name(of[key])}" for key in chosen[:5]),
                where=gallery.where,
                hint="see `stca person list`",
            )
        rest = tuple(key for key in _person(gallery, table, number) if key not in set(chosen))
        if not rest:
            raise GalleryError(
                f"Person {number} has no other tracklets",
                expected="some of a person's tracklets",
                found=f"all {len(chosen)} of them",
                where=gallery.where,
            )
        return Change(kind, chosen, rest, author=author, persons=dict.fromkeys(chosen, table.free_number()))

    return gallery.correct(plan)


def _name(person: int | None) -> str:
    return "nobody" if person is None else f"person {person}"


def _person(gallery: Gallery, table: PersonTable, number: int, having: Sequence[str] = ()) -> tuple[str, ...]:
    """The tracklets of a person, `having` among them."""
    keys = tuple(key for key in table.tracklets_of(number) if key not in table.hidden)
    if lost := [key for key in having if key not in keys]:
        raise RenumberedError(f"{lost[0]!r} is not of person {number}", where=gallery.where)
    if not keys:
        raise GalleryError(
            f"The gallery has no person {number}", where=gallery.where, hint="see `stca person list`"
        )
    return keys


def _chosen(gallery: Gallery, table: PersonTable, keys: Sequence[str]) -> tuple[str, ...]:
    """Keys, each once."""
    if isinstance(keys, str):
        keys = (keys,)
    if not keys:
        raise GalleryError("No tracklet is named", expected="at least one key", where=gallery.where)
    there = table.persons_of(keys)
    for key in keys:
        if key not in there:
            raise GalleryError(
                f"The gallery has no tracklet {key!r}", where=gallery.where, hint="see `stca gallery list`"
            )
    return tuple(dict.fromkeys(keys))
