import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stca.errors import ConfigError, FrameError
from stca.scale.places import find_videos, local_copy

fsspec = pytest.importorskip("fsspec", reason="object stores need stca[ray]")


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    for name in ("cam10/b.mp4", "cam2/a.MKV", "notes.txt.bak", "cam2/deep/c.avi"):
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "videos"


@pytest.fixture
def server(videos: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(videos))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def names(places: list[str]) -> list[str]:
    return [Path(video.address).name for video in find_videos(places)]


def test_folders_lists_and_videos_give_each_video_once_in_natural_order(videos: Path) -> None:
    assert names([str(videos)]) == ["a.MKV", "c.avi", "b.mp4"]
    listed = videos / "list.txt"
    listed.write_text(f"# cameras\n\ncam2\n{videos / 'cam10' / 'b.mp4'}\n")
    assert names([str(listed), str(videos / "cam2")]) == ["a.MKV", "c.avi", "b.mp4"]
    assert [video.size for video in find_videos([str(videos)])] == [10, 15, 11]


def test_an_object_store_is_listed_and_its_videos_are_copied(videos: Path) -> None:
    store = fsspec.filesystem("memory")
    store.put(str(videos), "/shop", recursive=True)
    found = find_videos(["memory://shop"])
    assert [Path(video.address).name for video in found] == ["a.MKV", "c.avi", "b.mp4"]
    assert all(video.address.startswith("memory://") for video in found)
    with local_copy(found[2].address) as path:
        assert path.name == "b.mp4"
        assert path.read_bytes() == b"cam10/b.mp4"
        first = path.stat().st_mtime_ns
    assert not path.exists()
    with local_copy(found[2].address) as again:
        assert again.stat().st_mtime_ns == first, "the same video, whenever it was fetched"
    store.rm("/shop", recursive=True)


def test_a_server_over_http_gives_its_folder_and_one_video(server: str) -> None:
    assert names([f"{server}/cam10/"]) == ["b.mp4"]
    (video,) = find_videos([f"{server}/cam2/a.MKV"])
    with local_copy(video.address) as path:
        assert path.read_bytes() == b"cam2/a.MKV"


def test_a_path_is_its_own_copy_and_stays(videos: Path) -> None:
    path = videos / "cam10" / "b.mp4"
    with local_copy(str(path)) as copy:
        assert copy == path
    assert path.exists()


def test_what_is_not_there_is_one_error_without_passwords(server: str, tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="cannot be fetched"), local_copy(f"{server}/none.mp4?token=secret"):
        pass
    with pytest.raises(ConfigError) as error:
        find_videos([f"{server.replace('http://', 'http://me:secret@')}/none.mp4"])
    assert "secret" not in str(error.value)
    (tmp_path / "empty").mkdir()
    for place, words in (
        ("empty", "No videos"),
        ("nowhere", "no such video"),
        ("odd://x/y.mp4", "kind of address"),
    ):
        with pytest.raises(ConfigError, match=words):
            find_videos([place if "://" in place else str(tmp_path / place)])


def test_a_list_that_names_itself_or_is_no_text_is_one_error(videos: Path) -> None:
    (videos / "a.txt").write_text("cam2\nb.txt\n")
    (videos / "b.txt").write_text("cam2/../a.txt\n")
    with pytest.raises(ConfigError, match="names itself"):
        find_videos([str(videos / "a.txt")])
    (videos / "b.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"cannot be read[\s\S]*UTF-8[\s\S]*b\.txt"):
        find_videos([str(videos / "a.txt")])
    (videos / "b.txt").write_text("cam10\n", encoding="utf-8-sig")
    (videos / "c.txt").write_text("b.txt\nb.txt\na.txt\n")
    assert names([str(videos / "c.txt")]) == ["a.MKV", "c.avi", "b.mp4"], "twice is no circle"
