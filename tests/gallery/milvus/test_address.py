"""Addresses of galleries on Milvus."""

from pathlib import Path

import pytest

from stca.cli import main
from stca.errors import GalleryError
from stca.gallery import Gallery
from stca.gallery.milvus.address import PASSWORD, Address, is_address, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("milvus://host/name", Address("http://host:19530", "name")),
        ("milvus://host:1/n_2", Address("http://host:1", "n_2")),
        ("milvus://[::1]:1/n", Address("http://[::1]:1", "n")),
        ("milvus:///some/file.db", Address("/some/file.db", "gallery")),
        ("milvus+tls://me:a%2Fb@host:1/n", Address("https://host:1", "n", user="me", password="a/b")),
        (
            "milvus://host/n?consistency=bounded&acknowledge=log&timeout=2.5&database=d",
            Address("http://host:19530", "n", "", "", "d", "bounded", "log", 2.5),
        ),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert is_address(text)
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("milvus://host", "needs a name"),
        ("milvus://host/a/b", "needs a name"),
        ("milvus://host/2n", "needs a name"),
        ("milvus:///folder/file", "Not an address"),
        ("milvus://host:port/n", "Not an address"),
        ("s3://host/n", "Not an address"),
        ("http:///folder/file.db", "Not an address"),
        ("milvus://host/n?consistency=strict", "consistency=strict"),
        ("milvus://host/n?timeout=0", "timeout=0"),
        ("milvus://host/n?index=flat", "index=flat"),
        ("milvus://host:0/n", "Not an address"),
        ("MILVUS://host/n", "Not an address"),
        ("milvus://me:s\udcff@host/n", "Not an address"),
    ],
)
def test_what_is_no_address(text: str, found: str) -> None:
    with pytest.raises(GalleryError) as error:
        parse_address(text)
    assert found in str(error.value)


def test_folders_and_other_engines() -> None:
    assert not is_address("some/folder")
    assert not is_address(Path("/some/folder"))
    with pytest.raises(GalleryError, match="no engine"):
        is_address("qdrant://host/name")
    with pytest.raises(GalleryError, match="no engine"):
        is_address("MILVUS://me:secret@host/name")
    with pytest.raises(GalleryError, match="as a path"):
        Gallery.open(Path("milvus://host/name"))


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    address = parse_address("milvus+tls://me:secret@host/n")
    assert "secret" not in f"{address}{address!r}"
    with pytest.raises(GalleryError) as error:
        parse_address("milvus+tls://me:secret@host/2n")
    assert "secret" not in str(error.value)
    monkeypatch.setenv(PASSWORD, "from outside")
    assert parse_address("milvus://me@host/n").password == "from outside"
    assert parse_address("milvus://host/n").password == ""


@pytest.mark.parametrize("sign", ["#", "/", "?", ":", "@", "#=", "?a=", "/a?b=c#", ""])
@pytest.mark.parametrize("start", ["12", "se"])
@pytest.mark.parametrize("scheme", ["milvus", "qdrant"])
def test_no_error_shows_a_part_of_a_password(scheme: str, start: str, sign: str) -> None:
    text = f"{scheme}://user:{start}{sign}cret@host/2name"
    with pytest.raises(GalleryError) as error:
        parse_address(text) if is_address(text) else None
    said = str(error.value)
    assert "cret" not in said
    assert f"'{start}" not in said
    assert f":{start}" not in said
    assert "...@host/2name" in said
    if scheme == "milvus" and sign.startswith(("#", "/", "?")):
        assert "# is %23" in said


def test_what_needs_a_folder_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["gallery", "backup"], ["gallery", "upgrade"], ["audit"]):
        with pytest.raises(SystemExit) as ended:
            main([*command, "milvus://host/name", *(["out"] if command[-1] == "backup" else [])])
        assert ended.value.code == 2
        assert "stca gallery copy" in capsys.readouterr().err


def test_without_pymilvus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pymilvus", None)
    with pytest.raises(GalleryError, match="needs pymilvus") as error:
        Gallery.open("milvus://host/name")
    assert "stca[milvus]" in str(error.value)
