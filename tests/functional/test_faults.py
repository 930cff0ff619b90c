"""What nobody expected is told without its words: they may hold a cell's value, or a secret."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import salt.exceptions
import salt.utils.args
from saltfactories.utils.loader import LoaderModuleMock

from saltext_mip.bridge.runner import MipRunnerError, command
from saltext_mip.data.inventory.trials import Trials
from saltext_mip.errors import MipError
from saltext_mip.modules import federation_node, mip, mip_files
from saltext_mip.states import mip as states
from tests.unit.pusher.conftest import cde

CANARY = "4711.0815"
NODES = {"fed1-ms": {"role": "master", "address": "10.0.0.1"}}


def fault(*_: Any, **__: Any) -> None:
    raise ValueError(f"could not convert {CANARY}")


@pytest.fixture
def opts(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What Salt's loader puts into modules."""
    made = {"id": "fed1-ms", "root_dir": str(tmp_path), "test": False, "__cli": "salt-minion"}
    declared = {"nodes": NODES, "data_path": str(tmp_path / "data")}
    pillar = {"mip": {"federations": {"fed1": declared}}}
    dunders = {"__opts__": made, "__context__": {}, "__pillar__": pillar}
    modules = (mip, mip_files, federation_node, states)
    with LoaderModuleMock(dict.fromkeys(modules, dunders)):
        yield made


def test_an_execution_function_tells_the_kind_and_the_place(
    opts: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(salt.exceptions.CommandExecutionError, match="ValueError at") as caught:
        mip._query(fault, "fed1")
    assert CANARY not in str(caught.value) + caplog.text
    assert caught.value.__suppress_context__
    assert "in fault" in caplog.text


def test_a_step_of_the_pusher_tells_the_kind_and_the_place(
    opts: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    federation = mip._context("fed1").federation

    @federation_node._signed
    def step(federation: str, declaration: str) -> Any:
        return federation_node._step(fault, federation, declaration)

    with pytest.raises(salt.exceptions.CommandExecutionError, match="ValueError at") as caught:
        step("fed1", federation.digest)
    assert CANARY not in str(caught.value) + caplog.text
    assert "in fault" in caplog.text


def test_a_state_fails_with_the_kind_and_the_place(opts: dict[str, Any]) -> None:
    ret = states._state("name", "fed1", fault)
    assert ret["result"] is False
    assert "ValueError at" in ret["comment"]
    assert CANARY not in ret["comment"]


def raising(error: BaseException) -> Any:
    def function(timeout: Any = 300) -> None:
        raise error

    return command(function)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError(CANARY), "mip.function: Internal error"),
        (TypeError(CANARY), "mip.function: Internal error"),
        (OSError(28, "No space left on device", "/var/lib/mip/fed1/lock"), "No space left"),
        (salt.exceptions.SaltReqTimeoutError("the master does not answer"), "does not answer"),
        (MipError("of a\x1b[2J node"), r"of a\\x1b\[2J node"),
        (SystemExit(0), "interrupted"),
        (MipError("run mip.enable node=ms first."), "^run salt-run mip.enable node=ms first.$"),
    ],
)
def test_whatever_fails_in_a_runner_is_one_error_that_salt_run_exits_with_1_for(
    opts: dict[str, Any], error: BaseException, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(MipRunnerError, match=words) as caught:
        raising(error)()
    assert CANARY not in str(caught.value) + caplog.text


@pytest.mark.parametrize("timeout", ["soon", -1, None, True, float("nan"), float("inf")])
def test_a_timeout_is_a_number_of_seconds(opts: dict[str, Any], timeout: Any) -> None:
    with pytest.raises(MipRunnerError, match="timeout= must be a number of seconds"):
        raising(ValueError())(timeout=timeout)


@pytest.mark.parametrize("word", ["Flase", "nein", "", None, [True], 2])
def test_a_switch_is_on_or_off_and_no_word_that_would_count_as_on(word: Any) -> None:
    @command
    def switched(strict: bool = False) -> Any:
        return {"strict": strict}

    with pytest.raises(MipRunnerError, match=r"mip\.switched: strict must be True or False"):
        switched(strict=word)
    for good in (True, False, 1, 0):
        assert switched(strict=good)["data"]["strict"] == good


@pytest.mark.parametrize("given", [12, [1, 2], True, "words"])
def test_a_reason_is_words_whatever_salt_takes_them_for(given: Any) -> None:
    @command
    def reasoned(reason: Any = None) -> Any:
        return {"reason": reason}

    assert reasoned(reason=given)["data"]["reason"] == str(given)
    assert reasoned()["data"]["reason"] is None


def test_values_are_shown_where_they_stay_and_nowhere_else(
    opts: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "dementia"
    folder.mkdir(parents=True)
    (folder / "CDEsMetadata.json").write_text(cde("edsd"))
    (folder / "bad.csv").write_text(f"dataset,age,mmse\nedsd,{CANARY}x,1\n")
    sent = mip_files.check(str(folder))
    (found,) = sent["files"]["bad.csv"]
    assert (found["rule"], found["count"]) == ("NotANumber", "<10")
    assert not found.keys() & {"line", "lines", "examples", "advice"}
    assert CANARY not in str(sent)
    # a minion that has its files at home still has a master
    opts["file_client"] = "local"
    assert CANARY not in str(mip_files.check(str(folder)))
    opts["__cli"] = "salt-call"
    assert CANARY in str(mip_files.check(str(folder)))


def test_only_a_user_of_the_machine_allows_more_questions(
    opts: dict[str, Any], tmp_path: Path
) -> None:
    trials = Trials(tmp_path / "var/lib/mip/fed1")
    trials.may_ask("dementia", "digest", job="20261201", changed=("age",))
    (asked,) = mip_files.history()["asked"]
    assert (asked["job"], asked["changed"], asked["what"]) == ("20261201", ["age"], "answered")
    for how in ({}, {"file_client": "local"}, {"__cli": "salt-call", "file_client": "remote"}):
        opts.update(how)
        with pytest.raises(salt.exceptions.CommandExecutionError, match="salt-call --local"):
            mip_files.allow("dementia")
    opts.update({"__cli": "salt-call", "file_client": "local"})
    assert mip_files.allow("dementia")["left"] == {"dementia": 20}
    assert mip_files.history()["asked"][-1]["what"] == "allowed"


def test_salt_tells_a_step_which_job_it_is(opts: dict[str, Any]) -> None:
    """It adds ``__pub_jid`` where a function takes any keyword; ``nonce`` has to remain one."""
    spec = salt.utils.args.get_function_argspec(federation_node.verify)
    assert spec.keywords == "published"
    assert spec.args == ["federation", "declaration", "parts", "nonce"]
