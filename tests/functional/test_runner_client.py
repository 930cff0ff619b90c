"""``mip`` calls runners in its own process: Salt's loader and job cache, without daemons."""

from __future__ import annotations

import getpass
import json
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.terminal import SEQUENCE, Terminal

QUESTION = "Sure? [no] (Enter: no) "

PROBE = """
import os
import signal
import sys
from pathlib import Path

from saltext_mip.bridge.progress import progress, terminal
from saltext_mip.bridge.runner import command

__virtualname__ = "probe"

def __virtual__():
    return __virtualname__

def report(text, retcode=0):
    progress(__opts__)(f"working on {text}")
    print("on standard output")
    data = {"text": text, "pair": (1, 2), "user": os.geteuid(), "retcode": retcode}
    return {"outputter": "mip", "data": data}

def fail():
    raise RuntimeError("no")

def asks():
    progress(__opts__)("before")
    answer = terminal(__opts__)("Sure? [no] (Enter: no) ")
    progress(__opts__)("after")
    return {"answer": answer}

@command
def signalled(number, marker):
    try:
        signal.raise_signal(number)
    finally:
        Path(marker).write_text("ended in its own way")
    return {}
"""
CONFIG = Path("etc", "salt")


def configured(root: Path, **settings: object) -> Path:
    """A folder of configuration of a master whose runners include the probe."""
    config = root / CONFIG
    (root / "runners").mkdir(parents=True)
    (root / "runners" / "probe.py").write_text(PROBE)
    config.mkdir(parents=True)
    (root / "cache" / "proc").mkdir(parents=True)
    opts = {
        "root_dir": str(root),
        "cachedir": str(root / "cache"),
        "user": getpass.getuser(),
        "runner_dirs": [str(root / "runners")],
        "log_file": str(root / "log"),
        "id": "pusher",
        **settings,
    }
    (config / "master").write_text(yaml.safe_dump(opts))
    return config


# imported early: another user cannot read an interpreter that is below the home of root
CALL = """
import json, os, sys
import encodings.ascii, encodings.idna, encodings.latin_1, salt.master
from saltext_mip.bridge.runner_client import RunnerClient
config, function, arguments = sys.argv[1:]
reported = []
try:
    returned = RunnerClient(config).run(function, json.loads(arguments), reported.append)
except BaseException as exc:
    returned = [type(exc).__name__, getattr(exc, "code", None)]
json.dump({"returned": returned, "reported": reported, "user": os.geteuid()}, sys.stdout)
"""


def call(config: Path, function: str, **arguments: object) -> dict[str, Any]:
    """A call in a process of its own, as ``mip`` is: Salt sets up logging once in a process."""
    argv = [sys.executable, "-c", CALL, str(config), function, json.dumps(arguments)]
    ran = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    outcome: dict[str, Any] = json.loads(ran.stdout)  # one document, whatever was printed
    return outcome


