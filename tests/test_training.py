import copy
import errno
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning_fabric import Fabric
from safetensors.torch import load_file
from torch import Tensor

from stca.clips import normalise
from stca.config import (
    BatchConfig,
    ClipConfig,
    EvalConfig,
    LossConfig,
    ModelConfig,
    OptimConfig,
    RunConfig,
    to_yaml,
)
from stca.datasets import load_dataset
from stca.errors import CheckpointError, ConfigError, TrainingError
from stca.losses import ReIDObjective
from stca.models import ReIDModel, create_model, load_model
from stca.run_dir import RunDir
from stca.tracklets import Tracklet
from stca.training import backward, fit, learning_rate, loop

CONFIG = RunConfig(
    model=ModelConfig("stca_small", (32, 16), {"width": 4}),
    clips=ClipConfig(clip_len=2),
    batch=BatchConfig(identities=4, instances=2),
    optim=OptimConfig(epochs=2, lr=1e-3, milestones=()),
    eval=EvalConfig(every=0),
    device="cpu",
    precision="float32",
    workers=0,
    log_every=1,
)
"""Four persons with four tracklets: two steps an epoch."""


def model_of(num_ids: int = 4, **options: object) -> ReIDModel:
    torch.manual_seed(0)
    return create_model("stca_small", num_ids=num_ids, image_size=(32, 16), width=4, clip_len=2, **options)


@pytest.fixture
def tracklets(people: Path) -> tuple[Tracklet, ...]:
    return load_dataset("folder", people).train


@pytest.fixture
def train(tracklets: tuple[Tracklet, ...], tmp_path: Path) -> Callable[..., RunDir]:
    def make(
        config: RunConfig = CONFIG,
        name: str = "run",
        *,
        data: Sequence[Tracklet] = tracklets,
        resume: bool = False,
    ) -> RunDir:
        """Train a new model, which a resumed run fills from its checkpoint."""
        run = RunDir.create(tmp_path / name, config, resume=resume)
        fit(model_of(len({t.person_id for t in data})), data, config, run)
        return run

    return make


# --- the schedule ---------------------------------------------------------------------------------------------------


def test_the_learning_rate_warms_up_and_falls_at_its_milestones() -> None:
    optim = OptimConfig(lr=1.0, milestones=(5, 8), gamma=0.1, warmup_epochs=3)
    rates = [learning_rate(optim, epoch) for epoch in range(10)]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01])


def test_the_default_is_the_papers_with_one_fall_at_200() -> None:
    rates = [learning_rate(OptimConfig(), epoch) for epoch in (0, 199, 200, 449)]
    assert rates == pytest.approx([3.5e-4, 3.5e-4, 3.5e-5, 3.5e-5])


@given(
    milestones=st.lists(st.integers(1, 40), max_size=4).map(tuple),
    warmup=st.integers(0, 10),
    epoch=st.integers(0, 50),
)
def test_the_rate_never_rises_after_the_warm_up(milestones: tuple[int, ...], warmup: int, epoch: int) -> None:
    optim = OptimConfig(lr=0.5, milestones=milestones, gamma=0.5, warmup_epochs=warmup)
    now, then = learning_rate(optim, epoch), learning_rate(optim, epoch + 1)
    assert 0 < now <= 0.5
    assert then <= now or epoch < warmup
    if epoch >= warmup:
        assert now == pytest.approx(0.5 * 0.5 ** len([m for m in milestones if m <= epoch]))


# --- one step -------------------------------------------------------------------------------------------------------


def batch_of(clips: int = 8) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    frames = torch.randint(256, (clips, 2, 32, 16, 3), dtype=torch.uint8, generator=generator)
    return normalise(frames), torch.arange(clips) // 2


def gradients(
    model: ReIDModel, objective: ReIDObjective, micro_batch: int | None, **options: bool
) -> tuple[Tensor, dict[str, Tensor]]:
    model.zero_grad()
    objective.zero_grad()
    clips, ids = batch_of()
    losses = backward(
        Fabric(accelerator="cpu", devices=1),
        model,
        objective,
        clips,
        ids,
        micro_batch=micro_batch,
        **options,
    )
    named = [*model.named_parameters(), *objective.named_parameters()]
    return torch.stack(list(losses)).detach(), {n: p.grad.clone() for n, p in named if p.grad is not None}


