"""Real shells complete the line of ``mip``."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from saltext_mip.console.cli.completion import SHELLS

# what the shell would be asked for, and how its answer is had
ASK = {
    "bash": """source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); _mip; printf '%s\\n' "${COMPREPLY[@]}" """,
    "zsh": """compdef() {}; compadd() { shift; print -l -- "$@"; }; _files() { print files; }
file="$1"; shift; source "$file"; words=("$@"); CURRENT=$#; _mip""",
}


def completed(shell: str, folder: Path, *words: str, pusher: bool = True) -> set[str]:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    file = folder / "completion"
    file.write_text(SHELLS[shell](pusher=pusher))
    options = ["-f"] if shell == "zsh" else ["--norc"]
    argv = [shell, *options, "-c", ASK[shell], shell, str(file), "mip", *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    typed = words[-1]
    return {word for word in done.stdout.split() if word.startswith(typed)}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (("con",), {"consolidate"}),
        (("data", "com"), {"compile"}),
        (("--federation", "fed1", "node", "en"), {"enable"}),
        (("--federation", "data", "data", "con"), {"consolidate"}),
        (("data", "consolidate", "--online"), {"--online-cdes"}),
        (("compile", "--pa"), {"--pathology"}),
        (("suspend", "--fo"), {"--for"}),
        (("completion", "z"), {"zsh"}),
    ],
)
def test_a_word_is_completed(
    shell: str, typed: tuple[str, ...], expected: set[str], tmp_path: Path
) -> None:
    assert completed(shell, tmp_path, *typed) == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_what_an_action_has_no_use_for_is_not_offered(shell: str, tmp_path: Path) -> None:
    offered = completed(shell, tmp_path, "history", "--")
    assert "--dataset" in offered
    assert not offered & {"--node", "--force", "--dry-run"}


@pytest.mark.parametrize("shell", SHELLS)
def test_nothing_is_offered_for_a_value_that_nobody_can_guess(shell: str, tmp_path: Path) -> None:
    assert completed(shell, tmp_path, "history", "--dataset", "") == set()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_node_is_offered_what_it_can_do(shell: str, tmp_path: Path) -> None:
    offered = completed(shell, tmp_path, "", pusher=False)
    assert {"logs", "status", "restart", "check"} <= offered
    assert not offered & {"consolidate", "tmux"}
