"""Runs by what decides their result: which settings count, what is done once, what is made again."""

import hashlib
import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from experiments.paper.cached_runs import Run, Score
from experiments.paper.training_cost import steps, steps_per_epoch

from experiments.paper import cached_runs, keys
from stca.clips import PKSampler
from stca.config import (
    BatchConfig,
    ClipConfig,
    DataConfig,
    EvalConfig,
    ModelConfig,
    OptimConfig,
    RunConfig,
    from_yaml,
    override,
    to_yaml,
)
from stca.datasets.layout import read_mat
from stca.errors import ConfigError, RankingError
from stca.recipes import recipe
from stca.run_dir import RunDir
from stca.runs import evaluate_model, load_run
from stca.runs.report import _provenance


@pytest.fixture(scope="module")
def config(people: Path) -> RunConfig:
    return RunConfig(
        data=DataConfig(source="folder", roots=(str(people),)),
        model=ModelConfig("stca_small", (32, 16), {"width": 4, "layers": (1, 1, 1, 1)}),
        clips=ClipConfig(clip_len=2),
        batch=BatchConfig(identities=4, instances=2),
        optim=OptimConfig(epochs=2, lr=1e-3, milestones=()),
        eval=EvalConfig(every=1, batch_size=8),
        device="cpu",
        precision="float32",
        workers=0,
        log_every=1,
    )