def test_a_piece_holds_as_many_persons_as_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch norm that saw one person's clips only would take out who it is."""
    model, objective = model_of(), ReIDObjective(4, 128)
    clips, ids = batch_of()
    seen = []
    real = model.features

    def recording(piece: Tensor) -> Tensor:
        seen.append([int(ids[i]) for clip in piece for i in range(len(clips)) if torch.equal(clip, clips[i])])
        return real(piece)

    monkeypatch.setattr(model, "features", recording)
    backward(Fabric(accelerator="cpu", devices=1), model, objective, clips, ids, micro_batch=4)
    assert [sorted(piece) for piece in seen] == [[0, 1, 2, 3]] * 4


@pytest.mark.parametrize("micro_batch", [1, 2, 3, 8, 100])
def test_pieces_give_the_gradient_of_the_whole_batch(micro_batch: int) -> None:
    # A loss by pieces would miss most pairs, and with pieces of one all of them.
    torch.manual_seed(0)
    model, objective = model_of().eval(), ReIDObjective(4, 128, center_weight=0.1)
    losses, whole = gradients(model, objective, None)
    found, pieces = gradients(model, objective, micro_batch)
    torch.testing.assert_close(found, losses, rtol=1e-5, atol=1e-6)
    assert losses[1] > 0, "the triplet loss is there"
    assert (
        set(pieces)
        == set(whole)
        == {n for n, p in model.named_parameters() if p.requires_grad} | {"center.centers"}
    )
    for name, gradient in whole.items():
        scale = float(gradient.abs().max())
        torch.testing.assert_close(pieces[name], gradient, rtol=1e-4, atol=1e-5 * scale + 1e-9, msg=name)


