"""What is not imported before it is needed: PyTorch takes over a second and 300 MB."""

import json
import subprocess
import sys

import pytest

from stca.web.uploads.running import _PACKAGE, _PROGRAM

UPLOADS = _PROGRAM.removesuffix("main()\n") + "from stca.web.uploads import contents\n"


@pytest.mark.parametrize(
    ("program", "absent"),
    [
        (UPLOADS, {"torch", "scipy"}),
        (
            "from stca.cli.main import build_parser; build_parser()",
            {"torch", "scipy", "matplotlib", "jsonargparse"},
        ),
        ("from stca.gallery import Gallery", {"torch", "scipy", "faiss"}),
        ("import stca.tracking", {"torch", "scipy"}),
    ],
    ids=["the process that decodes uploads", "the command line", "a gallery", "tracking"],
)
def test_it_starts_without_them(program: str, absent: set[str]) -> None:
    program += "\nimport sys; print(*sys.modules)"
    paths = json.dumps([str(_PACKAGE), sys.path])
    done = subprocess.run([sys.executable, "-c", program, paths], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "stca" in loaded
    assert not absent & loaded
