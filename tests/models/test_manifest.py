from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from contract.errors import ErrorKind, KentonganError
from models.manifest import DEFAULT_MANIFEST, Layout, load_manifest, verify

ENTRY = """
default = "street"

[[model]]
name = "street"
file = "street.onnx"
sha256 = "{digest}"
size_bytes = 3
licence = "AGPL-3.0"

[model.input]
name = "images"
width = 640
height = 384
channels = "rgb"
scale = 0.00392156862745098
letterbox = "centre"
pad_value = 114

[model.output]
name = "output0"
layout = "yolov8"
classes = 80
person_class = 0
"""
# SHA-256 of the three bytes b"abc": FIPS 180-2, appendix B.1.
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def _write(folder: Path, text: str) -> Path:
    path = folder / "manifest.toml"
    path.write_text(text, "utf-8")
    return path


def test_every_model_of_the_own_manifest_is_the_file_that_it_says() -> None:
    for spec in load_manifest().models:
        assert len(verify(spec)) == spec.size_bytes


def test_every_model_of_the_own_manifest_has_a_card_a_lineage_and_measurements_with_commands() -> None:
    for spec in load_manifest().models:
        assert spec.card is not None
        assert spec.name in spec.card.read_text("utf-8")
        assert spec.lineage is not None
        assert spec.measured
        assert all(figure.command for figure in spec.measured)


def test_nothing_but_the_manifest_and_the_card_knows_the_default_models_name_or_digest() -> None:
    root = DEFAULT_MANIFEST.parents[1]
    spec = load_manifest().get()
    sources = [
        path
        for folder in ("contract", "edge", "models", "server", "demo", "bench", "tests")
        for path in (root / folder).rglob("*.py")
    ]

    telling = [path for path in sources if spec.name in (text := path.read_text("utf-8")) or spec.sha256 in text]

    assert sources
    assert telling == []


def test_a_users_own_manifest_is_read_with_its_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "street.onnx").write_bytes(b"abc")

    spec = load_manifest(_write(tmp_path, ENTRY.format(digest=ABC))).get()

    assert spec.output.layout is Layout.YOLOV8
    assert verify(spec) == b"abc"


def test_the_files_may_lie_in_another_folder_than_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "street.onnx").write_bytes(b"abc")

    spec = load_manifest(_write(tmp_path, ENTRY.format(digest=ABC)), tmp_path / "elsewhere").get()

    assert verify(spec) == b"abc"


def test_another_file_than_the_manifests_is_refused_with_both_digests(tmp_path: Path) -> None:
    (tmp_path / "street.onnx").write_bytes(b"abc")
    spec = load_manifest(_write(tmp_path, ENTRY.format(digest="0" * 64))).get()

    with pytest.raises(KentonganError, match=f"expected sha256 {'0' * 64} .*got {ABC}") as refusal:
        verify(spec)

    assert refusal.value.kind is ErrorKind.DIGEST_MISMATCH


def test_a_missing_file_is_told_apart_from_a_wrong_one(tmp_path: Path) -> None:
    spec = load_manifest(_write(tmp_path, ENTRY.format(digest=ABC))).get()

    with pytest.raises(KentonganError, match=r"street.onnx: No such file") as refusal:
        verify(spec)

    assert refusal.value.kind is ErrorKind.NOT_FOUND


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    manifest = load_manifest(_write(tmp_path, ENTRY.format(digest=ABC)))

    with pytest.raises(KentonganError, match=r"'steet'.*names: street") as refusal:
        manifest.get("steet")

    assert refusal.value.kind is ErrorKind.NOT_FOUND


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("pad_value = 114", "pad_vlaue = 114", "pad_vlaue: unknown key; the nearest known key is 'pad_value'"),
        ("licence = ", "license = ", "license: unknown key; the nearest known key is 'licence'"),
        ('default = "street"', 'defualt = "street"', "defualt: unknown key; the nearest known key is 'default'"),
        ('layout = "yolov8"', 'layout = "yolov5"', "layout: Input should be 'boxes5', 'yolox', 'yolov8' or 'yolo26'"),
        ("person_class = 0", "person_class = 80", "person_class must be below classes = 80, got 80"),
        ('layout = "yolov8"', 'layout = "boxes5"', "the layout boxes5 knows one class only, got classes = 80"),
        ("size_bytes = 3", 'size_bytes = 3\nfolder = "/etc"', "folder: unknown key"),
        ('default = "street"', 'default = "road"', "default must be one of street, got 'road'"),
        ("person_class = 0", "person_class = 0\nscore_threshold = 0.9", "at most strong_score = 0.5, got 0.9"),
        ("pad_value = 114", "pad_value = 114\nstd = [1.0, 0.0, 1.0]", r"std must be above 0 .*\(1.0, 0.0, 1.0\)"),
        ("width = 640", "width = ", "is no readable TOML file"),
    ],
)
def test_a_faulty_manifest_is_refused_with_what_is_wrong_and_where(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    text = ENTRY.format(digest=ABC)
    assert old in text

    with pytest.raises(KentonganError, match=complaint) as refusal:
        load_manifest(_write(tmp_path, text.replace(old, new)))

    assert refusal.value.kind is ErrorKind.BAD_INPUT
    assert "manifest.toml" in refusal.value.detail


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    text = ENTRY.format(digest=ABC)

    with pytest.raises(KentonganError, match="got twice: street"):
        load_manifest(_write(tmp_path, text + text.split("\n\n", 1)[1]))


def test_a_missing_manifest_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(KentonganError, match="there is no model manifest at") as refusal:
        load_manifest(tmp_path / "none.toml")

    assert refusal.value.kind is ErrorKind.NOT_FOUND


def test_a_manifest_whose_models_are_no_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KentonganError, match="is no valid model manifest"):
        load_manifest(_write(tmp_path, 'default = "a"\nmodel = "a"\n'))


def test_the_own_manifest_names_only_keys_that_are_documented_by_the_schema() -> None:
    raw = tomllib.loads(DEFAULT_MANIFEST.read_text("utf-8"))

    assert {entry["name"] for entry in raw["model"]} == {spec.name for spec in load_manifest().models}
