"""cameras.toml: every mistake is one error with its line."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stca.config.toml_lines import line_of, lines_of
from stca.errors import ConfigError
from stca.watch import read_settings
from stca.watch.settings import SettingsError

GOOD = """\
[watch]
out = "people"
threshold = 0.5
every = 2
retention = "30d"

[[camera]]
name = "door"
source = "rtsp://me:secret@10.0.0.5/1"
every = 1
retention = "12h"
masks = [[0, 0, 10, 0, 10, 10]]

[[camera]]
name = "yard"
source = "usb:0"

[[travel]]
from = "yard"
to = "door"
seconds = 12

[[webhook]]
url = "https://example.org/take?token=1"
secret = {env = "STCA_TEST_SECRET"}

[mqtt]
host = "localhost"
discovery = ""
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "cameras.toml"
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(folder: Path, text: str) -> list[tuple[int, str]]:
    with pytest.raises(SettingsError) as caught:
        read_settings(write(folder, text))
    for mistake in caught.value.mistakes:
        assert f"cameras.toml:{mistake}" in str(caught.value)
    return [(each.line, each.words) for each in caught.value.mistakes]


def test_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STCA_TEST_SECRET", "known to two")
    settings = read_settings(write(tmp_path, GOOD))
    assert settings.out == tmp_path / "people"
    assert [(camera.name, camera.every) for camera in settings.cameras] == [("door", 1), ("yard", 2)]
    assert [camera.retention for camera in settings.cameras] == [12 * 3600.0, 30 * 86_400.0]
    assert len(settings.cameras[0].masks[0].points) == 3
    assert settings.travel == {("door", "yard"): 12.0}
    assert settings.webhooks[0].secret == b"known to two"
    assert settings.mqtt is not None
    assert (settings.mqtt.discovery, settings.mqtt.port) == (None, 1883)
    assert "known to two" not in repr(settings)


def test_every_mistake_has_its_line(tmp_path: Path) -> None:
    text = """\
[watch]
thresold = 0.5
far = 2
every = true

[[camera]]
name = "door"
source = "nowhere.mp4"

[[camera]]
name = "door"
source = "usb:0"
detector = "yolo.onnx"

[[camera]]
source = "usb:x"
masks = [
  [0, 0, 1, 1],
]

[[travel]]
from = "door"
to = "moon"
seconds = -1

[[webhook]]
url = "ftp://example.org"
secret = "in this file"

[mqtt]
port = 70000

[cameras]
"""
    found = mistakes(tmp_path, text)
    assert [line for line, _ in found] == [2, 3, 4, 8, 11, 13, 15, 16, 17, 23, 24, 27, 28, 30, 31, 33]
    words = dict(found)
    assert "did you mean 'threshold'?" in words[2]
    assert "no such file or folder" in words[8]
    assert "the camera on line 7 has the name 'door' too" in words[11]
    assert "There is no such detector file" in words[13]
    assert words[15] == "name is missing in [camera]"
    assert "there is no camera 'moon'" in words[23]
    assert "in this file" not in words[28].partition(", not ")[2], "secrets are not shown"


def test_passwords_are_not_shown_wherever_they_stand(tmp_path: Path) -> None:
    text = """
[watch]
gallery = "s3://me:12#34@host/name"
[[camera]]
name = "me:1234@door/1"
source = "rtsp//me:1234@10.0.0.5/stream"
[[camera]]
name = "yard"
source = ["rtsp://me:1234@10.0.0.6/stream"]
[[webhook]]
url = "https://me:1234@example.org/people?token=1234"
secret = {env = "PATH"}
[mqtt]
host = "me:1234@broker"
"""
    found = mistakes(tmp_path, text)
    assert [line for line, _ in found] == [3, 5, 6, 9, 11, 14]
    assert not any("1234" in words or "34@" in words for _, words in found), found
    assert "without user and password" in dict(found)[11]
    assert "keys of [mqtt]" in dict(found)[14]


def test_what_two_tables_have_is_shown_without_its_token(tmp_path: Path) -> None:
    hook = '[[webhook]]\nurl = "https://example.org/people?token=1234"\nsecret = {env = "PATH"}\n'
    text = f'[watch]\n[[camera]]\nname = "a"\nsource = "usb:0"\n{hook}{hook}'
    ((line, words),) = mistakes(tmp_path, text)
    assert line == 9
    assert "the webhook on line 6 has the url 'https://example.org/people' too" in words


@pytest.mark.parametrize("other", ["DOOR", "Door", "door.", "door "])
def test_cameras_whose_folder_some_systems_take_for_one(tmp_path: Path, other: str) -> None:
    text = f'[[camera]]\nname = "door"\nsource = "usb:0"\n[[camera]]\nname = "{other}"\nsource = "usb:1"\n'
    ((line, words),) = mistakes(tmp_path, text)
    assert line == 5
    assert words == "the camera on line 2 has the name 'door', which some systems do not tell from this one"
    read_settings(write(tmp_path, text.replace(f'"{other}"', '"door 2"')))


def test_passwords_are_not_shown_of_what_is_there_twice(tmp_path: Path) -> None:
    hook = '[[webhook]]\nurl = "https://me:1234@example.org/"\nsecret = {env = "PATH"}\n'
    camera = '[[camera]]\nname = "a"\nsource = "usb:0"\n"rtsp://me:1234@door" = 1\n'
    way = '[[travel]]\nfrom = "a"\nto = "rtsp://me:1234@door"\nseconds = 1\n'
    found = mistakes(tmp_path, hook + hook + camera + way)
    assert [line for line, _ in found] == [2, 5, 5, 10, 13]
    assert not any("1234" in words for _, words in found), found


