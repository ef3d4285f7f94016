"""What is done on Ray, piece by piece in this process: the results are those of the plain commands."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_videos import grey, write_video
from stca.cli import main
from stca.embedding import embed_tracklets
from stca.gallery import Gallery
from stca.runs.open_model import open_model
from stca.scale import cluster, embedding, tracking
from stca.scale.attempts import Attempts
from stca.scale.vector_files import read_vectors
from stca.tracking import DetectorOptions, TrackOptions
from stca.tracklets import Tracklet
from stca.tracks import find_tracklets

pytest.importorskip("pyarrow", reason="needs stca[ray]")
MODEL = "pretrained:stca_small"


class Cluster:
    """Of one processor core."""

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 1.0}


@pytest.fixture(autouse=True)
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pieces that were begun, in order."""
    begun: list[str] = []

    @contextmanager
    def connected(**_: Any) -> Iterator[Cluster]:
        yield Cluster()

    def run(
        _: Any, task: Any, pieces: Sequence[tuple[str, str]], *, attempts: Attempts, **__: Any
    ) -> Iterator[cluster.Outcome]:
        actor = cluster._Actor(task, attempts)
        for name, piece in pieces:
            begun.append(Path(piece).name)
            yield cluster.Outcome(name, *actor._tried(name, piece))

    for module in (tracking, embedding):
        monkeypatch.setattr(module, "connected", connected)
        monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(cluster, "_WAIT", (0.0,))
    return begun


def test_vectors_and_records_are_those_of_the_plain_command(
    make_people: Any, tmp_path: Path, done: list[str]
) -> None:
    people = make_people(tmp_path / "people", persons=1, cameras=3, tracklets=3, frames=6) / "person 0"
    for name, options in (("ray", ("--engine", "ray")), ("plain", ("--workers", "0"))):
        command = ["gallery", "add", str(tmp_path / name), str(people), "--model", MODEL, "--device", "cpu"]
        assert main([*command, *options]) == 0
    with Gallery.open(tmp_path / "ray") as ours, Gallery.open(tmp_path / "plain") as plain:
        assert ours.source == plain.source
        assert ours.fingerprint == plain.fingerprint
        records = [{r.key: r for r in g.records()} for g in (ours, plain)]
        vectors = [dict(zip((r.key for r in g.records()), g.vectors(), strict=True)) for g in (ours, plain)]
    assert records[0] == records[1]
    for key, vector in vectors[1].items():
        np.testing.assert_allclose(vectors[0][key], vector, rtol=0, atol=1e-6)
    assert sorted(done) == ["camera 0", "camera 1", "camera 2"]
    assert len(vectors[1]) == 9


def test_vectors_by_openvino_are_equal_bit_for_bit(make_people: Any, tmp_path: Path) -> None:
    """It computes clip by clip, so it does not matter which clips are computed together."""
    pytest.importorskip("openvino", reason="needs stca[export]")
    people = make_people(tmp_path / "people", persons=1, cameras=3, tracklets=3, frames=11) / "person 0"
    files = embedding.embed_on_ray([people], tmp_path / "v", MODEL, device="cpu", runtime="openvino").files
    found = [read_vectors(file) for file in files]
    rows = [Tracklet(each.frames, 0, 0, each.key) for each in find_tracklets(people)]
    plain = embed_tracklets(
        open_model(MODEL), rows, device="cpu", precision="float32", runtime="openvino", workers=0, label=""
    )
    assert [r.key for file in found for r in file.records] == list(plain.keys)
    assert np.array_equal(np.concatenate([file.vectors for file in found]), plain.vectors)


