"""What a function for the pusher returns: its value or its error, packed and signed."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import salt.exceptions
import salt.utils.args

from saltext_mip import signing, wire
from saltext_mip.bridge import signed_answers, upgrade
from saltext_mip.errors import NodeError
from tests.support.minion_keys import minion_key

NODE = "fed1-wk-h1"
CANARY = "4711.0815"


@pytest.fixture
def opts(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "minion.pem").write_bytes(minion_key(NODE).private)
    return {"id": NODE, "pki_dir": str(tmp_path)}


def asked(opts: dict[str, Any], function: Any, *args: Any, **keywords: Any) -> Any:
    call = signed_answers.signed(function, lambda: opts)
    return call("fed1", "digest", *args, **keywords)


def page_of(value: Any, nonce: str = "n1", function: str = "step") -> signing.SignedPage:
    question = signing.Question("fed1", f"federation_node.{function}", NODE, nonce)
    page = signing.genuine(question, value, minion_key(NODE).public)
    assert page is not None
    return page


def step(federation: str, declaration: str, value: Any = 1) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


def value_of(page: signing.SignedPage) -> Any:
    return wire.inflate("".join(page.parts))


@pytest.mark.parametrize("value", [None, True, {"stale_pillar": True}, ["a"], {"a": {"b": 1.5}}])
def test_a_value_is_packed_and_signed(opts: dict[str, Any], value: Any) -> None:
    page = page_of(asked(opts, step, value=value, nonce="n1"))
    assert (value_of(page), page.failed) == (value, False)


def test_a_packed_value_is_signed_page_by_page(opts: dict[str, Any]) -> None:
    packed = wire.page(wire.deflate({"rows": 12}))
    assert value_of(page_of(asked(opts, step, packed, nonce="n1"))) == {"rows": 12}


def test_an_error_is_signed_too_and_has_no_value_in_it(opts: dict[str, Any]) -> None:
    page = page_of(asked(opts, step, NodeError("the disk is full"), nonce="n1"))
    assert (value_of(page), page.failed) == ("the disk is full", True)
    page = page_of(asked(opts, step, ValueError(CANARY), nonce="n1"))
    assert page.failed
    assert CANARY not in value_of(page)
    assert "ValueError at" in value_of(page)


def test_a_mixture_of_versions_is_a_signed_error(
    opts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "pending", lambda: "restart salt-minion")
    page = page_of(asked(opts, step, nonce="n1"))
    assert (value_of(page), page.failed) == ("restart salt-minion", True)


def test_a_pusher_without_signatures_reads_what_it_expects(opts: dict[str, Any]) -> None:
    """A pusher of the version before sends no nonce, unpacks pages, and knows errors of Salt."""
    value = asked(opts, step, {"rows": 12})
    assert wire.is_page(value)
    assert wire.whole([wire.check_page(value)]) == {"rows": 12}
    with pytest.raises(salt.exceptions.CommandExecutionError, match="the disk is full"):
        asked(opts, step, NodeError("the disk is full"))


def test_an_answer_that_cannot_be_signed_is_an_error_that_names_the_key(
    opts: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "minion.pem").unlink()
    with pytest.raises(salt.exceptions.CommandExecutionError, match=r"minion\.pem"):
        asked(opts, step, nonce="n1")


def test_salt_sees_the_arguments_of_the_function_and_the_nonce(opts: dict[str, Any]) -> None:
    call = signed_answers.signed(step, lambda: opts)
    spec = salt.utils.args.get_function_argspec(call)
    assert spec.args == ["federation", "declaration", "value", "nonce"]
    assert spec.keywords is None  # else Salt adds keywords of its own
    assert inspect.getdoc(call) == inspect.getdoc(step)
