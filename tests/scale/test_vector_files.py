from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stca.cli import main
from stca.errors import GalleryError
from stca.gallery import Gallery, ModelFingerprint, Record
from stca.scale import vector_files
from stca.scale.vector_files import VectorFile, add_vectors, find_vector_files, read_vectors, write_vectors

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
