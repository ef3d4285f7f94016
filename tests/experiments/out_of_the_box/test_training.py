"""Making the shipped weights, on two people, two scenes and a teacher that the test makes."""

import csv
import dataclasses
import itertools
import os
import signal
import threading
import time
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from experiments.out_of_the_box.making.material import Material, load_material
from experiments.out_of_the_box.making.mixing import change_look, draw_look, render
from experiments.out_of_the_box.making.pictures import GROUP, make_batch, make_picture, shrink
from experiments.out_of_the_box.ship import read_average, take_mean
from experiments.out_of_the_box.teaching.averaging import WeightAverage
from experiments.out_of_the_box.teaching.feeding import lessons, make_batches
from experiments.out_of_the_box.teaching.learning import Learner, Settings, learn
from experiments.out_of_the_box.teaching.objective import compare
from experiments.out_of_the_box.teaching.replay import BETWEEN, first_needed, replayed
from experiments.out_of_the_box.teaching.schedule import Schedule
from experiments.out_of_the_box.teaching.states import write_state
from experiments.out_of_the_box.teaching.student import SIZE, on_grid, vectors_and_shares
from experiments.out_of_the_box.teaching.teachers import STRIPES, Lesson, Teacher, teacher_path
from experiments.out_of_the_box.validation import SETS, other_cameras

from published_mobilenet import published
from stca.errors import CheckpointError
from stca.footage.images import write_jpeg
from stca.models import create_model, save_model
from stca.tracklets import Embeddings

openvino = pytest.importorskip("openvino", reason="teachers are OpenVINO networks")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    cv2.setNumThreads(1)


