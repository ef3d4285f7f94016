"""How sure an answer is: how many pairs of different people, and of one person, reach its score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from stca.gallery import Gallery
from stca.gallery.calibration import CalibrationSet, labelled, pair_scores
from stca.gallery.calibration.corrected import corrected
from stca.gallery.corrections.resolving import resolve
from stca.gallery.cross_camera import LEVELS, SHARES, pair_rates
from stca.gallery.records import Record
from stca.web.texts import text

GRID: Float64[np.ndarray, " S"] = np.round(np.arange(-20, 101) / 100, 2)
"""Scores at which a curve is given."""
_SAMPLE = 1000
"""Tracklets whose pairs are compared, at most."""
_BLOCK = 50
"""Tracklets of one camera that follow each other in time: some of them are there at once."""
_LEAST_PAIRS = 20

Scores = Float64[np.ndarray, " S"]
Shares = Callable[[Scores], tuple[Scores, Scores | None]]


@dataclass(frozen=True, slots=True, eq=False)
class Certainty:
    """Shares of known pairs that reach a score.

    Args:
        source: where the pairs come from, as a sentence.
        shares: for scores (S,), the share of the pairs of different people that reach each of them, and that
            of the pairs of one person; None in place of the latter where no such pairs are known.
        pairs: how many pairs of different people and of one person there are.
        known: (least, largest) of both shares that can be told; a value there is a bound.

    """

    source: str
    shares: Shares
    pairs: tuple[int, int]
    known: tuple[tuple[float, float], tuple[float, float]]

    def at(self, score: float) -> tuple[float, float | None]:
        """Both shares at a score."""
        different, same = self.shares(np.array([score], np.float64))
        return float(different[0]), None if same is None else float(same[0])

    def words(self, score: float) -> str:
        """What a score means, in plain words."""
        different, same = self.at(score)
        said = _sentence(text("certainty.different"), different, self.known[0], self.pairs[0])
        if same is not None:
            said += " " + _sentence(text("certainty.same"), same, self.known[1], self.pairs[1])
        return said


def certainty(gallery: Gallery, records: Mapping[str, Record], *, sample: int = _SAMPLE) -> Certainty | None:
    """What is known of the scores of pairs in a gallery.

    From the public sets where the gallery's threshold comes from them; else from the gallery itself: from
    what people corrected, its labels, and tracklets that are in one camera's view at the same time.

    Args:
        gallery: whose calibration says where its threshold comes from.
        records: all of it that is not hidden, by key.
        sample: of how many tracklets the pairs are compared, at most.

    Returns:
        None where too few pairs are known.

    """
    calibration = gallery.calibration()
    public = calibration is None or calibration.from_public_sets
    if public and (measured := _from_public_sets(gallery)) is not None:
        return measured
    resolved = resolve(gallery.corrections())
    named = {key for group in (*resolved.groups, *resolved.apart) for key in group}
    marked = [record for record in records.values() if record.label is not None]
    chosen = [records[key] for key in sorted(named & records.keys())][:sample]
    chosen += _whole_persons(marked, sample) if marked else _neighbours(list(records.values()), sample)
    chosen = list({record.key: record for record in chosen}.values())[:sample]
    known = [(record, found[1]) for record in chosen if (found := gallery.get(record.key)) is not None]
    if not known:
        return None
    pairs = labelled([record for record, _ in known], np.stack([vector for _, vector in known]))
    origin = ("_corrections" if named else "") + ("_labels" if marked else "")
    return _from_pairs(corrected(pairs, resolved), text(f"certainty.by{origin}"))


def _from_public_sets(gallery: Gallery) -> Certainty | None:
    fingerprint, model = gallery.fingerprint, gallery.source
    found = pair_rates(fingerprint, np.zeros(1), source=model)
    if found is None:
        return None

    def shares(scores: Scores) -> tuple[Scores, Scores | None]:
        rates = pair_rates(fingerprint, scores, source=model)
        assert rates is not None
        return rates[0], rates[1]

    source = text("certainty.public", different=f"{found[2][0]:,}", same=f"{found[2][1]:,}")
    return Certainty(source, shares, found[2], ((LEVELS[-1], LEVELS[0]), (1 - SHARES[-1], 1 - SHARES[0])))


def _from_pairs(known_pairs: CalibrationSet, by: str) -> Certainty | None:
    different, same = (np.sort(scores).astype(np.float64) for scores in pair_scores(known_pairs))
    if len(different) < _LEAST_PAIRS:
        return None
    enough = len(same) >= _LEAST_PAIRS

    def shares(scores: Scores) -> tuple[Scores, Scores | None]:
        return _reaching(different, scores), _reaching(same, scores) if enough else None

    of_one = f"{len(same):,}" if enough else text("certainty.too_few")
    source = text("certainty.gallery", different=f"{len(different):,}", by=by, same=of_one)
    return Certainty(source, shares, (len(different), len(same)), ((0.0, 1.0), (0.0, 1.0)))


def _reaching(found: Float64[np.ndarray, " N"], scores: Scores) -> Scores:
    """The share of sorted values that are at least as large as each score."""
    count: Scores = len(found) - np.searchsorted(found, scores, side="left")
    return count / len(found)


def _whole_persons(records: Sequence[Record], most: int) -> list[Record]:
    """All tracklets of some persons, spread evenly over the labels; of one person a tenth at most."""
    groups: dict[int, list[Record]] = {}
    for record in records:
        if record.label is not None:
            groups.setdefault(record.label, []).append(record)
    labels = sorted(groups)
    step = max(1, len(records) // most)
    order = [label for start in range(step) for label in labels[start::step]]
    chosen: list[Record] = []
    for label in order:
        if len(chosen) >= most:
            break
        chosen += groups[label][: max(2, most // 10)]
    return chosen[:most]


def _neighbours(records: Sequence[Record], most: int) -> list[Record]:
    """Blocks of tracklets of one camera that follow each other in time, spread evenly."""
    timed = [record for record in records if record.first is not None]
    timed.sort(key=lambda record: (record.camera, record.clock, record.first or 0.0, record.key))
    if len(timed) <= most:
        return timed
    blocks = most // _BLOCK
    starts = [number * (len(timed) - _BLOCK) // max(1, blocks - 1) for number in range(blocks)]
    chosen = {record.key: record for start in starts for record in timed[start : start + _BLOCK]}
    return list(chosen.values())


def _sentence(who: str, share: float, known: tuple[float, float], pairs: int) -> str:
    """As in: Of 1,000 pairs of different people, 2 reach this score."""
    least, largest = known
    if least == 0.0 and share in (0.0, 1.0):  # counted
        return text("certainty.none" if share == 0.0 else "certainty.all", pairs=f"{pairs:,}", who=who)
    bound = "at_most" if share <= least * 1.0001 else "at_least" if share >= largest * 0.9999 else "share"
    of = 100
    while share * of < 0.95 and of < 1_000_000:
        of *= 10
    count = max(1, round(share * of))
    return text(f"certainty.{bound}", of=f"{of:,}", who=who, n=count)


def curve_points(found: Certainty) -> list[tuple[float, float, float | None]]:
    """(score, share of different people, share of one person) on `GRID`."""
    different, same = found.shares(GRID)
    rows: Float[np.ndarray, "S 2"] = np.stack([GRID, different], axis=1)
    third = [None] * len(GRID) if same is None else same.tolist()
    return [(float(a), float(b), c) for (a, b), c in zip(rows.tolist(), third, strict=True)]
