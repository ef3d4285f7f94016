"""One frame of a video with the boxes and numbers of its tracks drawn into it.

python -m experiments.tracking.draw_tracks ../shared/video/pets_s2l1/vtest.avi tracks/vtest/tracks.txt 253 \
        --out docs/images/tracking.png
"""

from __future__ import annotations

import argparse
import colorsys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from stca.boxes import read_mot
from stca.footage.sources import open_source

_TRAIL = 40  # frames of the past whose feet are drawn


def draw(video: Path, tracks: Path, number: int) -> Image.Image:
    """Frame `number` with everybody's box, number and last steps."""
    rows = sorted(read_mot(tracks).rows, key=lambda row: row.frame)
    frame = next(f for f in open_source(video).frames() if f.number == number)
    image = Image.fromarray(frame.image)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=15)
    present = sorted((r for r in rows if r.frame == number), key=lambda r: r.top + r.height)
    for row in present:
        colour = _colour(row.track)
        steps = [r for r in rows if r.track == row.track and 0 <= number - r.frame <= _TRAIL]
        pen.line([(r.left + r.width / 2, r.top + r.height) for r in steps], fill=colour, width=2)
        corner = row.left + row.width, row.top + row.height
        pen.rectangle((row.left, row.top, *corner), outline=colour, width=2)
        text = str(row.track)
        wide = pen.textlength(text, font=font) + 6
        pen.rectangle((row.left, row.top - 19, row.left + wide, row.top), fill=colour)
        pen.text((row.left + 3, row.top - 18), text, fill="white", font=font)
    return image


def _colour(track: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(track * 0.381966 % 1, 0.85, 0.8)
    return round(255 * red), round(255 * green), round(255 * blue)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("tracks", type=Path)
    parser.add_argument("frame", type=int)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    image = draw(given.video, given.tracks, given.frame)
    if given.out.suffix == ".png":  # a palette keeps a photograph small enough
        palette = image.quantize(200, method=Image.Quantize.MEDIANCUT)
        image = image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    image.save(given.out, optimize=True)


if __name__ == "__main__":
    main()
