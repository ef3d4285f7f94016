"""What is made of finished tracks: visits of zones, a drawn video, JSON."""

import csv
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from stca.boxes import MotRow, read_mot
from stca.errors import ConfigError
from stca.footage.sources import Frame, open_source
from stca.tracking import Region, TrackOptions, VideoSummary, write_tracks
from stca.tracking.outputs import (
    check_drawing,
    draw_tracks,
    draw_video,
    tracks_json,
    visits_of,
    write_zones,
)
from stca.tracking.outputs.drawing import colour_of
from stca.tracks import FrameRecord, TrackRecord, find_tracklets
from street import Walker, finish, write_street

av = pytest.importorskip("av")

ZONE = Region(((100, 0), (200, 0), (200, 240), (100, 240)), "door")


def record(feet: list[tuple[float, float]], rate: float = 10.0) -> TrackRecord:
    """A track by (seconds, x of the feet); somebody 20 pixels wide."""
    frames = tuple(
        FrameRecord(round(t * rate) + 1, t, (x - 10, 100.0, 20.0, 60.0), 1.0, f"{i}.jpg", {}, True)
        for i, (t, x) in enumerate(feet)
    )
    return TrackRecord("cam", 3, "cam.mp4", rate, None, "d", None, frames)


def walk(
    start: float, speed: float, begin: float, end: float, step: float = 0.1
) -> list[tuple[float, float]]:
    times = np.arange(round((end - begin) / step) + 1) * step
    return [(round(begin + t, 3), start + speed * t) for t in times.tolist()]


def test_a_visit_begins_and_ends_where_the_feet_cross_the_edge() -> None:
    (visit,) = visits_of(record(walk(50, 25, 0, 8)), "cam/0003", [ZONE])
    assert (visit.zone, visit.track, visit.tracklet) == ("door", 3, "cam/0003")
    assert visit.entered == pytest.approx(2.0, abs=0.11)  # 50 pixels at 25 a second
    assert visit.left == pytest.approx(6.0, abs=0.11)
    assert visit.seconds == pytest.approx(4.0, abs=0.2)
    assert not visit.began_inside
    assert not visit.ended_inside


def test_times_and_not_counts_of_frames_decide() -> None:
    """The same walk at uneven times; and a pause of a minute, after which it is another visit."""
    rng = np.random.default_rng(0)
    uneven = np.sort(rng.uniform(0, 8, 120)).round(3)
    (visit,) = visits_of(record([(t, 50 + 25 * t) for t in np.unique(uneven)], rate=1000), "k", [ZONE])
    assert (visit.entered, visit.left) == (pytest.approx(2.0, abs=0.3), pytest.approx(6.0, abs=0.3))
    standing = [*walk(150, 0, 0, 2), *walk(150, 0, 62, 65)]
    first, second = visits_of(record(standing), "k", [ZONE])
    assert (first.entered, first.left, first.seconds) == (0.0, 2.0, 2.0)
    assert (second.entered, second.left, second.seconds) == (62.0, 65.0, 3.0)
    assert (first.began_inside, first.ended_inside) == (True, False)
    assert (second.began_inside, second.ended_inside) == (False, True)


def test_short_absences_are_no_leaving() -> None:
    missed = [*walk(150, 0, 0, 2), *walk(150, 0, 3.5, 5)]
    assert len(visits_of(record(missed), "k", [ZONE])) == 1, "not seen for 1.5 s"
    jitter = [(t, 90.0 if round(10 * t) % 7 == 0 else 103.0) for t, _ in walk(0, 0, 0, 5)]
    assert len(visits_of(record(jitter), "k", [ZONE])) == 1
    away = [*walk(150, 0, 0, 2), *walk(250, 0, 2.1, 4), *walk(150, 0, 4.1, 6)]
    assert len(visits_of(record(away), "k", [ZONE])) == 2


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, VideoSummary]:
    """A video, the folder of its tracks (one too short for a tracklet), and the summary."""
    root = tmp_path_factory.mktemp("tracked")
    rows = write_street(
        root / "cam.avi", [Walker((190, 40, 50), 30, 200, 6, last=45), Walker((40, 60, 190), 290, 120, 0)], 50
    )
    lines = [f"{r.frame},{r.track},{r.left},{r.top},{r.width},{r.height},1" for r in rows]
    path = root / "mine.txt"
    path.write_text("\n".join([*lines, "1,9,5,5,20,40,1"]))
    summary = finish(write_tracks(root / "cam.avi", root / "out", TrackOptions(tracks=path)))
    return root / "cam.avi", root / "out" / "cam", summary


