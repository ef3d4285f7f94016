"""The README's commands and programs run: on small data under the paths it names, at a small size."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sequences import tiny_sequence, tiny_walkers
from stca import create_model, save_model
from stca.cli import main
from stca.cli.main import build_parser
from stca.models.backbones.resnet2d import ResNet2d
from stca.models.backbones.resnet3d import ResNet3d
from stca.version import __version__
from stca.walkers import make_scene

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
SMALL = {
    "stca_mars": "model.options.width=8 model.options.layers=[1,1,1,1]",
    "small_mot": "model.options.width=4 model.options.layers=[1,1,1,1]",
}
SCENE = {"cameras": 2, "persons": 5, "seconds": 10, "height": 180}
TINY = (
    "model.image_size=[64,32] clips.clip_len=2 batch.identities=2 batch.instances=2 optim.epochs=1 workers=0"
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which everything lies that the README speaks of."""
    folder = tmp_path_factory.mktemp("readme")
    tiny_walkers(folder / "data" / "mars")
    (_made(folder / "runs" / "demo") / "walkers").symlink_to(folder / "data" / "mars")
    make_scene(folder / "scene", **SCENE)
    for number in (1, 2, 3):
        tiny_sequence(folder / "footage" / f"cam{number}", seed=number)
    torch.save(ResNet2d(width=8, layers=(1, 1, 1, 1)).state_dict(), folder / "data" / "resnet50_ibn_a.pth")
    torch.save(ResNet3d(width=8, layers=(1, 1, 1)).state_dict(), folder / "data" / "r3d50_K_200ep.pth")
    save_model(
        create_model("stca_small", num_ids=3, image_size=(64, 32), width=4, layers=(1, 1, 1, 1)),
        folder / "model.safetensors",
    )
    sys.path.insert(0, str(ROOT / "tests" / "data" / "parity"))
    from make_inputs import official_state_dict

    torch.save({"state_dict": official_state_dict()}, folder / "official_stca.pth")
    yield folder
    (folder / "official_stca.pth").unlink()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _small(command: str, home: Path) -> str:
    """The same command, with `/data` in the test's folder, walkers there for MARS, and training made tiny."""
    command = command.replace("/data/", f"{home}/data/").replace("data check mars", "data check walkers")
    command = command.replace(
        "--persons 8 --seconds 40",
        f"--persons {SCENE['persons']} --seconds {SCENE['seconds']} --height {SCENE['height']}",
    )
    return re.sub(r"stca train (\w+)", lambda m: f"stca train {m[1]} {SMALL[m[1]]} {TINY}", command)


def commands(script: str) -> list[list[str]]:
    """A shell's words of every command; the README's need nothing else of a shell."""
    lines = script.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def test_the_commands_run(
    home: Path, as_users_run_it: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process: each would spend most of its time on importing PyTorch."""
    said: dict[str, str] = {}
    own = [block for block in blocks("sh") if not re.match(r"(make|pip) ", block)]
    assert len(own) >= 3
    monkeypatch.chdir(home)
    for block in own:
        for program, *words in commands(_small(block, home)):
            assert program == "stca"
            if words[0] == "serve":  # goes on for ever; tests/cli/test_serving.py runs it
                build_parser().parse_args([word for word in words if word != "--open"])
                continue
            capsys.readouterr()
            assert main(words) == 0, words
            said[words[0]] = capsys.readouterr().out
    assert "41,873,106" in said["complexity"]
    for picture in ("ranks.png", "attention.png", "curves.png", "cam3.npz"):
        assert (home / picture).stat().st_size > 1000


def test_a_shell_finds_the_command(home: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", "stca --version"],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout == f"stca {__version__}\n"


def test_the_programs_run(home: Path, as_users_run_it: None, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = blocks("python")
    assert len(programs) == 3
    monkeypatch.chdir(home)
    for program in programs:
        exec(compile(program, "README.md", "exec"), {"__name__": "__main__"})


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\S+)", "\n".join(blocks("sh")), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_links_lead_somewhere() -> None:
    for document in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
            if "://" not in link:
                assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_nothing_is_left_to_fill_in() -> None:
    assert not re.findall(r"\b[A-Z]+_(?:TABLE|MINUTES)\b", TEXT)
