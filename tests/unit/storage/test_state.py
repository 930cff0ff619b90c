"""Our own state: its file names, which older versions wrote, and files that are corrupt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from saltext_mip.storage import state
from saltext_mip.storage.state import StateBroken, read_state, remove_state, write_state

NAMES = {name: value for name, value in vars(state).items() if name.isupper()}


def test_no_two_names_are_one_file() -> None:
    assert len(set(NAMES.values())) == len(NAMES) > 25


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("FEDERATION_LOCK", "lock"),
        ("GENERATIONS", "generations"),
        ("EVENTS", "events.jsonl"),
        ("DISABLED_NODES", "disabled.json"),
        ("SUSPENDED", "suspended.json"),
        ("JOURNAL", "journal.json"),
        ("ENROLMENT", "enrolled.json"),
        ("STAGED", "staged.json"),
        ("BUILD_RECORDS", "compiled"),
        ("SERVICE_OVERRIDES", "stopped.json"),
        ("DATA_ACKNOWLEDGED", "looked.json"),
    ],
)
def test_files_that_older_versions_wrote_keep_their_names(name: str, file: str) -> None:
    assert NAMES[name] == file


@pytest.mark.parametrize("value", [{"a": [1, None, "ä\udc80\n"]}, [], "text", 0])
def test_a_value_is_read_as_it_was_written(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "fed1" / "file.json"
    assert write_state(path, value)
    assert read_state(path) == value
    assert not write_state(path, value)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_missing_file_is_none_and_removing_it_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    assert read_state(path) is None
    remove_state(path)
    write_state(path, 1)
    remove_state(path)
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"canary-4711"])
def test_a_corrupt_file_is_an_error_without_its_content(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(StateBroken, match="Inspect it and move it aside") as caught:
        read_state(path)
    assert str(path) in str(caught.value)
    assert "canary" not in str(caught.value)
