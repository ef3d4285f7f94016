from pathlib import Path

import pytest

from made_videos import grey, write_video
from stca.web.jobs import JobError, allowed_video, list_videos

pytest.importorskip("av")


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two that the owner allowed, and one that he did not."""
    for name in ("yard/sub", "door", "private"):
        (tmp_path / name).mkdir(parents=True)
    video = write_video(tmp_path / "private" / "secret.avi", grey(10, 60, 110)).read_bytes()
    for name in ("yard/a.avi", "yard/sub/b.avi", "door/a.avi", "door/c.AVI", "door/.hidden.avi"):
        (tmp_path / name).write_bytes(video)
    return [tmp_path / "yard", tmp_path / "door"]


def refused(folders: list[Path], name: str) -> JobError:
    with pytest.raises(JobError) as error:
        allowed_video(folders, name)
    return error.value


def test_videos_of_the_allowed_folders(folders: list[Path]) -> None:
    assert [video.name for video in list_videos(folders)] == ["a.avi", "c.AVI", "sub/b.avi"]
    assert list_videos(folders)[0].size == (folders[0] / "a.avi").stat().st_size
    assert allowed_video(folders, "a.avi") == folders[0] / "a.avi"
    assert allowed_video(folders, "sub/b.avi") == folders[0] / "sub" / "b.avi"
    assert allowed_video(folders, "c.AVI") == folders[1] / "c.AVI"


def test_nothing_else_is_reached(folders: list[Path]) -> None:
    private = folders[0].parent / "private"
    (folders[0] / "link.avi").symlink_to(private / "secret.avi")
    (folders[0] / "linked").symlink_to(private)
    (folders[0] / "circle.avi").symlink_to(folders[0] / "circle.avi")
    (folders[0] / "device.avi").symlink_to("/dev/zero")
    names = [
        "../private/secret.avi",
        str(private / "secret.avi"),
        "link.avi",
        "linked/secret.avi",
        "circle.avi",
    ]
    names += [
        "device.avi",
        "sub",
        "",
        ".",
        "..",
        "sub/../../private/secret.avi",
        "a.avi\0",
        "sub\\b.avi",
        "x" * 5000,
    ]
    names += [
        "/etc/passwd",
        "~/.ssh/id_rsa",
        "file:///etc/passwd",
        "http://127.0.0.1/a.avi",
        "rtsp://camera/",
    ]
    for name in names:
        error = refused(folders, name)
        assert error.status == 404
        assert error.what == refused(folders, "not there.avi").what, "whether it exists is not said"
    assert [video.name for video in list_videos(folders)] == ["a.avi", "c.AVI", "sub/b.avi"]


def test_a_link_within_the_folder_is_followed(folders: list[Path]) -> None:
    (folders[0] / "latest.avi").symlink_to(folders[0] / "sub" / "b.avi")
    assert allowed_video(folders, "latest.avi") == folders[0] / "sub" / "b.avi"


@pytest.mark.parametrize(
    "content",
    [
        b"ffconcat version 1.0\nfile ../private/secret.avi\n",
        b"#EXTM3U\n#EXTINF:6,\n../private/secret.avi\n#EXT-X-ENDLIST\n",
        b"",
        b"text",
    ],
)
def test_a_file_that_is_no_video(folders: list[Path], content: bytes) -> None:
    (folders[0] / "bad.avi").write_bytes(content)
    assert refused(folders, "bad.avi").status == 422


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    assert list_videos([tmp_path / "gone"]) == []
    assert refused([tmp_path / "gone"], "a.avi").status == 404
