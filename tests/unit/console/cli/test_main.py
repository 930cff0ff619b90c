"""The line of ``mip``: what is understood, what is refused, what Salt is given, what is shown."""

from __future__ import annotations

import io
import json
import shlex
import sys
from typing import Any

import pytest
import salt.utils.args

from saltext_mip.bridge.progress import NOISE
from saltext_mip.console.cli import main as command
from saltext_mip.console.cli import salt as salting
from saltext_mip.console.cli.commands import ACTIONS, NODE_ACTIONS
from saltext_mip.console.cli.parser import Misused, build, parse
from saltext_mip.console.cli.terminal import Show
from saltext_mip.console.screens.render import render
from saltext_mip.runners import mip, mip_controller, mip_generations, mip_nodes, mip_services
from tests.support import manual


def understood(line: str, *, pusher: bool = True) -> tuple[str, dict[str, Any]]:
    action, given = parse(shlex.split(line), pusher=pusher)
    given.pop("begun", None)
    return action.function or action.do, given


TYPED = {(line.host, line.text): line for line in manual.documented() if line.program == "mip"}


@pytest.mark.parametrize("line", TYPED.values(), ids=lambda line: f"{line.host}: {line.text}")
def test_a_line_of_the_manual_is_understood_where_it_is_typed(line: manual.Line) -> None:
    pusher = line.host == "pusher"
    if "--help" in line.words:
        with pytest.raises(SystemExit) as ended:
            parse(line.words, pusher=pusher)
        assert ended.value.code == 0
    else:
        assert parse(line.words, pusher=pusher)