@pytest.fixture(scope="module")
def done(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """To be read only."""
    run = Run(config, tmp_path_factory.mktemp("cells"))
    run.scores()
    return run


@pytest.fixture
def own(done: Run, tmp_path: Path) -> Run:
    """A copy of it."""
    shutil.copytree(done.cells, tmp_path / "cells")
    return Run(done.config, tmp_path / "cells")


@pytest.mark.parametrize(
    "setting",
    [
        *("recipe=x", "workers=5", "device=cuda", "log_every=3", "checkpoint_every=7", "checkpoint_steps=4"),
        "batch.checkpoint_activations=true",
        *("eval.every=3", "eval.metric=euclidean", "eval.batch_size=2", "eval.clip_len=4"),
    ],
)
def test_what_has_no_part_in_the_key(config: RunConfig, setting: str) -> None:
    assert Run(override(config, [setting])).key == Run(config).key


@pytest.mark.parametrize(
    "setting",
    [
        *("seed=1", "optim.lr=2e-3", "optim.epochs=3", "model.options.width=8", "model.image_size=[64,32]"),
        *("loss.metric=euclidean", "clips.clip_len=4", "data.split=1", "batch.micro_batch=2"),
        "precision=bf16",
    ],
)
def test_what_has_a_part_in_it(config: RunConfig, setting: str) -> None:
    assert Run(override(config, [setting])).key != Run(config).key


def test_a_setting_at_its_default_is_not_in_the_key_so_that_new_ones_can_come() -> None:
    assert keys._settings(RunConfig()) == {}
    assert keys._settings(RunConfig(seed=3, workers=0, eval=EvalConfig(every=1))) == {"seed": 3}


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_auto_is_the_precision_that_it_comes_to_here(
    config: RunConfig, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "resolve_precision", lambda *_: precision)
    auto = Run(replace(config, precision="auto")).key
    assert auto == Run(override(config, [f"precision={precision}"])).key
    other = {"float32": "bf16", "bf16": "float32"}[precision]
    assert auto != Run(override(config, [f"precision={other}"])).key


KEYS_OF_VERSION_0_1 = {
    "stca_mars": ("a5be9642b261", "d11e11919722"),
    "cnn2d_mars_euclidean": ("5a0c6c25ea28", "cea2f52bf0a5"),
    "sum_mars": ("583d890c8e99", "706ffeab4b81"),
    "stca_duke": ("f38072b9fb06", "c2b061c8a69d"),
    "stca_ilids": ("82bef9c237ba", "4a5180aeceaf"),
}
"""By recipe: the key of a float32 run, and of a bf16 run with seed 1 on split 2, as version 0.1 computed them."""


@pytest.mark.parametrize("name", KEYS_OF_VERSION_0_1)
def test_runs_of_version_0_1_keep_their_keys(name: str) -> None:
    run = recipe(name)
    data = replace(run.data, roots=("/data/x",))
    float32 = replace(run, precision="float32", data=data)
    bf16 = replace(run, precision="bf16", seed=1, data=replace(data, split=2))
    assert (Run(float32).key, Run(bf16).key) == KEYS_OF_VERSION_0_1[name]


def test_a_key_lasts(config: RunConfig) -> None:
    many = replace(config, model=replace(config.model, options={"width": 4, "gate": "conv3_x"}))
    turned = replace(config, model=replace(config.model, options={"gate": "conv3_x", "width": 4}))
    assert Run(many).key == Run(turned).key == Run(from_yaml(to_yaml(many))).key
    assert len(Run(many).key) == 12


def test_published_data_are_the_same_wherever_they_lie_and_others_are_not(config: RunConfig) -> None:
    def key(source: str, root: str) -> str:
        return Run(replace(config, data=DataConfig(source=source, roots=(root,)))).key

    assert key("mars", "/a") == key("mars", "/b") == Run(replace(config, data=DataConfig("mars"))).key
    assert key("folder", "/a") != key("folder", "/b")
    assert key("mars", "/a") != key("duke_video", "/a")


def test_walkers_are_what_they_were_made_by(config: RunConfig, tmp_path: Path) -> None:
    for name, seed in (("here", 0), ("there", 0), ("others", 1)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "walkers.json").write_text(json.dumps({"seed": seed}))
    here, there, others = (
        Run(replace(config, data=DataConfig(source="walkers", roots=(str(tmp_path / name),)))).key
        for name in ("here", "there", "others")
    )
    assert here == there != others


def test_weights_count_by_their_content(config: RunConfig, tmp_path: Path) -> None:
    for name, content in (("a.pth", "1"), ("b.pth", "1"), ("c.pth", "2")):
        (tmp_path / name).write_text(content)
    same, moved, other = (
        Run(replace(config, model=replace(config.model, weights=(str(tmp_path / name),)))).key
        for name in ("a.pth", "b.pth", "c.pth")
    )
    assert same == moved != other
    assert same != Run(config).key


def test_weights_are_read_once_until_they_change(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.pth"
    file.write_text("1")
    run = Run(replace(config, model=replace(config.model, weights=(str(file),))))
    before = run.key
    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("was read again"))
        assert run.key == before
    file.write_text("22")
    assert run.key != before


def change_default(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    """Pretend that an option of the run had another default when its folder was made."""
    file = run.path / "config.yaml"
    begun = from_yaml(file.read_text())
    file.write_text(to_yaml(replace(begun, loss=replace(begun.loss, margin=0.25))))
    monkeypatch.setattr(cached_runs, "train", lambda *_, **__: pytest.fail("was trained"))


@pytest.mark.parametrize("finished", [True, False])
def test_a_folder_with_another_runs_settings_is_an_error(
    own: Run, finished: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_default(monkeypatch, own)
    if not finished:
        (own.path / "finished.json").unlink()
    assert not own.done
    assert str(own.state()) == "folder holds another run"
    assert own.known_scores() == ()
    with pytest.raises(
        ConfigError, match=r"loss\.margin=0\.3\n.*loss\.margin=0\.25[\s\S]*move the folder away"
    ):
        own.scores()


def test_a_run_without_an_image_size_knows_itself_again(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(replace(config, model=replace(config.model, image_size=None)), tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(RunDir, "save_checkpoint", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run.ensure()
    assert from_yaml((run.path / "config.yaml").read_text()).model.image_size is not None
    assert run._others() == {}


def test_damaged_configs_are_an_error(own: Run) -> None:
    (own.path / "config.yaml").write_bytes(b"\xff\x00")
    assert not own.done
    with pytest.raises(ConfigError, match="move the folder away"):
        own.ensure()


def test_data_without_an_answer_is_an_error(own: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    splits = own.splits()
    monkeypatch.setattr(Run, "splits", lambda _: replace(splits, gallery=()))
    with pytest.raises(RankingError, match=r"No query of[\s\S]*0 gallery tracklets"):
        own.scores("euclidean")


def test_a_run_is_trained_and_embedded_once(own: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = own.scores()
    for name in ("train", "embed_test_set"):
        monkeypatch.setattr(cached_runs, name, lambda *_, **__: pytest.fail("was done again"))
    assert str(own.state()) == "done"
    assert own.scores() == before == own.known_scores()
    assert own.known_scores("euclidean") == ()
    by_distance = own.scores("euclidean")
    assert by_distance == own.known_scores("euclidean")
    assert {each.metric for each in by_distance} == {"euclidean"}


def test_scores_are_those_of_the_trained_model(done: Run) -> None:
    run = RunDir.open(done.path)
    expected = evaluate_model(load_run(run.path), done.splits(), done.config.eval, workers=0, device="cpu")
    assert [each.protocol for each in done.scores()] == ["cross-camera"]
    for score, metrics in zip(done.scores(), expected, strict=True):
        assert (score.num_queries, score.gallery_size) == (metrics.num_queries, metrics.gallery_size)
        assert score.figures == pytest.approx({f: metrics.value(f) for f in score.figures})
    assert all(record["kind"] == "train" for record in run.metrics())  # tested once, for the table


def save_and_die(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a training end with its first checkpoint."""
    save = RunDir.save_checkpoint

    def dying(*args: object, **options: object) -> None:
        save(*args, **options)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(RunDir, "save_checkpoint", dying)


def test_a_killed_run_goes_on_and_ends_as_if_nothing_had_been(
    done: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(done.config, tmp_path / "cells")
    assert str(run.state()) == "to do"
    with monkeypatch.context() as patch:
        save_and_die(patch)
        with pytest.raises(KeyboardInterrupt):
            run.ensure()
    total = steps(run.config)
    assert str(run.state()) == f"at step {total // 2} of about {total}"
    assert not run.done
    assert run.known_scores() == ()
    assert run.scores() == done.scores()
    assert RunDir(run.path).model_path().read_bytes() == RunDir(done.path).model_path().read_bytes()


@pytest.mark.parametrize("damage", [b"", b"{", b"[{}]", b'[{"protocol": 1}]', b"\xff\x00", b"null", b"3"])
def test_damaged_scores_are_made_again(own: Run, damage: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    before = own.scores()
    [file] = own.path.glob("test-*/cosine.json")
    file.write_bytes(damage)
    monkeypatch.setattr(cached_runs, "embed_test_set", lambda *_, **__: pytest.fail("vectors were there"))
    assert own.known_scores() == ()
    assert own.scores() == before
    assert own.known_scores() == before


def test_damaged_or_missing_vectors_are_made_again(own: Run) -> None:
    before = own.test()
    [file] = own.path.glob("test-*/query.npz")
    for damage in (lambda: file.write_bytes(file.read_bytes()[:100]), file.unlink):
        damage()
        after = own.test()
        np.testing.assert_allclose(after.query.vectors, before.query.vectors, rtol=1e-5, atol=1e-6)
        assert file.stat().st_size > 1000


def test_a_run_whose_mark_is_damaged_is_not_trained_again(own: Run) -> None:
    weights = RunDir(own.path).model_path()
    before = weights.stat().st_mtime_ns
    (own.path / "finished.json").write_text("{")
    assert not own.done
    own.ensure()
    assert own.done
    assert weights.stat().st_mtime_ns == before


def test_without_its_checkpoints_a_run_is_not_done(own: Run) -> None:
    shutil.rmtree(own.path / "checkpoints")
    assert not own.done
    own.ensure()
    assert own.done


@pytest.mark.parametrize("lost", ["all", "last"])
def test_a_lost_run_is_not_done_until_it_is_trained_to_the_end_again(
    own: Run, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = own.scores()
    first, last = RunDir(own.path).checkpoints()
    shutil.rmtree(last)
    if lost == "all":
        shutil.rmtree(first)
    assert not own.done
    assert own.known_scores() == ()
    with monkeypatch.context() as patch:
        save_and_die(patch)
        with pytest.raises(KeyboardInterrupt):
            own.ensure()
    assert not list(own.path.glob("test-*")), "those of other weights"
    if lost == "all":
        assert not own.done, "its first checkpoint is not what it ends with"
        assert str(own.state()).startswith("at step ")
        assert own.known_scores() == ()
    assert own.scores() == before
    assert own.done


def test_an_unfinished_run_follows_its_data(
    config: RunConfig, make_people: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_PUBLISHED", ("folder",))
    make_people(tmp_path / "old")
    run = Run(replace(config, data=DataConfig("folder", (str(tmp_path / "old"),))), tmp_path / "cells")
    run.ensure()
    (run.path / "finished.json").unlink()
    (tmp_path / "old").rename(tmp_path / "new")
    moved = Run(replace(config, data=DataConfig("folder", (str(tmp_path / "new"),))), tmp_path / "cells")
    assert moved.path == run.path
    assert moved.ensure().config().data.roots == (str(tmp_path / "new"),)


def test_the_second_of_two_processes_waits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    order: list[str] = []
    begun = threading.Event()

    def second() -> None:
        begun.set()
        with cached_runs._alone(tmp_path / "key.lock"):
            order.append("second")

    with cached_runs._alone(tmp_path / "key.lock"):
        other = threading.Thread(target=second)
        other.start()
        begun.wait()
        other.join(timeout=0.2)
        order.append("first")
    other.join(timeout=10)
    assert order == ["first", "second"]
    assert "waiting: another process is training key" in capsys.readouterr().out


def test_training_time_follows_from_the_log(own: Run) -> None:
    lines = [
        {"kind": "train", "step": 1, "clips_per_s": 8.0},
        {"kind": "train", "step": 11, "clips_per_s": 16.0},
        {"kind": "eval", "step": 11},
    ]
    (own.path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert own.seconds() == pytest.approx(1 * 8 / 8 + 10 * 8 / 16)


def test_a_run_names_all_who_trained_it(own: Run) -> None:
    assert own.trained_at() == tuple(RunDir(own.path).provenance()[name] for name in ("commit", "machine"))
    first, last = (int(path.name.removeprefix("step-")) for path in RunDir(own.path).checkpoints())
    commit, machine = own.trained_at()
    lines = [
        {"step": f"{step}", "commit": f"at {step}", "machine": machine, "date": "then"}
        for step in (first, last)  # the second found nothing to do
    ]
    (own.path / "resumes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert own.trained_at() == (f"{commit}; at {first}", machine)
    assert _provenance(RunDir(own.path))[f"from step {first}"] == f"then, commit at {first}, {machine}"


def test_runs_of_tables_have_a_process_each(config: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"process each[\s\S]*--only"):
        Run(replace(config, devices=2), tmp_path).ensure()


def test_nor_do_they_start_under_torchrun(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match=r"WORLD_SIZE=2"):
        Run(config, tmp_path).ensure()
    assert not list(tmp_path.iterdir())


def test_steps_are_counted_on_mars_itself(shared: Path) -> None:
    table = read_mat(shared / "protocols" / "mars" / "tracks_train_info.mat", "track_train_info")
    made = len(PKSampler([int(person) for person in table[:, 2] if person > 0]))
    assert 0.94 * 235 < made <= 235 == steps_per_epoch(recipe("stca_mars"))


def test_steps_of_published_data_need_no_data() -> None:
    assert steps(recipe("stca_mars")) == 235 * 450
    assert steps(recipe("stca_duke")) == 87 * 450
    assert steps(recipe("stca_ilids")) == 9 * 450
    assert steps(recipe("stca_ilids_literal")) == 18 * 450


def test_a_score_is_plain(done: Run) -> None:
    [score] = done.scores()
    assert isinstance(score, Score)
    assert set(score.figures) == {"rank-1", "rank-5", "rank-10", "rank-20", "mAP", "mINP"}
