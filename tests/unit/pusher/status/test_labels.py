"""Labels that the pillar declares: an edit is seen, and one that is removed is undone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.pusher.survey import Options
from tests.support.commands import compile_federation, consolidate, resume, rollback
from tests.unit.pusher.conftest import cde, rows
from tests.unit.pusher.status.test_report import HOSTS, WithServices

OWN = "The EDSD study"  # what the data managers call it
LABELS = {"pathologies": {"dementia": "Memory"}, "datasets": {"dementia": {"edsd": "EDSD 2027"}}}


@pytest.fixture
def fed(tmp_path: Path) -> WithServices:
    made = WithServices(tmp_path)
    labelled = cde("edsd", "ppmi").replace('"label": "EDSD"', f'"label": "{OWN}"')
    made.write("fed1-ms", "dementia", "CDEsMetadata.json", labelled)
    made.write(HOSTS[0], "dementia", "edsd.csv", rows("edsd"))
    made.write(HOSTS[1], "dementia", "ppmi.csv", rows("ppmi"))
    applied(made)
    return made


def applied(fed: WithServices) -> Any:
    done = consolidate(fed.pusher, Options())
    compile_federation(fed.pusher)
    return done


def master(fed: WithServices) -> bytes:
    return fed.data("fed1-ms", "dementia", "CDEsMetadata.json").read_bytes()


def relabel(fed: WithServices, label: str) -> None:
    """As a data manager does, in the master's CDE."""
    path = fed.data("fed1-ms", "dementia", "CDEsMetadata.json")
    tree = json.loads(path.read_text())
    entries = next(each for each in tree["variables"] if each["code"] == "dataset")["enumerations"]
    next(each for each in entries if each["code"] == "edsd")["label"] = label
    path.write_text(json.dumps(tree, indent=2) + "\n")


def listed(fed: WithServices) -> dict[str, str]:
    """The labels that the ui has."""
    (dementia,) = json.loads((fed.root / "fed1-ui/ui/config/pathologies.json").read_text())
    found = {each["code"]: each["label"] for each in dementia["datasets"]}
    return {"dementia": dementia["label"], **found}


def consolidated(fed: WithServices) -> tuple[str, str, str]:
    value = fed.status()
    found = next(each for each in value["conditions"] if each["type"] == "Consolidated")
    return value["sync"], found["reason"], found["message"]


def test_an_edit_of_the_pillar_is_out_of_sync_with_what_would_change(fed: WithServices) -> None:
    assert consolidated(fed)[:2] == ("Synced", "UpToDate")
    fed.declared["labels"] = LABELS
    sync, reason, message = consolidated(fed)
    assert (sync, reason) == ("OutOfSync", "LabelsDiffer")
    assert "pathology dementia: label 'Dementia' -> 'Memory'" in message
    assert f"dataset edsd of dementia: label '{OWN}' -> 'EDSD 2027'" in message
    plan = consolidate(fed.pusher, Options(dry_run=True))["plan"]
    reasons = {(item["thing"], item["node"]): item["reason"] for item in plan}
    edit = f"dataset enumeration relabels edsd ('{OWN}' -> 'EDSD 2027')"
    assert reasons["dementia/CDEsMetadata.json", "fed1-ms"] == edit
    assert reasons["pathologies.json", "fed1-ui"] == "relabels dementia: 'Dementia' -> 'Memory'"
    applied(fed)
    assert listed(fed) == {"dementia": "Memory", "edsd": "EDSD 2027", "ppmi": "PPMI"}
    assert consolidated(fed)[:2] == ("Synced", "UpToDate")


def test_without_it_the_label_of_the_cde_is_back(fed: WithServices) -> None:
    before, named = master(fed), listed(fed)
    fed.declared["labels"] = LABELS
    applied(fed)
    fed.declared["labels"] = {"datasets": {"dementia": {"edsd": "Another"}}}
    applied(fed)
    assert listed(fed)["edsd"] == "Another"
    del fed.declared["labels"]
    sync, reason, message = consolidated(fed)
    assert (sync, reason) == ("OutOfSync", "LabelsDiffer")
    assert f"dataset edsd of dementia: label 'Another' -> '{OWN}'" in message
    applied(fed)
    assert master(fed) == before
    assert listed(fed) == named
    assert consolidated(fed)[:2] == ("Synced", "UpToDate")
    assert applied(fed)["changed"] is False


def test_an_edit_of_the_cde_since_is_the_label_that_is_put_back(fed: WithServices) -> None:
    fed.declared["labels"] = LABELS
    applied(fed)
    relabel(fed, "Edited")
    applied(fed)
    assert listed(fed)["edsd"] == "EDSD 2027"  # the pillar's goes before
    del fed.declared["labels"]
    applied(fed)
    assert listed(fed)["edsd"] == "Edited"


def test_an_edit_of_the_cde_is_left_where_the_pillar_names_it_no_longer(fed: WithServices) -> None:
    fed.declared["labels"] = LABELS
    applied(fed)
    del fed.declared["labels"]
    relabel(fed, "Edited")
    applied(fed)
    assert listed(fed)["edsd"] == "Edited"


def test_a_generation_that_is_restored_knows_what_its_labels_replaced(fed: WithServices) -> None:
    before = master(fed)
    fed.declared["labels"] = LABELS
    applied(fed)
    del fed.declared["labels"]
    applied(fed)
    fed.services |= {"swarm": "inactive", "cluster": ""}  # nothing restarts
    rollback(fed.pusher, 2, dry_run=False, timeout=300)
    assert listed(fed)["edsd"] == "EDSD 2027"
    assert "LabelsDiffer" in consolidated(fed)
    resume(fed.pusher)
    applied(fed)
    assert master(fed) == before
    assert listed(fed)["dementia"] == "Dementia"


def test_a_dataset_that_comes_back_has_the_label_that_was_replaced(fed: WithServices) -> None:
    fed.declared["labels"] = LABELS
    applied(fed)
    path = fed.data(HOSTS[0], "dementia", "edsd.csv")
    content = path.read_bytes()
    path.unlink()
    fed.write(HOSTS[0], "dementia", "other.csv", rows("other"))
    applied(fed)
    del fed.declared["labels"]
    applied(fed)
    path.write_bytes(content)
    applied(fed)
    assert listed(fed)["edsd"] == OWN


def test_a_label_of_a_new_dataset_replaces_its_code_in_capitals(fed: WithServices) -> None:
    fed.declared["labels"] = {"datasets": {"dementia": {"new": "Brand new"}}}
    assert consolidated(fed)[1] == "UpToDate"  # it is not listed yet
    fed.write(HOSTS[0], "dementia", "new.csv", rows("new"))
    applied(fed)
    assert listed(fed)["new"] == "Brand new"
    del fed.declared["labels"]
    applied(fed)
    assert listed(fed)["new"] == "NEW"


def test_the_labels_of_pathologies_are_applied_where_there_is_no_ui(fed: WithServices) -> None:
    del fed.declared["nodes"]["fed1-ui"]
    applied(fed)
    fed.declared["labels"] = LABELS
    assert consolidated(fed)[1] == "LabelsDiffer"
    applied(fed)
    assert consolidated(fed)[:2] == ("Synced", "UpToDate")
    assert applied(fed)["changed"] is False
