"""Who answered and what counts: the one place where a node's answer is trusted or refused."""

from __future__ import annotations

import pytest
from msgspec import Struct

from saltext_mip.errors import NodesFailed, NodesMissing
from saltext_mip.pusher.answers import ERROR_LENGTH, Answers, require, sanitize, unanswered
from tests.support.folders import Folders

ANSWERS = Answers(
    {"fed1-ms": {}},
    {"fed1-wk-h1": "it does not answer"},
    {"fed1-wk-h2": "no space\x1b[2J\nleft"},
)


def test_who_answered_is_enough() -> None:
    require(ANSWERS, ["fed1-ms"])
    require(ANSWERS, [])


def test_a_node_that_is_missing_is_a_temporary_error_that_names_it_and_what_to_check() -> None:
    with pytest.raises(
        NodesMissing, match=r"fed1-wk-h1: it does not answer.*salt-minion"
    ) as caught:
        require(ANSWERS, ["fed1-ms", "fed1-wk-h1", "fed1-wk-h2"])
    assert not caught.value.permanent
    assert caught.value.facts["nodes"] == "fed1-wk-h1"


def test_what_a_node_fails_with_cannot_steer_a_terminal() -> None:
    with pytest.raises(NodesFailed) as caught:
        require(ANSWERS, ["fed1-wk-h2"])
    assert str(caught.value) == r"Failed on fed1-wk-h2: fed1-wk-h2: no space\x1b[2J left"
    assert caught.value.permanent


def test_each_node_without_an_answer_is_a_problem_of_its_rule(fed: Folders) -> None:
    problems = unanswered(ANSWERS, fed.federation.nodes, "WorkerMissing", "WorkerFailed")
    assert [(one.rule, one.node, one.about) for one in problems] == [
        ("WorkerMissing", "fed1-wk-h1", "it does not answer"),
        ("WorkerFailed", "fed1-wk-h2", r"no space\x1b[2J left"),
    ]
    assert unanswered(ANSWERS, [fed.federation.master], "NodeMissing", "NodeFailed") == []


def test_an_answer_that_does_not_fit_its_type_is_that_nodes_problem(fed: Folders) -> None:
    class Sent(Struct):
        there: bool

    answers = Answers({"fed1-ms": {"there": True}, "fed1-wk-h1": {"there": "\x1b[2J"}})
    decoded = answers.decoded(Sent)
    assert decoded.values == {"fed1-ms": Sent(there=True)}
    (problem,) = unanswered(decoded, fed.federation.nodes, "NodeMissing", "NodeFailed")
    assert (problem.rule, problem.node) == ("InvalidAnswer", "fed1-wk-h1")
    assert problem.about == "Invalid response from fed1-wk-h1: there must be of type boolean"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("  two\n\tlines ", "two lines"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("gnp.\u202eexe", r"gnp.\u202eexe"),
        ("é ü", "é ü"),
    ],
)
def test_a_text_of_a_node_is_one_line_without_control_characters(text: str, shown: str) -> None:
    assert sanitize(text) == shown


def test_a_long_text_is_cut_and_shows_it() -> None:
    assert sanitize("x" * ERROR_LENGTH) == "x" * ERROR_LENGTH
    assert sanitize("x" * (ERROR_LENGTH + 1)) == "x" * ERROR_LENGTH + "…"
