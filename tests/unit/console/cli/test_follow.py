"""Logs of several nodes on one screen, through processes that stand for ssh."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from saltext_mip.console.cli.follow import follow
from saltext_mip.console.ssh import Login

SSH = """#!/bin/sh
for word; do [ "$word" = -- ] && break; shift; done
echo "$3" >> "$RECORD"
printf 'line of %s\\033[2J\\r\\n' "$2"
[ "$2" = 10.0.0.2 ] && exit 255
exit 0
"""


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the other sides were asked to run."""
    program = tmp_path / "ssh"
    program.write_text(SSH)
    program.chmod(0o755)
    record = tmp_path / "record"
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("RECORD", str(record))
    return record


def test_lines_carry_the_nodes_name_and_nothing_steers_the_terminal(record: Path) -> None:
    logins = {
        "wk1": Login("fed1-wk-a", "root", "10.0.0.1", 22, "/known"),
        "ms": Login("fed1-ms", "root", "10.0.0.2", 22, "/known"),
    }
    written: list[str] = []
    code = follow(
        logins,
        {"wk1": "worker", "ms": "master"},
        component=None,
        lines=7,
        since="10m",
        write=written.append,
    )
    assert code == 1
    assert "wk1 line of 10.0.0.1\\x1b[2J" in written
    assert "ms  line of 10.0.0.2\\x1b[2J" in written
    assert any(line.startswith("ms  ") and "255" in line for line in written)
    asked = record.read_text()
    assert "--component exareme-master" in asked
    assert "--component exareme " in asked
    assert asked.count("--limit 7 --since 10m") == 2


def test_an_interrupt_ends_every_connection(record: Path, tmp_path: Path) -> None:
    (tmp_path / "ssh").write_text('#!/bin/sh\necho $$ >> "$RECORD"; echo begun; exec sleep 600\n')

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    login = Login("fed1-wk-a", "root", "10.0.0.1", 22, "/known")
    with pytest.raises(KeyboardInterrupt):
        follow(
            {"wk1": login},
            {"wk1": "worker"},
            component="exareme",
            lines=1,
            since=None,
            write=interrupt,
        )
    assert not Path("/proc", record.read_text().strip()).exists()