def test_running_statistics_see_every_piece_once() -> None:
    model, objective = model_of().train(), ReIDObjective(4, 128)
    reference = copy.deepcopy(model)
    clips, _ = batch_of()
    gradients(model, objective, 4)
    with torch.no_grad():
        reference.head(torch.cat([reference.features(clips[first::2]) for first in range(2)]))  # dealt out
    for (name, found), expected in zip(model.named_buffers(), reference.buffers(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("checkpoint_activations", [False, True])
def test_norms_are_as_before_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, checkpoint_activations: bool
) -> None:
    model = model_of().train()
    before = [dict(vars(module)) for module in model.modules()]
    names = list(model.state_dict())

    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(model.stream2d, "forward", fail)
    monkeypatch.setattr(model.stream2d, "stem", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        gradients(model, ReIDObjective(4, 128), 4, checkpoint_activations=checkpoint_activations)
    monkeypatch.undo()
    assert [dict(vars(module)) for module in model.modules()] == before
    assert list(model.state_dict()) == names


NETWORKS = {
    "stca_small": {},
    "stca_small, C3D": {"backbone3d": "c3d"},
    "cnn2d_small": {},
    "cnn3d_small": {},
    "concat_small": {},
}


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("micro_batch", [None, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_activations_computed_again_change_nothing(
    name: str, micro_batch: int | None, precision: str
) -> None:
    """Losses, gradients and running statistics to the bit; the head and the stems still keep theirs."""
    results, kept = [], []
    clips, ids = batch_of()
    for again in (False, True):
        torch.manual_seed(0)
        model = create_model(
            name.split(",")[0], num_ids=4, image_size=(32, 16), width=4, **NETWORKS[name]
        ).train()
        objective = ReIDObjective(4, model.embedding_dim, center_weight=0.1)
        sizes = []

        def pack(tensor: Tensor, sizes: list[int] = sizes) -> Tensor:
            sizes.append(tensor.numel() * tensor.element_size())
            return tensor

        fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            losses = backward(
                fabric, model, objective, clips, ids, micro_batch=micro_batch, checkpoint_activations=again
            )
        named = [*model.named_parameters(), *objective.named_parameters()]
        results.append(
            {
                "losses": torch.stack(list(losses)).detach(),
                **{f"gradient {name}": p.grad for name, p in named if p.grad is not None},
                **model.state_dict(),
            }
        )
        kept.append(sum(sizes))
    most = 0.65 if "bf16" in precision else 0.6  # in bf16 the 3D stem keeps its frames once per tap
    assert kept[1] < most * kept[0]
    plain, recomputed = results
    assert plain.keys() == recomputed.keys()
    for key, tensor in plain.items():
        assert torch.equal(tensor, recomputed[key]), key
    assert any("num_batches_tracked" in key and tensor > 0 for key, tensor in plain.items())


def test_a_model_without_stages_has_no_activations_to_compute_again() -> None:
    class Flat(ReIDModel):
        def __init__(self) -> None:
            super().__init__(image_size=(32, 16))
            self.embedding_dim, self.head = 3, model_of().head

    with pytest.raises(ConfigError, match="checkpoint_activations=false"):
        gradients(Flat(), ReIDObjective(4, 3), None, checkpoint_activations=True)


def test_a_run_that_computes_activations_again_is_the_same_run(train: Callable[..., RunDir]) -> None:
    again = replace(CONFIG, batch=replace(CONFIG.batch, checkpoint_activations=True))
    assert_equal_runs(train(CONFIG, "plain"), train(again, "again"))


def test_centres_move_by_their_own_loss_whatever_its_weight(
    train: Callable[..., RunDir], tracklets: tuple[Tracklet, ...]
) -> None:
    one_step = replace(
        CONFIG, batch=replace(CONFIG.batch, epoch="one-group"), optim=OptimConfig(epochs=1, lr=1e-9)
    )
    centers = {}
    for weight in (0.0, 0.0005, 0.5):
        torch.manual_seed(0)
        run = train(replace(one_step, loss=LossConfig(center_weight=weight)), f"weight {weight}")
        state = run.load_state()
        assert state is not None
        centers[weight] = state["objective"]["center.centers"]
    torch.testing.assert_close(centers[0.0005], centers[0.5], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(centers[0.0], centers[0.5])
    torch.manual_seed(0)
    model_of(len({t.person_id for t in tracklets}))
    untouched = ReIDObjective(4, 128).center.centers.detach()
    assert torch.equal(centers[0.0], untouched)


@pytest.mark.parametrize("micro_batch", [None, 3])
def test_bfloat16_trains_as_well(train: Callable[..., RunDir], micro_batch: int | None) -> None:
    config = replace(CONFIG, precision="bf16", batch=replace(CONFIG.batch, micro_batch=micro_batch))
    run = train(replace(config, optim=OptimConfig(epochs=1)))
    assert all(math.isfinite(record["total"]) for record in run.metrics())
    assert all(tensor.dtype != torch.bfloat16 for tensor in load_file(run.model_path()).values())


# --- a run ----------------------------------------------------------------------------------------------------------


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
model = create_model("stca_small", num_ids=4, image_size=(32, 16), width=4, clip_len=2)
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


def test_what_a_compiled_network_cannot_do_is_refused() -> None:
    with pytest.raises(ConfigError, match="compile=true without"):
        replace(CONFIG, compile=True, batch=replace(CONFIG.batch, sync_norm=True))


def test_training_lowers_the_loss_and_keeps_a_log(
    train: Callable[..., RunDir], tracklets: tuple[Tracklet, ...]
) -> None:
    optim = OptimConfig(epochs=10, lr=3e-3, milestones=(8,), warmup_epochs=1)
    run = train(replace(CONFIG, optim=optim))
    records = run.metrics()
    assert [(r["kind"], r["step"], r["epoch"]) for r in records] == [
        ("train", step, 1 + (step - 1) // 2) for step in range(1, 21)
    ]
    assert set(records[0]) == {
        *("kind", "step", "epoch", "total", "triplet", "identity", "center", "lr", "clips_per_s")
    }
    assert [r["lr"] for r in records] == pytest.approx(
        [learning_rate(optim, r["epoch"] - 1) for r in records]
    )
    for r in records:
        assert r["total"] == pytest.approx(r["triplet"] + r["identity"] + 0.0005 * r["center"], rel=1e-4)
        assert r["clips_per_s"] > 0
    first, last = (sum(r["total"] for r in part) / 4 for part in (records[:4], records[-4:]))
    assert last < 0.7 * first
    assert [path.name for path in run.checkpoints()] == ["step-0000018", "step-0000020"]
    assert any((run.path / "tensorboard").iterdir())
    model = load_model(run.model_path())
    assert (model.spec.num_ids, model.clip_len) == (4, 2)


def test_not_every_step_is_logged_and_not_every_epoch_saved(train: Callable[..., RunDir]) -> None:
    optim = OptimConfig(epochs=5)
    run = train(replace(CONFIG, optim=optim, log_every=4, checkpoint_every=2))
    assert [r["step"] for r in run.metrics()] == [1, 4, 8]
    assert [path.name for path in run.checkpoints()] == ["step-0000008", "step-0000010"]


def test_evaluation_comes_every_so_often_and_at_the_end(
    tracklets: tuple[Tracklet, ...], tmp_path: Path
) -> None:
    config = replace(CONFIG, optim=OptimConfig(epochs=5), eval=EvalConfig(every=2))
    run, model, modes = RunDir.create(tmp_path / "run", config), model_of(), []

    def evaluate(trained: ReIDModel) -> dict[str, float]:
        modes.append(trained.training)
        return {"toy/mAP": len(modes) / 10}

    trained = []
    model.head.register_forward_hook(lambda module, *_: trained.append(module.training))
    fit(model, tracklets, config, run, evaluate=evaluate)
    evaluations = [r for r in run.metrics() if r["kind"] == "eval"]
    assert evaluations == [
        {"kind": "eval", "step": step, "epoch": epoch, "toy/mAP": value}
        for step, epoch, value in ((4, 2, 0.1), (8, 4, 0.2), (10, 5, 0.3))
    ]
    assert modes == [False] * 3
    assert trained.count(True) == 10, "back to training after every evaluation"
    assert not model.training


def test_the_model_is_the_one_given(tracklets: tuple[Tracklet, ...], tmp_path: Path) -> None:
    run, model = RunDir.create(tmp_path / "run", CONFIG), model_of()
    fit(model, tracklets, CONFIG, run)
    saved = load_file(run.model_path())
    assert all(torch.equal(tensor, saved[name]) for name, tensor in model.state_dict().items())


def test_the_image_size_is_the_models(tracklets: tuple[Tracklet, ...], tmp_path: Path) -> None:
    config = replace(CONFIG, model=replace(CONFIG.model, image_size=None), optim=OptimConfig(epochs=1))
    fit(model_of(), tracklets, config, RunDir.create(tmp_path / "run", config))


# --- interruptions --------------------------------------------------------------------------------------------------


class StoppedError(Exception):
    """A kill."""


def stop_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next training fail in that step."""
    real, done = loop.backward, []

    def counting(*args: object, **kwargs: object) -> object:
        done.append(1)
        if len(done) == step:
            raise StoppedError
        return real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "backward", counting)


def assert_equal_runs(one: RunDir, two: RunDir) -> None:
    a, b = load_file(one.model_path()), load_file(two.model_path())
    assert all(torch.equal(tensor, b[name]) for name, tensor in a.items())
    assert one.model_path().read_bytes() == two.model_path().read_bytes()
    first, second = one.load_state(), two.load_state()
    assert first is not None
    assert second is not None
    for name in ("epoch", "batch", "step"):
        assert first[name] == second[name]
    torch.testing.assert_close(first["optimizer"]["state"], second["optimizer"]["state"], rtol=0, atol=0)
    torch.testing.assert_close(first["objective"], second["objective"], rtol=0, atol=0)
    drop = ("clips_per_s",)
    logs = [[{k: v for k, v in r.items() if k not in drop} for r in run.metrics()] for run in (one, two)]
    assert logs[0] == logs[1]


@pytest.fixture(scope="module")
def whole(people: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A run of four epochs that nothing interrupts."""
    config = replace(CONFIG, optim=OptimConfig(epochs=4, lr=1e-3, milestones=(3,)))
    run = RunDir.create(tmp_path_factory.mktemp("whole") / "run", config)
    fit(model_of(), load_dataset("folder", people).train, config, run)
    return run


@pytest.mark.parametrize("step", [1, 6])
def test_an_interrupted_run_goes_on_and_ends_as_if_nothing_had_been(
    train: Callable[..., RunDir], whole: RunDir, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    with monkeypatch.context() as patch:
        stop_at(step, patch)
        with pytest.raises(StoppedError):
            train(whole.config(), "broken")
    assert_equal_runs(whole, train(whole.config(), "broken", resume=True))


THREE_EPOCHS = replace(
    CONFIG,
    batch=BatchConfig(identities=2, instances=2),
    optim=OptimConfig(epochs=3, lr=1e-3, milestones=(1,)),
)
"""Of 3, 4 and 4 steps."""


@pytest.fixture(scope="module")
def undisturbed(people: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    run = RunDir.create(tmp_path_factory.mktemp("undisturbed") / "run", THREE_EPOCHS)
    fit(model_of(), load_dataset("folder", people).train, THREE_EPOCHS, run)
    return run


@pytest.mark.parametrize(
    ("step", "every", "goes_on_behind"),
    [(3, 2, 2), (6, 4, 4), (6, 5, 5), (7, 3, 6), (9, 4, 8), (11, 1, 10), (6, 0, 3)],
)
def test_a_run_interrupted_within_an_epoch_goes_on_there(
    train: Callable[..., RunDir],
    undisturbed: RunDir,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
    every: int,
    goes_on_behind: int,
) -> None:
    config = replace(THREE_EPOCHS, checkpoint_steps=every)
    with monkeypatch.context() as patch:
        stop_at(step, patch)
        with pytest.raises(StoppedError):
            train(config, "broken")
    totals, steps = [], []
    real_progress, real_backward = loop.progress, loop.backward
    monkeypatch.setattr(
        loop, "progress", lambda items, **o: totals.append(o["total"]) or real_progress(items, **o)
    )
    monkeypatch.setattr(loop, "backward", lambda *a, **o: steps.append(1) or real_backward(*a, **o))
    resumed = train(config, "broken", resume=True)
    assert totals == [len(steps)] == [11 - goes_on_behind]
    epochs = [1] * 3 + [2] * 4 + [3] * 4
    assert [(r["step"], r["epoch"]) for r in resumed.metrics()] == list(enumerate(epochs, start=1))
    assert_equal_runs(undisturbed, resumed)


def test_a_checkpoint_of_before_there_were_any_within_epochs_is_gone_on_from(
    train: Callable[..., RunDir], whole: RunDir, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        stop_at(6, patch)
        with pytest.raises(StoppedError):
            train(whole.config(), "broken")
    run = RunDir.open(tmp_path / "broken")
    state = run.load_state()
    assert state is not None
    assert state.pop("batch") == 0
    torch.save(state, run.checkpoints()[-1] / "state.pt")
    assert_equal_runs(whole, train(whole.config(), "broken", resume=True))


def test_another_number_of_processes_is_said_on_resume(
    train: Callable[..., RunDir],
    whole: RunDir,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with monkeypatch.context() as patch:
        stop_at(6, patch)
        with pytest.raises(StoppedError):
            train(whole.config(), "broken")
    run = RunDir.open(tmp_path / "broken")
    state = run.load_state()
    assert state is not None
    assert state["processes"] == 1
    torch.save({**state, "processes": 4}, run.checkpoints()[-1] / "state.pt")
    train(whole.config(), "broken", resume=True)
    assert "begun with 4 processes and goes on with 1" in capsys.readouterr().err


def test_tests_come_at_epoch_ends_wherever_a_run_was_stopped(
    tracklets: tuple[Tracklet, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(CONFIG, optim=OptimConfig(epochs=3), eval=EvalConfig(every=1), checkpoint_steps=1)
    run, tested = RunDir.create(tmp_path / "run", config), []

    def evaluate(_: ReIDModel) -> dict[str, float]:
        tested.append(1)
        return {"mAP": len(tested) / 10}

    for stop in (4, 2):  # in the middle of the second epoch, and then of the third
        with monkeypatch.context() as patch:
            stop_at(stop, patch)
            with pytest.raises(StoppedError):
                fit(model_of(), tracklets, config, run, evaluate=evaluate)
    fit(model_of(), tracklets, config, run, evaluate=evaluate)
    assert len(tested) == 3
    evaluations = [(r["step"], r["epoch"], r["mAP"]) for r in run.metrics() if r["kind"] == "eval"]
    assert evaluations == [(2, 1, 0.1), (4, 2, 0.2), (6, 3, 0.3)]


def test_a_run_that_was_stopped_in_its_last_evaluation_makes_up_for_it(
    tracklets: tuple[Tracklet, ...], tmp_path: Path
) -> None:
    config = replace(CONFIG, optim=OptimConfig(epochs=1))
    run = RunDir.create(tmp_path / "run", config)

    def stop(_: ReIDModel) -> dict[str, float]:
        raise StoppedError

    with pytest.raises(StoppedError):
        fit(model_of(), tracklets, config, run, evaluate=stop)
    saved = run.model_path().read_bytes()
    modes: list[bool] = []
    for _ in range(2):  # the second time there is nothing left to do
        fit(model_of(), tracklets, config, run, evaluate=lambda m: modes.append(m.training) or {"mAP": 0.5})
    assert modes == [False]
    assert [(r["kind"], r["step"]) for r in run.metrics()] == [("train", 1), ("train", 2), ("eval", 2)]
    assert run.model_path().read_bytes() == saved


def test_a_damaged_line_of_the_log_does_not_keep_a_run_from_going_on(
    train: Callable[..., RunDir], whole: RunDir, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        stop_at(8, patch)
        with pytest.raises(StoppedError):
            train(whole.config(), "broken")
    with (tmp_path / "broken" / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "train", "step": 8, "tot')
    assert_equal_runs(whole, train(whole.config(), "broken", resume=True))


def test_a_full_disk_stops_the_run_and_leaves_the_old_checkpoints(
    train: Callable[..., RunDir], whole: RunDir, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real, saved = torch.save, []

    def save(*args: object) -> None:
        saved.append(1)
        if len(saved) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", save)
        with pytest.raises(OSError, match="No space"):
            train(whole.config(), "full")
    run = RunDir.open(tmp_path / "full")
    assert sorted(path.name for path in (run.path / "checkpoints").iterdir()) == [
        "step-0000002",
        "step-0000004",
    ]
    assert load_model(run.model_path()).spec.num_ids == 4
    assert_equal_runs(whole, train(whole.config(), "full", resume=True))


def test_a_finished_run_that_is_resumed_stays_as_it_is(train: Callable[..., RunDir]) -> None:
    run = train()
    before = run.model_path().read_bytes()
    log = (run.path / "metrics.jsonl").read_text()
    assert train(resume=True).model_path().read_bytes() == before
    assert (run.path / "metrics.jsonl").read_text() == log


def test_a_state_of_another_network_is_a_clear_error(train: Callable[..., RunDir]) -> None:
    config = replace(CONFIG, optim=OptimConfig(epochs=1))
    run = train(config)
    state = run.load_state()
    assert state is not None
    del state["objective"]
    torch.save(state, run.checkpoints()[-1] / "state.pt")
    with pytest.raises(CheckpointError, match="does not fit"):
        train(config, resume=True)


def test_a_loss_that_is_no_longer_finite_stops_the_run(
    train: Callable[..., RunDir], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "learning_rate", lambda *_: 1e30)
    with pytest.raises(TrainingError, match=r"diverged[\s\S]*step \d+, epoch \d[\s\S]*smaller optim\.lr"):
        train()
    for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines():
        assert math.isfinite(json.loads(line)["total"])


def test_weights_that_are_no_longer_finite_take_no_checkpoints_place(
    train: Callable[..., RunDir], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "learning_rate", lambda *_: 1e30)
    once = replace(CONFIG.batch, epoch="one-group")  # the loss is still finite at the only step of the epoch
    config = replace(CONFIG, batch=once)
    with pytest.raises(TrainingError, match="diverged"):
        train(config)
    assert RunDir.open(tmp_path / "run").checkpoints() == []


# --- data and models that do not fit --------------------------------------------------------------------------------


def test_a_bad_frame_is_counted_and_named_and_training_goes_on(
    train: Callable[..., RunDir],
    make_people: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = make_people(tmp_path / "data", frames=3, tracklets=1)
    bad = sorted(root.rglob("*.jpg"))[4]
    bad.write_bytes(bad.read_bytes()[:200])
    other = sorted(root.rglob("*.jpg"))[7]
    other.write_text("no image")
    run = train(replace(CONFIG, optim=OptimConfig(epochs=6)), data=load_dataset("folder", root).train)
    err = capsys.readouterr().err
    assert err.count(str(bad)) == err.count(str(other)) == 1, "each is named once"
    assert "(1 so far)" in err
    assert "(2 so far)" in err
    assert "warning: 2 frames could not be read in all" in err
    assert len(run.metrics()) == 6


def test_one_tracklet_of_one_frame_is_enough_for_a_person(
    train: Callable[..., RunDir], tracklets: tuple[Tracklet, ...]
) -> None:
    lonely = Tracklet(tracklets[0].frames[:1], 9, 1, "lonely")
    config = replace(CONFIG, clips=ClipConfig(clip_len=4), batch=BatchConfig(identities=5, instances=4))
    run = train(config, data=[*tracklets, lonely])
    assert len(run.metrics()) == 2
    assert all(math.isfinite(r["total"]) for r in run.metrics())


def test_a_model_that_cannot_learn_or_counts_other_persons_is_refused(
    tracklets: tuple[Tracklet, ...], tmp_path: Path
) -> None:
    run = RunDir.create(tmp_path / "run", CONFIG)
    with pytest.raises(ConfigError, match="nothing to learn"):
        fit(create_model("colour_histogram", num_ids=4), tracklets, CONFIG, run)
    with pytest.raises(ConfigError, match="num_ids=4") as caught:
        fit(model_of(num_ids=5), tracklets, CONFIG, run)
    assert caught.value.found == 5
    with pytest.raises(ConfigError, match="Too few persons"):
        fit(model_of(), tracklets, replace(CONFIG, batch=BatchConfig(identities=5)), run)
    assert not (run.path / "metrics.jsonl").exists()


# --- the paper's batch at full size ---------------------------------------------------------------------------------

FULL_SIZE = """
import json, resource, time
import torch
from lightning_fabric import Fabric
from stca.clips import normalise
from stca.losses import ReIDObjective
from stca.models import create_model
from stca.training import backward

torch.manual_seed(0)
model, objective = create_model("stca", num_ids=625).train(), ReIDObjective(625, 2048)
optimizer = torch.optim.Adam(model.parameters(), lr=3.5e-4)
clips = normalise(torch.randint(256, (32, 8, 384, 128, 3), dtype=torch.uint8))
ids = torch.arange(8).repeat_interleave(4)
start = time.perf_counter()
losses = backward(Fabric(accelerator="cpu", devices=1), model, objective, clips, ids, micro_batch=4)
optimizer.step()
learnt = [p for p in [*model.parameters(), *objective.parameters()] if p.requires_grad]
print(json.dumps({
    "seconds": time.perf_counter() - start,
    "peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    "losses": [float(each.detach()) for each in losses],
    "without_gradient": sum(p.grad is None for p in learnt),
    "not_finite": sum(not p.grad.isfinite().all() for p in learnt if p.grad is not None),
}))
"""


@pytest.mark.slow
def test_a_step_of_the_papers_batch_at_full_size_fits_into_20_gigabytes() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", FULL_SIZE], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    print(f"{found['seconds']:.0f} s, peak {found['peak_bytes'] / 1e9:.1f} GB")
    assert found["peak_bytes"] <= 20e9
    assert all(map(math.isfinite, found["losses"]))
    assert found["losses"][1] > 0
    assert found["without_gradient"] == found["not_finite"] == 0