@pytest.mark.parametrize("digits", ["1" + "0" * 400, "0x" + "f" * 5000])
def test_numbers_beyond_all_bounds(tmp_path: Path, digits: str) -> None:
    text = (
        f"[watch]\nwindow = {digits}\n[[camera]]\nname = 'a'\nsource = 'usb:0'\n"
        f"masks = [[0, 0, {digits}, 0, 2, 8]]\n"
    )
    (line, words), (other, polygons) = mistakes(tmp_path, text)
    assert (line, other) == (2, 6)
    assert words.startswith("window is a number from 0 to 3600")
    assert polygons.startswith("masks is a list of polygons in pixels")


def test_a_number_that_python_does_not_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no TOML file"):
        read_settings(write(tmp_path, f"[watch]\nwindow = 1{'0' * 5000}\n"))


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "cameras.toml"
    path.write_bytes('[watch]\nout = "café"\n'.encode("latin-1"))
    with pytest.raises(ConfigError, match="UTF-8") as caught:
        read_settings(path)
    assert "line 2" in str(caught.value)


def test_a_gallery_is_a_folder_or_an_address_of_ours(tmp_path: Path) -> None:
    rest = '[[camera]]\nname = "a"\nsource = "usb:0"\n'
    for place in ("s3://x/y", "http://host/name", "milvus://host:19530/2name", "milvus://me:12#se@host/name"):
        ((line, words),) = mistakes(tmp_path, f'[watch]\ngallery = "{place}"\n{rest}')
        assert line == 2
        assert words.startswith("gallery is a folder or ")
        assert "milvus://host:19530/name" in words
        assert "12#se" not in words
    good = "milvus+tls://me:12%23se@host/name"
    assert read_settings(write(tmp_path, f'[watch]\ngallery = "{good}"\n{rest}')).gallery == good


def test_a_file_is_only_played_at_its_own_speed(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    camera = '[[camera]]\nname = "a"\nsource = "a.mp4"\n'
    assert "as_live = true" in mistakes(tmp_path, camera)[0][1]
    settings = read_settings(write(tmp_path, camera + "as_live = true\n"))
    assert settings.cameras[0].source == str(tmp_path / "a.mp4")


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "a [[camera]] is missing"), ("camera = 3", "[[camera]]"), ("watch = []\n", "watch is a table")],
)
def test_what_is_no_list_of_cameras(tmp_path: Path, text: str, words: str) -> None:
    assert any(words in found for _, found in mistakes(tmp_path, text))


def test_ages_and_lengths_that_cannot_be(tmp_path: Path) -> None:
    text = '[watch]\nretention = "soon"\n[[camera]]\nname = "a"\nsource = "usb:0"\nlongest = 1\n'
    assert mistakes(tmp_path, text) == [
        (2, "retention is a number and s, m, h, d or w, for example 30d, not 'soon'"),
        (6, "longest is a number from 5 to 3600, not 1"),
    ]


def test_no_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 2"):
        read_settings(write(tmp_path, "a = 1\nb = ]\n"))
    with pytest.raises(ConfigError, match="Cannot read"):
        read_settings(tmp_path / "none.toml")


def test_a_secret_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STCA_TEST_SECRET", raising=False)
    assert mistakes(tmp_path, GOOD) == [
        (25, "secret is in STCA_TEST_SECRET, which holds no secret, not this")
    ]


def test_lines_of_awkward_toml() -> None:
    text = '''a = """
[x]
b = 1
"""  # comment [y]
'c d'.e = [
  "]", # [z]
  {f = 1},
]
[[t]]
k = 1
[[t]]
[t.u]
v = { w = 1 }
'''
    tomllib.loads(text)
    lines = lines_of(text)
    assert lines == {
        ("a",): 1,
        ("c d", "e"): 5,
        ("t", 0): 9,
        ("t", 0, "k"): 10,
        ("t", 1): 11,
        ("t", 1, "u"): 12,
        ("t", 1, "u", "v"): 13,
    }
    assert line_of(lines, ("t", 1, "u", "v", "w")) == 13
    assert line_of(lines, ("nothing",)) == 1


@given(st.lists(st.sampled_from(["", "# x", "[[camera]]", 'k = "#"', "m = [\n1,\n]"]), max_size=12))
def test_the_line_of_a_key_is_where_it_stands(parts: list[str]) -> None:
    text = "\n".join(parts)
    written = text.split("\n")
    for path, line in lines_of(text).items():
        name = path[-1] if isinstance(path[-1], str) else f"[[{path[-2]}]]"
        assert written[line - 1].startswith(str(name))


@pytest.mark.parametrize("given", ["", 'detector = "auto"\n'])
def test_the_default_detector_is_opened_too(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str, options: object) -> None:
        assert name == "person_mobile"
        raise ConfigError("A network needs onnxruntime", hint="pip install it")

    monkeypatch.setattr("stca.watch.kinds.open_with_options", fail)
    camera = f'[watch]\nevery = 2\n[[camera]]\nname = "door"\nsource = "usb:0"\n{given}'
    found = mistakes(tmp_path, camera)
    assert all("onnxruntime" in words and "pip install it" in words for _, words in found)
    assert [line for line, _ in found] == [6 if given else 3]
