"""Calling Salt: arguments for ``salt-call``, what its output means, which machine is a pusher."""

from __future__ import annotations

from typing import Any

import pytest
import salt.utils.args

from saltext_mip.bridge.progress import NOISE
from saltext_mip.console.cli.salt import (
    CommandResult,
    Salt,
    argument,
    as_result,
    from_output,
    is_pusher,
)
from saltext_mip.results import HistoryResult


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
    words = [f"key={argument(value)}"]
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
def test_the_output_of_salt_call_is_a_value_or_an_error(
    out: str, code: int, expected: tuple[Any, ...]
) -> None:
    ran = from_output(out, code)
    assert (ran.code, ran.value, ran.error) == expected


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


@pytest.mark.parametrize(
    ("files", "pusher"),
    [(["master"], True), (["minion"], False), (["master", "minion"], True), ([], True)],
)
def test_a_pusher_is_known_by_its_configuration(
    files: list[str], pusher: bool, tmp_path: Any
) -> None:
    for name in files:
        (tmp_path / name).touch()
    assert is_pusher(tmp_path) is pusher


@pytest.mark.parametrize(
    ("code", "value", "expected"),
    [
        (1, {"retcode": 1}, (1, {"retcode": 1}, None)),
        (0, [], (0, [], None)),
        (1, "There is no node\n", (1, None, "There is no node")),
        (0, "'mip.x' is not available.", (1, None, "'mip.x' is not available.")),
    ],
)
def test_a_text_that_is_returned_is_an_error(
    code: int, value: Any, expected: tuple[Any, ...]
) -> None:
    result = as_result(code, value)
    assert (result.code, result.value, result.error) == expected


class OneAnswer:
    """A runner client that returns this."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def run(self, function: str, arguments: Any, progress: Any) -> tuple[int, Any]:
        return 0, self.value


def run(function: str, value: Any) -> CommandResult:
    salt = Salt()
    salt._client = OneAnswer(value)  # type: ignore[assignment]
    return salt.run(function, {})


def test_what_a_runner_function_returned_is_of_its_type() -> None:
    found = run("history", {"federation": "fed1", "generations": [], "more": 1})
    assert found == CommandResult(0, HistoryResult(federation="fed1", generations=[]))
    assert run("test.arg", {"args": []}) == CommandResult(0, {"args": []})


def test_a_return_of_another_format_is_an_error_that_names_the_key_and_no_value() -> None:
    found = run("history", {"federation": "fed1", "generations": "canary"})
    assert found.code == 1
    assert found.error is not None
    assert "Invalid response from mip.history: generations must be of type" in found.error
    assert "canary" not in found.error
