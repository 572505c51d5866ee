"""The house stays in order: small tops, few imports for each module, no private circles."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BUILDERS = {"edge/camera/build.py"}
"""The one builder of a camera may import every stage."""
MOST_OWN_IMPORTS = 20


def own_imports(path: Path, package: str) -> set[str]:
    """The modules of its own package that a module imports, at its top or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == package:
            folder = ROOT.joinpath(*node.module.split("."))
            for alias in node.names:
                is_module = (folder / f"{alias.name}.py").is_file()
                found.add(f"{node.module}.{alias.name}" if is_module else node.module)
    return found


def modules_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.py") if path.name != "__init__.py")


def test_at_the_top_of_the_edge_stand_only_modules_that_every_stage_shares() -> None:
    assert modules_of(ROOT / "edge") == ["detections.py", "geometry.py", "signals.py", "worker.py"]


def test_the_tests_of_the_edge_mirror_its_folders() -> None:
    assert len(modules_of(ROOT / "tests" / "edge")) <= 10
    stages = {path.name for path in (ROOT / "edge").iterdir() if (path / "__init__.py").is_file()}
    assert stages
    tested = {path.parent.name for path in (ROOT / "tests" / "edge").glob("*/test_*.py")}
    assert stages == tested


@pytest.mark.parametrize("package", ["contract", "edge", "server", "models", "demo", "bench"])
def test_no_module_imports_more_than_twenty_of_its_own_package(package: str) -> None:
    paths = [path for path in (ROOT / package).rglob("*.py") if str(path.relative_to(ROOT)) not in BUILDERS]
    assert paths
    crowded = {str(path.relative_to(ROOT)): len(own_imports(path, package)) for path in paths}
    assert {name: count for name, count in crowded.items() if count > MOST_OWN_IMPORTS} == {}


@pytest.mark.parametrize("folder", sorted(p.name for p in (ROOT / "edge").iterdir() if (p / "__init__.py").is_file()))
def test_every_stage_says_what_it_promises(folder: str) -> None:
    words = ast.get_docstring(ast.parse((ROOT / "edge" / folder / "__init__.py").read_text("utf-8")))
    assert words
    assert len(words.split()) >= 6
