"""CONTRIBUTING.md describes the floors that the architecture test checks."""

import re
from pathlib import Path

from test_architecture import FLOORS, SOURCE

TEXT = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text()


def exists(module: str) -> bool:
    return (SOURCE / module).is_dir() or (SOURCE / f"{module}.py").is_file()


def test_the_table_has_every_module_on_its_floor() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*?) \|", TEXT, re.MULTILINE)
    described = {int(floor): set(re.findall(r"`(\w+)`", modules)) for floor, modules in rows}
    checked = {
        floor: {name for name in names.split() if exists(name) and not name.startswith("__")}
        for floor, names in enumerate(FLOORS)
    }
    assert described == {floor: names for floor, names in checked.items() if names}


def test_every_experiment_that_it_names_is_a_module() -> None:
    names = set(re.findall(r"experiments(?:\.\w+)+", TEXT))
    assert len(names) >= 6
    for name in names:
        assert (Path(__file__).parent.parent / f"{name.replace('.', '/')}.py").is_file(), name
