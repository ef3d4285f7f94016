import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stca.cli import main
from stca.errors import GalleryError
from stca.gallery import Gallery, ModelFingerprint, Record
from stca.runs import open_model
from stca.scale import vector_files
from stca.scale.vector_files import VectorFile, add_vectors, find_vector_files, read_vectors, write_vectors

pa = pytest.importorskip("pyarrow", reason="files of vectors need stca[ray]")
parquet = pytest.importorskip("pyarrow.parquet", reason="files of vectors need stca[ray]")

RECORDS = (
    Record(
        "cam1/0001",
        "cam1",
        1.5,
        2.25,
        person=3,
        label=3,
        folder=Path("/tracks/cam1/0001"),
        frames=4,
        content="ab",
    ),
    Record("cam1/0002", "cam1", content="cd", clock="cam1/a.mp4"),
)


def made(records: tuple[Record, ...] = RECORDS, dim: int = 5) -> VectorFile:
    vectors = np.random.default_rng(0).normal(size=(len(records), dim)).astype(np.float32)
    return VectorFile(
        ModelFingerprint.bare(dim), "colour_histogram", "c", "float32 by torch on cpu", records, vectors
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    content = made()
    write_vectors(tmp_path / "cam1.parquet", content)
    found = read_vectors(tmp_path / "cam1.parquet")
    assert found.records == content.records
    assert np.array_equal(found.vectors, content.vectors)
    assert (found.fingerprint, found.source, found.crops) == (
        content.fingerprint,
        content.source,
        content.crops,
    )
    assert find_vector_files(tmp_path) == [tmp_path / "cam1.parquet"]


def test_the_schema_is_that_of_version_1(tmp_path: Path) -> None:
    write_vectors(tmp_path / "cam1.parquet", made())
    schema = parquet.read_schema(tmp_path / "cam1.parquet")
    types = "string string double double int64 string int32 string string fixed_size_list<element: float>[5]"
    assert " ".join(map(str, schema.types)) == types
    assert schema.names == list(vector_files._COLUMNS)
    assert vector_files.VERSION == 1


def test_a_gallery_takes_files_and_takes_them_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_vectors(tmp_path / "v" / "cam1.parquet", made())
    other = tuple(replace(r, key=r.key.replace("cam1", "cam2"), camera="cam2") for r in RECORDS)
    write_vectors(tmp_path / "v" / "cam2.parquet", made(other))
    for words in ("4 added", "4 already there"):
        assert main(["gallery", "add", str(tmp_path / "g"), str(tmp_path / "v")]) == 0
        assert words in capsys.readouterr().out
    with Gallery.open(tmp_path / "g") as gallery:
        assert gallery.source == "colour_histogram"
        assert set(gallery.records()) == {*RECORDS, *other}
        np.testing.assert_allclose(np.linalg.norm(gallery.vectors(), axis=1), 1, rtol=1e-6)


def test_files_of_several_models_and_damaged_ones_add_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_vectors(tmp_path / "a.parquet", made())
    write_vectors(tmp_path / "b.parquet", made(dim=6))
    (tmp_path / "c.parquet").write_bytes(b"PAR1 and no more")
    for other, words in (("b", "not the model"), ("c", "no file of vectors")):
        with pytest.raises(GalleryError, match=words):
            add_vectors(tmp_path / "g", [tmp_path / "a.parquet", tmp_path / f"{other}.parquet"])
        assert not (tmp_path / "g").exists()
    monkeypatch.setattr(vector_files, "VERSION", 0)
    with pytest.raises(GalleryError, match="later version"):
        read_vectors(tmp_path / "a.parquet")


def changed(path: Path, about: dict[str, Any] | None = None, **columns: Any) -> Path:
    """A file as `made()` with other columns, and other metadata (None: without it)."""
    write_vectors(path, made())
    table = parquet.read_table(path)
    for name, column in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, column)
    said = json.loads(table.schema.metadata[vector_files._ABOUT]) | (about or {})
    said = {name: value for name, value in said.items() if value is not None}
    parquet.write_table(table.replace_schema_metadata({vector_files._ABOUT: json.dumps(said)}), path)
    return path


FLAT = [float(n) for n in range(10)]


@pytest.mark.parametrize(
    ("name", "column", "words"),
    [
        ("vector", pa.array([FLAT[:4], FLAT[4:]], pa.list_(pa.float32())), "column vector"),
        ("vector", pa.array([None, FLAT], pa.list_(pa.float32())), "column vector"),
        ("vector", pa.array([[True] * 5] * 2, pa.list_(pa.bool_(), 5)), "column vector"),
        ("vector", pa.array([["1"] * 5] * 2, pa.list_(pa.string(), 5)), "column vector"),
        ("vector", pa.array([FLAT[:6]] * 2, pa.list_(pa.float32(), 6)), "column vector"),
        ("vector", pa.array([None, FLAT[:5]], pa.list_(pa.float32(), 5)), "nulls in vector"),
        ("vector", pa.array([[None, *FLAT[:4]]] * 2, pa.list_(pa.float32(), 5)), "nulls in vector"),
        ("key", pa.array([1, 2]), "column key: string"),
        ("key", pa.array([None, "a"]), "nulls in key"),
        ("first", pa.array([False, True]), "column first: double"),
        ("frames", pa.array([1.5, 2.5]), "column frames: int32"),
        ("frames", pa.array([1, -5], pa.int32()), "frames: 0 or more"),
    ],
)
def test_columns_that_are_not_those_of_the_schema_add_nothing(
    tmp_path: Path, name: str, column: Any, words: str
) -> None:
    with pytest.raises(GalleryError, match=rf"damaged[\s\S]*{words}"):
        add_vectors(tmp_path / "g", [changed(tmp_path / "a.parquet", **{name: column})])
    assert not (tmp_path / "g").exists()


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"source": None}, "metadata source"),
        ({"source": 5}, "metadata source"),
        ({"fingerprint": None}, "metadata fingerprint"),
        ({"fingerprint": []}, "metadata fingerprint"),
        *[({"fingerprint": {"dim": dim}}, "metadata fingerprint") for dim in (-1, 0, True, "5")],
        *[({"version": version}, "no file of vectors") for version in (0, -1, "1", True)],
    ],
)
def test_metadata_that_cannot_be_is_one_error_and_leaves_no_gallery(
    tmp_path: Path, about: dict[str, Any], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if isinstance(about.get("fingerprint"), dict):
        about = {"fingerprint": json.loads(ModelFingerprint.bare(5).to_json()) | about["fingerprint"]}
    changed(tmp_path / "a.parquet", about)
    assert main(["gallery", "add", str(tmp_path / "g"), str(tmp_path / "a.parquet")]) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "g").exists()


def test_a_named_model_must_be_that_of_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    colours = ModelFingerprint.of(open_model("colour_histogram"))
    write_vectors(tmp_path / "a.parquet", replace(made(dim=colours.dim), fingerprint=colours))
    command = ["gallery", "add", str(tmp_path / "g"), str(tmp_path / "a.parquet"), "--model"]
    assert main([*command, "pretrained:stca_small"]) == 1
    assert "not of the model that is named" in capsys.readouterr().err
    assert not (tmp_path / "g").exists()
    assert main([*command, "colour_histogram"]) == 0
