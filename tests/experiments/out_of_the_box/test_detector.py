"""Making the person detector of the package, on people and places that the test makes."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from experiments.out_of_the_box.detector import learning, prepare
from experiments.out_of_the_box.detector.learning import as_batch, make_arrays, maps, people_of
from experiments.out_of_the_box.detector.network import (
    SIZE,
    STRIDE,
    BestBoxes,
    PersonDetector,
    corners,
    create_detector,
)
from experiments.out_of_the_box.detector.objective import Marks, compare, mark, overlap
from experiments.out_of_the_box.detector.scenes import Cutout, Scene, SceneMaterial, make_scene_picture
from experiments.out_of_the_box.detector.validation import Sighting, average_precision, detect_with
from experiments.out_of_the_box.ship_detector import write_detector
from experiments.out_of_the_box.teaching.loop import Trainee

from published_mobilenet import published
from stca.tracking import Detections, open_detector
from stca.tracking.detectors import pixels

NOBODY = np.zeros((0, 4), np.float32)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    cv2.setNumThreads(1)


@pytest.fixture(scope="module")
def material() -> SceneMaterial:
    """Red people before grey places; green ones in rendered scenes."""
    alpha = np.zeros((120, 50), np.float32)
    alpha[:, 10:40] = 1
    person = Cutout(np.full((120, 50, 3), (200, 30, 30), np.uint8), alpha)
    place = np.full((300, 400, 3), 128, np.uint8)
    rendered = place.copy()
    rendered[100:200, 60:100] = 30, 200, 30
    return SceneMaterial(
        (person,), (place,), (place,), ((rendered, np.array([[60, 100, 100, 200, 1]], np.float32)),)
    )


def test_pictures_depend_on_seed_and_number_alone(material: SceneMaterial) -> None:
    first = [make_scene_picture(material, seed=1, index=i) for i in range(30)]
    for i in (20, 3):
        again = make_scene_picture(material, seed=1, index=i)
        assert np.array_equal(again.picture, first[i].picture)
        assert np.array_equal(again.known, first[i].known)
    assert len({scene.picture.tobytes() for scene in first}) > 25
    assert all(scene.picture.shape == (*SIZE, 3) for scene in first)
    assert {scene.complete for scene in first} == {True, False}


def test_boxes_are_where_people_were_put(material: SceneMaterial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.out_of_the_box.detector.scenes._as_filmed", lambda rng, picture: picture)
    monkeypatch.setattr("experiments.out_of_the_box.detector.scenes._tinted", lambda rng, person: person)
    counted = 0
    for index in range(60):
        scene = make_scene_picture(material, seed=2, index=index)
        for left, top, right, bottom in scene.known.round().astype(int):
            inside = scene.picture[top + 1 : bottom - 1, left + 1 : right - 1]
            assert (np.ptp(inside.astype(int), axis=2) > 60).mean() > 0.5, "somebody in colour"
            counted += 1
        people = np.concatenate((scene.known, scene.hidden))
        rest = scene.picture.copy()
        for left, top, right, bottom in people.round().astype(int):
            rest[max(0, top - 2) : bottom + 2, max(0, left - 2) : right + 2] = 128
        assert (np.ptp(rest.astype(int), axis=2) > 60).mean() < 0.01, "nobody else"
    assert counted > 50


def test_places_of_any_shape_will_do(material: SceneMaterial) -> None:
    for shape in ((40, 800, 3), (800, 40, 3), (33, 33, 3)):
        place = np.full(shape, 128, np.uint8)
        narrow = SceneMaterial(material.cutouts, (place,), (place,), ((place, np.zeros((0, 5), np.float32)),))
        for index in range(100):
            assert make_scene_picture(narrow, seed=3, index=index).picture.shape == (*SIZE, 3)


def test_a_silhouette_is_the_person(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(90, 110, (200, 80, 3), dtype=np.uint8)
    cv2.ellipse(picture, (40, 100), (18, 97), 0, 0, 360, (220, 40, 40), -1)
    found = prepare.silhouette(picture)
    assert found is not None
    truth = picture[..., 0] > 150
    assert ((found > 127) == truth).mean() > 0.97
    assert prepare.silhouette(np.full((200, 80, 3), 100, np.uint8)) is None


def test_marks_are_one_in_the_middle_and_boxes_around_it() -> None:
    people = np.array([[80, 40, 120, 140], [200, 100, 220, 150]], np.float32)
    unsure = np.array([[300, 200, 380, 300]], np.float32)
    middles, counts, boxes, weights = mark(people, unsure, SIZE)
    assert middles.shape == (SIZE[0] // STRIDE, SIZE[1] // STRIDE)
    assert np.argwhere(middles == 1).tolist() == [[11, 12], [15, 26]]
    assert boxes[:, 11, 12].tolist() == people[0].tolist()
    assert boxes[:, 15, 26].tolist() == people[1].tolist()
    assert weights.sum() == pytest.approx(2)
    assert (counts == 0).sum() == 11 * 13, "places whose middle is in the box, edges included"
    assert counts[30, 40] == 0
    assert not mark(NOBODY, NOBODY, SIZE)[0].any()


def test_the_loss_is_least_for_the_truth() -> None:
    people = np.array([[80, 40, 120, 140], [200, 100, 240, 180]], np.float32)
    marks = Marks(*(torch.from_numpy(part)[None] for part in mark(people, NOBODY, SIZE)))
    rows = torch.arange(marks.middles.shape[1]) * STRIDE + STRIDE / 2
    columns = torch.arange(marks.middles.shape[2]) * STRIDE + STRIDE / 2
    x, y = columns[None, None].expand_as(marks.middles), rows[None, :, None].expand_as(marks.middles)
    sides = torch.stack((x, y, x, y), dim=1) - marks.boxes
    sides[:, 2:] *= -1
    right = torch.where(marks.weights[:, None] > 0, sides, torch.ones_like(sides)).clamp(min=1e-3)
    sides = (right / STRIDE).log()
    taught = (marks.weights > 0)[:, None].expand(-1, 4, -1, -1)
    assert torch.allclose(corners(sides)[taught], marks.boxes[taught], atol=1e-3)
    sure = torch.where(marks.middles == 1, 12.0, -12.0)
    best = compare(sure, sides, marks)
    assert float(best.boxes) == pytest.approx(0, abs=1e-4)
    assert float(best.middles) == pytest.approx(0, abs=1e-3)
    assert float(compare(-sure, sides, marks).total) > 5
    assert float(compare(sure, sides + 0.5, marks).boxes) > 0.2
    hidden = marks._replace(counts=torch.zeros_like(marks.counts))
    assert float(compare(-sure, sides, hidden).middles) == 0


def test_generalised_overlap_by_counting_pixels() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = (np.concatenate((low, low + rng.integers(1, 12, 2))) for low in rng.integers(0, 12, (2, 2)))
        grid = np.zeros((3, 40, 40), bool)
        for i, box in enumerate((a, b)):
            grid[i, box[1] : box[3], box[0] : box[2]] = True
        low, high = np.minimum(a[:2], b[:2]), np.maximum(a[2:], b[2:])
        grid[2, low[1] : high[1], low[0] : high[0]] = True
        either, around = (grid[0] | grid[1]).sum(), grid[2].sum()
        wanted = (grid[0] & grid[1]).sum() / either - (around - either) / around
        ours, theirs = (torch.tensor(box, dtype=torch.float32)[None, :, None, None] for box in (a, b))
        assert float(overlap(ours, theirs)) == pytest.approx(float(wanted), abs=1e-5)


class Teachers:
    """Sees one sure person, one unsure one, and one who is known."""

    def __init__(self, shared: Path | None = None) -> None:
        self.boxes = np.array([[10, 10, 40, 90], [100, 10, 140, 90], [202, 12, 241, 88]], np.float32)

    def __call__(self, picture: np.ndarray) -> Detections:
        return Detections(self.boxes, np.array([0.9, 0.3, 0.8], np.float32))


def test_who_is_known_is_not_asked_for_twice() -> None:
    known = np.array([[200, 10, 240, 90]], np.float32)
    scene = Scene(np.zeros((*SIZE, 3), np.uint8), known, NOBODY, complete=False)
    people, unsure = people_of(scene, Teachers())
    assert people.tolist() == [[200, 10, 240, 90], [10, 10, 40, 90]]
    assert unsure.tolist() == [[100, 10, 140, 90]]
    complete = Scene(scene.picture, known, NOBODY, complete=True)
    assert people_of(complete, Teachers())[0].tolist() == known.tolist()


def test_it_learns_from_a_batch(
    material: SceneMaterial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights").mkdir()
    torch.save(published(nested=False), tmp_path / "weights" / "imagenet_mobilenetv2.pt")
    monkeypatch.setattr(learning, "load_scenes", lambda shared, work: material)
    monkeypatch.setattr(
        learning, "DetectionTeachers", lambda shared: lambda picture: Detections(NOBODY, NOBODY[:, 0])
    )
    torch.manual_seed(0)
    trainee = Trainee(create_detector(tmp_path).train(), tmp_path, rate=2e-3)
    before = trainee.model.trunk.first[0][0].weight.clone()
    batch = as_batch(next(make_arrays(tmp_path, tmp_path, 2, 0, 0)))
    assert batch.pictures.shape == (2, *SIZE, 3)
    losses = [
        trainee.descend(compare(*maps(trainee.model, batch.pictures), batch.marks), 2e-3)[0] for _ in range(8)
    ]
    assert losses[-1] < 0.8 * losses[0]
    assert torch.equal(trainee.model.trunk.first[0][0].weight, before), "what ImageNet taught stays"
    third = next(make_arrays(tmp_path, tmp_path, 2, 0, 2))
    assert np.array_equal(third[0], list(islice(make_arrays(tmp_path, tmp_path, 2, 0, 0), 3))[2][0])


def test_the_file_finds_what_the_network_finds(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    import onnxruntime

    torch.manual_seed(0)
    network = PersonDetector().train()
    image = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    image = cv2.resize(cv2.resize(image, (8, 6)), (320, 240), interpolation=cv2.INTER_CUBIC)
    with torch.no_grad():
        for _ in range(30):  # the norms' statistics become those of a picture
            network(torch.from_numpy(cv2.resize(image, SIZE[::-1])).permute(2, 0, 1)[None].float() / 255)
        network.middle.bias.zero_()
    network.eval()
    assert len(detect_with(network)(image))
    seen, _ = pixels.prepare(image, SIZE, pixels.PIXELS["unit-rgb"], "letterbox")
    with torch.no_grad():
        wanted = BestBoxes(network).eval()(torch.from_numpy(seen)[None])[0].numpy()
    write_detector(network, tmp_path / "people.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "people.onnx", providers=["CPUExecutionProvider"])
    found = session.run(None, {"pictures": seen[None]})[0][0]
    np.testing.assert_allclose(found[:, 4], wanted[:, 4], atol=5e-3)
    away = np.abs(wanted[:100, None, :4] - found[None, :, :4]).max(axis=2).min(axis=1)
    assert (away < 0.5).mean() > 0.95, "places of nearly the same score may be left out on either side"
    assert "person is class 0" in open_detector(str(tmp_path / "people.onnx")).description
    assert (tmp_path / "people.onnx").stat().st_size < 5e6
    assert str(Path(__file__).parents[3]).encode() not in (tmp_path / "people.onnx").read_bytes()


def test_average_precision_by_hand() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    people = np.array([[0, 0, 10, 20], [30, 0, 40, 20]], np.float32)
    ignored = np.array([[60, 0, 70, 20]], np.float32)

    def detect(image: np.ndarray) -> Detections:
        boxes = [[0, 0, 10, 20], [60, 0, 70, 20], [0, 1, 10, 20], [80, 0, 90, 20], [30, 0, 40, 19]]
        return Detections(np.array(boxes, np.float32), np.array([0.9, 0.8, 0.7, 0.6, 0.5], np.float32))

    # Right, not counted, the same person again, nobody, right: precision 1 at recall 1/2, 2/4 at 1.
    assert average_precision(detect, [Sighting(image, people, ignored)]) == pytest.approx(75.0)
    assert average_precision(detect, [Sighting(image, people, NOBODY)]) == pytest.approx(50 * (1 + 2 / 5))
