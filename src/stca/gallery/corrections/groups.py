"""Groups of tracklets that are one person, and groups that are not: a union-find with enemies."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

Keys = tuple[str, ...]


class Groups:
    """Grows by what is said, newest first; what contradicts the earlier is not taken."""

    def __init__(self) -> None:
        self._of: dict[str, int] = {}
        self._members: dict[int, list[str]] = {}
        self._enemies: dict[int, set[int]] = {}
        self._words = 0
        self._together: dict[str, set[int]] = {}
        """Words that a key is in, each saying that all of its keys are one person."""
        self._apart: dict[str, dict[int, int]] = {}
        """Words that a key is in, and on which of its two sides."""

    def join(self, keys: Keys) -> bool:
        """All of these are one person, except those that are already known to be different people.

        Keys are taken in order; each goes to the first of the parts before it that it may be one with.

        Returns:
            whether every pair that was left out was told apart directly, by one word on this pair.

        """
        parts: list[list[str]] = []
        for key in keys:
            for part in parts:
                if self._unite(part[0], key):
                    part.append(key)
                    break
            else:
                parts.append([key])
        agrees = all(self._told_apart(a, b) for a, b in combinations(parts, 2))
        self._words += 1
        for key in keys:
            self._together.setdefault(key, set()).add(self._words)
        return agrees

    def part(self, keys: Keys, others: Keys) -> bool:
        """None of `keys` is one person with any of `others`, except those already known to be.

        Returns:
            whether every pair that was left out was said to be one person directly, by one word on this pair.

        """
        agrees = True
        left, right = self._by_group(keys), self._by_group(others)
        for a in left:
            for b in right:
                if a != b:
                    self._enemies[a].add(b)
                    self._enemies[b].add(a)
                elif not self._said_together(left[a], right[b]):
                    agrees = False
        self._words += 1
        for side, of_it in enumerate((keys, others)):
            for key in of_it:
                self._apart.setdefault(key, {})[self._words] = side
        return agrees

    def holds(self, a: str, b: str, *, same: bool) -> bool:
        """Whether two keys are known to be one person, or known not to be."""
        first, second = self._group(a), self._group(b)
        return first == second if same else second in self._enemies[first]

    def several(self) -> tuple[Keys, ...]:
        """Groups of two and more."""
        return tuple(sorted(tuple(sorted(keys)) for keys in self._members.values() if len(keys) > 1))

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """A pair of keys of every two groups that are enemies."""
        first = {number: min(keys) for number, keys in self._members.items()}
        pairs = {tuple(sorted((first[a], first[b]))) for a, enemies in self._enemies.items() for b in enemies}
        return tuple(sorted((a, b) for a, b in pairs))

    def _group(self, key: str) -> int:
        """Number of a key's group; a new key is a group of its own."""
        if key not in self._of:
            number = len(self._of)
            self._of[key], self._members[number], self._enemies[number] = number, [key], set()
        return self._of[key]

    def _by_group(self, keys: Keys) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for key in keys:
            found.setdefault(self._group(key), []).append(key)
        return found

    def _unite(self, a: str, b: str) -> bool:
        """Make two keys one person; False if they are known not to be."""
        into, gone = self._group(a), self._group(b)
        if into == gone:
            return True
        if gone in self._enemies[into]:
            return False
        if len(self._members[into]) < len(self._members[gone]):
            into, gone = gone, into
        for key in self._members.pop(gone):
            self._of[key] = into
            self._members[into].append(key)
        for enemy in self._enemies.pop(gone):
            self._enemies[enemy].discard(gone)
            self._enemies[enemy].add(into)
            self._enemies[into].add(enemy)
        return True

    def _told_apart(self, keys: Sequence[str], others: Sequence[str]) -> bool:
        """Whether of every pair between these some word says that they are different people."""
        empty: dict[int, int] = {}
        sides = {key: self._apart.get(key, empty) for key in (*keys, *others)}
        for word, side in sides[keys[0]].items():  # one word on all of them, which is what is usual
            if all(sides[key].get(word) == side for key in keys) and all(
                sides[key].get(word) == 1 - side for key in others
            ):
                return True
        return all(
            any(sides[b].get(word) == 1 - side for word, side in sides[a].items())
            for a in keys
            for b in others
        )

    def _said_together(self, keys: Sequence[str], others: Sequence[str]) -> bool:
        """Whether of every pair between these some word says that they are one person."""
        empty: set[int] = set()
        words = {key: self._together.get(key, empty) for key in (*keys, *others)}
        if set.intersection(*words.values()):
            return True
        return all(not words[a].isdisjoint(words[b]) for a in keys for b in others)
