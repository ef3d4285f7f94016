"""Searches for a person in a photo, a folder of photos or a video."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stca.cli import main
from stca.errors import ConfigError, FrameError, GalleryError, StcaError
from stca.footage.images import RGB, has_more_pictures, read_image, write_jpeg
from stca.gallery import open_query
from stca.gallery.query import crops, following
from street import Walker, render, write_street

pytest.importorskip("av")

RED, BLUE, GREEN = (190, 40, 50), (40, 60, 190), (30, 160, 60)
WALKERS = [
    Walker(RED, 40, 200, 2.5),
    Walker(BLUE, 280, 110, -2.5),
    Walker(GREEN, 270, 230, 0.3, first=41, size=(80, 30)),
]
RATE, FRAMES = 10, 80


def box_at(walker: Walker, seconds: float) -> tuple[float, float, float, float]:
    left, top, right, bottom = walker.box(round(RATE * seconds) + 1)
    return left, top, right - left, bottom - top


def as_text(box: tuple[float, ...]) -> str:
    return ",".join(f"{value:g}" for value in box)


def colour_of(crop: RGB) -> np.ndarray:
    """Of the body between head and legs."""
    height, width = crop.shape[:2]
    return crop[int(0.25 * height) : int(0.5 * height), width // 4 : -width // 4].reshape(-1, 3).mean(axis=0)


def shows(path: Path, colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(colour_of(read_image(path)) - colour).max() < 25)


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("street") / "Street 1.avi"
    write_street(path, WALKERS, FRAMES, rate=RATE)
    return path


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Crops of the three of another camera, darker and noisier."""
    root = tmp_path_factory.mktemp("tracks")
    rng = np.random.default_rng(0)
    for number, walker in enumerate(WALKERS, start=1):
        for frame in range(45, 50):
            left, top, right, bottom = (round(side) for side in walker.box(frame))
            crop = 0.9 * render([walker], frame)[top:bottom, left:right] + rng.normal(0, 4, (1, 1, 3))
            write_jpeg(
                root / "cam9" / f"{number:04d}" / f"{frame:06d}.jpg", crop.clip(0, 255).astype(np.uint8)
            )
    return root


