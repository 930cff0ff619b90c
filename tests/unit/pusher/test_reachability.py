"""Why a node does not take part: evidence, and the reason and the fix that it must lead to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from saltext_mip import __version__
from saltext_mip.conditions import REASONS
from saltext_mip.pusher.reachability import UNCERTAIN, Evidence, Key, of_version, reasons
from saltext_mip.rules import NODE_RULES, RULES

CASES = yaml.safe_load(Path(__file__).with_name("reachability.yaml").read_text(encoding="utf-8"))
STARTED = datetime(2026, 3, 12, 4, 0, tzinfo=UTC)
MOMENTS = {"before": STARTED - timedelta(hours=1), "after": STARTED + timedelta(hours=1)}
NEW, OLD = "9999.0", "0.0.1"
VERSIONS = {"newer": NEW, "older": OLD, "same": __version__}


def evidence(of: dict[str, Any]) -> Evidence:
    """A case's evidence: moments are relative to the Salt master's start, versions to ours."""
    of = dict(of)
    key = dict(of.pop("key", {}))
    for facts, name in ((key, "denied_at"), (of, "contact")):
        if name in facts:
            facts[name] = MOMENTS[facts[name]]
    if "version" in of:
        of["version"] = VERSIONS.get(of["version"], of["version"])
    facts = {"function": "federation_node.inventory", "seconds": 21.4, "started": STARTED, **of}
    return Evidence(**facts, key=Key(**key))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_evidence_leads_to_one_reason_with_its_facts_and_its_fix(case: dict[str, Any]) -> None:
    (reason,) = reasons({"wk1": evidence(case["evidence"])}, 1).values()
    assert reason.rule == case["reason"]
    assert RULES[reason.rule].text in str(reason)
    for part in case["about"]:
        assert part in reason.about
    for part in case["hint"]:
        assert part in RULES[reason.rule].hint


def test_there_is_a_case_for_each_reason() -> None:
    mixed = {"WorkerMissing", "NodeMissing"}  # of nodes with different reasons
    assert {case["reason"] for case in CASES} == NODE_RULES.keys() - mixed - {"NoNodeAnswers"}
    assert NODE_RULES.keys() <= REASONS.keys()
    assert NODE_RULES.keys() >= UNCERTAIN


SILENT = Evidence("federation_node.status", "silent", connected=True)


@pytest.mark.parametrize(
    ("found", "asked", "suspected"),
    [
        ([SILENT, SILENT], 2, True),
        ([SILENT, SILENT], 3, False),  # one answers
        ([SILENT], 1, False),  # of one node nothing can be concluded
        ([SILENT, Evidence("federation_node.status", "unsent", key=Key("pending"))], 2, False),
        ([SILENT, Evidence("federation_node.status", "running")], 2, False),
        ([SILENT, Evidence("federation_node.status", "silent", unsigned=True)], 2, False),
    ],
)
def test_where_all_are_silent_at_once_the_pusher_is_suspected_first(
    found: list[Evidence], asked: int, suspected: bool
) -> None:
    evidence = {f"wk{number}": each for number, each in enumerate(found)}
    why = reasons(evidence, asked, ["job_cache is off"])
    assert ({each.rule for each in why.values()} == {"NoNodeAnswers"}) is suspected
    assert all("job_cache is off" in each.about for each in why.values()) is suspected


def test_all_silent_without_a_known_fault_is_said_so() -> None:
    why = reasons({"ms": SILENT, "wk1": SILENT}, 2)
    assert "found no cause" in why["ms"].about


@pytest.mark.parametrize(
    ("version", "rule"),
    [
        (OLD, "ExtensionOlder"),
        (NEW, "ExtensionNewer"),
        (__version__, None),
        (None, None),
        ("\x1b[2J", None),
        ("", None),
    ],
)
def test_a_version_explains_an_invalid_answer_only_if_it_is_another(
    version: str | None, rule: str | None
) -> None:
    assert of_version(version) == rule


def test_what_a_node_claims_cannot_steer_a_terminal() -> None:
    claimed = Evidence("f", "silent", unsigned=True, answered="\x1b[2J" + "x" * 900)
    (reason,) = reasons({"wk1": claimed}, 1).values()
    assert "\x1b" not in str(reason)
    assert len(str(reason)) < 400
