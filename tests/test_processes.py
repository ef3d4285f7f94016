"""Several processes give what one gives: losses, gradients, weights, figures, and a run that ends, whoever dies."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sequences import TINY_MODEL, tiny_walkers
from stca.run_dir import RunDir
from stca.runs import evaluate_model, headline, load_run, load_test

SCRIPT = """
import dataclasses, os, signal, socket, sys, traceback
from functools import partial
from pathlib import Path
import torch
import torch.utils.tensorboard
import lightning_fabric
from stca.clips import PKSampler
from stca.config import BatchConfig, ClipConfig, ModelConfig, OptimConfig, RunConfig
from stca.datasets import load_dataset
from stca.errors import DatasetError
from stca.losses import ReIDObjective
from stca.models import create_model
from stca.run_dir import RunDir
from stca.runs.distributed_embedding import embed_distributed
from stca.training import backward, fit, launch

out, people = map(Path, sys.argv[1:])
config = RunConfig(
    model=ModelConfig("stca_small", (32, 16), {"width": 4, "layers": (1, 1, 1, 1)}),
    clips=ClipConfig(clip_len=3),
    batch=BatchConfig(identities=4, instances=2),
    optim=OptimConfig(epochs=3, lr=1e-3, milestones=()),
    device="cpu", precision="float32", workers=0, log_every=1,
)
tracklets = load_dataset("folder", people).train

def new_model():
    torch.manual_seed(0)
    return create_model("stca_small", num_ids=4, image_size=(32, 16), width=4, layers=(1, 1, 1, 1), clip_len=5)

def gradients(fabric, world, me):
    generator = torch.Generator().manual_seed(1)
    clips = torch.randn(16, 2, 3, 32, 16, generator=generator)
    person = torch.arange(16) // 4
    sampler = PKSampler(person, identities=4, instances=4, rank=fabric.global_rank, world_size=world)
    rows = next(iter(sampler))
    for case in ("frozen", "frozen 3", "alone", "synced", "synced 4", "synced recomputed 4"):
        micro_batch = int(case[-1]) if case[-1].isdigit() else None
        if micro_batch and "synced" in case and world == 1:
            micro_batch *= 2  # one process's pieces are then what two ranks' pieces are together
        model = new_model().train("frozen" not in case)
        objective = ReIDObjective(4, 128, center_weight=0.1)
        losses = backward(
            fabric, model, objective, clips[rows], person[rows], micro_batch=micro_batch,
            sync_norm="synced" in case, checkpoint_activations="recomputed" in case,
        )
        parameters = [*model.named_parameters(), *objective.named_parameters()]
        found = {"losses": torch.stack(list(losses)).detach(), **dict(model.named_buffers())}
        found |= {f"gradient {name}": p.grad for name, p in parameters if p.grad is not None}
        torch.save(found, out / f"gradients {case}, {me}.pt")

def weights(fabric, world):
    # Adam proper makes whole steps of gradients that are zero but for rounding.
    torch.optim.Adam = partial(torch.optim.Adam, eps=0.01)
    for synced in (True, False):
        here = dataclasses.replace(config, batch=dataclasses.replace(config.batch, sync_norm=synced))
        folder = out / f"run {'synced' if synced else 'alone'}, {world}"
        if fabric.is_global_zero:
            RunDir.create(folder, here)
        fabric.barrier()
        fit(new_model(), tracklets, here, RunDir(folder), fabric=fabric)

def vectors(fabric, me):
    model = new_model().eval()
    for count in (1, 2, 7, 16):
        rows = [dataclasses.replace(t, frames=t.frames[: 1 + n % 5]) for n, t in enumerate(tracklets[:count])]
        found = embed_distributed(fabric, model, rows, clip_len=2, batch_size=3, device="cpu", workers=0)
        assert found.keys == tuple(t.key for t in rows)
        torch.save(torch.from_numpy(found.vectors), out / f"vectors {count}, {me}.pt")

def broken(fabric, me):
    nothing = dataclasses.replace(tracklets[0], frames=(out / "no such frame.jpg",), key="broken")
    try:
        embed_distributed(fabric, new_model(), [*tracklets[:2], nothing], clip_len=2, device="cpu", workers=0)
    except DatasetError as error:
        (out / f"error, {me}").write_text(str(error))

def work():
    fabric = launch(config)
    world, me = fabric.world_size, f"rank {fabric.global_rank} of {fabric.world_size}"
    if world < 3:
        gradients(fabric, world, me)
        weights(fabric, world)
    vectors(fabric, me)
    broken(fabric, me)

