"""Evaluation protocols as data: which gallery rows answer a query, and what is done with the rest.

What holds in every protocol: a gallery row with a person id below 0 is junk and takes no part; person 0 is a
distractor, always an impostor and never an answer; a wrong row at the same distance as a right one counts as
being before it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args, get_type_hints

from stca.errors import RankingError
from stca.tools.lookup import suggest


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How a ranking is scored.

    Args:
        name: as it is printed beside every figure.
        description: one sentence for people.
        left_out: rows of the query's own person that are taken out of its list: those of its camera too
            ("same-camera"), or just the row with the query's own key ("itself").
        average_precision: the mean of the precision at each answer ("step"), or the trapezoid rule over
            recall, as the MATLAB code of Market-1501 and MARS has it ("trapezoid").
        unanswerable: a query whose person has no answer is not scored ("drop") or scores 0 ("zero").
        queries_in_gallery: True: `rank` adds the queries to the gallery. False: a query in the gallery is an
            error. None: the gallery is taken as it is given.
        distractors: gallery rows of person 0 stay ("keep") or leave ("drop").

    Raises:
        RankingError: an option has a value it cannot have.

    """

    name: str
    description: str
    left_out: Literal["same-camera", "itself"] = "same-camera"
    average_precision: Literal["step", "trapezoid"] = "step"
    unanswerable: Literal["drop", "zero"] = "drop"
    queries_in_gallery: bool | None = None
    distractors: Literal["keep", "drop"] = "keep"

    def __post_init__(self) -> None:
        hints = get_type_hints(Protocol)
        for field in fields(self):
            value, valid = getattr(self, field.name), get_args(hints[field.name])
            if valid and all(isinstance(v, str) for v in valid) and value not in valid:
                raise RankingError(
                    f"Protocol {self.name!r}: {field.name} cannot be {value!r}", expected=" or ".join(valid)
                )


_A = "gallery without the queries; a query without an answer in another camera is not scored"
_B = "queries stay in the gallery"

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            name="cross-camera",
            description="answers come from other cameras than the query's; the gallery is taken as given",
        ),
        Protocol(name="mars-A", description=f"MARS: {_A}", queries_in_gallery=False),
        Protocol(name="mars-B", description=f"MARS: {_B}; all 1,980 are scored", queries_in_gallery=True),
        Protocol(
            name="mars-B-trapezoid",
            description=f"MARS: {_B}; average precision as the data set's MATLAB code has it",
            average_precision="trapezoid",
            queries_in_gallery=True,
        ),
        Protocol(
            name="mars-A-zero",
            description="MARS: gallery without the queries; a query without an answer scores 0",
            unanswerable="zero",
            queries_in_gallery=False,
        ),
        Protocol(
            name="mars-A-no-distractors",
            description=f"MARS: {_A}; the distractors leave the gallery",
            queries_in_gallery=False,
            distractors="drop",
        ),
        Protocol(name="duke", description="DukeMTMC-VideoReID: 702 queries, answers come from other cameras"),
        Protocol(
            name="ilids-vid",
            description="iLIDS-VID: camera 1 asks, camera 2 answers; mean over 10 splits of 150/150 persons",
        ),
        Protocol(
            name="prid2011",
            description="PRID2011: camera 1 asks, camera 2 answers; mean over 10 splits of 89/89 persons",
        ),
        Protocol(
            name="same-track",
            description="one camera (MOT footage): every other tracklet of the person is an answer",
            left_out="itself",
        ),
    )
}


def find_protocol(protocol: str | Protocol) -> Protocol:
    """The protocol of that name; a `Protocol` is passed through.

    Raises:
        RankingError: no such protocol; the message lists those there are.

    """
    if isinstance(protocol, Protocol):
        return protocol
    if protocol in PROTOCOLS:
        return PROTOCOLS[protocol]
    close = suggest(protocol, PROTOCOLS)
    raise RankingError(
        f"There is no protocol {protocol!r}",
        expected="one of " + ", ".join(PROTOCOLS),
        hint=f"did you mean {close!r}?" if close else "pass a stca.ranking.Protocol for a rule of your own",
    )