# the command mip at a terminal, with its progress bar
ASKED = """
import json, sys
import encodings.ascii, encodings.idna, encodings.latin_1, salt.master
from saltext_mip.bridge.runner_client import RunnerClient
from saltext_mip.console.cli.terminal import Display
with Display().progress("asking") as progress:
    returned = RunnerClient(sys.argv[1]).run("probe.asks", {}, progress)
print("returned", json.dumps(returned))
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return configured(tmp_path_factory.mktemp("pusher"))


@pytest.fixture
def of_another_user() -> Iterator[Path]:
    """The root folder of a master that runs as another user, who may enter it."""
    if os.geteuid() != 0:
        pytest.skip("only root becomes another user")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        configured(root, user="nobody")
        for path in (root, *root.rglob("*")):
            path.chmod(0o777)
        yield root


def test_a_return_is_what_json_holds_and_nothing_is_printed(config: Path) -> None:
    text = "1e5: [no, yaml] # 'at all'"
    outcome = call(config, "probe.report", text=text, retcode=3)
    code, value = outcome["returned"]
    assert code == 3
    assert value["text"] == text
    assert value["pair"] == [1, 2]
    assert outcome["reported"] == [f"working on {text}"]


@pytest.mark.parametrize(
    ("function", "arguments", "error"),
    [
        ("probe.absent", {}, "'probe.absent' is not available."),
        ("nothing.here", {}, "'nothing.here' is not available."),
        ("mip.nodes", {"node": "wk1"}, "mip.nodes: got an unexpected keyword argument 'node'"),
        ("mip.nodes", {"host_keys": "wk1"}, "Federation '' not found in the pillar"),
        ("probe.fail", {}, "probe.fail: RuntimeError: no"),
    ],
)
def test_an_error_is_a_text_and_a_code(
    config: Path, function: str, arguments: dict[str, str], error: str
) -> None:
    code, value = call(config, function, **arguments)["returned"]
    assert code == 1
    assert value.startswith(error)


@pytest.mark.parametrize(
    ("number", "raised"),
    [
        (signal.SIGINT, ["KeyboardInterrupt", None]),
        (signal.SIGTERM, ["SystemExit", 128 + signal.SIGTERM]),
    ],
)
def test_a_signal_ends_the_function_in_its_own_way_then_the_command(
    config: Path, number: int, raised: list[object], tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    outcome = call(config, "probe.signalled", number=number, marker=str(marker))
    assert outcome["returned"] == raised
    assert marker.read_text() == "ended in its own way"


def test_a_master_of_another_user_has_its_runner_called_as_that_user(
    of_another_user: Path,
) -> None:
    outcome = call(of_another_user / CONFIG, "probe.report", text="x")
    assert outcome["returned"][1]["user"] == pwd.getpwnam("nobody").pw_uid
    assert outcome["reported"] == ["working on x"]
    assert outcome["user"] == 0


def test_a_signal_to_the_other_users_process_ends_the_call_alone(of_another_user: Path) -> None:
    marker = of_another_user / "marker"
    arguments = {"number": signal.SIGINT, "marker": str(marker)}
    outcome = call(of_another_user / CONFIG, "probe.signalled", **arguments)
    assert outcome["returned"] == [1, "probe.signalled: interrupted"]
    assert marker.read_text() == "ended in its own way"


def test_a_configuration_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    config = configured(tmp_path)
    (config / "master").write_text("{ not: yaml")
    code, value = call(config, "probe.report", text="x")["returned"]
    assert code == 1
    assert str(config / "master") in value


@pytest.mark.parametrize(
    "line", [["--help"], ["completion", "bash"], ["tasks"], ["staus"], ["data", "compile", "-h"]]
)
def test_what_needs_no_salt_does_not_import_it(line: list[str]) -> None:
    code = (
        "import sys\n"
        "from saltext_mip.console.cli.main import main\n"
        "try:\n"
        "    main(['--pusher', *sys.argv[1:]])\n"
        "except SystemExit:\n"
        "    pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, *line], capture_output=True, text=True, check=True
    )
    loaded = set(ran.stderr.splitlines()[-1].split())
    assert "saltext_mip" in loaded
    assert not loaded & {"salt", "docker", "polars", "libtmux", "keycloak"}


@pytest.mark.parametrize("whose", ["config", "of_another_user"])
def test_a_question_shares_no_line_with_the_progress_bar(
    whose: str, request: pytest.FixtureRequest
) -> None:
    """Also where another process asks: that of the Salt master's user."""
    found: Path = request.getfixturevalue(whose)
    folder = found if whose == "config" else found / CONFIG
    with Terminal([sys.executable, "-c", ASKED, str(folder)], dict(os.environ)) as terminal:
        terminal.until(QUESTION)
        before, _, after = terminal.came.partition(QUESTION)
        assert "asking: before" in before  # the bar was there
        line = before.rpartition("\n")[2].rpartition("\x1b[2K")[2]
        assert SEQUENCE.sub("", line).strip() == ""  # and is gone from the question's line
        time.sleep(1)  # a bar is drawn ten times a second
        assert terminal.came.partition(QUESTION)[2].strip() == after.strip() == ""
        terminal.type("yes\n")
        assert terminal.ends() == 0
        assert 'returned [0, {"answer": "yes"}]' in terminal.text
        assert terminal.restored
