"""The command line on a gallery at an address."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from made_gallery import FINGERPRINT, record, vectors
from stca.cli import main
from stca.gallery import Gallery

pytest.importorskip("milvus_lite", reason="needs the extra stca[milvus]")


def test_every_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    address = f"milvus://{tmp_path}/g.db"
    with Gallery.open(address, model=FINGERPRINT) as gallery:
        gallery.add([record(i) for i in range(12)], vectors(12))

    def run(*words: str) -> str:
        assert main(list(words)) == 0
        return capsys.readouterr().out

    assert run("gallery", "stats", address).startswith("12 tracklets, 3 cameras, 0 persons")
    assert "Milvus, exact (FLAT)" in run("gallery", "stats", address)
    assert len(json.loads(run("gallery", "list", "--json", address))) == 12
    hits = json.loads(run("search", address, "north/0000", "--camera", "yard", "--json"))["hits"]
    assert {hit["record"]["camera"] for hit in hits} == {"yard"}
    assert "1 removed; 11 tracklets in milvus:///" in run("gallery", "remove", address, "north/0003")
    run("link", address, "--threshold", "0.8")
    persons = json.loads(run("person", "list", address, "--json"))
    assert sum(len(person["records"]) for person in persons) == 11
    assert "takes it back" in run("person", "hide", address, "north/0006")
    assert "undone" in run("person", "undo", address, "1")
    assert "dataCoord.gc" in run("gallery", "forget", address, "yard/0002")
    assert "no date is known" in run("gallery", "expire", address, "--older", "30d")
    assert run("gallery", "stats", address).startswith("10 tracklets")


def test_one_error_and_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.db").mkdir()
    for name in ("none.db", "no/such/folder/none.db", "empty.db"):
        for verb in ("stats", "list"):
            assert main(["gallery", verb, f"milvus://{tmp_path}/{name}"]) != 0
            said = capsys.readouterr().err
            assert said.startswith("error: There is no gallery here")
            assert "Traceback" not in said
        assert not Gallery.exists(f"milvus://{tmp_path}/{name}")
    assert list(tmp_path.rglob("*")) == [tmp_path / "empty.db"], "who reads makes nothing"
