"""`stca watch --check` finds what a start would refuse, and makes nothing."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from colour_network import write_colour_network
from made_gallery import FINGERPRINT, record, vectors
from stca.cli import main
from stca.gallery import Gallery
from stca.runs.gallery_model import open_gallery
from stca.tools.files import locked
from stca.tracking.camera_folder.writing import CameraFolder
from stca.watch.starting import LOCK

pytest.importorskip("onnxruntime")


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    write_colour_network(
        tmp_path / "net.onnx", np.random.default_rng(1).normal(size=(3, 16)).astype(np.float32)
    )
    path = tmp_path / "cameras.toml"
    path.write_text(
        '[watch]\nout = "out"\nmodel = "net.onnx"\nthreshold = 0.9\n'
        '[[camera]]\nname = "door"\nsource = "usb:0"\n'
    )
    return path


def replace(settings: Path, old: str, new: str) -> None:
    text = settings.read_text()
    assert old in text
    settings.write_text(text.replace(old, new))


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def an_out_that_is_a_file(settings: Path) -> None:
    (settings.parent / "out").write_text("mine")


def an_out_below_a_file(settings: Path) -> None:
    (settings.parent / "file").write_text("mine")
    replace(settings, '"out"', '"file/out"')


def an_out_that_cannot_be_written(settings: Path) -> None:
    replace(settings, '"out"', '"/proc/out"')


def a_link_to_nowhere(settings: Path) -> None:
    (settings.parent / "out").symlink_to("/nowhere/at/all")


def tracks_of_somebody_else(settings: Path) -> None:
    CameraFolder(settings.parent / "out" / "tracks" / "door", {"source": "door.mp4"}).write_metadata(
        finished=False, frames=0
    )


def other_files_in_a_cameras_folder(settings: Path) -> None:
    folder = settings.parent / "out" / "tracks" / "door"
    folder.mkdir(parents=True)
    (folder / "mine.txt").write_text("mine")


def a_file_of_events_that_is_none(settings: Path) -> None:
    (settings.parent / "out").mkdir()
    (settings.parent / "out" / "events.sqlite").write_bytes(b"no database" * 1000)


def a_gallery_of_another_model(settings: Path) -> None:
    with Gallery.open(settings.parent / "out" / "gallery", model=FINGERPRINT) as gallery:
        gallery.add([record(0)], vectors(1))


def a_folder_of_something_else_for_a_gallery(settings: Path) -> None:
    (settings.parent / "out" / "gallery").mkdir(parents=True)
    (settings.parent / "out" / "gallery" / "mine.txt").write_text("mine")


def a_model_that_is_not_there(settings: Path) -> None:
    replace(settings, '"net.onnx"', '"none.onnx"')


def a_model_without_a_threshold(settings: Path) -> None:
    replace(settings, "threshold = 0.9", "")


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (an_out_that_is_a_file, "This folder cannot be made"),
        (an_out_below_a_file, "This folder cannot be made"),
        (an_out_that_cannot_be_written, "This folder cannot be written"),
        (a_link_to_nowhere, "a link to nowhere"),
        (tracks_of_somebody_else, "made with another source"),
        (other_files_in_a_cameras_folder, "A camera's folder holds other files"),
        (a_file_of_events_that_is_none, "Cannot open the file of events"),
        (a_gallery_of_another_model, "use the gallery's model"),
        (a_folder_of_something_else_for_a_gallery, "A gallery needs a folder of its own"),
        (a_model_that_is_not_there, "none.onnx"),
        (a_model_without_a_threshold, "Nothing says from which score on"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_a_start_would_refuse(
    settings: Path, capsys: pytest.CaptureFixture[str], prepare: Callable[[Path], None], words: str
) -> None:
    if prepare is an_out_that_cannot_be_written and not Path("/proc/self").is_dir():
        pytest.skip("needs /proc, where even root makes no folder")
    prepare(settings)
    before = files(settings.parent)
    assert main(["watch", str(settings), "--check"]) == 1
    said = capsys.readouterr()
    assert words in said.err
    assert "no mistakes" not in said.out
    assert files(settings.parent) == before


def test_a_start_that_is_right_leaves_nothing_behind(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(settings.parent)
    assert main(["watch", str(settings), "--check"]) == 0
    assert "1 cameras (door), no mistakes" in capsys.readouterr().out
    assert files(settings.parent) == before
    open_gallery(settings.parent / "out" / "gallery", str(settings.parent / "net.onnx"))[0].close()
    assert main(["watch", str(settings), "--check"]) == 0
    assert "at present" not in capsys.readouterr().out


def test_who_watches_at_present_does_not_make_the_file_wrong(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (settings.parent / "out").mkdir()
    with locked(settings.parent / "out" / LOCK, taken="in this test"):
        assert main(["watch", str(settings), "--check"]) == 0
    said = capsys.readouterr().out
    assert "no mistakes" in said
    assert f"another process watches into {settings.parent / 'out'} at present" in said


def test_alerts_and_files_of_events_are_checked(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", str(settings), "--check", "--alert", "7"]) == 1
    assert "nobody to give an alert for" in capsys.readouterr().err
    open_gallery(tmp_path / "out" / "gallery", str(tmp_path / "net.onnx"))[0].close()
    assert main(["watch", str(settings), "--check", "--alert", "7"]) == 1
    assert "nobody to give an alert for" in capsys.readouterr().err
    assert main(["watch", str(settings), "--check", "--events", str(tmp_path)]) == 1
    assert "Cannot write events to a file" in capsys.readouterr().err
    assert main(["watch", str(settings), "--check", "--events", str(tmp_path / "new" / "events.jsonl")]) == 0
    assert not (tmp_path / "new").exists()
