"""Corrections by people, as requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from stca.client.connection import Connection
from stca.web import schemas


class CorrectionRequests(Connection):
    """Who is who: verdicts, names, merging and splitting, undo; and forgetting, which has none."""

    def judge(self, query: str, answer: str, *, same: bool) -> schemas.Correction:
        """Whether an answer shows the query's person."""
        return self._correct(kind="same" if same else "different", keys=[query], others=[answer])

    def name_person(self, number: int, name: str, *, key: str | None = None) -> schemas.Correction:
        """Name a person.

        Args:
            number: of the person.
            name: 1 to 100 printable characters.
            key: one of the person's tracklets; where it is of another person by now, because people were
                linked anew, the server answers with status 409 and changes nothing.

        """
        return self._correct(kind="name", person=number, name=name, keys=[] if key is None else [key])

    def merge_persons(
        self, first: int, second: int, *, keys: tuple[str, str] | None = None
    ) -> schemas.Correction:
        """Two persons are one: the second's tracklets become the first's.

        Args:
            first: number of the person that stays.
            second: number of the person that becomes part of it.
            keys: a tracklet of each, as `key` of `name_person`.

        """
        ours, theirs = ([], []) if keys is None else ([keys[0]], [keys[1]])
        return self._correct(kind="merge", person=first, other_person=second, keys=ours, others=theirs)

    def take_out(self, key: str) -> schemas.Correction:
        """A tracklet is not of its person."""
        return self._correct(kind="take out", keys=[key])

    def split_person(self, keys: Sequence[str]) -> schemas.Correction:
        """These tracklets of one person are another one."""
        return self._correct(kind="split", keys=list(keys))

    def hide(self, *keys: str) -> schemas.Correction:
        """These tracklets are nobody: a poster, a dummy."""
        return self._correct(kind="hide", keys=list(keys))

    def show(self, *keys: str) -> schemas.Correction:
        """These hidden tracklets are somebody after all."""
        return self._correct(kind="show", keys=list(keys))

    def corrections(self) -> Iterator[schemas.Correction]:
        """The log of corrections, newest first."""
        return self._pages(schemas.CorrectionPage, "/corrections", {})

    def undo(self, number: int) -> schemas.Correction:
        """Undo a correction."""
        return schemas.Correction.model_validate(self._request("POST", f"/corrections/{number}/undo").json())

    def pairs(self) -> str:
        """Pairs that people said to be one person, or two, as CSV: key,other,same,time,author."""
        return self._request("GET", "/corrections/pairs.csv").text

    def forget(self, *keys: str, dry_run: bool = False) -> schemas.Forgotten:
        """Erase tracklets, their crops and all that was said of them, or only say what that would be."""
        return self._post(schemas.Forgotten, "/forget", schemas.ForgetIn(keys=list(keys), dry_run=dry_run))

    def forget_person(self, number: int, keys: Sequence[str], *, dry_run: bool = False) -> schemas.Forgotten:
        """Erase a person's tracklets and name, or only say what that would be.

        Args:
            number: of the person.
            keys: of all sightings of the person, as `person` gives them; where there are others by now, the
                server answers with status 409 and erases nothing.
            dry_run: only say what would be erased.

        """
        content = schemas.ForgetIn(keys=list(keys), person=number, dry_run=dry_run)
        return self._post(schemas.Forgotten, "/forget", content)

    def _correct(self, **content: Any) -> schemas.Correction:
        return self._post(schemas.Correction, "/corrections", schemas.CorrectionIn(**content))
