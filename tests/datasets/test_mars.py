import gc
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from stca.datasets import load_dataset, mars
from stca.datasets.counts import PUBLISHED, count
from stca.errors import ConfigError, DatasetError
from stca.tracklets import Splits

TRAIN = [(1, 1, 3), (1, 2, 2), (5, 6, 4)]
TEST = [(-1, 1, 2), (0, 3, 2), (2, 1, 3), (2, 2, 1), (7, 4, 2), (2, 2, 5)]
QUERY = [3, 5]


@pytest.fixture
def root(make_mars, tmp_path: Path) -> Path:
    return make_mars(tmp_path / "MARS", train=TRAIN, test=TEST, query=QUERY)


@pytest.fixture(scope="module")
def real_root(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published tables, with lists of image names made to fit them."""
    root = tmp_path_factory.mktemp("real") / "MARS"
    shutil.copytree(shared / "protocols" / "mars", root / "info")
    for part in ("train", "test"):
        table = loadmat(root / "info" / f"tracks_{part}_info.mat")[f"track_{part}_info"].tolist()
        names = [""] * max(last for _, last, _, _ in table)
        for number, (first, last, person, camera) in enumerate(table):
            who = "00-1" if person == -1 else f"{person:04d}"
            for k in range(first, last + 1):
                names[k - 1] = f"{who}C{camera}T{number % 9999 + 1:04d}F{k - first + 1:03d}.jpg"
        assert all(names)
        (root / "info" / f"{part}_name.txt").write_text("\n".join(names) + "\n")
    return root


@pytest.fixture(scope="module")
def real(real_root: Path) -> Splits:
    gc.disable()  # it would look through a million paths again and again, half of the time
    try:
        return mars.load(real_root)
    finally:
        gc.enable()


def test_published_tables(real_root: Path, real: Splits) -> None:
    names = (real_root / "info" / "test_name.txt").read_text().split()
    table = loadmat(real_root / "info" / "tracks_test_info.mat")["track_test_info"]
    splits = real
    assert (len(splits.train), len({t.person_id for t in splits.train})) == (8298, 625)
    assert sum(map(len, splits.train)) == 509_914
    assert (len(table), len(names)) == (12_180, 681_089)
    assert splits.notes == {"junk tracklets left out": 870, "distractor tracklets in the gallery": 3248}
    assert (len(splits.query), len({t.person_id for t in splits.query})) == (1980, 626)
    assert len(splits.gallery) == 9330
    assert len(splits.gallery) + len(splits.query) == 11_310
    assert len(splits.gallery) + len(splits.query) + 870 == 12_180
    found, published = count(splits), PUBLISHED["mars"]
    assert found.unanswered == {"mars-A": 140, "mars-B": 0}
    assert found.flat() == published.flat()
    for part, counts in published.parts.items():
        assert found.parts[part].lengths == pytest.approx(counts.lengths)


def test_unanswered_agrees_with_the_slow_way(real: Splits) -> None:
    splits = real
    seen = Counter((t.person_id, t.camera_id) for t in splits.gallery)
    slow = sum(not any(seen[q.person_id, c] for c in range(1, 7) if c != q.camera_id) for q in splits.query)
    assert slow == count(splits).unanswered["mars-A"]


def test_rows_become_tracklets(root: Path) -> None:
    splits = mars.load(root)
    assert [(t.person_id, t.camera_id, len(t)) for t in splits.train] == TRAIN
    assert [(t.person_id, t.camera_id, len(t)) for t in splits.query] == [(2, 1, 3), (7, 4, 2)]
    assert [(t.person_id, t.camera_id, len(t)) for t in splits.gallery] == [(0, 3, 2), (2, 2, 1), (2, 2, 5)]
    assert splits.train[1].frames == tuple(
        root / "bbox_train/0001" / f"0001C2T0002F00{k}.jpg" for k in (1, 2)
    )
    assert splits.gallery[0].frames[0] == root / "bbox_test/0000/0000C3T0002F001.jpg"
    assert splits.notes == {"junk tracklets left out": 1, "distractor tracklets in the gallery": 1}
    assert splits.protocols == ("mars-A", "mars-B")


def test_walkers_are_read_the_same_way(root: Path) -> None:
    walkers = load_dataset("walkers", root)
    assert (walkers.name, walkers.train) == ("walkers", load_dataset("mars", root).train)


def test_other_split(root: Path) -> None:
    with pytest.raises(ConfigError, match="has no split 1"):
        mars.load(root, split=1)


@pytest.mark.parametrize("name", ["train_name.txt", "tracks_test_info.mat", "query_IDX.mat"])
def test_missing_info_file(root: Path, name: str) -> None:
    (root / "info" / name).unlink()
    with pytest.raises(DatasetError, match=rf"the root lacks info/{name}") as caught:
        mars.load(root)
    assert "bbox_train/0001" in str(caught.value)


@pytest.mark.parametrize("keep", [0, 60, 130, 200])
def test_truncated_mat(root: Path, keep: int) -> None:
    path = root / "info" / "tracks_train_info.mat"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DatasetError, match="MATLAB file"):
        mars.load(root)


def test_root_one_folder_too_high_or_too_deep(root: Path) -> None:
    for wrong in (root.parent, root / "info"):
        with pytest.raises(DatasetError, match=r"this folder has them: .*MARS\n?$"):
            mars.load(wrong)


def test_no_such_root(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="the root is no folder"):
        mars.load(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("0001C1T0001F002", "0009C1T0001F002", "person 9, camera 1"),
        ("0001C1T0001F002", "0001C3T0001F002", "person 1, camera 3"),
        ("0001C1T0001F002", "0001CxT0001F002", "a name that does not parse"),
    ],
)
def test_name_and_table_disagree(root: Path, old: str, new: str, found: str) -> None:
    path = root / "info" / "train_name.txt"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DatasetError, match=found):
        mars.load(root)


def test_list_of_names_too_short(root: Path) -> None:
    path = root / "info" / "test_name.txt"
    path.write_text("\n".join(path.read_text().split()[:-1]))
    with pytest.raises(DatasetError, match="too short for its table"):
        mars.load(root)


@pytest.mark.parametrize(
    ("variable", "table", "message"),
    [
        ("track_train_info", [[1, 3, 1]], "wrong shape"),
        ("track_train_info", [[0, 3, 1, 1]], "without frames"),
        ("track_train_info", [[3, 2, 1, 1]], "without frames"),
        ("track_train_info", [[1.5, 2, 1, 1]], "no table of whole numbers"),
        ("other", [[1, 3, 1, 1]], "lacks its table"),
    ],
)
def test_wrong_table(root: Path, variable: str, table: list[list[float]], message: str) -> None:
    savemat(root / "info" / "tracks_train_info.mat", {variable: np.array(table)})
    with pytest.raises(DatasetError, match=message):
        mars.load(root)


@pytest.mark.parametrize("query", [[0], [7], [3, 3]])
def test_wrong_query(root: Path, query: list[int]) -> None:
    savemat(root / "info" / "query_IDX.mat", {"query_IDX": np.array([query])})
    with pytest.raises(DatasetError, match="query_IDX does not fit"):
        mars.load(root)
