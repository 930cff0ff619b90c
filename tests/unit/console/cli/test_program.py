"""The command as a whole: usage errors, exit codes, streams."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest

from saltext_mip.console.cli import program as command


@pytest.mark.parametrize(
    "line",
    [
        "",
        "data",
        "frobnicate",
        "data frobnicate",
        "node disable",
        "node enable",
        "ssh",
        "describe",
        "describe a --node b",
        "data consolidate --node wk1",
        "--node wk1 history",
        "--pathology a service stop",
        "--dry-run nodes",
        "stop --forc",
        "diff one",
        "completion fish",
        "restore",
        "data consolidate --missing-worker maybe",
    ],
)
def test_what_is_not_understood_is_refused(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run(["--pusher", *shlex.split(line)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "mip --help" in err


def test_a_near_miss_of_an_option_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run(["--pusher", "status", "--problem"]) == 2
    assert "--problem; did you mean --problems? See mip --help." in capsys.readouterr().err


def test_a_reader_that_has_enough_is_no_error() -> None:
    words = [sys.executable, "-m", "saltext_mip.console", "--pusher", "completion", "bash"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
    assert b"Traceback" not in err
