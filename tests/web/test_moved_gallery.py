"""A gallery that is moved away while it is served: nothing is answered from the file that is gone."""

from pathlib import Path

import pytest

from made_server import fill_gallery, served


@pytest.mark.parametrize("how", ["moved", "removed", "replaced"])
def test_a_gallery_that_is_gone_is_no_longer_served(tmp_path: Path, how: str) -> None:
    folder = fill_gallery(tmp_path / "gallery")
    with served(folder) as server:
        assert server.get("/api/v1/health").status_code == 200
        if how == "removed":
            (folder / "gallery.sqlite").unlink()
        else:
            folder.rename(tmp_path / "elsewhere")
        if how == "replaced":
            fill_gallery(folder)
        name = {"kind": "name", "person": 1, "name": "Ann"}
        answers = [server.get(f"/api/v1/{path}") for path in ("health", "gallery", "tracklets", "audit")]
        answers += [server.post("/api/v1/corrections", json=name), server.get("/media/thumbnail/north/0000")]
        for answer in answers:
            assert answer.status_code == 503
            assert answer.json()["title"] == "The gallery is no longer where it was"
        page = server.get("/", headers={"Accept": "text/html"})
        assert (page.status_code, "no longer where it was" in page.text) == (503, True)
        if how == "moved":
            assert not folder.exists(), "no folder is made anew"
            (tmp_path / "elsewhere").rename(folder)
            assert server.get("/api/v1/gallery").status_code == 200
