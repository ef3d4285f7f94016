"""A network as a file: what it takes and gives, and that a good file is lost to no bad one."""

import logging
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
import pytest
import torch

from stca.cli import main
from stca.errors import ConfigError, StcaError
from stca.export import ExportReport, export_model
from stca.inference import VectorNet
from stca.models import ReIDModel, create_model, save_model

SIZE, CLIP_LEN = (64, 32), 4
FRAMES = np.random.default_rng(0).integers(0, 256, (3, CLIP_LEN, *SIZE, 3), dtype=np.uint8)


def model_of(name: str = "cnn2d_small") -> ReIDModel:
    torch.manual_seed(0)
    return create_model(name, num_ids=3, image_size=SIZE, width=8, layers=(1, 1, 1, 1)).eval()


class Exported(NamedTuple):
    """One file of each format in a folder of its own, to be copied, and what was logged meanwhile."""

    reports: dict[str, ExportReport]
    records: list[logging.LogRecord]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder, records = tmp_path_factory.mktemp("exported"), []
    handler = logging.Handler()
    handler.emit = records.append
    logging.getLogger().addHandler(handler)
    try:
        names = ("net.onnx", "net.xml")
        reports = {name: export_model(model_of(), folder / "deep" / name[4:] / name) for name in names}
    finally:
        logging.getLogger().removeHandler(handler)
    return Exported(reports, records)


@pytest.fixture
def good(exported: Exported, tmp_path: Path) -> Callable[[str], Path]:
    """Puts a good file of that name into the test's folder."""

    def put(name: str) -> Path:
        shutil.copytree(exported.reports[name].path.parent, tmp_path, dirs_exist_ok=True)
        return tmp_path / name

    return put


@pytest.mark.parametrize("name", ["net.onnx", "net.xml"])
def test_an_export_says_what_it_takes_and_gives(name: str, exported: Exported) -> None:
    """Other networks are converted in the tests of runtimes."""
    model, report = model_of(), exported.reports[name]
    assert report.error < 1e-3
    assert report.clip_shape == (CLIP_LEN, *SIZE, 3)
    assert report.size == sum(file.stat().st_size for file in report.path.parent.iterdir()) > 40_000
    if report.format == "onnx":
        session = onnxruntime.InferenceSession(str(report.path))
        (found,) = session.run(["vectors"], {"frames": FRAMES})
        with torch.inference_mode():
            expected = VectorNet(model)(torch.from_numpy(FRAMES))
        torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["net.onnx", "net.xml"])
def test_what_computes_something_else_leaves_the_file_before_it(
    name: str, good: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert good(name).is_file()
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    monkeypatch.setattr("stca.export.LARGEST_ERROR", -1.0)
    with pytest.raises(StcaError, match="The exported network gives other vectors"):
        export_model(model_of(), tmp_path / name, neck="before")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


@pytest.mark.parametrize("taken", ["net.bin", "net.xml/", "net.bin net.xml/"])
def test_what_somebody_else_has_there_stays(taken: str, tmp_path: Path) -> None:
    for name in taken.split():
        (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).write_text("precious")
    before = contents(tmp_path)
    with pytest.raises(ConfigError, match="The export would overwrite something else"):
        export_model(model_of(), tmp_path / "net.xml")
    assert contents(tmp_path) == before


def test_weights_stay_where_the_graph_cannot_be_written(
    good: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert good("net.xml").is_file()
    before, replace = contents(tmp_path), Path.replace

    def refuse(source: Path, target: Path) -> Path:
        if target.suffix == ".xml":
            raise PermissionError(13, "Permission denied", str(source))
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(StcaError, match="cannot be written") as error:
        export_model(model_of(), tmp_path / "net.xml", neck="before")
    assert contents(tmp_path) == before
    assert "/.net.xml." not in str(error.value)


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(model: object, path: Path, **options: object) -> None:
        raise RuntimeError(f"basic_ios::clear: iostream error {path}")

    monkeypatch.setattr("openvino.save_model", full)
    with pytest.raises(StcaError, match="cannot be written") as error:
        export_model(model_of(), tmp_path / "net.xml")
    assert "/.net.xml." not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_torch_tells_nothing_of_packages_nobody_needs(exported: Exported) -> None:
    assert [record for record in exported.records if record.name.startswith("torch.onnx")] == []


@pytest.mark.parametrize("clip_len", [10_001, 999_999_999_999, -1])
def test_a_clip_that_is_too_long(clip_len: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="10,000"):
        export_model(model_of(), tmp_path / "net.onnx", clip_len=clip_len)


def test_a_network_that_cannot_be_converted_leaves_the_file_before_it(tmp_path: Path) -> None:
    class Strange(ReIDModel):
        def __init__(self) -> None:
            super().__init__(image_size=SIZE, clip_len=CLIP_LEN)
            self.head = torch.nn.Identity()

        def features(self, clips: torch.Tensor) -> torch.Tensor:
            return torch.linalg.eigvals(clips[:, 0, 0, :32, :32]).real

    (tmp_path / "net.onnx").write_text("good")
    with pytest.raises(StcaError, match="written as ONNX") as caught:
        export_model(Strange(), tmp_path / "net.onnx")
    assert caught.value.hint is None  # there is no other runtime to turn to
    with pytest.raises(StcaError, match="OpenVINO cannot"):
        export_model(Strange(), tmp_path / "net.xml")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("net.onnx", "good")]


def test_the_model_stays_as_it_was(tmp_path: Path) -> None:
    model = model_of().train()
    export_model(model, tmp_path / "net.xml")
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("package", ["onnxruntime", "onnxscript"])
def test_a_package_that_is_missing_is_named(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, package, raising=False)
    there = sys.modules["importlib.util"].find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == package else there(name))
    with pytest.raises(StcaError, match=rf"no {package}(.|\n)*stca\[export\]"):
        export_model(model_of(), tmp_path / "net.onnx")


def test_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_model(model_of(), tmp_path / "model.safetensors")
    assert main(["export", str(tmp_path / "model.safetensors"), "--out", str(tmp_path / "net.xml")]) == 0
    assert "frames (any, 4, 64, 32, 3) uint8" in capsys.readouterr().out
    assert main(["export", str(tmp_path / "model.safetensors"), "--out", str(tmp_path / "net.pb")]) == 1
    assert "ends in .onnx or .xml" in capsys.readouterr().err


def test_what_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        export_model(create_model("colour_histogram", num_ids=0), tmp_path / "net.onnx")
    with pytest.raises(ConfigError):
        export_model(model_of(), tmp_path / "net.onnx", format="openvino")