def test_only_camera_folders_that_changed_are_embedded_again(
    make_people: Any, tmp_path: Path, done: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_people(tmp_path / "people", persons=1, cameras=2, tracklets=2, frames=2) / "person 0"
    command = [
        "embed",
        MODEL,
        "--engine",
        "ray",
        "--data",
        str(root),
        "--out",
        str(tmp_path / "v"),
        "--device",
        "cpu",
    ]
    assert main(command) == 0
    first = {path.name: path.read_bytes() for path in (tmp_path / "v").glob("*.parquet")}
    assert len(first) == 2
    next((root / "camera 1").rglob("*.jpg")).unlink()
    (tmp_path / "v" / "camera 0.parquet").write_bytes(b"half a fi")
    done.clear()
    assert main(command) == 0
    assert sorted(done) == ["camera 0", "camera 1"]
    assert (tmp_path / "v" / "camera 0.parquet").read_bytes() == first["camera 0.parquet"]
    done.clear()
    assert main(command) == 0
    assert done == []
    assert "2 embedded before" in capsys.readouterr().out


def test_a_camera_that_cannot_be_read_is_set_aside_and_the_others_are_added(
    make_people: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_people(tmp_path / "people", persons=1, cameras=2, tracklets=1, frames=2) / "person 0"
    for path in (root / "camera 0").rglob("*.jpg"):
        path.write_bytes(b"no picture")
    assert main(["gallery", "add", str(tmp_path / "g"), str(root), "--engine", "ray", "--model", MODEL]) == 1
    assert "1 failed" in capsys.readouterr().out
    assert (tmp_path / "g.vectors" / "failed.csv").read_text().splitlines()[1].startswith("camera 0,")
    with Gallery.open(tmp_path / "g") as gallery:
        assert [record.camera for record in gallery.records()] == ["camera 1"]


def test_each_video_is_tracked_and_a_broken_one_is_set_aside(
    tmp_path: Path, done: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "videos").mkdir()
    for name in ("a", "b"):
        write_video(tmp_path / "videos" / f"{name}.mp4", grey(*range(60, 80)))
    (tmp_path / "videos" / "broken.mp4").write_bytes(b"no video")
    command = ["track", str(tmp_path / "videos"), "--detector", "motion", "--out"]
    assert main([*command, str(tmp_path / "ray"), "--engine", "ray", "--attempts", "2"]) == 1
    assert sorted(done) == ["a.mp4", "b.mp4", "broken.mp4"]
    assert "Cannot open a video" in (tmp_path / "ray" / "failed.csv").read_text()
    plain = [str(tmp_path / "videos" / f"{name}.mp4") for name in ("a", "b")]
    assert main(["track", *plain, "--detector", "motion", "--out", str(tmp_path / "plain")]) == 0
    for name in ("a", "b"):
        for file in ("tracks.txt", "video.json"):
            found, expected = (tmp_path / out / name / file for out in ("ray", "plain"))
            assert found.read_bytes() == expected.read_bytes()
    capsys.readouterr()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--camera", "door"], "--camera"),
        (["--draw", "out.mp4"], "--draw"),
    ],
)
def test_options_of_one_video_are_refused(
    tmp_path: Path, options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_video(tmp_path / "a.mp4", grey(1, 2))
    command = ["track", str(tmp_path / "a.mp4"), "--out", str(tmp_path / "out"), "--detector", "motion"]
    assert main([*command, "--engine", "ray", *options]) == 1
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--engine", "ray", "--clip-len", "4"],
        ["--engine", "ray", "--part", "query"],
        ["--engine", "ray", "--split", "1"],
        ["--engine", "ray", "--workers", "5"],
        ["--processes", "2"],
        ["--attempts", "3"],
    ],
    ids=" ".join,
)
def test_options_of_the_other_engine_are_refused(
    tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["embed", MODEL, "--data", str(tmp_path), "--out", str(tmp_path / "v"), *options]) == 1
    assert f"{options[-2]} is " in capsys.readouterr().err
    assert not (tmp_path / "v").exists()


@pytest.mark.parametrize("command", [["track"], ["gallery", "add", "g"]], ids=" ".join)
def test_every_command_refuses_options_of_the_ray_engine_without_it(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*command, str(tmp_path), "--processes", "2"]
    assert main([*words, "--out", str(tmp_path / "o")] if command == ["track"] else words) == 1
    assert "--engine ray" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "appearance", "count", "expected"),
    [
        (TrackOptions(detector="yolox_nano"), None, 2, True),
        (TrackOptions(detector="yolox_nano"), None, 0, False),
        (TrackOptions(detector="yolox_nano", detector_options=DetectorOptions(device="cpu")), None, 2, False),
        (TrackOptions(detector="motion"), None, 2, False),
        (TrackOptions(detector="motion"), "pretrained", 2, True),
    ],
)
def test_networks_that_track_get_the_clusters_gpus(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: TrackOptions,
    appearance: str | None,
    count: int,
    expected: bool,
) -> None:
    given: list[bool] = []

    def run(*_: Any, gpus: bool = False, **__: Any) -> Iterator[cluster.Outcome]:
        given.append(gpus)
        return iter(())

    monkeypatch.setattr(tracking, "run", run)
    monkeypatch.setattr(tracking, "devices_to_try", lambda device: ["cuda", "cpu"])
    monkeypatch.setattr(Cluster, "cluster_resources", lambda _: {"CPU": 4.0, "GPU": float(count)})
    (tmp_path / "a.mp4").write_bytes(b"no video")
    tracking.track_on_ray([str(tmp_path / "a.mp4")], tmp_path / "out", options, appearance=appearance)
    assert given == [expected]


def test_vectors_on_their_way_are_erased_once_they_are_in_the_gallery_unless_kept(
    make_people: Any, tmp_path: Path
) -> None:
    root = make_people(tmp_path / "people", persons=1, cameras=2, tracklets=1, frames=2) / "person 0"
    command = ["gallery", "add", str(tmp_path / "g"), str(root), "--engine", "ray", "--model", MODEL]
    assert main([*command, "--keep-vectors"]) == 0
    assert len(list((tmp_path / "g.vectors").glob("*.parquet"))) == 2
    (tmp_path / "g.vectors" / "notes").touch()
    assert main(command) == 0
    assert [path.name for path in (tmp_path / "g.vectors").iterdir()] == ["notes"]
    (tmp_path / "g.vectors" / "notes").unlink()
    assert main(command) == 0
    assert not (tmp_path / "g.vectors").exists()


def test_a_default_network_takes_no_gpu_that_it_could_not_use(monkeypatch: pytest.MonkeyPatch) -> None:
    from stca.scale import tracking
    from stca.tracking import DetectorOptions, TrackOptions

    def on_gpus(**options: object) -> bool:
        return tracking._on_gpus(tracking.TrackTask(Path("out"), TrackOptions(**options), None), 2)

    for devices, expected in ((["cpu"], False), (["cuda", "cpu"], True)):
        monkeypatch.setattr(tracking, "devices_to_try", lambda device, devices=devices: devices)
        assert on_gpus(detector="person_mobile") is expected
        assert on_gpus(detector="motion") is False
        assert on_gpus(detector="person_mobile", detector_options=DetectorOptions(device="cuda")) is True
        assert on_gpus(detector="person_mobile", detector_options=DetectorOptions(device="cpu")) is False
