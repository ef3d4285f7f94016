"""Files that version 0.1 wrote are opened by today's code, with the answers of that time (`data/v0_1/README.md`)."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from stca.cli.main import main
from stca.footage.images import read_image
from stca.gallery import Gallery, Hit
from stca.run_dir import RunDir
from stca.runs import load_run
from stca.tracks import find_tracklets

OLD = Path(__file__).parent / "data" / "v0_1"
EXPECTED = json.loads((OLD / "expected.json").read_text())
MADE_IN = "/tmp/stca-0.1"
ON_CPU = ("--workers", "0", "--device", "cpu")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of all of it, as if it had been made there."""
    root = tmp_path / "old"
    shutil.copytree(OLD, root)
    config = root / "run" / "config.yaml"
    text = config.read_text()
    assert MADE_IN in text
    config.write_text(text.replace(MADE_IN, str(root)))
    return root


def assert_answers(hits: Sequence[dict[str, Any]], answers: Sequence[tuple[str, float]]) -> None:
    assert {hit["record"]["key"]: hit["score"] for hit in hits} == pytest.approx(dict(answers), abs=1e-3)
    assert [hit["record"]["key"] for hit in hits] == [key for key, _ in answers]


def search(capsys: pytest.CaptureFixture[str], *call: object) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["search", *map(str, call), "-k", "20", "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def assert_is(gallery: Gallery, expected: dict[str, Any]) -> None:
    """Who is in it, who they are, from which score on an answer counts."""
    assert {record.key: record.person for record in gallery.records()} == expected["persons"]
    calibration = gallery.calibration()
    assert calibration is not None
    known = {name: asdict(calibration)[name] for name in expected["calibration"]}
    method = known.pop("method")
    figures = {name: value for name, value in expected["calibration"].items() if name != "method"}
    assert (method, known) == (expected["calibration"]["method"], pytest.approx(figures, abs=1e-3))


def test_a_gallery_says_what_it_said(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = EXPECTED["gallery"]
    with Gallery.open(old / "gallery") as gallery:
        assert_is(gallery, expected)
        records = [asdict(record) for record in gallery.records()]
        known = [
            {name: record[name] for name in before}
            for record, before in zip(records, expected["records"], strict=True)
        ]
        assert json.loads(json.dumps(known, default=str)) == expected["records"]
    by_key = search(capsys, old / "gallery", "cam1/0004")
    assert_answers(by_key["hits"], expected["by_key"])
    assert by_key["threshold"] == expected["calibration"]["threshold"]
    query = (old / "gallery", old / "tracks/cam3/0004", "--model", old / "run", *ON_CPU)
    assert_answers(search(capsys, *query)["hits"], expected["by_folder"])


def test_a_gallery_grows_and_is_calibrated_and_linked_again(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Then, linking compared vectors as they are.
    monkeypatch.setattr("stca.linking.linking.without_camera_shift", lambda cameras, vectors: vectors)
    expected, place = EXPECTED["grown"], str(old / "gallery")
    model = ("--model", str(old / "run"))
    # What is there already is found again by its pixels, though it lies elsewhere now.
    assert main(["gallery", "add", place, *map(str, (old / "tracks").glob("cam?")), *model, *ON_CPU]) == 0
    assert "4 added, 8 updated" in capsys.readouterr().out
    assert main(["calibrate", place, "--far", "0.2", *model, *ON_CPU]) == 0
    assert main(["link", place, "--threshold", "0.3", "--out", str(tmp_path / "linked")]) == 0
    with Gallery.open(place) as gallery:
        assert_is(gallery, expected)
    persons = (tmp_path / "linked" / "persons.csv").read_text()
    assert persons == (OLD / "linked" / "persons.csv").read_text()
    assert_answers(search(capsys, place, "cam1/0004")["hits"], expected["by_key"])
    query = (place, old / "tracks/cam3/0004", *model, *ON_CPU)
    assert_answers(search(capsys, *query)["hits"], expected["by_folder"])
    assert main(["gallery", "remove", place, "cam3/0004"]) == 0
    with Gallery.open(place) as gallery:
        assert len(gallery) == 11


def test_another_model_is_refused(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = [
        "gallery",
        "add",
        str(old / "gallery"),
        str(old / "tracks/cam3"),
        "--model",
        "stca_small",
        *ON_CPU,
    ]
    assert main(call) == 1
    assert "model" in capsys.readouterr().err


def test_a_run_is_scored_as_it_was(old: Path, tmp_path: Path) -> None:
    scores = tmp_path / "scores.json"
    call = ["evaluate", str(old / "run"), "--json", str(scores), "--device", "cpu", "--workers", "0"]
    assert main([*call, "--precision", "float32", "--runtime", "torch"]) == 0
    results = {result["protocol"]: result for result in json.loads(scores.read_text())["results"]}
    assert set(results) == set(EXPECTED["scores"])
    for protocol, expected in EXPECTED["scores"].items():
        result = results[protocol]
        assert (result["num_queries"], result["gallery_size"]) == (expected["queries"], expected["gallery"])
        assert result["mean_ap"] == pytest.approx(expected["mAP"], abs=1e-6)
        assert result["mean_inp"] == pytest.approx(expected["mINP"], abs=1e-6)
        assert result["cmc"][:5] == pytest.approx(expected["cmc"], abs=1e-6)


def test_a_run_goes_on_where_it_was_interrupted(old: Path) -> None:
    before = load_run(old / "run").state_dict()
    config = RunDir.open(old / "run").config()
    call = ["train", config.recipe, "data.source=packed", "--data", str(old / "people.lmdb")]
    options = "[1,1,1,1]"
    settings = ["model.image_size=[48,32]", "model.options.width=2", f"model.options.layers={options}"]
    settings += ["clips.clip_len=2", "batch.identities=4", "batch.instances=2", "optim.epochs=20"]
    settings += ["optim.milestones=[15]", "device=cpu", "precision=float32", "workers=0"]
    settings += ["checkpoint_every=19", "log_every=1"]
    assert main([*call, *settings, "--out", str(old / "run"), "--resume"]) == 0
    steps = [record for record in RunDir.open(old / "run").metrics() if record["kind"] == "train"]
    assert [record["step"] for record in steps] == list(range(1, 41))
    for record, expected in zip(steps[-2:], EXPECTED["resumed"], strict=True):
        figures = {name: value for name, value in expected.items() if name != "kind"}
        assert {name: record[name] for name in figures} == pytest.approx(figures, rel=2e-2)
    after = load_run(old / "run").state_dict()
    assert any(not tensor.equal(after[name]) for name, tensor in before.items())


def test_a_pack_is_read(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from stca.datasets import load_dataset

    splits = load_dataset("packed", old / "people.lmdb")
    assert [len(part) for part in (splits.train, splits.query, splits.gallery)] == [16, 6, 14]
    for tracklet in (*splits.train, *splits.query, *splits.gallery):
        for frame in tracklet.frames:
            assert read_image(frame).shape == (48, 32, 3)
    assert main(["data", "check", "packed", str(old / "people.lmdb"), "--decode"]) == 0
    assert "16" in capsys.readouterr().out


def test_tracks_are_read() -> None:
    tracklets = find_tracklets(OLD / "tracks")
    records = {found.key: (found.camera, len(found.frames)) for found in tracklets}
    known = {record["key"]: (record["camera"], record["frames"]) for record in EXPECTED["grown"]["records"]}
    assert records == known
    for found, expected in zip(tracklets, EXPECTED["grown"]["records"], strict=True):
        assert found.record is not None
        assert found.record.first == pytest.approx(expected["first"])
        assert found.record.last == pytest.approx(expected["last"])


def test_hits_of_a_search_are_what_they_were(old: Path) -> None:
    with Gallery.open(old / "gallery") as gallery:
        found = gallery.get("cam1/0004")
        assert found is not None
        hits: list[Hit] = gallery.search(found[1], 20, without="cam1/0004", cameras=("cam2",))
    answers = [(key, score) for key, score in EXPECTED["gallery"]["by_key"] if key.startswith("cam2")]
    assert [hit.key for hit in hits] == [key for key, _ in answers]
    assert [hit.score for hit in hits] == pytest.approx([score for _, score in answers], abs=1e-3)
