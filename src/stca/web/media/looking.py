"""Where a network looked in a tracklet's crops, and what each of them counts; drawn as a strip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64, UInt8
from PIL import Image

from stca.analysis.contributions import Contributions, contributions
from stca.clips import Transform, decode_clip, sample_clips
from stca.errors import DatasetError
from stca.gallery import Gallery
from stca.models import ReIDModel
from stca.tracklets import Tracklet
from stca.tracks import FoundTracklet
from stca.web.problems import not_found

_MOST_FRAMES = 24
"""Of a tracklet, whose parts are computed; whole clips spread evenly over it."""
_DRAWN = 8
_TALL, _GAP, _BAR = 224, 6, 10
_BETWEEN = 128
"""Grey of what lies between crops: pages are light or dark."""
_RED, _BLUE = (178, 24, 43), (33, 102, 172)
_STRONG = 0.97
"""Quantile of the parts of the places that gets the full colour: a few would drown all others."""

NOTES: dict[str, str] = {
    "places": "Red places add to the likeness, blue ones take away from it. The places and a constant add up "
    "to the score of these crops exactly.",
    "attention": "Bright places are those that the network's attention over space and time strengthens. The "
    "values of the crops and a constant add up to the score of these crops exactly.",
    "frames": "This network does not say where in a crop it looked. How much each crop counts is exact: the "
    "values add up to the score of these crops.",
    "clips": "This network does not say where it looked, and sees several crops at a time: the crops of a "
    "clip share its part of the score equally.",
}


@dataclass(frozen=True, eq=False)
class Look:
    """What a network saw in some crops of a tracklet.

    Args:
        key: of the tracklet.
        of: number of its usable crops.
        numbers: (N,) of the crops that were looked at, from 1.
        crops: (N, H, W, 3) uint8 RGB, as the network gets them.
        values: (N,) what each adds to the cosine with the other vector.
        constant: what none of them adds.
        cosine: of these crops with the other vector: the sum.
        maps: (N, h, w): what each place adds, or the attention; None where the network does not say.
        detail: "places", "attention", "frames" or "clips"; see `NOTES`.

    """

    key: str
    of: int
    numbers: Int64[np.ndarray, " N"]
    crops: UInt8[np.ndarray, "N H W 3"]
    values: Float[np.ndarray, " N"]
    constant: float
    cosine: float
    maps: Float[np.ndarray, "N h w"] | None
    detail: str


def look(
    gallery: Gallery,
    model: ReIDModel,
    found: FoundTracklet,
    other: Float32[np.ndarray, " D"],
    *,
    most: int = _MOST_FRAMES,
) -> Look:
    """Where a network looked in a tracklet, and what each crop adds to the cosine with another vector.

    Args:
        gallery: whose clip length and neck are used.
        model: the gallery's; the caller sees to it that nobody else uses it.
        found: the crops.
        other: the vector they are compared with.
        most: crops that are looked at; of a longer tracklet, clips spread evenly over it.

    Raises:
        WebError: no crop can be read (404).

    """
    length = gallery.fingerprint.clip_len or model.clip_len
    clips = sample_clips(len(found.frames), length, mode="dense")
    wanted = max(1, most // length)
    if len(clips) > wanted:
        clips = clips[[int((k + 0.5) * len(clips) / wanted) for k in range(wanted)]]
    tracklet = Tracklet(found.frames, 0, 0, found.key)
    try:
        pixels = np.stack([decode_clip(tracklet, clip, Transform(model.image_size)).frames for clip in clips])
    except DatasetError as error:
        raise not_found("The crops of this tracklet cannot be read", found=error.found) from error
    parts = contributions(model, pixels, other, neck=gallery.fingerprint.neck)
    return _merged(found, clips, pixels, parts)


def _merged(
    found: FoundTracklet,
    clips: Int64[np.ndarray, "C T"],
    pixels: UInt8[np.ndarray, "C T H W 3"],
    parts: Contributions,
) -> Look:
    """Each crop once: where a clip repeats it, its values are added up, and its attention is the mean."""
    numbers, first, place = np.unique(clips.ravel(), return_index=True, return_inverse=True)
    values = np.bincount(place, parts.frames.ravel().astype(np.float64), minlength=len(numbers))
    maps, detail = None, str(parts.detail)
    if parts.gates is not None:
        maps = _summed(parts.gates, place, len(numbers)) / np.bincount(place)[:, None, None]
        detail = "attention"
    elif parts.places is not None:
        maps = _summed(parts.places, place, len(numbers))
    return Look(
        key=found.key,
        of=len(found.frames),
        numbers=numbers + 1,
        crops=pixels.reshape(-1, *pixels.shape[2:])[first],
        values=values,
        constant=parts.constant,
        cosine=parts.cosine,
        maps=maps,
        detail=detail,
    )


def _summed(
    maps: Float[np.ndarray, "C T h w"], place: Int64[np.ndarray, " M"], count: int
) -> Float64[np.ndarray, "N h w"]:
    total = np.zeros((count, *maps.shape[2:]))
    np.add.at(total, place, maps.reshape(-1, *maps.shape[2:]))
    return total


def draw(looks: list[Look]) -> UInt8[np.ndarray, "H W 3"]:
    """A row of crops for each tracklet: what the network saw over them, below it a bar for what each adds.

    Parts of the cosine are red where they add and blue where they take away, on one scale for the row, and
    attention goes from dark to bright between its least and its largest value.
    """
    rows = [_row(each) for each in looks]
    width = max(row.shape[1] for row in rows)
    edges = [((0, _GAP), (0, width - row.shape[1]), (0, 0)) for row in rows]
    padded = [np.pad(row, edge, constant_values=_BETWEEN) for row, edge in zip(rows, edges, strict=True)]
    drawn: np.ndarray = np.concatenate(padded)[:-_GAP]
    return drawn


def _row(look: Look) -> UInt8[np.ndarray, "h w 3"]:
    count = min(_DRAWN, len(look.numbers))
    chosen = [int((k + 0.5) * len(look.numbers) / count) for k in range(count)]
    height, width = look.crops.shape[1:3]
    size = max(1, round(width * _TALL / height)), _TALL
    largest = float(np.abs(look.values).max()) or 1.0
    tiles = []
    for place in chosen:
        tile = np.asarray(Image.fromarray(look.crops[place]).resize(size, Image.Resampling.BICUBIC))
        if look.maps is not None:
            tile = _over(tile, look.maps, place, attention=look.detail == "attention")
        bar = np.full((_BAR, size[0], 3), 232, np.uint8)
        filled = round(abs(look.values[place]) / largest * size[0])
        bar[2:, :filled] = _RED if look.values[place] >= 0 else _BLUE
        tiles += [np.concatenate([tile, bar]), np.full((_TALL + _BAR, _GAP, 3), _BETWEEN, np.uint8)]
    row: np.ndarray = np.concatenate(tiles[:-1], axis=1)
    return row


def _over(
    tile: UInt8[np.ndarray, "H W 3"], maps: Float[np.ndarray, "N h w"], place: int, *, attention: bool
) -> UInt8[np.ndarray, "H W 3"]:
    """A crop in grey with its map over it."""
    low = float(maps.min()) if attention else 0.0
    high = float(maps.max() if attention else np.quantile(np.abs(maps), _STRONG))
    scaled = (maps[place] - low) / (high - low if high > low else 1.0)
    picture = Image.fromarray(scaled.astype(np.float32)).resize(tile.shape[1::-1], Image.Resampling.BILINEAR)
    values = np.asarray(picture)[..., None].clip(-1, 1)
    grey = (tile @ np.array([0.299, 0.587, 0.114]))[..., None]
    if attention:
        from matplotlib import colormaps

        colours, weight = 255 * colormaps["viridis"](values[..., 0])[..., :3], np.full(values.shape, 0.6)
    else:
        colours, weight = np.where(values >= 0, _RED, _BLUE), 0.75 * np.abs(values)
    mixed: np.ndarray = weight * colours + (1 - weight) * grey
    return mixed.clip(0, 255).astype(np.uint8)
