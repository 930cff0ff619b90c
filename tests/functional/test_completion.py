"""Real shells complete the line of ``mip``."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from saltext_mip.console.cli import names, state_folder
from saltext_mip.console.cli.completion import SHELLS
from saltext_mip.federation import STATE_ROOT
from saltext_mip.storage import state

# what the shell would be asked for, and how its answer is had
ASK = {
    "bash": """source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); _mip; printf '%s\\n' "${COMPREPLY[@]}" """,
    "zsh": """compdef() {}; compadd() { shift; print -l -- "$@"; }; _files() { print files; }
file="$1"; shift; source "$file"; words=("$@"); CURRENT=$#; _mip""",
}


def completed(
    shell: str, folder: Path, *words: str, pusher: bool = True, config: Path | None = None
) -> set[str]:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    file = folder / "completion"
    file.write_text(SHELLS[shell](pusher=pusher))
    options = ["-f"] if shell == "zsh" else ["--norc"]
    argv = [shell, *options, "-c", ASK[shell], shell, str(file), "mip", *words]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "SALT_CONFIG_DIR": str(config or folder)}
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env=env)
    assert done.stderr == ""
    typed = words[-1]
    return {word for word in done.stdout.splitlines() if word and word.startswith(typed)}


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
    assert completed(shell, tmp_path, "suspend", "--reason", "") == set()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of a master whose state has two federations."""
    folder = tmp_path / "salt"
    (folder / "master.d").mkdir(parents=True)
    (folder / "master").write_text("root_dir: /nowhere\n")
    (folder / "master.d" / "z.conf").write_text(f"root_dir: '{tmp_path / 'root'}'  # here\n")
    for name, shorts in (("fed1", ["ms", "wk1"]), ("other", ["wk9"])):
        state = tmp_path / "root/var/lib/mip" / name
        (state / "generations").mkdir(parents=True)
        ids = [f"{name}-{short}" for short in shorts]
        (state / "declared.json").write_text(json.dumps({"ids": ids, "names": shorts}))
        last = {"pathologies": {"dementia": {"edsd": [], f"of {name}": []}, "tbi": {}}}
        (state / "generations" / "000002.json").write_text("{}")
        (state / "generations" / "000012.json").write_text(json.dumps(last))
    return folder


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (("--federation", "fed1", "ssh", ""), {"ms", "wk1", "fed1-ms", "fed1-wk1"}),
        (("ssh", "wk"), {"wk1", "wk9"}),
        (("node", "disable", "--node", "fed1-w"), {"fed1-wk1"}),
        (("--federation", "fed1", "logs", "w"), {"wk1"}),
        (("compile", "--pathology", "d"), {"dementia"}),
        (("history", "--dataset", "ed"), {"edsd"}),
        (("rollback", ""), {"12", "2"}),
        (("diff", "1"), {"12"}),
        (("restore", "--backup-file", ""), {"12", "2"}),
        (
            ("--federation", "fed1", "approve", ""),
            {*("dementia", "tbi", "edsd", "of fed1", "ms", "wk1", "fed1-ms", "fed1-wk1")},
        ),
        (("status", "--federation", ""), {"fed1", "other"}),
        (("codebook", "t"), {"tbi"}),
    ],
)
def test_names_are_completed_from_the_pushers_state(
    shell: str, typed: tuple[str, ...], expected: set[str], tmp_path: Path, config: Path
) -> None:
    found = completed(shell, tmp_path, *typed, config=config)
    assert {name.replace("\\ ", " ") for name in found if name[0] != "-"} == expected


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"ids": 3}', b"\xff"])
def test_a_state_that_cannot_be_read_offers_nothing_and_prints_no_error(
    shell: str, content: bytes, tmp_path: Path, config: Path
) -> None:
    state = tmp_path / "root/var/lib/mip/fed1"
    (state / "declared.json").write_bytes(content)
    (state / "generations" / "000012.json").write_bytes(content)
    given = ("--federation", "fed1")
    assert completed(shell, tmp_path, *given, "ssh", "w", config=config) == set()
    assert completed(shell, tmp_path, *given, "history", "--dataset", "", config=config) == set()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_name_is_one_word_and_runs_nothing(shell: str, tmp_path: Path, config: Path) -> None:
    last = {"pathologies": {"dementia": {"a $(touch x)": [], "b\x1b[2Jc": []}}}
    state = tmp_path / "root/var/lib/mip/fed1"
    (state / "generations" / "000012.json").write_text(json.dumps(last))
    given = ("--federation", "fed1", "history", "--dataset", "")
    (found,) = completed(shell, tmp_path, *given, config=config)
    # zsh itself quotes what it inserts
    assert found == (r"a\ \$\(touch\ x\)" if shell == "bash" else "a $(touch x)")


def test_the_files_are_those_of_the_state() -> None:
    source = inspect.getsource(names) + inspect.getsource(state_folder)
    for name in (state.GENERATIONS, state.DECLARED, state.NODES_SEEN):
        assert f'"{name}"' in source
    assert f'"{STATE_ROOT}"' in source


@pytest.mark.parametrize("shell", SHELLS)
def test_a_node_is_offered_what_it_can_do(shell: str, tmp_path: Path) -> None:
    offered = completed(shell, tmp_path, "", pusher=False)
    assert {"logs", "status", "restart", "check"} <= offered
    assert not offered & {"consolidate", "tmux"}
