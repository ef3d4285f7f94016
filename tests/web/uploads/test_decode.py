"""Hostile files, decoded by real child processes, with bounded memory and time."""

import dataclasses
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import made_uploads as made
from made_videos import quarters, write_video
from stca.web.uploads import QUERY, TRACKED, DecodedUpload, UploadError, check_video, decode_upload
from stca.web.uploads import decode as decoding
from stca.web.uploads.kinds import recognise
from stca.web.uploads.running import Outcome, run_child
from stca.web.uploads.sandbox import NAMESPACE, PROTOCOLS

pytest.importorskip("av")

MIB = 1 << 20
LIMITS = dataclasses.replace(QUERY, memory=256 * MIB, processor_seconds=10.0)
ROOM = 40 * MIB
"""For the libraries that a kind of file needs, beside what the child process has when it does nothing."""

RED, GREEN, BLUE, WHITE = (3, 0, 0), (0, 3, 0), (0, 0, 3), (3, 3, 3)
NAME = "0001-" + "0" * 32

Decode = Callable[..., DecodedUpload]


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    """What became of the child processes."""
    seen: list[Outcome] = []

    def run(*arguments: Any) -> Outcome:
        seen.append(run_child(*arguments))
        return seen[-1]

    monkeypatch.setattr(decoding, "run_child", run)
    return seen


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What the child process needs for itself: one that decodes a small picture."""
    folder = tmp_path_factory.mktemp("small")
    (folder / NAME).write_bytes(made.jpeg())
    outcome = run_child(folder, {"check": False, "files": [NAME]}, LIMITS)
    assert outcome.answer is not None
    return outcome


@pytest.fixture
def decode(tmp_path: Path, program: Outcome, outcomes: list[Outcome]) -> Decode:
    """Decode one file or several, and look at what it cost."""
    folder = tmp_path / "upload"

    def run(*files: bytes, **limits: Any) -> DecodedUpload:
        folder.mkdir()
        for number, content in enumerate(files, start=1):
            (folder / f"{number:04d}-{'0' * 32}").write_bytes(content)
        allowed = dataclasses.replace(LIMITS, **limits)
        try:
            return decode_upload(folder, allowed)
        finally:
            (outcome,) = outcomes
            assert outcome.peak_bytes < program.peak_bytes + ROOM + allowed.memory
            starting = 2 * program.processor_seconds  # on a busy machine, another time
            assert outcome.processor_seconds < starting + allowed.processor_seconds + 2

    return run


def refused(status: int, decode: Decode, *files: bytes, **limits: Any) -> str:
    with pytest.raises(UploadError) as error:
        decode(*files, **limits)
    assert error.value.status == status
    return str(error.value)


def shown(upload: DecodedUpload, number: int = 0) -> list[tuple[int, ...]]:
    return made.colours(np.asarray(Image.open(upload.pictures[number].path)))


# ---- what is accepted ----


def test_pictures_are_shown_encoded_anew(decode: Decode) -> None:
    upload = decode(*map(made.picture, ["JPEG", "PNG", "WEBP", "BMP"]))
    assert (upload.kind, upload.rate, upload.labels) == ("pictures", None, 4 * ("upload",))
    assert [(p.width, p.height, p.time, p.source) for p in upload.pictures] == [
        (48, 64, None, k) for k in range(4)
    ]
    assert all(shown(upload, k) == [RED, GREEN, BLUE, WHITE] for k in range(4))
    assert sorted(path.name for path in upload.folder.iterdir()) == ["frames", "upload.json"]
    assert decoding.load_upload(upload.folder) == upload


def test_a_phones_picture_is_turned_and_what_it_says_of_its_owner_is_gone(decode: Decode) -> None:
    upload = decode(made.turned_jpeg())
    assert (upload.pictures[0].width, upload.pictures[0].height) == (48, 64)
    assert shown(upload) == [BLUE, RED, WHITE, GREEN]
    data = upload.pictures[0].path.read_bytes()
    assert b"SECRET" not in data
    assert b"Exif" not in data


def test_a_large_picture_is_scaled_down(decode: Decode) -> None:
    upload = decode(made.jpeg((800, 1200)), largest_side=300)
    assert (upload.pictures[0].width, upload.pictures[0].height) == (200, 300)
    assert shown(upload) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {}),
        ("a.webm", {"codec": "libvpx-vp9"}),
        ("a.avi", {"codec": "mjpeg"}),
        ("a.ts", {"codec": "libx264"}),
    ],
)
def test_a_video_becomes_pictures_at_even_distances(
    decode: Decode, tmp_path: Path, name: str, options: dict[str, str]
) -> None:
    upload = decode(made.video(tmp_path / name, frames=30, **options), pictures_a_second=5)
    assert (upload.kind, upload.rate) == ("video", 5.0)
    times = [picture.time for picture in upload.pictures]
    assert times == pytest.approx([0.2 * k for k in range(10)], abs=0.01)
    assert shown(upload, -1) == [RED, GREEN, BLUE, WHITE]


def test_of_a_long_video_every_second_or_fourth_picture_is_kept(decode: Decode, tmp_path: Path) -> None:
    images = [np.full((48, 64, 3), shade, np.uint8) for shade in range(0, 240, 4)]
    data = write_video(tmp_path / "a.mkv", images, rate=15, codec="ffv1").read_bytes()
    upload = decode(data, pictures=10, pictures_a_second=15)
    assert upload.rate == pytest.approx(15 / 8)
    middles = [int(np.asarray(Image.open(p.path))[24, 32, 0]) for p in upload.pictures]
    assert middles == pytest.approx(list(range(0, 240, 32)), abs=3)
    assert [p.path.name for p in upload.pictures] == [f"{k:06d}.jpg" for k in range(1, 9)]


def test_a_phones_upright_video_is_turned(decode: Decode, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 5 * [quarters()], turn={"degrees": 90})
    upload = decode(path.read_bytes())
    assert (upload.pictures[0].width, upload.pictures[0].height) == (48, 64)
    assert shown(upload) != [RED, GREEN, BLUE, WHITE]


def test_of_a_zip_only_the_pictures_are_used_and_no_name(decode: Decode, tmp_path: Path) -> None:
    outside = tmp_path / "outside.jpg"
    names = ["../../escaped.jpg", str(outside), "c:\\windows\\x.jpg", "dir/", "a" * 200 + ".exe"]
    files = [(name, b"" if name.endswith("/") else made.jpeg()) for name in names]
    upload = decode(made.zipped([*files, ("read me.txt", b"hello"), ("page.jpg", b"<html>" + made.SCRIPT)]))
    assert [picture.path.name for picture in upload.pictures] == [f"{k:06d}.jpg" for k in range(1, 5)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["upload"]


def test_several_pictures_and_a_zip_keep_their_order(decode: Decode) -> None:
    upload = decode(
        made.jpeg((40, 80)), made.zipped([("a", made.jpeg((48, 64)))]), made.picture("PNG", (60, 90))
    )
    assert [(p.width, p.source) for p in upload.pictures] == [(40, 0), (48, 1), (60, 2)]


# ---- what is not ----


LISTS = [
    b"ffconcat version 1.0\nfile /etc/passwd\n",
    b"\xef\xbb\xbfffconcat version 1.0\nfile /etc/passwd\n",
    b"#EXTM3U\n#EXTINF:6,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    b'<?xml version="1.0"?>\n<MPD type="static"></MPD>\n',
    b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=video 5004 RTP/AVP 96\r\n",
]
PAGES = [
    b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg">' + made.SCRIPT + b"</svg>",
    b"<!DOCTYPE html><html>" + made.SCRIPT,
    b"%PDF-1.7\n",
    b"%!PS-Adobe-3.0 EPSF-3.0\n",
    b"#!/bin/sh\nrm -rf /\n",
    b"\x7fELF" + bytes(500),
    b"\0\0\0\x18ftypheic" + bytes(400),
    b"BM",
    b"",
]


@pytest.mark.parametrize("content", LISTS + PAGES)
def test_what_is_no_picture_or_video_is_of_no_kind(content: bytes) -> None:
    assert recognise(content) is None


@pytest.mark.parametrize("content", [LISTS[0], LISTS[2], PAGES[0]], ids=["ffconcat", "playlist", "svg"])
def test_what_is_of_no_kind_is_never_opened(decode: Decode, content: bytes) -> None:
    assert "kind that is not accepted" in refused(415, decode, content)


def test_what_hides_behind_a_picture_is_not_shown(decode: Decode) -> None:
    behind = made.SCRIPT + b"<?php system($_GET['c']); ?>" + made.zipped([("x.class", b"CAFEBABE")])
    upload = decode(made.jpeg() + behind)
    data = upload.pictures[0].path.read_bytes()
    assert data.endswith(b"\xff\xd9")
    assert not any(word in data for word in (b"script", b"php", b"PK\3\4", b"CAFEBABE"))
    assert shown(upload) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize("start", [b"GIF89a", b"\xff\xd8\xff\xe1"])
def test_html_that_begins_as_a_picture_is_damaged(decode: Decode, start: bytes) -> None:
    refused(422, decode, start + made.SCRIPT * 50)


def test_a_picture_of_900_megapixels_is_refused_by_its_header(
    decode: Decode, outcomes: list[Outcome], program: Outcome
) -> None:
    assert "30,000 x 30,000" in refused(413, decode, made.huge_png())
    assert outcomes[0].peak_bytes < program.peak_bytes + ROOM


def test_a_picture_that_needs_more_memory_than_allowed(decode: Decode) -> None:
    assert "memory" in refused(413, decode, made.huge_png(8000, 8000), memory=64 * MIB)


@pytest.mark.parametrize("limit", ["processor", "clock"])
def test_a_picture_that_takes_for_ever(decode: Decode, outcomes: list[Outcome], limit: str) -> None:
    limits = {"processor_seconds": 1.0} if limit == "processor" else {"seconds_to_decode": 2.0}
    assert "too long to decode" in refused(422, decode, made.endless_jpeg(), **limits)
    assert outcomes[0].ended == ("itself" if limit == "processor" else "time")


BOMBS = {
    "flat": lambda: made.zipped((f"{k}.jpg", made.jpeg() + bytes(8 * MIB)) for k in range(5)),
    "overlapping": made.overlapping_zip,
    "lying": made.lying_zip,
    "many": made.zip_of_many,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_zip_bombs(decode: Decode, outcomes: list[Outcome], program: Outcome, bomb: str) -> None:
    with pytest.raises(UploadError) as error:
        decode(BOMBS[bomb]())
    assert error.value.status in (413, 422)
    assert outcomes[0].peak_bytes < program.peak_bytes + ROOM + 32 * MIB


def test_a_zip_that_keeps_to_the_ratio_but_not_to_the_size(decode: Decode) -> None:
    files = [(f"{k}.jpg", made.jpeg() + bytes(MIB)) for k in range(5)]
    data = made.zipped(files, packing=zipfile.ZIP_STORED)
    assert "unpacks to too much" in refused(413, decode, data, zip_bytes=3 * MIB)


def test_a_zip_within_a_zip_is_not_unpacked(decode: Decode) -> None:
    inner = made.zipped((f"{k}", bytes(10 * MIB)) for k in range(3))
    for _ in range(5):
        inner = made.zipped([("a.zip", inner)])
    assert "zip within the zip" in refused(415, decode, inner)


@pytest.mark.parametrize("damage", ["cut", "zip64"])
def test_damaged_zips(decode: Decode, damage: str) -> None:
    whole = made.zipped([("a.jpg", made.jpeg())])
    broken = {
        "cut": whole[:-40],
        "zip64": whole[:-22] + b"PK\6\7" + bytes(16) + whole[-22:],
    }
    refused({"cut": 422, "zip64": 413}[damage], decode, broken[damage])


MANY = {
    "mp4": made.mp4_of_many_frames,
    "avi": made.avi_of_many_frames,
}


@pytest.mark.parametrize("container", MANY)
def test_a_video_that_claims_a_thousand_million_frames(
    decode: Decode, tmp_path: Path, container: str
) -> None:
    data = MANY[container](tmp_path / f"a.{container}")
    assert "1,000,000,000 frames" in refused(413, decode, data)


def test_a_video_whose_index_would_take_gigabytes(decode: Decode, tmp_path: Path) -> None:
    refused(422, decode, made.mp4_of_many_sizes(tmp_path / "a.mp4"))


def test_a_video_that_is_too_long_or_too_large(tmp_path: Path, outcomes: list[Outcome]) -> None:
    made.video(tmp_path / "a.mp4", frames=30)
    for limit, words in [
        ({"duration": 1.0}, "2 s"),
        ({"frame_pixels": 1000}, "64 x 48"),
        ({"video_frames": 20}, "30 f"),
    ]:
        with pytest.raises(UploadError, match=words) as error:
            check_video(tmp_path / "a.mp4", dataclasses.replace(LIMITS, **limit))
        assert error.value.status == 413


def test_a_video_longer_than_it_says(decode: Decode, tmp_path: Path) -> None:
    """A transport stream has no header that counts; it is stopped where the frames are."""
    data = made.video(tmp_path / "a.ts", frames=60, codec="libx264")
    assert "too long" in refused(413, decode, data, video_frames=20)


def test_too_many_pictures_and_too_many_bytes_of_them(tmp_path: Path, outcomes: list[Outcome]) -> None:
    for limit in ({"pictures": 2}, {"written_bytes": 2000}):
        folder = tmp_path / next(iter(limit))
        folder.mkdir()
        (folder / NAME).write_bytes(made.zipped((str(k), made.jpeg()) for k in range(3)))
        with pytest.raises(UploadError) as error:
            decode_upload(folder, dataclasses.replace(LIMITS, **limit))
        assert error.value.status == 413


def test_a_video_comes_alone(decode: Decode, tmp_path: Path) -> None:
    refused(422, decode, made.jpeg(), made.video(tmp_path / "a.mp4"))


def test_a_video_to_be_tracked_is_only_looked_at(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(made.video(tmp_path / "a.mp4", frames=30))
    facts = check_video(tmp_path / "file", TRACKED)
    assert (facts.width, facts.height, facts.frames, facts.rate, facts.seconds) == (64, 48, 30, 15.0, 2.0)
    (tmp_path / "picture").write_bytes(made.jpeg())
    with pytest.raises(UploadError, match="no video"):
        check_video(tmp_path / "picture", TRACKED)


# ---- a child that was taken over ----


def manifest(**changes: Any) -> dict[str, Any]:
    first = {"file": "000001.jpg", "width": 48, "height": 64, "time": None, "source": 0}
    return {"kind": "pictures", "rate": None, "pictures": [first], "notes": [], **changes}


PICTURE = manifest()["pictures"][0]


@pytest.mark.parametrize(
    "answer",
    [
        {"pictures": []},
        {"pictures": None},
        {"pictures": [{**PICTURE, "file": "../../secret.jpg"}]},
        {"pictures": [{**PICTURE, "width": 47}]},
        {"pictures": [{**PICTURE, "source": 7}]},
        {"pictures": [{**PICTURE, "source": True}]},
        {"pictures": [PICTURE, {**PICTURE, "file": "000002.jpg"}]},
        {"kind": "page"},
        {"kind": "video", "rate": float("nan"), "pictures": [{**PICTURE, "time": 0.0}]},
        {"notes": None},
        {"error": "text"},
        {"error": {"status": 200, "what": "<b>\x1b[2J\u202e"}},
    ],
)
def test_what_it_says_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    with pytest.raises(UploadError) as error:
        taken_over(tmp_path, monkeypatch, manifest(**answer), lambda frames: None)
    assert error.value.status == 422
    assert error.value.what.isprintable()


def link(frames: Path) -> None:
    (frames / "000001.jpg").unlink()
    (frames.parent / "other.jpg").write_bytes(made.jpeg())
    (frames / "000001.jpg").symlink_to(frames.parent / "other.jpg")


def page(frames: Path) -> None:
    (frames / "000001.jpg").write_bytes(b"<html>")


def more(frames: Path) -> None:
    (frames / "index.html").write_bytes(b"<html>")


@pytest.mark.parametrize("change", [link, page, more])
def test_what_it_writes_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    with pytest.raises(UploadError, match="list of pictures that is none"):
        taken_over(tmp_path, monkeypatch, manifest(), change)


def test_the_same_without_a_change_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = taken_over(tmp_path, monkeypatch, manifest(notes=["a\x1bb", 7]), lambda frames: None)
    assert upload.notes == ("a b",)


def taken_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], change: Callable[[Path], None]
) -> DecodedUpload:
    def run(place: Path, *_: Any) -> Outcome:
        (place / "frames").mkdir()
        (place / "frames" / "000001.jpg").write_bytes(made.jpeg())
        change(place / "frames")
        return Outcome(answer, "itself", 0, 0.1, 0.1, 1)

    monkeypatch.setattr(decoding, "run_child", run)
    (folder / NAME).write_bytes(made.jpeg())
    return decode_upload(folder, LIMITS)


def test_it_says_what_keeps_it_from_the_network(decode: Decode, outcomes: list[Outcome]) -> None:
    decode(made.jpeg())
    assert outcomes[0].answer is not None
    assert outcomes[0].answer["network"] in (NAMESPACE, PROTOCOLS)


@pytest.mark.parametrize(("network", "level"), [(NAMESPACE, "INFO"), (PROTOCOLS, "WARNING")])
def test_the_log_warns_where_the_system_cannot_keep_it_from_the_network(
    network: str,
    level: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    outcome = Outcome({"network": network}, "itself", 0, 0.1, 0.1, 0)
    monkeypatch.setattr(decoding, "run_child", lambda *_: outcome)
    monkeypatch.setattr(decoding, "_said_network", False)
    with caplog.at_level("INFO", logger=decoding.log.name):
        for _ in range(2):
            decoding._ask(tmp_path, {}, QUERY)
    assert [(each.levelname, network in each.message) for each in caplog.records] == [(level, True)]


def test_errors_do_not_say_what_a_file_is_called_on_the_server(decode: Decode) -> None:
    with pytest.raises(UploadError) as raised:
        decode(b"\xff\xd8\xff\xe0" + bytes(40))
    assert "cannot identify" in str(raised.value)
    assert "0001-" not in str(raised.value)


def test_texts_of_the_child_lose_names_of_files() -> None:
    assert decoding._text(f"cannot identify image file '{NAME}'") == "cannot identify image file"
    assert decoding._text("1234-5678 pixels of 0001-000 at 12") == "1234-5678 pixels of 0001-000 at 12"
