"""Files of a report: both, whole, and with a clear error where that cannot be."""

import pytest

from eyecraft.reports import write_html, write_markdown, write_report


def test_writes_both_and_leaves_nothing_else(comparison, tmp_path):
    """A new folder holds two files and no temporary one."""
    paths = write_report(comparison, tmp_path / "new" / "folder")
    assert {kind: path.name for kind, path in paths.items()} == {"html": "report.html", "md": "report.md"}
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == ["report.html", "report.md"]
    assert paths["html"].read_text("utf-8").startswith("<!doctype html>")
    assert paths["md"].read_text("utf-8").startswith("# ")


def test_single_files(one_split, tmp_path):
    """Each format can be had alone, and an older file is replaced."""
    (tmp_path / "a.html").write_text("old")
    assert "old" not in write_html(one_split, tmp_path / "a.html").read_text("utf-8")[:20]
    assert write_markdown(one_split, tmp_path / "a.md").stat().st_size > 500


def test_twice_is_the_same(comparison, tmp_path):
    """The same comparison gives the same bytes."""
    first = write_report(comparison, tmp_path / "1")
    second = write_report(comparison, tmp_path / "2")
    assert all(first[kind].read_bytes() == second[kind].read_bytes() for kind in first)


def test_a_failed_write_keeps_the_old_report(comparison, tmp_path, monkeypatch):
    """A disk that fills up half way leaves the old file and no rest."""
    old = tmp_path / "report.html"
    old.write_text("old")

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match=r"could not be written to .*report\.html: No space left"):
        write_html(comparison, old)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert old.read_text() == "old"


def test_folder_that_is_a_file(comparison, tmp_path):
    """The message names the place and what to do."""
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OSError, match=r"taken.*choose another folder"):
        write_report(comparison, tmp_path / "taken")
