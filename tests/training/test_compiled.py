"""Training a compiled network (`compile=true`)."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stca.config import to_yaml
from stca.run_dir import RunDir
from trained import CONFIG

COMPILED = """
import sys
from pathlib import Path
import torch
from stca.config import from_yaml
from stca.datasets import load_dataset
from stca.models import create_model
from stca.run_dir import RunDir
from stca.training import fit

config, root, out = from_yaml(Path(sys.argv[1]).read_text()), Path(sys.argv[2]), Path(sys.argv[3])
torch.manual_seed(0)
model = create_model("stca_small", num_ids=4, image_size=(32, 16), width=4, layers=(1, 1, 1, 1), clip_len=2)
fit(model, load_dataset("folder", root).train, config, RunDir.create(out, config))
"""


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_compiled_network_learns_the_same(precision: str, people: Path, tmp_path: Path) -> None:
    totals = []
    for compiled in (False, True):
        config = replace(CONFIG, compile=compiled, precision=precision)
        (tmp_path / "config.yaml").write_text(to_yaml(config))
        out = tmp_path / f"compile {compiled}"
        # In a process of its own: the compiler would compile the checks of annotations, too, and stumble. All
        # cores, as users have them: code for one is other code.
        environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
        command = [sys.executable, "-c", COMPILED, str(tmp_path / "config.yaml"), str(people), str(out)]
        subprocess.run(command, check=True, env=environment)
        totals.append([r["total"] for r in RunDir(out).metrics() if r["kind"] == "train"])
    assert totals[1] == pytest.approx(totals[0], rel=1e-2 if precision == "float32" else 5e-2)