def start(rank, world, port):
    # Forks, since importing takes far longer than the work; with what torchrun gives its processes.
    if pid := os.fork():
        return pid
    os.environ.update(
        RANK=str(rank), LOCAL_RANK=str(rank), GROUP_RANK="0", WORLD_SIZE=str(world), LOCAL_WORLD_SIZE=str(world),
        MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), TORCHELASTIC_RUN_ID="none",
    )
    try:
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)

for world in (1, 2, 3):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = {start(rank, world, port) for rank in range(world)}
    while running:
        pid, status = os.wait()
        running.remove(pid)
        if status:
            for each in running:
                os.kill(each, signal.SIGKILL)
            sys.exit(1)
"""


def call(*arguments: object) -> None:
    """Python with these arguments, which must come to a good end."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def found(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one, two and three processes gave."""
    folder = tmp_path_factory.mktemp("processes")
    (folder / "script.py").write_text(SCRIPT)
    call(folder / "script.py", folder, people)
    return folder


def worst(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> float:
    """The largest difference, relative to the largest number of the tensor it is in, or to 0.01."""
    assert found.keys() == expected.keys()
    scales = {name: max(float(tensor.abs().max()), 0.01) for name, tensor in expected.items()}
    return max(float((found[name] - expected[name]).abs().max()) / scales[name] for name in expected)


@pytest.mark.parametrize("case", ["frozen", "frozen 3", "synced", "synced 4", "synced recomputed 4"])
def test_losses_gradients_and_statistics_are_those_of_one_process(found: Path, case: str) -> None:
    """With norms in evaluation mode ("frozen"), or norms that see the clips of all; also in pieces."""
    one = torch.load(found / f"gradients {case}, rank 0 of 1.pt")
    assert one["losses"][1] > 0, "the triplet loss is there"
    for rank in (0, 1):
        assert worst(torch.load(found / f"gradients {case}, rank {rank} of 2.pt"), one) < 1e-4


def test_norms_that_see_their_own_clips_only_are_the_difference(found: Path) -> None:
    one, two = (torch.load(found / f"gradients alone, rank 0 of {count}.pt") for count in (1, 2))
    assert worst(two, one) > 0.05
    synced = torch.load(found / "gradients synced, rank 0 of 1.pt")
    assert all(torch.equal(tensor, synced[name]) for name, tensor in one.items()), "one process has all"


def test_weights_after_some_steps_are_those_of_one_process(found: Path) -> None:
    runs = {path.name.removeprefix("run "): RunDir(path) for path in found.glob("run *")}
    weights = {name: load_file(run.model_path()) for name, run in runs.items()}
    losses = {name: [record["total"] for record in run.metrics()] for name, run in runs.items()}
    assert len(losses["synced, 1"]) == 6
    assert losses["synced, 2"] == pytest.approx(losses["synced, 1"], rel=1e-4)
    assert worst(weights["synced, 2"], weights["synced, 1"]) < 1e-3
    assert worst(weights["alone, 2"], weights["alone, 1"]) > 0.1
    assert worst(weights["synced, 1"], weights["alone, 1"]) == 0


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("count", [1, 2, 7, 16])
def test_vectors_are_those_of_one_process_on_every_rank(found: Path, count: int, processes: int) -> None:
    one = torch.load(found / f"vectors {count}, rank 0 of 1.pt")
    assert len(one) == count
    assert one.abs().max(dim=1).values.min() > 0.01
    for rank in range(processes):
        shared = torch.load(found / f"vectors {count}, rank {rank} of {processes}.pt")
        torch.testing.assert_close(shared, one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_a_tracklet_that_cannot_be_read_stops_all_ranks(found: Path, processes: int) -> None:
    errors = [(found / f"error, rank {rank} of {processes}").read_text() for rank in range(processes)]
    assert sum("broken" in error for error in errors) == 1
    assert sum("Another process" in error for error in errors) == processes - 1


# --- whole runs -----------------------------------------------------------------------------------------------------

RUN = (
    *TINY_MODEL,
    "devices=2",
    "log_every=1",
    "checkpoint_steps=1",
    "optim.epochs=2",
    "eval.every=1",
    "device=cpu",
)

DIES_ONCE = """
import os, signal, sys
from pathlib import Path
from stca.cli import main
from stca.training import loop

died, steps, compute = Path(sys.argv[1]), [], loop.backward

def backward(*arguments, **options):
    steps.append(1)
    if os.environ["RANK"] == "1" and len(steps) == 4 and not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return compute(*arguments, **options)

loop.backward = backward
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture(scope="module")
def walkers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_walkers(tmp_path_factory.mktemp("data") / "walkers")


@pytest.fixture(scope="module")
def undisturbed(walkers: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """It starts its second process itself."""
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    call("-m", "stca", "train", "small_walkers", f"--data={walkers}", f"--out={out}", *RUN)
    return RunDir(out)


def test_rank_0_alone_writes(undisturbed: RunDir) -> None:
    lines = [json.loads(line) for line in (undisturbed.path / "metrics.jsonl").read_text().splitlines()]
    records = [(line["kind"], line["step"]) for line in lines]
    assert len(records) == len(set(records)) > 6
    assert len(undisturbed.checkpoints()) == 2


def test_figures_over_processes_are_those_of_the_saved_model(undisturbed: RunDir) -> None:
    """Ranks' norms saw other clips, but all embed by rank 0's statistics, which are the saved ones."""
    config = undisturbed.config()
    assert not config.batch.sync_norm
    one = headline(evaluate_model(load_run(undisturbed.path), load_test(config), config.eval, workers=0))
    logged = [record for record in undisturbed.metrics() if record["kind"] == "eval"][-1]
    assert {name: logged[name] for name in one} == pytest.approx(one, rel=1e-5)


def test_a_run_of_which_one_process_is_killed_ends_as_if_nothing_had_been(
    undisturbed: RunDir, walkers: Path, tmp_path: Path
) -> None:
    script, died, out = tmp_path / "script.py", tmp_path / "died", tmp_path / "run"
    script.write_text(DIES_ONCE)
    train = ("train", "small_walkers", f"--data={walkers}", f"--out={out}", "--resume", *RUN)
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=2")
    call(*torchrun, "--monitor-interval=0.1", script, died, *train)
    assert died.exists()
    assert_same_run(RunDir(out), undisturbed)


def assert_same_run(run: RunDir, undisturbed: RunDir) -> None:
    """Bitwise, but for the speed in the log."""
    assert run.model_path().read_bytes() == undisturbed.model_path().read_bytes()
    states = [each.load_state() for each in (run, undisturbed)]
    assert len({state.pop("precision") for state in states}) == 1
    torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)
    logs = [[{**line, "clips_per_s": 0} for line in each.metrics()] for each in (run, undisturbed)]
    assert logs[0] == logs[1]


NODE_DIES_ONCE = """
import os, signal, sys
from pathlib import Path
from stca.cli import main
from stca.training import loop

died, steps, compute = Path(sys.argv[1]), [], loop.backward

def backward(*arguments, **options):
    steps.append(1)
    if os.environ["NODE"] == "second" and len(steps) == 4 and not died.exists():
        died.touch()
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    return compute(*arguments, **options)

loop.backward = backward
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.slow  # two torchruns, which notice a lost node only after a while: about half a minute
def test_a_run_of_which_one_node_dies_and_comes_back_ends_as_if_nothing_had_been(
    undisturbed: RunDir, walkers: Path, tmp_path: Path
) -> None:
    """Each node is a torchrun of its own on loopback; the second is killed with its process, and started again."""
    script, died, out = tmp_path / "script.py", tmp_path / "died", tmp_path / "run"
    script.write_text(NODE_DIES_ONCE)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path / "log").open("w")

    def start(node: str) -> subprocess.Popen[bytes]:
        rendezvous = f"--rdzv-conf=is_host={int(node == 'first')},last_call_timeout=1,keep_alive_interval=1"
        torchrun = ("-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1", "--max-restarts=3")
        where = ("--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}", "--rdzv-id=test", rendezvous)
        train = ("train", "small_walkers", f"--data={walkers}", f"--out={out}", "--resume", *RUN)
        command = [
            *torchrun,
            *where,
            "--local-addr=127.0.0.1",
            "--monitor-interval=0.1",
            script,
            died,
            *train,
        ]
        environment = {"OMP_NUM_THREADS": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1", "NODE": node}
        return subprocess.Popen(
            [sys.executable, *map(str, command)],
            env={**os.environ, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    first, second = start("first"), start("second")
    nodes = [first, second]
    try:
        assert second.wait(1200) == -signal.SIGKILL, (tmp_path / "log").read_text()
        assert died.exists()
        nodes.append(start("second"))
        assert [nodes[2].wait(1200), first.wait(1200)] == [0, 0], (tmp_path / "log").read_text()
    finally:
        for node in nodes:
            node.kill()
        log.close()
    assert_same_run(RunDir(out), undisturbed)