@pytest.fixture(scope="module")
def gallery(tracks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gallery") / "g"
    words = ["gallery", "add", str(path), str(tracks), "--model", "colour_histogram", "--workers", "0"]
    assert main(words) == 0
    return path


@pytest.fixture
def search(gallery: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[list[str], str]]:
    def call(*words: object, code: int = 0) -> tuple[list[str], str]:
        """Keys of the results, and what was printed on stderr."""
        capsys.readouterr()
        assert main(["search", str(gallery), *map(str, words), "--json"]) == code
        printed = capsys.readouterr()
        return [
            hit["record"]["key"] for hit in json.loads(printed.out)["hits"]
        ] if code == 0 else [], printed.err

    return call


def photo(path: Path, *walkers: Walker, frame: int = 50) -> Path:
    write_jpeg(path, render(walkers, frame))
    return path


def crop_photo(path: Path, walker: Walker, frame: int = 50) -> Path:
    left, top, right, bottom = (round(side) for side in walker.box(frame))
    write_jpeg(path, render([walker], frame)[top:bottom, left:right])
    return path


# ---- photos ----


def test_a_photo_that_is_a_crop_is_used_as_it_is_and_that_is_said(search: Callable, tmp_path: Path) -> None:
    keys, said = search(crop_photo(tmp_path / "photo.JPG", WALKERS[1]))
    assert keys[0] == "cam9/0002"
    assert len(keys) == 3
    assert "photo.JPG is used whole, as a crop of one person" in said


def test_several_photos_and_a_folder_of_photos_are_of_one_person(search: Callable, tmp_path: Path) -> None:
    photos = [crop_photo(tmp_path / f"{n}.png", WALKERS[0], frame=45 + n) for n in range(3)]
    keys, said = search(*photos)
    assert keys[0] == "cam9/0001"
    assert "3 photos are used whole" in said
    assert search(tmp_path)[0] == keys


def test_the_result_does_not_depend_on_the_output(
    gallery: Path, search: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = crop_photo(tmp_path / "a.jpg", WALKERS[2])
    keys, _ = search(image)
    assert main(["search", str(gallery), str(image), "--sheet", str(tmp_path / "sheet.png")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[1:4]] == keys
    assert read_image(tmp_path / "sheet.png").shape[0] > 100


@pytest.fixture
def default_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default detector knows the drawn people of the street."""
    monkeypatch.setattr("stca.gallery.query.crops.default_network", lambda: "street:colours")
    monkeypatch.setattr("stca.gallery.query.videos.default_detector", lambda: "street:colours")


@pytest.mark.usefixtures("default_detector")
def test_nobody_is_found_in_a_scene(search: Callable, tmp_path: Path) -> None:
    scene = photo(tmp_path / "scene.jpg")
    _, said = search(scene, code=1)
    assert "found nobody" in said
    assert "--box" in said
    assert "--whole" in said
    assert search(scene, "--whole")[0], "whoever insists gets an answer"
    left, top, right, bottom = WALKERS[1].box(50)
    scene = photo(tmp_path / "two.jpg", WALKERS[0], WALKERS[1])
    keys, _ = search(scene, "--box", f"{left},{top},{right - left},{bottom - top}")
    assert keys[0] == "cam9/0002"


@pytest.mark.usefixtures("default_detector")
def test_the_default_detector_looks_without_being_asked(search: Callable, tmp_path: Path) -> None:
    keys, said = search(photo(tmp_path / "one.jpg", WALKERS[0]))
    assert keys[0] == "cam9/0001"
    assert "the person at " in said
    _, said = search(photo(tmp_path / "two.jpg", *WALKERS[:2]), code=1)
    assert "Several people are in a query image" in said


@pytest.mark.usefixtures("default_detector")
def test_an_upright_photo_is_no_crop_where_people_fill_little_of_it(tmp_path: Path) -> None:
    scene = read_image(photo(tmp_path / "scene.jpg", WALKERS[0]))
    left = max(0, round(WALKERS[0].box(50)[0]) - 20)
    upright = scene[:, left : left + 150]
    assert upright.shape[0] > 1.5 * upright.shape[1]
    write_jpeg(tmp_path / "upright.jpg", upright)
    query = open_query([tmp_path / "upright.jpg"], tmp_path)
    assert "the person at " in query.notes[0]
    assert shows(query.found.frames[0], RED)
    several = np.concatenate([upright[:, :75]] * 3, axis=1)
    write_jpeg(tmp_path / "several.jpg", np.concatenate((several, np.full_like(several, 120))))
    with pytest.raises(GalleryError, match="Several people"):
        open_query([tmp_path / "several.jpg"], tmp_path)
    crop = crop_photo(tmp_path / "crop.jpg", WALKERS[1])
    assert open_query([crop], tmp_path).found.frames == (crop,)
    write_jpeg(tmp_path / "nobody.jpg", np.full((120, 60, 3), 90, np.uint8))
    assert open_query([tmp_path / "nobody.jpg"], tmp_path).found.frames == (tmp_path / "nobody.jpg",)


def test_a_crop_needs_no_network_that_finds_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise StcaError("onnxruntime is not installed")

    monkeypatch.setattr("stca.gallery.query.crops.default_network", fail)
    crop = crop_photo(tmp_path / "crop.jpg", WALKERS[1])
    with pytest.warns(UserWarning, match="no detector could look"):
        assert open_query([crop], tmp_path).found.frames == (crop,)
    with pytest.raises(GalleryError, match=r"no detector can look(.|\n)*not installed(.|\n)*--box"):
        open_query([photo(tmp_path / "scene.jpg", WALKERS[0])], tmp_path)


@pytest.mark.usefixtures("default_detector")
def test_a_large_photo_is_no_crop_whatever_its_shape(tmp_path: Path) -> None:
    write_jpeg(tmp_path / "phone.jpg", np.full((2000, 1500, 3), 90, np.uint8))
    with pytest.raises(GalleryError, match=r"found nobody(.|\n)*1500 x 2000"):
        open_query([tmp_path / "phone.jpg"], tmp_path)


def test_a_detector_finds_the_only_person(search: Callable, tmp_path: Path) -> None:
    keys, said = search(photo(tmp_path / "a.jpg", WALKERS[0]), "--detector", "street:colours")
    assert keys[0] == "cam9/0001"
    assert "the person at " in said
    # A crop is a photo that one person fills.
    crop = crop_photo(tmp_path / "crop.jpg", WALKERS[1])
    query = open_query([crop], tmp_path, detector="street:colours")
    assert query.found.frames == (crop,)


def test_several_people_are_listed_and_nobody_is_chosen(search: Callable, tmp_path: Path) -> None:
    _, said = search(photo(tmp_path / "a.jpg", *WALKERS), "--detector", "street:colours", code=1)
    assert "Several people are in a query image" in said
    assert "3: " in said
    assert "--box" in said
    box = said.split("for example --box ")[1].split()[0]
    keys, _ = search(tmp_path / "a.jpg", "--box", box)
    assert keys[0] in {"cam9/0001", "cam9/0002", "cam9/0003"}
    _, said = search(photo(tmp_path / "b.jpg"), "--detector", "street:colours", code=1)
    assert "found nobody" in said


def test_a_folder_of_scenes_with_a_detector(search: Callable, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for number in range(3):
        photo(folder / f"{number}.jpg", WALKERS[1], frame=50 + 3 * number)
    assert search(folder, "--detector", "street:colours")[0][0] == "cam9/0002"
    said = search(folder, code=1)[1]
    assert "no crops of one person" in said
    assert "--detector" in said


def test_a_folder_in_the_gallery_is_not_its_own_answer(search: Callable, tracks: Path) -> None:
    keys, _ = search(tracks / "cam9" / "0001")
    assert set(keys) == {"cam9/0002", "cam9/0003"}


@pytest.mark.parametrize("box", ["400,10,50,100", "-100,-100,104,104", "10,10,3,90"])
def test_a_box_outside_the_photo_is_refused(search: Callable, tmp_path: Path, box: str) -> None:
    _, said = search(photo(tmp_path / "a.jpg", *WALKERS), f"--box={box}", code=1)
    assert "A box is not in the image" in said
    assert "320 x 240" in said


def test_a_photo_that_cannot_be_read(search: Callable, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no jpeg")
    assert "Cannot read a frame" in search(tmp_path / "broken.jpg", code=1)[1]
    with pytest.raises(FrameError):
        open_query([tmp_path / "broken.jpg"], tmp_path)


# ---- videos ----


@pytest.mark.parametrize("detector", [None, "street:colours"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_box_at_a_time_is_followed(street: Path, tmp_path: Path, number: int, detector: str | None) -> None:
    box = box_at(WALKERS[number], 2.5)
    query = open_query([street], tmp_path, box=box, at=2.5, detector=detector)
    frames = [int(path.stem) for path in query.found.frames]
    assert frames == list(range(16, 37)), "a second before and after frame 26"
    colour = (RED, BLUE)[number]
    assert all(shows(path, colour) for path in query.found.frames)
    assert "followed through 21 frames, 1.50 to 3.50 s" in query.notes[0]


def test_search_for_a_box_in_a_video(search: Callable, street: Path) -> None:
    for text in ("6", "0:06", "0:00:06.0"):
        keys, said = search(street, "--box", as_text(box_at(WALKERS[2], 6)), "--at", text)
        assert keys[0] == "cam9/0003"
    assert "followed through" in said


def test_following_stops_where_the_person_appears_or_leaves(street: Path, tmp_path: Path) -> None:
    query = open_query([street], tmp_path, box=box_at(WALKERS[2], 4.2), at=4.2, detector="street:colours")
    assert int(query.found.frames[0].stem) == 41, "the first frame that shows the third person"
    query = open_query([street], tmp_path, box=box_at(WALKERS[2], 4.2), at=4.2)
    assert int(query.found.frames[0].stem) == 41
    assert all(shows(path, GREEN) for path in query.found.frames)


@pytest.mark.usefixtures("default_detector")
def test_a_time_without_a_box_needs_one_person(street: Path, tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match=r"Several people(.|\n)*at 2 s"):
        open_query([street], tmp_path, at=2.0, detector="street:colours")
    with pytest.raises(GalleryError, match=r"Several people(.|\n)*at 2 s"):
        open_query([street], tmp_path, at=2.0)
    alone = tmp_path / "alone.avi"
    write_street(alone, WALKERS[:1], 20, rate=RATE)
    query = open_query([alone], tmp_path, at=1.0, detector="street:colours")
    assert all(shows(path, RED) for path in query.found.frames)
    assert len(query.found.frames) == 20


@pytest.mark.parametrize("at", [8.7, 100.0])
def test_a_time_after_the_end_is_refused(street: Path, tmp_path: Path, at: float) -> None:
    with pytest.raises(ConfigError, match=r"no frame at this time(.|\n)*7\.90"):
        open_query([street], tmp_path, box=(10, 10, 30, 60), at=at)


def test_a_video_of_one_person_is_tracked(search: Callable, street: Path, tmp_path: Path) -> None:
    pytest.importorskip("trackers")
    alone = tmp_path / "alone.avi"
    write_street(alone, WALKERS[1:2], 40, rate=RATE)
    assert search(alone, "--detector", "street:colours")[0][0] == "cam9/0002"
    _, said = search(street, "--detector", "street:colours", code=1)
    assert "several tracklets" in said
    assert "--at" in said


@pytest.mark.usefixtures("default_detector")
def test_a_video_is_tracked_without_being_asked(search: Callable, tmp_path: Path) -> None:
    pytest.importorskip("trackers")
    alone = tmp_path / "alone.avi"
    write_street(alone, WALKERS[1:2], 40, rate=RATE)
    assert search(alone)[0][0] == "cam9/0002"


def test_a_video_of_crops_is_used_whole(search: Callable, tmp_path: Path) -> None:
    import av

    path = tmp_path / "crop.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=RATE, options={"qmin": "2", "qmax": "3"})
        stream.height, stream.width, stream.pix_fmt = 60, 24, "yuvj420p"
        for frame in range(45, 55):
            left, top, _, bottom = (round(side) for side in WALKERS[0].box(frame))
            image = np.ascontiguousarray(render(WALKERS[:1], frame)[top:bottom, left : left + 24])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    keys, said = search(path)
    assert keys[0] == "cam9/0001"
    assert "10 frames as crops of one person" in said


# ---- what does not fit together ----


def test_options_that_do_not_fit(search: Callable, street: Path, tracks: Path, tmp_path: Path) -> None:
    image = crop_photo(tmp_path / "a.jpg", WALKERS[0])
    other = crop_photo(tmp_path / "b.jpg", WALKERS[0])
    for words, complaint in [
        ((image, "--at", 2), "A time is for a video"),
        ((image, other, "--box", "0,0,20,40"), "A box is for one photo"),
        ((image, street), "Several queries must be photos"),
        ((street, "--box", "10,10,30,60"), "A box in a video needs a time"),
        (("cam9/0001", "--box", "10,10,30,60"), "--box is for photos and videos"),
        ((tmp_path / "none.jpg",), "There is no such file"),
        ((image, "--box", "0,0,100000000,40"), "A box is not in the image"),
        ((image, "--box", "0,0,1e308,40"), "A box is not in the image"),
        ((image, "--box", "0,0,400,400"), "A box is not in the image"),
        ((image, tmp_path / "none.jpg"), "There is no such query"),
        ((image, "--detector", "motion"), "needs a whole video"),
        ((tracks,), "A query is one tracklet"),
    ]:
        assert complaint in search(*words, code=1)[1]


@pytest.mark.parametrize(
    "words", [("--box", "1,2,3"), ("--box", "1,2,0,5"), ("--box", "a,b,c,d"), ("--at", "noon")]
)
def test_a_wrong_box_or_time_is_a_wrong_call(
    search: Callable, words: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        search("a.avi", *words)
    assert end.value.code == 2
    assert words[1] in capsys.readouterr().err


def test_the_nearer_of_two_overlapping_people_is_not_guessed() -> None:
    assert following.best_overlap([(10, 10, 20, 50), (100, 10, 20, 50)], (12, 10, 20, 50)) == (10, 10, 20, 50)
    assert following.best_overlap([(10, 10, 20, 50), (14, 10, 20, 50)], (12, 10, 20, 50)) is None
    assert following.best_overlap([(60, 10, 20, 50)], (12, 10, 20, 50)) is None
    assert following.best_overlap([], (12, 10, 20, 50)) is None


def test_a_template_is_found_where_it_moved_and_lost_where_it_is_gone() -> None:
    rng = np.random.default_rng(3)
    body = rng.integers(0, 256, (50, 24, 3))
    before = rng.integers(0, 256, (120, 160, 3))
    after = rng.integers(0, 256, (120, 160, 3))
    before[30:80, 60:84] = body
    after[33:83, 66:90] = body
    found = following.by_template(before.astype(np.uint8), after.astype(np.uint8), (60.0, 30.0, 24.0, 50.0))
    assert found is not None
    np.testing.assert_allclose(found, (66, 33, 24, 50), atol=1.1)
    gone = rng.integers(0, 256, (120, 160, 3)).astype(np.uint8)
    assert following.by_template(before.astype(np.uint8), gone, (60.0, 30.0, 24.0, 50.0)) is None


def test_a_person_who_fills_the_image_is_the_crop() -> None:
    image = np.zeros((100, 50, 3), np.uint8)
    assert crops.person_box([(2, 2, 45, 95), (0, 0, 10, 20)], image, where="x") is None
    assert crops.person_box([(2, 2, 10, 30)], image, where="x") == (2, 2, 10, 30)
    wide = np.zeros((100, 110, 3), np.uint8)
    box = (10.0, 0.0, 60.0, 100.0)
    assert crops.person_box([box, (80.0, 0.0, 20.0, 40.0)], wide, where="x") == box, "a close-up is cut"


@pytest.mark.parametrize("name", ["a.jpg", "a.mp4", "kmsg"])
def test_an_empty_file_is_no_query(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    with pytest.raises(GalleryError, match="empty") as error:
        open_query([tmp_path / name], tmp_path)
    assert str(tmp_path / name) in str(error.value)


def test_a_pipe_is_no_query(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(GalleryError, match="no such query"):
        open_query([tmp_path / "pipe.jpg"], tmp_path)


def test_of_an_animation_the_first_picture_is_used_and_that_is_said(search: Callable, tmp_path: Path) -> None:
    left, top, right, bottom = (round(side) for side in WALKERS[1].box(50))
    crop = Image.fromarray(render([WALKERS[1]], 50)[top:bottom, left:right])
    crop.save(
        tmp_path / "a.webp", save_all=True, append_images=[crop.rotate(90), crop.rotate(180)], lossless=True
    )
    keys, said = search(tmp_path / "a.webp")
    assert keys[0] == "cam9/0002"
    assert "a.webp holds several pictures, of which the first is used" in said


def test_folders_are_not_searched_far_for_a_query(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c" / "d"
    deep.mkdir(parents=True)
    crop_photo(deep / "1.jpg", WALKERS[0])
    with pytest.raises(GalleryError, match=r"no images"):
        open_query([tmp_path], tmp_path)
    assert open_query([tmp_path / "a" / "b"], tmp_path).found.folder == deep


def test_a_folder_of_photos_with_more_below_names_another_one(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for folder in (tmp_path, tmp_path / "sub"):
        crop_photo(folder / "1.jpg", WALKERS[0])
    with pytest.raises(GalleryError, match=rf"several folders of images(.|\n)*for example {tmp_path}/sub"):
        open_query([tmp_path], tmp_path)


def test_what_lies_far_below_a_folder_of_photos_is_not_looked_at(tmp_path: Path) -> None:
    photo = crop_photo(tmp_path / "1.jpg", WALKERS[0])
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    crop_photo(deep / "2.jpg", WALKERS[1])
    (deep / "tracklet.json").write_text("{")
    (deep / "up").symlink_to(tmp_path)
    assert open_query([tmp_path], tmp_path).found.frames == (photo,)


@pytest.mark.parametrize("pages", [1, 3])
def test_a_scan_that_is_cut_off_is_used_as_far_as_it_can_be_read(pages: int, tmp_path: Path) -> None:
    page = Image.fromarray(render([WALKERS[1]], 50)).crop((120, 60, 200, 220))
    page.save(tmp_path / "a.tif", save_all=True, append_images=[page] * (pages - 1))
    whole = (tmp_path / "a.tif").read_bytes()
    assert has_more_pictures(tmp_path / "a.tif") == (pages > 1)
    read = 0
    for part in np.linspace(0.02, 0.98, 25):
        (tmp_path / "b.tif").write_bytes(whole[: int(part * len(whole))])
        assert pages > 1 or not has_more_pictures(tmp_path / "b.tif")
        try:
            read_image(tmp_path / "b.tif")
        except FrameError:
            continue
        assert open_query([tmp_path / "b.tif"], tmp_path, whole=True).found.frames == (tmp_path / "b.tif",)
        read += 1
    assert (read > 10) == (pages > 1), "of three pages the first is whole"
