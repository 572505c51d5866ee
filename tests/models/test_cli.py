from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.cli import app
from models.manifest import load_manifest
from tests.support.onnx_models import spec_for, write_echo_model


def _manifest(folder: Path, digest: str) -> Path:
    spec = spec_for(write_echo_model(folder / "echo.onnx"))
    path = folder / "manifest.toml"
    path.write_text(
        f"""
default = "echo"
[[model]]
name = "echo"
file = "echo.onnx"
sha256 = "{digest or spec.sha256}"
size_bytes = {spec.size_bytes}
licence = "Apache-2.0"
[model.input]
name = "image"
width = 64
height = 32
channels = "bgr"
scale = 1.0
letterbox = "top-left"
pad_value = 114
[model.output]
name = "boxes"
layout = "boxes5"
classes = 1
person_class = 0
""",
        "utf-8",
    )
    return path


def test_list_names_every_model_and_marks_the_default() -> None:
    result = CliRunner().invoke(app, ["list"], env={"COLUMNS": "240"})

    assert result.exit_code == 0
    assert f"{load_manifest().default} (default)" in result.stdout


def test_verify_accepts_the_own_models() -> None:
    result = CliRunner().invoke(app, ["verify"])

    assert result.exit_code == 0
    assert load_manifest().get().sha256 in result.stdout


def test_verify_fails_and_shows_both_digests_where_a_file_is_another(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path, "0" * 64)

    result = CliRunner().invoke(app, ["verify", "--manifest", str(manifest)])

    assert result.exit_code == 1
    assert "0" * 64 in result.stderr
    assert spec_for(tmp_path / "echo.onnx").sha256 in result.stderr


def test_verify_refuses_a_name_that_no_model_has(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["verify", "exho", "--manifest", str(_manifest(tmp_path, ""))])

    assert result.exit_code == 2
    assert "names: echo" in result.stderr


def test_a_manifest_that_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["list", "--manifest", str(tmp_path / "none.toml")])

    assert result.exit_code == 2
    assert result.stderr.startswith("there is no model manifest at")


@pytest.mark.skipif(importlib.util.find_spec("ultralytics") is not None, reason="the train extra is installed")
def test_export_without_the_train_extra_says_so_in_one_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["export", "yolo11n.yaml", str(tmp_path / "out.onnx")])

    assert result.exit_code == 2
    assert "exporting needs the train extra" in result.stderr
    assert result.stderr.count("\n") == 1
