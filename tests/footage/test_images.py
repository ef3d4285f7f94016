import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stca.errors import FrameError
from stca.footage.images import IMAGE_SUFFIXES, read_image, write_jpeg


def smooth(height: int, width: int) -> np.ndarray:
    """A picture that JPEG keeps nearly as it is."""
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([255 * rows / height, 255 * columns / width, 255 - 255 * rows / height], axis=-1).astype(
        np.uint8
    )


def test_a_jpeg_is_what_pillow_makes_of_it(tmp_path: Path) -> None:
    Image.fromarray(smooth(64, 32)).save(tmp_path / "a.jpg", quality=95)
    ours = read_image(tmp_path / "a.jpg")
    assert ours.shape == (64, 32, 3)
    assert ours.dtype == np.uint8
    with Image.open(tmp_path / "a.jpg") as image:
        assert np.abs(ours.astype(int) - np.asarray(image)).max() <= 4


def test_channels_are_red_green_blue(tmp_path: Path) -> None:
    write_jpeg(tmp_path / "red.jpg", np.full((16, 16, 3), (250, 10, 5), np.uint8))
    assert np.abs(read_image(tmp_path / "red.jpg").astype(int) - (250, 10, 5)).max() <= 3


@pytest.mark.parametrize(
    ("min_size", "shape"),
    [
        (None, (256, 128)),
        ((256, 128), (256, 128)),
        ((129, 64), (256, 128)),  # half would be one row short
        ((128, 64), (128, 64)),
        ((60, 30), (64, 32)),
        ((8, 8), (32, 16)),  # an eighth is the least
        ((1000, 1000), (256, 128)),
    ],
)
def test_a_large_jpeg_is_decoded_smaller_but_never_too_small(
    tmp_path: Path, min_size: tuple[int, int] | None, shape: tuple[int, int]
) -> None:
    write_jpeg(tmp_path / "big.jpg", smooth(256, 128))
    image = read_image(tmp_path / "big.jpg", min_size=min_size)
    assert image.shape == (*shape, 3)
    step = 256 // shape[0]
    whole = smooth(256, 128)[step // 2 :: step, step // 2 :: step]
    assert np.abs(image.astype(int) - whole).mean() < 4


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("L", ".png"),
        ("RGBA", ".png"),
        ("P", ".png"),
        ("1", ".png"),
        ("CMYK", ".jpg"),
        ("L", ".jpg"),
        ("RGB", ".webp"),
    ],
)
def test_other_kinds_of_image_become_rgb(tmp_path: Path, mode: str, suffix: str) -> None:
    grey = Image.fromarray(np.full((20, 10, 3), 255, np.uint8))
    path = tmp_path / f"image{suffix}"
    grey.convert(mode).save(path)
    image = read_image(path)
    assert image.shape == (20, 10, 3)
    assert image.min() >= 250
    assert suffix in IMAGE_SUFFIXES


def test_a_cmyk_jpeg_keeps_its_colour(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "red.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "red.jpg").astype(int) - (255, 0, 0)).max() <= 8


def test_stray_bytes_behind_a_jpeg_do_no_harm(tmp_path: Path) -> None:
    write_jpeg(tmp_path / "a.jpg", smooth(32, 16))
    whole = read_image(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes() + b"\0" * 40)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - whole).max() <= 4


def noise_as(kind: str) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (64, 32, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 3000,
        b"\xff\xd8" + b"\0" * 3000,
        b"this is text, whatever its name says",
        noise_as("JPEG")[:1000],
        noise_as("JPEG")[:3],
        noise_as("PNG")[:3000],
        b"<html>404</html>",
    ],
    ids=[
        "empty",
        "zeros",
        "zeros after a JPEG's start",
        "text",
        "truncated",
        "three bytes",
        "half a PNG",
        "html",
    ],
)
def test_what_is_no_image_is_a_frame_error_with_its_path(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "frame.jpg"
    path.write_bytes(content)
    with pytest.raises(FrameError, match=r"frame\.jpg"):
        read_image(path, min_size=(16, 8))


def test_a_small_file_that_claims_to_be_huge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytearray(noise_as("JPEG"))
    place = data.index(b"\xff\xc0") + 5  # of the height, then the width, in the frame's header
    data[place : place + 4] = (65500).to_bytes(2, "big") * 2
    (tmp_path / "huge.jpg").write_bytes(data)
    monkeypatch.setattr("simplejpeg.decode_jpeg", lambda *args, **kwargs: pytest.fail("decoded"))
    with pytest.raises(FrameError, match=r"65,500 x 65,500(.|\n)*huge\.jpg"):
        read_image(tmp_path / "huge.jpg")


def test_an_image_without_memory_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise MemoryError

    write_jpeg(tmp_path / "a.jpg", smooth(16, 16))
    monkeypatch.setattr("simplejpeg.decode_jpeg", fail)
    monkeypatch.setattr("PIL.Image.Image.convert", fail)
    with pytest.raises(FrameError, match="MemoryError"):
        read_image(tmp_path / "a.jpg")


def test_a_missing_file_and_a_folder_are_frame_errors(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="No such file"):
        read_image(tmp_path / "none.jpg")
    with pytest.raises(FrameError, match="directory"):
        read_image(tmp_path)


def test_writing_takes_any_memory_layout(tmp_path: Path) -> None:
    picture = smooth(32, 16)
    write_jpeg(tmp_path / "mirrored.jpg", picture[:, ::-1], quality=95)
    assert np.abs(read_image(tmp_path / "mirrored.jpg").astype(int) - picture[:, ::-1]).max() <= 12
