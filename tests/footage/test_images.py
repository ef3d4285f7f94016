import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stca.errors import FrameError
from stca.footage.images import IMAGE_SUFFIXES, has_more_pictures, read_image, write_jpeg


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


ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How the upright picture is stored for each EXIF orientation: the inverse of what has to be done to show it."""


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff", ".webp"])
@pytest.mark.parametrize("orientation", [1, *ORIENTATIONS])
def test_an_image_is_upright_as_its_exif_says(tmp_path: Path, orientation: int, suffix: str) -> None:
    upright = smooth(64, 32)
    stored = Image.fromarray(upright)
    if orientation > 1:
        stored = stored.transpose(ORIENTATIONS[orientation])
    path = tmp_path / f"a{suffix}"
    stored.save(path, exif=exif(orientation), **({"quality": 95} if suffix in (".jpg", ".webp") else {}))
    image = read_image(path)
    assert image.shape == upright.shape
    assert np.abs(image.astype(int) - upright).mean() < 4
    assert image.flags.c_contiguous


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_turned_jpeg_is_decoded_smaller_but_never_too_small(tmp_path: Path, orientation: int) -> None:
    stored = Image.fromarray(smooth(256, 128))
    if orientation > 1:
        stored = stored.transpose(ORIENTATIONS[orientation])
    stored.save(tmp_path / "a.jpg", quality=95, exif=exif(orientation))
    assert read_image(tmp_path / "a.jpg", min_size=(128, 64)).shape == (128, 64, 3)
    assert read_image(tmp_path / "a.jpg", min_size=(129, 64)).shape == (256, 128, 3)
    assert read_image(tmp_path / "a.jpg", min_size=(64, 33)).shape == (96, 48, 3)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_upright(tmp_path: Path, orientation: int) -> None:
    Image.fromarray(smooth(64, 32)).save(tmp_path / "a.jpg", exif=exif(orientation))
    assert read_image(tmp_path / "a.jpg").shape == (64, 32, 3)


def test_damaged_exif_is_no_damaged_image(tmp_path: Path) -> None:
    Image.fromarray(smooth(64, 32)).save(tmp_path / "a.jpg", exif=exif(6))
    data = bytearray((tmp_path / "a.jpg").read_bytes())
    place = data.index(b"Exif\0\0") + 6
    for end in (place + 4, place + 20):
        data[place:end] = b"\xff" * (end - place)
        (tmp_path / "a.jpg").write_bytes(data)
        assert read_image(tmp_path / "a.jpg").shape == (64, 32, 3)


def wide_grey() -> np.ndarray:
    return np.linspace(0, 65535, 64 * 32).reshape(64, 32)


@pytest.mark.parametrize(
    ("values", "suffix"),
    [
        (wide_grey().astype(np.uint16), ".png"),
        (wide_grey().astype(np.uint16), ".tiff"),
        (wide_grey().astype(">u2"), ".tiff"),
        (wide_grey().astype(np.int32), ".tiff"),
        ((wide_grey() / 257).astype(np.int32), ".tiff"),
        ((wide_grey() / 65535).astype(np.float32), ".tiff"),
        ((wide_grey() / 257).astype(np.float32), ".tiff"),
        (wide_grey().astype(np.float32), ".tiff"),
    ],
    ids=[
        "16 png",
        "16 tiff",
        "16 big-endian",
        "32 of 16",
        "32 of 8",
        "float of 1",
        "float of 255",
        "float of 65535",
    ],
)
def test_wide_and_float_pictures_are_scaled_by_their_range(
    tmp_path: Path, values: np.ndarray, suffix: str
) -> None:
    Image.fromarray(values).save(tmp_path / f"a{suffix}")
    image = read_image(tmp_path / f"a{suffix}")
    assert image.shape == (64, 32, 3)
    assert np.abs(image - wide_grey()[..., None] / 257).max() <= 1.01
    assert image.min() == 0
    assert image.max() == 255


def test_dark_16_bit_pictures_stay_dark(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 200, np.uint16)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").max() <= 1


def test_floats_that_are_no_numbers(tmp_path: Path) -> None:
    values = np.full((8, 8), 0.5, np.float32)
    values[0, :3] = np.nan, np.inf, -1
    Image.fromarray(values).save(tmp_path / "a.tiff")
    image = read_image(tmp_path / "a.tiff")
    assert image[0, :3].max() == 0
    assert (image[1:] == 128).all()


@pytest.mark.parametrize("kind", ["RGBA", "LA", "palette", "colour key"])
@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff"])
def test_what_is_transparent_becomes_black(tmp_path: Path, kind: str, suffix: str) -> None:
    if (suffix, kind) == (".webp", "LA") or (suffix != ".png" and kind in ("palette", "colour key")):
        pytest.skip("there is no such file")
    colour = (200, 200, 200) if kind == "LA" else (250, 10, 120)
    image = Image.new("RGBA", (32, 64), (*colour, 255))
    image.paste((0, 255, 0, 0), (0, 0, 32, 20))
    if kind == "LA":
        image = image.convert("LA")
    elif kind == "palette":
        image = image.convert("P")
        image.info["transparency"] = image.getpixel((0, 0))
    elif kind == "colour key":
        image = image.convert("RGB")
        image.info["transparency"] = (0, 255, 0)
    image.save(tmp_path / f"a{suffix}", **({"lossless": True} if suffix == ".webp" else {}))
    found = read_image(tmp_path / f"a{suffix}").astype(int)
    assert found[:20].max() == 0
    assert np.abs(found[20:] - colour).max() <= (30 if kind == "palette" else 1)


def test_half_transparent_is_half_as_bright(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (200, 100, 50, 128)).save(tmp_path / "a.png")
    assert np.abs(read_image(tmp_path / "a.png").astype(int) - (100, 50, 25)).max() <= 1


def test_16_bit_colour(tmp_path: Path) -> None:
    """Written by hand: Pillow reads such PNGs, and writes none."""
    rows = (np.arange(16 * 8 * 3, dtype=np.uint32) * 170).astype(">u2").reshape(16, 8 * 3)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", 8, 16, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    wanted = rows.reshape(16, 8, 3).astype(float) / 257
    assert np.abs(read_image(tmp_path / "a.png") - wanted).max() <= 1


@pytest.mark.parametrize("mode", ["YCbCr", "LAB", "HSV", "1"])
def test_other_colour_spaces(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGB", (16, 16), (200, 200, 200) if mode != "1" else (255, 255, 255))
    if mode == "LAB":
        image = Image.new("LAB", (16, 16), (201, 128, 128))
    elif mode != "HSV":
        image = image.convert(mode)
    image.save(tmp_path / "a.tiff")
    assert np.ptp(read_image(tmp_path / "a.tiff").astype(int)) <= 6
    assert read_image(tmp_path / "a.tiff").mean() > 180


def test_a_file_larger_than_any_picture_is_not_read(tmp_path: Path) -> None:
    """A sparse one, which takes no room here."""
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(2**40)
    for look in (read_image, has_more_pictures):
        with pytest.raises(FrameError, match="at most") as error:
            look(tmp_path / "a.jpg")
        assert str(tmp_path / "a.jpg") in str(error.value)
