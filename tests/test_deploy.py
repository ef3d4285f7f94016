"""deploy/: read, not run. Images are pinned, every service has a health check, and no secret is in it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from stca.cli.main import _parse
from stca.gallery.milvus.address import parse_address
from stca.watch import read_settings

DEPLOY = Path(__file__).parent.parent / "deploy"
SERVICE_KEYS = {
    "build", "command", "depends_on", "environment", "healthcheck", "image", "ports", "restart", "volumes",
}  # fmt: skip
PINNED = re.compile(r"[a-z0-9./-]+:(v?\d+\.\d+\.\d+[\w.-]*|RELEASE\.\d{4}-\d\d-\d\dT[\d-]+Z)")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_schema(compose: dict[str, Any]) -> None:
    assert set(compose) == {"name", "services", "volumes"}
    services = compose["services"]
    assert set(services) == {"etcd", "minio", "milvus", "serve", "watch"}
    for name, service in services.items():
        assert set(service) <= SERVICE_KEYS, name
        assert {"image", "command", "healthcheck"} <= set(service), name
        for other, needs in service.get("depends_on", {}).items():
            assert other in services, name
            assert needs == {"condition": "service_healthy"}
        for volume in service.get("volumes", ()):
            source = volume.rsplit(":", 2 if volume.endswith(":ro") else 1)[0]
            assert source in compose["volumes"] or source.startswith("${STCA_CAMERAS:-./"), volume
        if "build" in service:
            folder = DEPLOY / service["build"]["context"]
            assert (folder / service["build"]["dockerfile"]).is_file()


def test_images_are_pinned(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert PINNED.fullmatch(service["image"]), name
    assert not PINNED.fullmatch("milvusdb/milvus:latest")
    for line in re.findall(r"^FROM .*", (DEPLOY / "Dockerfile").read_text(), re.M):
        assert PINNED.fullmatch(line.removeprefix("FROM "))


def test_every_service_has_a_health_check(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        check = service["healthcheck"]
        assert check["test"][0] == "CMD", name
        assert check["retries"] > 0
        for wait in ("interval", "timeout"):
            assert re.fullmatch(r"\d+s", check[wait]), name
    for name in ("serve", "watch"):  # ours are Python: they compile
        _, program, option, code = compose["services"][name]["healthcheck"]["test"]
        assert (program, option) == ("python", "-c")
        compile(code, name, "exec")


def test_there_are_no_secrets(compose: dict[str, Any]) -> None:
    secret = re.compile(r"PASSWORD|SECRET|ACCESS_KEY$|TOKEN")
    found = 0
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            if secret.search(variable):
                found += 1
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", value), (name, variable)
    assert found == 5
    for line in (DEPLOY / "env.example").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[A-Z_]+=", line)
    for path in DEPLOY.iterdir():
        assert not re.search(r"://[^/\s]*:[^/\s]+@", path.read_text()), f"a password in {path.name}"


def test_only_this_machine_reaches_the_page(compose: dict[str, Any]) -> None:
    published = {name: s["ports"] for name, s in compose["services"].items() if "ports" in s}
    assert published == {"serve": ["127.0.0.1:8000:8000"]}


def test_the_commands_are_ours(compose: dict[str, Any], tmp_path: Path) -> None:
    services = compose["services"]
    given = _parse([str(word) for word in services["serve"]["command"]])
    assert parse_address(given.gallery).name == "gallery"
    watched = _parse([str(word) for word in services["watch"]["command"]])
    assert str(watched.cameras) == "/config/cameras.toml"
    example = (DEPLOY / "cameras.example.toml").read_text()
    (tmp_path / "cameras.toml").write_text(example)
    settings = read_settings(tmp_path / "cameras.toml")
    address = parse_address(str(settings.gallery))
    assert (address.uri, address.name, address.user) == (parse_address(given.gallery).uri, "gallery", "root")
    assert tomllib.loads(example)["watch"]["out"] == "/data"


def test_the_image_does_not_run_as_root() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert text.rindex("\nUSER stca\n") > text.rindex("\nRUN ")
    extras = re.search(r"\"\.\[([\w,]+)\]\"", text)
    assert extras is not None
    project = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text())["project"]
    assert set(extras[1].split(",")) <= set(project["optional-dependencies"])