def blob(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    small = rng.integers(0, 256, (8, 4, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))


def write_teacher(path: Path, *, channels: int = 512, dim: int = 256) -> None:
    """A network that ends as Open Model Zoo's do, under the names that they have there."""
    ops, rng = openvino.opset13, np.random.default_rng(5)

    def const(*shape: int, scale: float) -> object:
        return ops.constant((rng.normal(size=shape) * scale).astype(np.float32))

    pictures = ops.parameter([-1, 3, 256, 128], np.float32, name="data")
    conv = ops.convolution(
        pictures, const(channels, 3, 16, 16, scale=0.001), [16, 16], [0, 0], [0, 0], [1, 1]
    )
    maps = ops.relu(conv, name="1126")
    weights = const(channels, 1, 1, 16, 8, scale=0.1)
    summed = ops.group_convolution(maps, weights, [1, 1], [0, 0], [0, 0], [1, 1], name="1127/WithoutBiases")
    flat = ops.reshape(summed, np.array([-1, channels]), special_zero=False)
    linear = ops.matmul(flat, const(dim, channels, scale=0.1), False, True, name="1136/WithoutBiases")
    scaled = ops.multiply(
        ops.unsqueeze(linear, np.array([2])), const(1, dim, 1, scale=3.0), name="Multiply_18575"
    )
    shifted = ops.add(scaled, const(1, dim, 1, scale=0.1), name="1147")
    out = ops.squeeze(ops.prelu(shifted, ops.constant(np.array([0.99], np.float32))), np.array([2]))
    path.parent.mkdir(parents=True)
    openvino.serialize(openvino.Model([out], [pictures], "teacher"), str(path))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, rng = tmp_path_factory.mktemp("shared"), np.random.default_rng(1)
    for number in range(12):
        write_jpeg(root / "people" / f"photo{number:02d}_0.jpg", blob(rng, 120 + number, 60))
        write_jpeg(root / "people" / f"photo{number:02d}_1.jpg", blob(rng, 300, 110))
    for number in range(2):
        write_jpeg(root / "people_backgrounds" / f"scene{number}.jpg", blob(rng, 200, 640))
    write_teacher(teacher_path(root, "0277"))
    torch.save(published(nested=False), root / "weights" / "imagenet_mobilenetv2.pt")
    for name, person, camera in itertools.product(SETS.values(), ("1", "2", "3"), ("a", "b")):
        write_jpeg(root / "reid_sets" / name / person / camera / "0" / "1.jpg", blob(rng, 128, 48))
    return root


@pytest.fixture(scope="module")
def material(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Material:
    return load_material(shared, tmp_path_factory.mktemp("work"))[0]


def settings(shared: Path, out: Path) -> Settings:
    return Settings(shared, out, hours=1, steps=20, rate=1e-3, teacher="0277", batch=4, seed=3, minutes=10)


def test_people_of_one_photograph_are_on_one_side(shared: Path, tmp_path: Path) -> None:
    learn, apart = load_material(shared, tmp_path)
    assert len(learn.crops["people"]) + len(apart.crops["people"]) == 24
    assert len(learn.crops["people"]) % 2 == len(apart.crops["people"]) % 2 == 0
    assert max(crop.shape[0] for crop in learn.crops["people"]) <= 256
    assert learn.shares == {"people": 1.0}
    write_jpeg(tmp_path / "video" / "a" / "1.jpg", blob(np.random.default_rng(0), 90, 40))
    assert load_material(shared, tmp_path)[0].shares == pytest.approx({"people": 11 / 15, "video": 4 / 15})


def test_pictures_depend_on_seed_and_number_alone(material: Material) -> None:
    batch = make_batch(material, seed=1, first=10, count=6)
    assert batch.shape == (6, 256, 128, 3)
    assert batch.dtype == np.uint8
    for row in (5, 0, 3):  # in any order
        assert np.array_equal(make_picture(material, seed=1, index=10 + row), batch[row])
    assert len({picture.tobytes() for picture in batch}) == 6
    assert not np.array_equal(make_picture(material, seed=2, index=10), batch[0])


def test_neighbours_are_the_same_look_or_nearly_or_strangers(material: Material) -> None:
    assert GROUP == 2
    rng = np.random.default_rng(0)
    look = draw_look(rng, material)
    assert np.array_equal(render(look, material), render(look, material))
    others = [change_look(np.random.default_rng(n), look, material) for n in range(40)]
    changed = [
        {f.name for f in dataclasses.fields(look) if getattr(look, f.name) != getattr(other, f.name)}
        for other in others
    ]
    assert all(names <= {"upper"} | {"lower"} | {"tints"} | {"head", "bag"} for names in changed)
    assert {frozenset(names) for names in changed} >= {frozenset({"tints"}), frozenset({"lower"})}


def test_smaller_pictures_keep_the_mean() -> None:
    batch = np.random.default_rng(0).integers(0, 256, (2, 256, 128, 3), dtype=np.uint8)
    small = shrink(batch, (128, 64))
    wanted = batch.reshape(2, 128, 2, 64, 2, 3).mean(axis=(2, 4))
    assert np.abs(small - wanted).max() <= 0.5


def test_a_teachers_shares_sum_to_its_vector(shared: Path) -> None:
    teacher = Teacher(teacher_path(shared, "0277"), threads=1, exact=True)
    pictures = np.random.default_rng(0).integers(0, 256, (3, 256, 128, 3), dtype=np.uint8)
    lesson = teacher(pictures)
    assert lesson.shares.shape == (3, 256, STRIPES)
    summed = lesson.shares.sum(dim=2) + teacher.shift
    slope = torch.where(summed > 0, 1.0, 0.99)
    torch.testing.assert_close(summed * slope, lesson.vectors, rtol=1e-3, atol=1e-3)
    alone = teacher(pictures[1:2]).vectors
    torch.testing.assert_close(alone, lesson.vectors[1:2], rtol=1e-4, atol=1e-4)
    other = teacher(pictures[..., ::-1].copy()).vectors
    assert not torch.allclose(other, lesson.vectors, rtol=1e-2), "channels have an order"


def test_the_students_shares_sum_to_what_the_packages_network_gives(shared: Path, tmp_path: Path) -> None:
    model = Learner(settings(shared, tmp_path)).model.eval()
    pictures = torch.randint(0, 256, (3, *SIZE, 3), dtype=torch.uint8)
    with torch.no_grad():
        vectors, shares = vectors_and_shares(model, pictures)
        from stca.clips import normalise

        wanted = model.features(normalise(pictures[:, None]))
    torch.testing.assert_close(vectors, wanted, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(
        shares.sum(dim=(2, 3)) + model.get_submodule("space").linear.bias, vectors, rtol=1e-3, atol=1e-3
    )


def test_the_loss_is_zero_for_the_teachers_own_answer_and_what_it_says_otherwise() -> None:
    torch.manual_seed(0)
    shares = torch.randn(4, 6, 8, 4)
    stripes = shares.reshape(4, 6, STRIPES, 8).sum(dim=3)
    lesson = Lesson(stripes.sum(dim=2), stripes)
    assert float(compare(lesson.vectors, shares, lesson).total) == pytest.approx(0, abs=1e-5)
    ours = torch.randn(4, 6)
    loss = compare(ours, torch.zeros_like(shares), lesson)
    cosines = F.cosine_similarity(ours, lesson.vectors)
    assert float(loss.cosine) == pytest.approx(float(1 - cosines.mean()), abs=1e-5)
    between = [
        (
            float(F.cosine_similarity(ours[i], ours[j], dim=0))
            - float(F.cosine_similarity(lesson.vectors[i], lesson.vectors[j], dim=0))
        )
        ** 2
        for i in range(4)
        for j in range(4)
    ]
    assert float(loss.relations) == pytest.approx(np.mean(between), abs=1e-5)
    spread = float((stripes - stripes.mean(dim=0)).square().mean())
    assert float(loss.shares) == pytest.approx(float(stripes.square().mean()) / spread, rel=1e-4)
    total = loss.cosine + 5 * loss.relations + 0.5 * loss.shares
    assert float(loss.total) == pytest.approx(float(total), rel=1e-5)


def run(learner: Learner, steps: int) -> None:
    schedule = Schedule(1e-3, 20)
    made = make_batches(learner.source, first=first_needed(learner.step))
    for batch in islice(replayed(made, learner.step), steps):
        learner.take_step(batch.pictures, batch.lesson, schedule.rate(learner.step))


def test_going_on_gives_what_an_uninterrupted_run_gives(shared: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    whole = Learner(settings(shared, tmp_path / "whole"))
    run(whole, 5)
    first = Learner(settings(shared, tmp_path / "pieces"))
    run(first, 2)
    first.save()
    second = Learner(settings(shared, tmp_path / "pieces"))
    second.restore()
    run(second, 3)
    assert second.step == whole.step == 5
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, second.model.state_dict()[name]), name
    for name, tensor in whole.average.model.state_dict().items():
        assert torch.equal(tensor, second.average.model.state_dict()[name]), name
    second.save()
    shipped, step = read_average(second.checkpoint)
    assert step == 5
    assert torch.equal(shipped.state_dict()["space.weight"], whole.average.model.state_dict()["space.weight"])
    before = shipped.state_dict()["space.weight"].clone()
    write_state(tmp_path / "state.safetensors", first.average.model, 2)
    take_mean(shipped, tmp_path / "state.safetensors")
    theirs = first.average.model.state_dict()["space.weight"]
    assert not torch.equal(theirs, before)
    assert torch.allclose(shipped.state_dict()["space.weight"], (before + theirs) / 2, atol=1e-4)


def test_a_small_state_is_enough_to_go_on_elsewhere(shared: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    first = Learner(settings(shared, tmp_path / "first"))
    run(first, 2)
    write_state(tmp_path / "state.safetensors", first.average.model, first.step)
    begin = dataclasses.replace(settings(shared, tmp_path / "second"), start=tmp_path / "state.safetensors")
    second = Learner(begin)
    assert (second.step, second.begun) == (2, 2)
    for model in (second.model, second.average.model):
        for name, tensor in first.average.model.state_dict().items():
            torch.testing.assert_close(model.state_dict()[name], tensor, rtol=1e-3, atol=1e-3)
    run(second, 1)
    second.save()
    third = Learner(begin)
    third.restore()
    assert (third.step, third.begun) == (3, 2), "a checkpoint goes before a state"
    write_state(tmp_path / "other.safetensors", create_model("cnn2d_small", num_ids=1), 1)
    with pytest.raises(CheckpointError):
        Learner(dataclasses.replace(begin, start=tmp_path / "other.safetensors"))
    save_model(first.model, tmp_path / "shipped.safetensors")
    with pytest.raises(CheckpointError, match="no state of a training"):
        Learner(dataclasses.replace(begin, start=tmp_path / "shipped.safetensors"))


def test_a_state_of_smaller_pictures_begins_one_of_larger(shared: Path, tmp_path: Path) -> None:
    small = create_model("cnn2d_mobile", num_ids=1, image_size=(64, 32))
    weights = torch.rand(512, 4, 2)
    small.get_submodule("space").weight.data.copy_(weights)
    write_state(tmp_path / "small.safetensors", small, 7)
    begin = dataclasses.replace(settings(shared, tmp_path / "large"), start=tmp_path / "small.safetensors")
    learner = Learner(begin)
    assert learner.step == 7
    assert learner.model.image_size == SIZE
    larger = learner.model.get_submodule("space").weight
    assert larger.shape == (512, 12, 6)
    # Twelve rows are three for each of four: a map that is the same in all three, and columns, gives the same sum.
    maps = torch.rand(512, 4, 2)
    repeated = maps.repeat_interleave(3, dim=1).repeat_interleave(3, dim=2)
    torch.testing.assert_close(
        (repeated * larger).sum((1, 2)), (maps * weights).sum((1, 2)), rtol=1e-2, atol=1e-2
    )
    before = small.state_dict()
    for name, tensor in learner.average.model.state_dict().items():
        if name != "space.weight":
            torch.testing.assert_close(tensor, before[name], rtol=1e-3, atol=1e-3)


def test_weights_of_places_on_another_grid() -> None:
    weights = torch.rand(3, 4, 2)
    assert torch.equal(on_grid(weights, (4, 2)), weights)
    by_hand = weights.reshape(3, 2, 2, 1, 2).sum(dim=(2, 4))
    torch.testing.assert_close(on_grid(weights, (2, 1)), by_hand, msg="places that become one add up")


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = Learner(settings(shared, tmp_path))
    learner.save()
    before = learner.checkpoint.read_bytes()

    def fail(*args: object) -> None:
        raise OSError(28, "disk full")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        learner.save()
    assert learner.checkpoint.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_another_process_makes_the_same_lessons(shared: Path, tmp_path: Path) -> None:
    source = Learner(settings(shared, tmp_path)).source
    wanted = next(make_batches(source, first=7))
    with lessons(source, first=7) as batches:
        found = next(batches)
    assert torch.equal(found.pictures, wanted.pictures)
    torch.testing.assert_close(found.lesson.vectors, wanted.lesson.vectors, rtol=1e-4, atol=1e-4)
    with (
        lessons(dataclasses.replace(source, teacher="9999"), first=0) as batches,
        pytest.raises(RuntimeError, match="9999"),
    ):
        next(batches)


def test_a_run_scores_saves_stops_when_asked_and_goes_on(shared: Path, tmp_path: Path) -> None:
    once = dataclasses.replace(settings(shared, tmp_path), hours=0)
    learn(once)
    learn(once)
    rows = list(csv.DictReader((tmp_path / "curve.csv").open()))
    assert [(row["step"], row["pictures"]) for row in rows] == [("1", "4"), ("2", "8")]
    assert 0 <= float(rows[0]["viper other cameras mAP"]) <= 100
    assert float(rows[1]["processor hours"]) >= float(rows[0]["processor hours"])
    before = signal.getsignal(signal.SIGTERM)

    def stop_when_it_listens() -> None:
        while signal.getsignal(signal.SIGTERM) is before:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop_when_it_listens, daemon=True).start()
    learn(dataclasses.replace(once, hours=10, steps=10**6))
    assert signal.getsignal(signal.SIGTERM) is before
    stopped = Learner(once)
    stopped.restore()
    assert stopped.step > 2


def numbered(first: int):  # type: ignore[no-untyped-def]
    from itertools import count

    from experiments.out_of_the_box.teaching.feeding import Batch

    for number in count(first):
        yield Batch(torch.tensor(number), Lesson(torch.zeros(0), torch.zeros(0)), 1.0)


def test_every_lesson_comes_twice_wherever_one_starts() -> None:
    whole = [int(b.pictures) for b in islice(replayed(numbered(0), 0), 160)]
    assert whole[::2] == list(range(80))
    assert whole[2 * BETWEEN + 1 :: 2] == list(range(80 - BETWEEN))
    for start in (0, 1, 2, 31, 32, 33, 34, 50, 77):
        part = [int(b.pictures) for b in islice(replayed(numbered(first_needed(start)), start), 20)]
        assert part == whole[start : start + 20], start


def test_the_rate_goes_up_stays_and_goes_down_to_nothing() -> None:
    schedule = Schedule(2.0, 1000, warm=10, decay=0.5)
    assert [schedule.rate(step) for step in (0, 4, 9, 400, 499)] == pytest.approx([0.2, 1, 2, 2, 2])
    assert schedule.rate(750) == pytest.approx(1)
    assert schedule.rate(1000) == schedule.rate(2000) == 0
    assert Schedule(2.0, 2000, warm=10, decay=0.5).rate(750) == 2, "more steps: the plateau is longer"
    assert Schedule(2.0, 2000, warm=10, decay=0.5, begun=300).rate(304) == 1, "warmed up anew"


def test_the_mean_of_the_weights_follows_them() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(0)
    mean = WeightAverage(model, decay=0.9)
    with torch.no_grad():
        model.weight.fill_(1)
    for step in range(1000, 1003):
        mean.update(model, step)
    assert float(mean.model.weight) == pytest.approx(1 - 0.9**3)


def test_other_cameras_only_leaves_the_own_camera_out() -> None:
    vectors = np.array([[1, 0], [0.9, 0.1], [0, 1], [1, 0.1], [0.1, 1]], np.float32)
    embedded = Embeddings(vectors, np.array([1, 2, 3, 2, 3]), np.array([1, 2, 2, 3, 3]), tuple("abcde"))
    figures = other_cameras(embedded)
    # 2 of camera 2 asks camera 1 and 3: 1 of camera 1 is at 6.3 degrees, 2 of camera 3 at 0.6: right. So are the rest.
    assert figures.rank1 == 1
    assert figures.mean_ap == 1
    swapped = dataclasses.replace(embedded, person_ids=np.array([1, 2, 3, 3, 2]))
    assert other_cameras(swapped).rank1 == 0
