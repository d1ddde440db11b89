"""Files are written whole or not at all."""

import os
from pathlib import Path

import pytest

import tensor_core as tc
from models.kit import files
from models.kit.errors import ArtefactError


def test_failed_write_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    files.write(path, "old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(ArtefactError, match=r"a\.txt: cannot be written: disk full"):
        files.write(path, "new")
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_folder_appears_at_the_end_or_not_at_all(tmp_path: Path) -> None:
    place = tmp_path / "output"

    def half() -> None:
        with files.folder(place) as new:
            files.write(new / "half.txt", "x")
            assert not place.exists()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert list(tmp_path.iterdir()) == []


def test_new_run_replaces_its_own_files_and_no_others(tmp_path: Path) -> None:
    place = tmp_path / "output"
    with files.folder(place) as new:
        files.write(new / "a.txt", "1")
        files.write(new / "stale.txt", "1")
    (place / "notes.md").write_text("mine")
    with files.folder(place) as new:
        files.write(new / "a.txt", "2")
    assert {file.name for file in place.iterdir()} == {"a.txt", "notes.md", files.CONTENTS}
    assert (place / "a.txt").read_text() == "2"
    with pytest.raises(ValueError, match="no"), files.folder(place):
        raise ValueError("no")
    assert (place / "notes.md").read_text() == "mine"
    assert [file.name for file in tmp_path.iterdir()] == ["output"]


def test_files_and_folders_follow_the_umask(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        with files.folder(tmp_path / "output") as new:
            files.write(new / "a.txt", "1")
            tc.nn.save_safetensors({"w": tc.ones(2)}, new / "w.safetensors")
    finally:
        os.umask(mask)
    modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "output").iterdir()}
    assert modes == {"a.txt": 0o640, "w.safetensors": 0o640, files.CONTENTS: 0o640}
    assert (tmp_path / "output").stat().st_mode & 0o777 == 0o750


def test_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "output").write_text("")
    with pytest.raises(ArtefactError, match="this is a file"), files.folder(tmp_path / "output"):
        pass
