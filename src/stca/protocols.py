"""Evaluation protocols as data: which gallery rows are answers (true matches) to a query.

In every protocol, gallery rows with a person id below 0 are junk and ignored; person 0 is a distractor, which
is never an answer; a wrong row at the same distance as an answer counts as before it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args, get_type_hints

from stca.errors import RankingError
from stca.tools.lookup import suggest


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """Rules by which a ranking is scored.

    Args:
        name: printed with every figure.
        description: one sentence.
        left_out: rows of the query's person that are excluded: those of the query's camera ("same-camera"),
            or only the row with the query's own key ("itself").
        average_precision: mean precision at the answers ("step"), or the trapezoid rule over recall, as in
            the MATLAB code of Market-1501 and MARS ("trapezoid").
        unanswerable: queries without an answer are not scored ("drop") or score 0 ("zero").
        queries_in_gallery: True: `rank` adds the queries to the gallery. False: a query in the gallery is an
            error. None: the gallery is used as given.
        distractors: gallery rows of person 0 are kept ("keep") or removed ("drop").

    Raises:
        RankingError: an invalid value.

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
            description="iLIDS-VID: queries camera 1, gallery camera 2; mean of 10 splits of 150/150 persons",
        ),
        Protocol(
            name="prid2011",
            description="PRID2011: queries camera 1, gallery camera 2; mean of 10 splits of 89/89 persons",
        ),
        Protocol(
            name="same-track",
            description="one camera (MOT footage): every other tracklet of the person is an answer",
            left_out="itself",
        ),
    )
}


def find_protocol(protocol: str | Protocol) -> Protocol:
    """The protocol of a name; a `Protocol` is returned as it is.

    Raises:
        RankingError: an unknown name; the message lists the known ones.

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
