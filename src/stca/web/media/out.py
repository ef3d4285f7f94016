"""What the interface says of why an answer is one."""

from __future__ import annotations

from pydantic import Field

from stca.web.schemas import Model


class CropValue(Model):
    """One crop that the network was shown again."""

    number: int = Field(description="among the usable crops of its tracklet, from 1")
    value: float = Field(description="what it adds to the cosine")


class LookOut(Model):
    """What the network saw in some crops of one tracklet."""

    key: str
    of: int = Field(description="number of the tracklet's usable crops; of many, some are looked at")
    detail: str = Field(description="places, attention, frames or clips: what the network can tell")
    note: str = Field(description="how to read it")
    cosine: float = Field(description="of these crops with the other tracklet's vector: constant + values")
    constant: float = Field(description="what no crop adds")
    crops: list[CropValue]


class CurvePoint(Model):
    """Shares of known pairs that reach a score."""

    score: float
    different: float = Field(description="of the pairs of different people")
    same: float | None = Field(description="of the pairs of one person; null: no such pairs are known")


class CertaintyOut(Model):
    """The calibration curve, and where the score is on it."""

    source: str = Field(description="where the pairs come from")
    words: str = Field(description="what the score means")
    score: CurvePoint
    points: list[CurvePoint]


class WhyOut(Model):
    """Why an answer is one."""

    key: str
    answer: str | None
    score: float | None = Field(description="cosine of the two tracklets' vectors; null without an answer")
    threshold: float | None
    far: float | None = Field(description="false-accept rate, per search, that the threshold is for")
    accepted: bool | None = Field(description="as `Hit.accepted` of a search")
    words: str = Field(description="how sure the score is, in plain words")
    picture: str | None = Field(description="address of the crops with what the network saw; null: none")
    looks: list[LookOut] = Field(description="of the tracklet, then of the answer")
    problem: str | None = Field(description="why there are no looks")
    certainty: CertaintyOut | None = Field(description="null: only the threshold is known")