@pytest.mark.parametrize(
    ("line", "function", "arguments"),
    [
        ("--pusher --federation fed1 data consolidate", "consolidate", {"federation": "fed1"}),
        (
            "data consolidate --review-dataset-labels --online-cdes --federation fed1"
            " --datacatalogue-protocol https --datacatalogue-host c.example:8086",
            "consolidate",
            {
                "federation": "fed1",
                "review_dataset_labels": True,
                "online_cdes": True,
                "datacatalogue_protocol": "https",
                "datacatalogue_host": "c.example:8086",
            },
        ),
        (
            "--node wk1 --force --pathology a,b data compile",
            "compile",
            {"node": "wk1", "force": True, "pathology": "a,b"},
        ),
        ("service stop --node wk2 --dry-run", "stop", {"node": "wk2", "dry_run": True}),
        ("suspend --reason x --for 2h", "suspend", {"reason": "x", "duration": "2h"}),
        ("refresh --no-wait", "refresh", {"wait": False}),
        ("refresh --wait --timeout 60", "refresh", {"wait": True, "timeout": 60}),
        ("restore --backup-file 3", "rollback", {"generation": 3}),
        ("rollback 3", "rollback", {"generation": 3}),
        ("rollback", "rollback", {}),
        ("diff 3 4", "diff", {"a": 3, "b": 4}),
        ("describe chuv", "status", {"node": "chuv"}),
        ("ssh --node chuv", "nodes", {"node": "chuv"}),
        (
            "logs -f --component exareme --limit 5",
            "logs",
            {
                "follow": True,
                "component": "exareme",
                "lines": 5,
            },
        ),
    ],
)
def test_options_become_the_runners_arguments(
    line: str, function: str, arguments: dict[str, Any]
) -> None:
    found, given = understood(line)
    assert found == function
    assert {key: value for key, value in given.items() if key != "pusher"} == arguments


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
    assert command.main(["--pusher", *shlex.split(line)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "mip --help" in err


def test_a_near_miss_is_named() -> None:
    with pytest.raises(Misused, match="did you mean status"):
        parse(["staus"], pusher=True)


def test_a_near_miss_of_an_option_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--pusher", "status", "--problem"]) == 2
    assert "--problem; did you mean --problems? See mip --help." in capsys.readouterr().err


def test_a_node_has_none_of_the_pushers_actions() -> None:
    for action in ("consolidate", "tmux", "rollback"):
        with pytest.raises(Misused):
            parse([action], pusher=False)


@pytest.mark.parametrize(
    "action",
    [each for each in ACTIONS if each.function and each.do != "check"],
    ids=lambda action: " ".join(action.words),
)
def test_what_an_action_calls_is_there_and_takes_what_it_is_given(action: Any) -> None:
    import inspect

    name = {"compile": "compile_"}.get(action.function, action.function)
    runners = (mip, mip_controller, mip_generations, mip_nodes, mip_services)
    (module,) = (each for each in runners if hasattr(each, name))
    function = getattr(module, name)
    assert inspect.signature(function) is not None
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    known = next(each for each in cells if isinstance(each, inspect.Signature)).parameters
    if action.do in ("call", "consolidate", "tmux", "logs"):
        own = {"export", "follow", "begun"} | ({"force"} if action.function != "compile" else set())
        if action.do == "tmux":
            own = set()
        wanted = {option.name for option in action.options} | set(action.takes)
        if "any federation" not in wanted:
            wanted.add("federation")
        assert wanted - own - {"needs node", "any federation"} <= set(known)


@pytest.mark.parametrize("pusher", [True, False])
def test_the_help_has_every_action_and_fits_a_terminal(pusher: bool) -> None:
    text = build(ACTIONS if pusher else NODE_ACTIONS, pusher=pusher).format_help()
    for action in ACTIONS if pusher else NODE_ACTIONS:
        assert action.name in text
    assert max(map(len, text.splitlines())) <= 100
    assert "Exit codes:" in text


@pytest.mark.parametrize(
    ("code", "value", "expected"),
    [
        (0, {"a": 1}, (0, {"a": 1}, None)),
        (1, {"retcode": 1}, (1, {"retcode": 1}, None)),
        (0, [], (0, [], None)),
        (1, "There is no node\n", (1, None, "There is no node")),
        # Salt ends with 0 where it has no such function
        (0, "'mip.x' is not available.", (1, None, "'mip.x' is not available.")),
    ],
)
def test_a_text_that_is_returned_is_an_error(
    code: int, value: Any, expected: tuple[Any, ...]
) -> None:
    result = salting.as_result(code, value)
    assert (result.code, result.value, result.error) == expected


@pytest.mark.parametrize(
    ("line", "noise"),
    [
        ("unclosed Runner <salt.runner.Runner object at 0x7>; call ``destroy()`` or use", True),
        ("unclosed SyncWrapper for cls=<class 'x'>; call ``close()`` or use as", True),
        ("[ERROR   ] something", False),
        ("  asking 4 nodes what they have", False),
    ],
)
def test_salts_noise_is_known(line: str, noise: bool) -> None:
    assert bool(NOISE.search(line)) is noise


HISTORY = {"federation": "fed1", "generations": [], "of": 0}


def test_a_pipe_gets_plain_text_and_a_program_json() -> None:
    out = io.StringIO()
    Show().value("history", HISTORY, out=out)
    assert out.getvalue() == render("history", HISTORY) + "\n"
    out = io.StringIO()
    Show(json=True).value("history", HISTORY, out=out)
    assert json.loads(out.getvalue()) == HISTORY


def test_a_terminal_gets_colours_unless_it_wants_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured, plain = Terminal(), Terminal()
    Show().value("history", HISTORY, out=coloured)
    Show(colour=False).value("history", HISTORY, out=plain)
    assert "\x1b[36m" in coloured.getvalue()
    assert "\x1b[36m" not in plain.getvalue()


def test_progress_in_a_pipe_is_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with Show().progress("consolidate") as progress:
        progress("asking \x1b[2J nodes")
    assert capsys.readouterr().err == "  asking \\x1b[2J nodes\n"


def test_an_error_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Show().error("no node '\x1b]0;x\x07'")
    assert capsys.readouterr().err == "no node '\\x1b]0;x\\x07'\n"


@pytest.mark.parametrize(
    ("files", "pusher"),
    [(["master"], True), (["minion"], False), (["master", "minion"], True), ([], True)],
)
def test_a_pusher_is_known_by_its_configuration(
    files: list[str], pusher: bool, tmp_path: Any
) -> None:
    for name in files:
        (tmp_path / name).touch()
    assert salting.is_pusher(tmp_path) is pusher


def test_what_is_needed_is_one_line_each_with_what_to_do() -> None:
    needs = [
        {"thing": "Salt", "ok": True, "found": "3008.4"},
        {"thing": "tmux", "ok": False, "found": "not found", "hint": "Install tmux."},
    ]
    assert render("check-required", {"needs": needs}).splitlines() == [
        "ok  Salt            3008.4",
        "--  tmux            not found",
        "    -> Install tmux.",
    ]


def test_a_reader_that_has_enough_is_no_error() -> None:
    import subprocess

    words = [sys.executable, "-m", "saltext_mip.console", "--pusher", "completion", "bash"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
    assert b"Traceback" not in err


def test_progress_at_a_terminal_is_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Show().progress("consolidate") as progress:
        progress("staging on \x1b[2J fed1-ms")
    came = terminal.getvalue()
    assert "━" in came
    assert "consolidate: staging on \\x1b[2J fed1-ms" in came
    assert came.endswith("\x1b[2K")  # the line is empty again


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "yes",
        "1e5",
        "12_000",
        "None",
        "",
        " ",
        "a # b",
        "#",
        "{a: b",
        "[x]",
        'it\'s "quoted" \\ back',
        "line\nbreak\ttab",
        "é β 安",
        "\x7f\x85",
        "!",
        "|",
        "---",
        "a=b",
        True,
        False,
        None,
        7,
        ["a, b", "c#d", "e"],
    ],
    ids=repr,
)
def test_salt_has_an_argument_back_as_it_was(value: Any) -> None:
    words = [f"key={salting.argument(value)}"]
    parsed = salt.utils.args.parse_input(words, condition=False)
    assert parsed == ([], {"key": value})


@pytest.mark.parametrize(
    ("out", "code", "expected"),
    [
        ('{"a": 1}', 0, (0, {"a": 1}, None)),
        ('{"retcode": 1}', 1, (1, {"retcode": 1}, None)),
        ("[]", 0, (0, [], None)),
        ('"There is no node"', 1, (1, None, "There is no node")),
        # Salt ends with 0 where it has no such function
        ("\"'mip.x' is not available.\"", 0, (1, None, "'mip.x' is not available.")),
        ("usage: salt-run", 0, (1, None, "usage: salt-run")),
        ("", 0, (1, None, "Salt returned nothing.")),
    ],
)
def test_what_salt_ended_with_is_told(out: str, code: int, expected: tuple[Any, ...]) -> None:
    ran = salting.from_output(out, code)
    assert (ran.code, ran.value, ran.error) == expected