def test_zones_beside_the_tracks(tracked: tuple[Path, Path, VideoSummary]) -> None:
    _, folder, _ = tracked
    empty = Region(((0, 0), (5, 0), (5, 5)), "nobody, ever")
    write_zones(folder, [ZONE, empty])
    with (folder / "zones.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["zone"], row["track"], row["tracklet"]) == ("door", "1", "cam/0001")
    data = json.loads((folder / "zones.json").read_text())
    assert [zone["name"] for zone in data["zones"]] == ["door", "nobody, ever"]
    assert [(zone["tracks"], zone["visits"]) for zone in data["zones"]] == [(1, 1), (0, 0)]
    assert float(row["seconds"]) == data["visits"][0]["seconds"] == pytest.approx(1.6, abs=0.2)
    assert len(find_tracklets(folder)) == 2, "a gallery reads the folder as before"
    for names in (["a", "a"], [""]):
        with pytest.raises(ConfigError, match="different names"):
            write_zones(folder, [Region(ZONE.points, name) for name in names])


def test_the_drawn_video(tracked: tuple[Path, Path, VideoSummary], tmp_path: Path) -> None:
    video, folder, summary = tracked
    out = tmp_path / "drawn.mp4"
    draw_tracks(video, summary, out, options=TrackOptions(), zones=[ZONE])
    with av.open(str(out)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
    drawn, plain = list(open_source(out).frames()), list(open_source(video).frames())
    assert [f.time for f in drawn] == pytest.approx([f.time for f in plain], abs=1e-3)
    rows = read_mot(folder / "tracks.txt").rows
    for number in (5, 30):
        row = next(r for r in rows if r.frame == number and r.track == 1)
        side = drawn[number - 1].image[round(row.top) + 10 : round(row.top) + 40, round(row.left)]
        assert np.abs(side.astype(float).mean(axis=0) - colour_of(1)).max() < 50
        foot = round(row.top + row.height), round(row.left + row.width / 2)
        assert np.abs(drawn[number - 1].image[foot].astype(float) - colour_of(1)).max() < 80, "the trail"
    assert [path.name for path in tmp_path.iterdir()] == ["drawn.mp4"]


def test_drawing_keeps_times_and_cuts_odd_sizes(tmp_path: Path) -> None:
    times = [0.0, 0.1, 0.15, 3.0, 3.1]
    frames = [Frame(i, t, np.full((65, 81, 3), 60, np.uint8)) for i, t in enumerate(times, start=1)]
    rows = [MotRow(frame, 1, -5.0, -5.0, 30.0, 200.0) for frame in (1, 2, 4)]  # beyond the frame
    draw_video(frames, rows, tmp_path / "odd.mkv", frame_rate=10.0)
    got = list(open_source(tmp_path / "odd.mkv").frames())
    assert [f.time for f in got] == pytest.approx(times, abs=2e-3)
    assert got[0].image.shape == (64, 80, 3)


def test_heads_are_blurred_in_a_drawn_video(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (160, 160, 3)).astype(np.uint8)
    rows = [MotRow(1, 1, 60.0, 20.0, 40.0, 120.0)]
    heads = []
    for name, blur in (("plain.mp4", False), ("blurred.mp4", True)):
        draw_video([Frame(1, 0.0, noise)], rows, tmp_path / name, frame_rate=10.0, blur=blur)
        (frame,) = open_source(tmp_path / name).frames()
        heads.append(frame.image[26:50, 66:94].astype(float).std())
        assert frame.image[90:110, 66:94].astype(float).std() > 30, "the rest of the body stays"
    assert heads[0] > 30
    assert heads[1] < 8


def test_an_interrupted_drawing_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "drawn.mp4").write_bytes(b"the one before")

    def frames() -> itertools.chain[Frame]:
        yield Frame(1, 0.0, np.zeros((64, 80, 3), np.uint8))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_video(frames(), [], tmp_path / "drawn.mp4", frame_rate=10.0)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("drawn.mp4", b"the one before")]


def test_where_nothing_can_be_drawn(tmp_path: Path) -> None:
    for name, complaint in (("out.avi", r"ends in \.mp4"), ("no/out.mp4", "no such folder")):
        with pytest.raises(ConfigError, match=complaint):
            check_drawing(tmp_path / name)
    (tmp_path / "v.mp4").touch()
    with pytest.raises(ConfigError, match="replace the original"):
        check_drawing(tmp_path / "v.mp4", [f"{tmp_path}/../{tmp_path.name}/v.mp4"])


def test_json_has_every_row_with_its_time(tracked: tuple[Path, Path, VideoSummary]) -> None:
    _, folder, summary = tracked
    data = json.loads(json.dumps(tracks_json(summary)))
    assert (data["video"], data["frames"], data["tracklets"]) == ("cam.avi", 50, 2)
    rows = read_mot(folder / "tracks.txt").rows
    assert sum(len(track["rows"]) for track in data["tracks"]) == len(rows)
    first, second, short = data["tracks"]
    assert [t["tracklet"] for t in data["tracks"]] == ["cam/0001", "cam/0002", None]
    for track in (first, second):
        for row in track["rows"]:
            assert row["time"] == pytest.approx((row["frame"] - 1) / 10)
            assert (Path(track["folder"]) / row["file"]).is_file()
    assert short["rows"][0]["time"] is None
    assert short["rows"][0]["box"] == [5, 5, 20, 40]
