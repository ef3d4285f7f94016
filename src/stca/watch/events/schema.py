"""The JSON schema of events, `docs/events.schema.json`.

`python -m stca.watch.events.schema > docs/events.schema.json` writes it; a test holds the two equal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stca.watch.events.event import KINDS, VERSION, Kind

_TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}
_PERSON = {"type": "integer", "minimum": 1}
_SCORE = {"type": "number", "minimum": -1.001, "maximum": 1.001}
_TEXT = {"type": "string", "minLength": 1}

_COMMON: Mapping[str, Any] = {
    "version": {"const": VERSION},
    "id": {
        "description": "Unique. What is sent twice, after a failure, has the same id both times: "
        "series-number, where numbers only grow.",
        "type": "string",
        "pattern": "^[0-9a-f]{16}-[0-9]+$",
    },
    "kind": {"enum": list(KINDS)},
    "time": {**_TIME, "description": "When it happened, UTC."},
    "said": {**_TIME, "description": "When it was said, UTC."},
    "camera": _TEXT,
    "tracklet": {**_TEXT, "description": "The key that the gallery has or will have."},
    "person": {"anyOf": [_PERSON, {"type": "null"}]},
    "name": {"anyOf": [_TEXT, {"type": "null"}], "description": "That people gave the person."},
}

_OWN: Mapping[Kind, Mapping[str, Any]] = {
    "seen": {"new": {"type": "boolean", "description": "Whether the person was never seen before."}},
    "lost": {
        "since": {**_TIME, "description": "When the tracklet began."},
        "reason": {"enum": ["left", "cut", "silent", "camera", "restart"]},
    },
    "same_person_as": {
        "score": {**_SCORE, "description": "Mean cosine to the person's tracklets."},
        "threshold": _SCORE,
        "like": {
            "description": "The most similar tracklet of the person.",
            "type": "object",
            "properties": {"tracklet": _TEXT, "camera": _TEXT, "last": _TIME},
            "required": ["tracklet", "camera", "last"],
            "additionalProperties": False,
        },
    },
    "revised": {
        "before": {**_PERSON, "description": "The person that was said before."},
        "reason": {"enum": ["better match", "no longer alike", "merged", "corrected", "joined", "withdrawn"]},
        "score": {"anyOf": [_SCORE, {"type": "null"}]},
        "into": {
            "description": "The tracklet of the same camera that it is a part of, where tracking joined two.",
            "anyOf": [_TEXT, {"type": "null"}],
        },
    },
    "alert": {
        "wanted": {**_TEXT, "description": "What --alert was given."},
        "like": {**_TEXT, "description": "The tracklet of the wanted person that is most similar."},
        "score": {**_SCORE, "description": "Cosine to it."},
        "threshold": _SCORE,
        "false_accept_rate": {
            "description": "Share of searches for people who are not in the gallery that reach the "
            "threshold; null where the threshold was given and never measured.",
            "anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "null"}],
        },
        "calibrated": {
            "description": "What the rate was measured on.",
            "enum": ["labels", "time split", "cross-camera sets", "corrections", "given"],
        },
    },
}


def event_schema() -> dict[str, Any]:
    """The schema, JSON Schema 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An event of stca watch",
        "oneOf": [_of_kind(kind) for kind in KINDS],
    }


def _of_kind(kind: Kind) -> dict[str, Any]:
    properties = {**_COMMON, "kind": {"const": kind}, **_OWN[kind]}
    if kind != "revised":
        properties["person"] = _PERSON
    return {
        "title": kind,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def schema_text() -> str:
    """As the file has it."""
    return json.dumps(event_schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
