"""A recorder that pauses within one file: nobody's track reaches over the hole."""

import itertools
from fractions import Fraction
from pathlib import Path

import pytest

from stca.boxes import read_mot
from stca.tracking import TrackOptions, write_tracks
from stca.tracks import find_tracklets
from street import HEIGHT, WIDTH, Walker, finish, render

av = pytest.importorskip("av")
pytest.importorskip("trackers")

RED, BLUE = (190, 40, 50), (40, 60, 190)
BEFORE, AFTER = 30, 30  # frames at 10 a second


def write_paused(path: Path, pause: float) -> None:
    """Two people; the red one stands still, the blue one walks on after the pause where it was before."""
    people = [Walker(RED, 60, 120, 0), Walker(BLUE, 100, 220, 2)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10, options={"qmin": "2", "qmax": "3"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuvj420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for frame in range(BEFORE + AFTER):
            picture = av.VideoFrame.from_ndarray(render(people, frame + 1), format="rgb24")
            picture.pts = 100 * frame + (round(1000 * pause) if frame >= BEFORE else 0)
            picture.time_base = Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("tracker", ["ocsort", "bytetrack"])
@pytest.mark.parametrize("pause", [3.0, 600.0])
def test_no_track_reaches_over_a_pause(tmp_path: Path, tracker: str, pause: float) -> None:
    write_paused(tmp_path / "dvr.mkv", pause)
    options = TrackOptions(detector="street:colours", tracker=tracker)
    finish(write_tracks(tmp_path / "dvr.mkv", tmp_path / "out", options))
    records = [found.record for found in find_tracklets(tmp_path / "out")]
    assert len(records) == 4
    for record in records:
        times = [frame.time for frame in record.frames]
        assert max(after - before for before, after in itertools.pairwise(times)) < 0.5
        assert len({frame.frame > BEFORE for frame in record.frames}) == 1
    assert sum(len(record) for record in records) == pytest.approx(2 * (BEFORE + AFTER), abs=8)
    rows = read_mot(tmp_path / "out" / "dvr" / "tracks.txt").rows
    assert all(len({row.frame > BEFORE for row in rows if row.track == r.track}) == 1 for r in records)
