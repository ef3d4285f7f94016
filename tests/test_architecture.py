"""Imports point down. The floors are the table below; a module that is not in it fails the test."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "stca"

FLOORS = (
    "errors version tools protocols tracklets distance",
    "footage catalogue",
    "boxes tracks",
    "datasets walkers clips models losses ranking config run_dir tracking",
    "training embedding inference analysis export",
    "evaluation gallery",
    "linking",
    "recipes runs",
    "find scale",
    "watch",
    "web",
    "client",
    "cli moved_modules",
    "__init__ __main__",
)
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names.split()}
ROOMS = {"run_dir": "config", "embedding": "inference", "export": "inference"}
"""Modules that share a room; a package is one room by itself, and so is the ground floor."""

MOST_FILES, MOST_LINES, MOST_LINES_OF_A_FUNCTION = 14, 300, 60


def room(module: str) -> str:
    """`models.stca` -> models."""
    top = module.split(".")[0]
    return "ground floor" if FLOOR.get(top) == 0 else ROOMS.get(top, top)


def modules(source: Path) -> dict[str, Path]:
    """Every module below `source` by its dotted name without `stca.`; a package by the package's name."""
    found = {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)] = path
    return found


def imported(path: Path, name: str, known: set[str]) -> Iterator[tuple[int, str]]:
    """Line and module of every import of ours in a file, also inside functions and TYPE_CHECKING blocks."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            targets = [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = ["stca", *name.split(".")][: None if path.name == "__init__.py" else -1]
                base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
            targets = [(base, alias.name) for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            first = node.args[0] if node.args else None
            targets = [(first.value, None)] if isinstance(first, ast.Constant) else []
        else:
            continue
        for module, attribute in targets:
            if module.split(".")[0] != "stca":
                continue
            inner = module.removeprefix("stca").removeprefix(".")
            longer = ".".join(filter(None, [inner, attribute]))
            yield node.lineno, longer if longer in known else inner or "__init__"


def violations(source: Path) -> list[str]:
    """What is wrong with the imports of a source tree, one line each."""
    known = modules(source)
    wrong = []
    graph: dict[str, set[str]] = {}
    for name, path in known.items():
        mine = name.split(".")[0]
        if mine not in FLOOR:
            wrong.append(f"{name}: is on no floor; give it one in FLOORS")
            continue
        graph[name] = set()
        for line, target in sorted(set(imported(path, name, set(known)))):
            theirs = target.split(".")[0]
            graph[name].add(target)
            where = f"{name}:{line} imports {target}"
            if theirs not in FLOOR:
                wrong.append(f"{where}, which is on no floor")
            elif FLOOR[theirs] > FLOOR[mine]:
                wrong.append(f"{where}, upward from floor {FLOOR[mine]} to {FLOOR[theirs]}")
            elif FLOOR[theirs] == FLOOR[mine] and room(target) != room(name):
                wrong.append(f"{where}, sideways on floor {FLOOR[mine]}")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        wrong.append(f"a circle: {' -> '.join(error.args[1])}")
    return wrong


def outside_imports(path: Path, *, everywhere: bool) -> set[str]:
    """Top-level packages that a file imports; those inside functions only if `everywhere`."""

    def walk(node: ast.AST) -> Iterator[ast.AST]:
        for child in ast.iter_child_nodes(node):
            if everywhere or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                yield child
                yield from walk(child)

    found = set()
    for node in walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
    return found


def test_imports_point_down() -> None:
    assert not (wrong := violations(SOURCE)), "\n" + "\n".join(wrong)


def oversized(folder: Path) -> list[str]:
    """Folders, files and functions below `folder` that are too large to be read at once, one line each."""
    wrong = []
    for place in sorted({path.parent for path in folder.rglob("*.py")}):
        if (files := len(list(place.glob("*.py")))) > MOST_FILES:
            wrong.append(f"{place.relative_to(folder)}: {files} files, at most {MOST_FILES}")
    for path in sorted(folder.rglob("*.py")):
        name, text = path.relative_to(folder), path.read_text()
        if (lines := len(text.splitlines())) > MOST_LINES:
            wrong.append(f"{name}: {lines} lines, at most {MOST_LINES}")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MOST_LINES_OF_A_FUNCTION:
                    wrong.append(
                        f"{name}:{node.lineno}: {node.name} has {lines} lines, at most {MOST_LINES_OF_A_FUNCTION}"
                    )
    return wrong


@pytest.mark.parametrize("folder", ["src/stca", "experiments"])
def test_folders_files_and_functions_can_be_read_at_once(folder: str) -> None:
    assert not (wrong := oversized(ROOT / folder)), "\n" + "\n".join(wrong)


def test_oversized_folders_files_and_functions_are_found(tmp_path: Path) -> None:
    for number in range(MOST_FILES + 1):
        (tmp_path / f"file{number}.py").write_text("")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "long.py").write_text("\n" * (MOST_LINES + 1))
    (tmp_path / "inner" / "method.py").write_text(
        "class C:\n    def f():\n" + "        1\n" * MOST_LINES_OF_A_FUNCTION
    )
    assert oversized(tmp_path) == [
        f".: {MOST_FILES + 1} files, at most {MOST_FILES}",
        f"inner/long.py: {MOST_LINES + 1} lines, at most {MOST_LINES}",
        f"inner/method.py:2: f has {MOST_LINES_OF_A_FUNCTION + 1} lines, at most {MOST_LINES_OF_A_FUNCTION}",
    ]


def experiment_imports(folder: Path) -> dict[str, set[str]]:
    """Every module of the studies, and which others of them it imports."""
    names = {
        ".".join(path.relative_to(folder.parent).with_suffix("").parts): path for path in folder.rglob("*.py")
    }
    graph = {}
    for name, path in names.items():
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        targets = {f"{node.module}.{alias.name}" for node in imports for alias in node.names}
        targets |= {node.module or "" for node in imports}
        graph[name] = targets & set(names)
    return graph


def test_studies_do_not_import_each_other_in_a_circle() -> None:
    graph = experiment_imports(ROOT / "experiments")
    assert any(graph.values())
    TopologicalSorter(graph).prepare()


def test_no_module_needs_torchvision() -> None:
    guilty = [
        str(path) for path in SOURCE.rglob("*.py") if "torchvision" in outside_imports(path, everywhere=True)
    ]
    assert not guilty


def test_pyav_is_imported_only_where_a_video_is_opened() -> None:
    guilty = [str(path) for path in SOURCE.rglob("*.py") if "av" in outside_imports(path, everywhere=False)]
    assert not guilty, "av belongs to the extra 'video'"
    assert "av" in outside_imports(SOURCE / "footage" / "containers.py", everywhere=True)


def test_openvino_is_imported_in_one_place_without_its_telemetry() -> None:
    guilty = [
        path.name for path in SOURCE.rglob("*.py") if "openvino" in outside_imports(path, everywhere=True)
    ]
    assert guilty == ["openvino_import.py"]
    code = "import stca.tools.openvino_import as o, sys; o.import_openvino(); import nncf.telemetry.wrapper as w;"
    code += "print(sys.modules['openvino_telemetry'], type(w.telemetry).__name__)"
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=alone)
    absent, reporter = done.stdout.split()[-2:]
    assert absent == "None"
    assert reporter != "NNCFTelemetry"


CLEAN = {
    "errors.py": "",
    "tools/files.py": "from stca.errors import StcaError",
    "models/__init__.py": "from stca.models.net import Net",
    "models/net.py": "from stca.tools.files import write_text\nfrom .heads import Head",
    "models/heads.py": "import stca.errors",
    "config.py": "",
    "run_dir.py": "from stca.config import RunConfig",
    "training.py": "from stca import models\nfrom stca.run_dir import RunDir",
    "cli.py": "def main():\n    from stca.training import fit",
    "__init__.py": "from stca.models import Net",
}


def plant(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_the_checker_lets_a_clean_tree_pass(tmp_path: Path) -> None:
    assert violations(plant(tmp_path, CLEAN)) == []


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        (
            "models/net.py",
            "from stca.training import fit",
            "models.net:1 imports training, upward from floor 3 to 4",
        ),
        ("models/net.py", "from ..training import fit", "models.net:1 imports training, upward"),
        ("models/net.py", "import stca.cli", "models.net:1 imports cli, upward"),
        ("models/net.py", "from stca import cli", "models.net:1 imports cli, upward"),
        (
            "models/net.py",
            "import numpy\nfrom stca import __version__",
            "models.net:2 imports __init__, upward",
        ),
        ("models/net.py", "def f():\n    from stca.cli import main", "models.net:2 imports cli, upward"),
        (
            "models/net.py",
            "import importlib\nimportlib.import_module('stca.cli')",
            "models.net:2 imports cli, upward",
        ),
        (
            "models/net.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from stca.cli import main",
            "models.net:3 imports cli, upward",
        ),
        (
            "models/net.py",
            "from stca.config import RunConfig",
            "models.net:1 imports config, sideways on floor 3",
        ),
        (
            "embedding.py",
            "from stca.training import fit",
            "embedding:1 imports training, sideways on floor 4",
        ),
        ("errors.py", "from stca.tools.files import write_text", "a circle: "),
        ("models/heads.py", "from stca.models.net import Net", "a circle: "),
        ("helpers.py", "", "helpers: is on no floor"),
        ("cli.py", "from stca.helpers import help", "cli:1 imports helpers, which is on no floor"),
    ],
)
def test_the_checker_catches_a_planted_violation(
    tmp_path: Path, file: str, text: str, complaint: str
) -> None:
    found = violations(plant(tmp_path, {**CLEAN, file: text}))
    assert found
    assert found[0].startswith(complaint)


def test_the_checker_tells_imports_inside_functions_from_those_at_the_top(tmp_path: Path) -> None:
    path = tmp_path / "video.py"
    path.write_text(
        "if True:\n    import numpy\ndef read():\n    import av\nclass C:\n    import torchvision.io"
    )
    assert outside_imports(path, everywhere=False) == {"numpy", "torchvision"}
    assert outside_imports(path, everywhere=True) == {"numpy", "av", "torchvision"}
