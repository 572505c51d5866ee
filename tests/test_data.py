"""The list of third-party test data: what is present is what was listed, and the list names real readers."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.data_folder import DEFAULT, VARIABLE, data_folder
from tests.support.data import ListedFile, data_file, listed_files, report, sha256_of

ROOT = Path(__file__).resolve().parents[1]
READERS = sorted({reader for file in listed_files().values() for reader in file.needed_by})
HERE = "tests/test_data.py"


@pytest.fixture
def one_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a single listed file that this test needs."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    (tmp_path / "film.mp4").write_bytes(b"film")
    entry = ListedFile("film.mp4", 4, sha256_of(tmp_path / "film.mp4"), (HERE,))
    monkeypatch.setattr("tests.support.data.listed_files", lambda: {"film.mp4": entry})
    return tmp_path


@pytest.mark.parametrize("path", listed_files())
def test_a_file_that_is_present_is_the_listed_one(path: str) -> None:
    listed, found = listed_files()[path], data_folder() / path
    if not found.is_file():
        pytest.skip(f"{path} is absent from {data_folder()}")
    assert (found.stat().st_size, sha256_of(found)) == (listed.size_bytes, listed.sha256)


@pytest.mark.parametrize("reader", READERS)
def test_a_listed_reader_exists_and_reads_test_data(reader: str) -> None:
    path = ROOT / reader
    sources = [path] if path.is_file() else sorted(path.glob("*.py"))
    assert sources, f"{reader} does not exist"
    if reader.startswith("tests/"):
        assert any("data_file" in source.read_text(encoding="utf-8") for source in sources) or reader == "tests/e2e"


def test_the_folder_is_the_named_one_or_beside_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert data_folder() == tmp_path
    monkeypatch.delenv(VARIABLE)
    assert data_folder() == DEFAULT == ROOT.parent / "shared/data"


def test_a_file_is_given_to_a_test_that_is_listed_for_it(one_listed: Path) -> None:
    assert data_file("film.mp4") == one_listed / "film.mp4"
    with pytest.raises(AssertionError, match=r"other\.mp4 is not listed"):
        data_file("other.mp4")


@pytest.mark.usefixtures("one_listed")
def test_a_test_that_is_not_listed_for_a_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "tests/bench/test_soak.py::test_it (call)")
    with pytest.raises(AssertionError, match=r"tests/bench/test_soak\.py needs film\.mp4"):
        data_file("film.mp4")


def test_an_absent_file_skips_with_its_path_and_the_folder(one_listed: Path) -> None:
    (one_listed / "film.mp4").unlink()
    with pytest.raises(pytest.skip.Exception, match=rf"needs film\.mp4 in {one_listed}"):
        data_file("film.mp4")


def test_another_file_under_a_listed_name_fails(one_listed: Path) -> None:
    (one_listed / "film.mp4").write_bytes(b"other")
    sha256_of.cache_clear()
    with pytest.raises(AssertionError, match=r"is not the file that data\.toml lists"):
        data_file("film.mp4")


def test_a_mistyped_folder_stops_the_run_and_an_absent_default_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(pytest.UsageError, match=f"{VARIABLE} names .*nowhere"):
        report()
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr("bench.data_folder.DEFAULT", tmp_path / "nowhere")
    assert report() == f"test data: 0 of {len(listed_files())} files in {tmp_path / 'nowhere'}"
