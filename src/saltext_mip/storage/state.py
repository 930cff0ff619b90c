"""Our own state as JSON files, 0600 in folders of 0700."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from saltext_mip.errors import MipError
from saltext_mip.storage.atomic import replace
from saltext_mip.storage.paths import private_folder, sync_folder


class StateBroken(MipError):
    """{path} is not what this program wrote ({message}). Look at it, and move it away."""


def write_state(path: Path, value: Any) -> bool:
    """Write a JSON value of ours, whole, 0600; False if it is there already."""
    private_folder(path.parent)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return replace(path, text.encode("utf-8", "surrogatepass") + b"\n", mode=0o600)


def read_state(path: Path) -> Any:
    """The JSON value written there; None where there is no file.

    :class:`StateBroken` where it is not JSON: writes are whole, so it was not us, or the disk.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return json.loads(content.decode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise StateBroken(type(error).__name__, path=path) from error


def remove_state(path: Path) -> None:
    """The file is gone, on disk too; it may have been gone already."""
    try:
        path.unlink()
    except FileNotFoundError:
        return
    sync_folder(path.parent)
