"""Where copies of a gallery may not go."""

from pathlib import Path

import pytest

from kept_gallery import make_gallery
from stca.cli import main
from stca.errors import GalleryError
from stca.gallery.keeping import backup, copy_gallery, restore
from stca.gallery.store.file import FILE


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize(
    "place", ["gallery/b", "gallery/deep/er/b", "gallery/../gallery/b", "link/b", "to_inside"]
)
@pytest.mark.parametrize("verb", ["backup", "copy"])
def test_a_copy_inside_the_gallery_is_refused(
    tmp_path: Path, verb: str, place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_gallery(tmp_path).close()
    (tmp_path / "link").symlink_to("gallery")
    (tmp_path / "to_inside").symlink_to("gallery/b")
    before = files(tmp_path)
    monkeypatch.chdir(tmp_path)
    for folder in ("gallery", "link", str(tmp_path / "gallery")):
        assert main(["gallery", verb, folder, place]) == 1
        assert "would lie inside the folder that it is made from" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path / "gallery")
    assert main(["gallery", verb, ".", "b"]) == 1
    assert files(tmp_path) == before


def test_a_file_of_milvus_inside_the_gallery_is_refused(tmp_path: Path) -> None:
    make_gallery(tmp_path).close()
    with pytest.raises(GalleryError, match="inside the folder"):
        copy_gallery(tmp_path / "gallery", f"milvus://{tmp_path}/gallery/copy.db")


def test_beside_the_gallery_is_not_inside_it(tmp_path: Path) -> None:
    make_gallery(tmp_path).close()
    assert backup(tmp_path / "gallery", tmp_path / "gallery.backup" / "b") == 12
    assert copy_gallery(tmp_path / "gallery", tmp_path / "gallery2").added == 12
    with pytest.raises(GalleryError, match="inside the folder"):
        restore(tmp_path / "gallery2", tmp_path / "gallery2" / "restored")
    (tmp_path / "gallery.backup" / "b").rename(tmp_path / "gallery" / "b")  # as could be made before
    assert restore(tmp_path / "gallery" / "b", tmp_path / "gallery", replace=True) == (12, 0)
    assert (tmp_path / "gallery" / "b" / FILE).is_file(), "a backup stays"
