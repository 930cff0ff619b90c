"""What plan cases cannot say: real data, a second run, whom to ask before, what people answer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.data.cde.model import CDE_FILE, parse
from saltext_mip.data.consolidation.planner import (
    CdeFound,
    Labels,
    Plan,
    Previous,
    plan,
    unusable,
    unverified,
)
from saltext_mip.data.inventory import collect as inventories
from saltext_mip.data.inventory.model import Inventory
from saltext_mip.errors import NodesMissing
from saltext_mip.federation import Federation
from saltext_mip.problems import Problem
from saltext_mip.pusher.questions.label_review import LabelUnfit, ask_labels
from tests.support import cdes
from tests.unit.data.consolidation import plancases


def made(case: Mapping[str, Any]) -> Plan:
    result = plancases.outcome(case)
    assert isinstance(result, Plan), result
    return result


def settled(first: Plan) -> Previous:
    """The generation that a plan makes."""
    return Previous(
        number=1,
        files=first.files,
        pathologies=tuple(p.name for p in first.pathologies),
        cdes=first.cdes,
    )


# -- real data, looked at by the real look


class Nodes:
    """Data paths of a federation in a folder, as its nodes have them."""

    def __init__(self, root: Path, workers: int) -> None:
        self.root = root
        nodes: dict[str, Any] = {
            "ms": {"role": "master", "address": "10.0.0.1"},
            "ui": {"role": "ui", "address": "10.0.0.2"},
        }
        for n in range(workers):
            nodes[f"wk{n}"] = {"role": "worker", "address": f"10.0.1.{n}"}
        self.federation = Federation.from_pillar("fed1", {"nodes": nodes})
        self.ui: bytes | None = None
        for node in ("ms", *(worker.id for worker in self.federation.workers)):
            (root / node).mkdir()

    def look(self) -> dict[str, Inventory]:
        return {
            folder.name: inventories.collect(
                folder, self.root / "state" / folder.name, federation="fed1", node=folder.name
            )
            for folder in sorted(self.root.iterdir())
            if folder.name != "state"
        }

    def cdes(self) -> dict[str, CdeFound]:
        return {
            path.parent.name: CdeFound(path.read_bytes())
            for path in sorted((self.root / "ms").glob(f"*/{CDE_FILE}"))
        }

    def plan(self, previous: Previous | None = None) -> Plan:
        found = self.cdes()
        for node, names in unverified(self.federation, self.look(), found).items():
            inventories.verify(
                self.root / node,
                self.root / "state" / node,
                federation="fed1",
                node=node,
                cdes={name: found[name].content for name in names},
            )
        ui = None if self.ui is None else plancases.sha256(self.ui)
        return plan(
            self.federation,
            inventories=self.look(),
            absent={},
            cdes=found,
            ui_sha256=ui,
            previous=previous,
        )

    def carry_out(self, made: Plan) -> None:
        for write in made.writes:
            content = made.blobs[write.sha256]
            if write.kind == "pathologies":
                self.ui = content
            else:
                assert write.pathology is not None
                (self.root / write.node / write.pathology / CDE_FILE).write_bytes(content)


FILES = {
    "all": {
        "dementia": ["edsd.csv", "ppmi.csv", "fake_longitudinal.csv", "desd-synthdata.csv"],
        "tbi": ["dummy_tbi.csv"],
    },
    "subset": {"dementia": ["edsd.csv", "ppmi.csv"]},
}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("kind", ["all", "subset"])
def test_real_data_become_what_existing_installations_made(
    shared: Path, tmp_path: Path, kind: str, workers: int
) -> None:
    nodes = Nodes(tmp_path, workers)
    for pathology, names in FILES[kind].items():
        for node in ("ms", *(f"wk{n}" for n in range(workers))):
            (tmp_path / node / pathology).mkdir()
        source = shared / "data" / pathology
        shutil.copy(source / CDE_FILE, tmp_path / "ms" / pathology)
        for n, name in enumerate(names):
            shutil.copy(source / name, tmp_path / f"wk{n % workers}" / pathology)
    first = nodes.plan()
    assert not [problem for problem in first.problems if problem.hard]
    nodes.carry_out(first)
    golden = shared / "golden" / kind
    assert nodes.ui is not None
    # dumped, so that the order of keys counts
    assert json.dumps(json.loads(nodes.ui)) == json.dumps(
        json.loads((golden / "pathologies.json").read_bytes())
    )
    for pathology in FILES[kind]:
        written = json.loads((tmp_path / "ms" / pathology / CDE_FILE).read_bytes())
        asked = json.loads((golden / pathology / CDE_FILE).read_bytes())
        assert json.dumps(written) == json.dumps(asked)
        for worker in nodes.federation.workers:
            copy = tmp_path / worker.id / pathology / CDE_FILE
            assert copy.read_bytes() == (tmp_path / "ms" / pathology / CDE_FILE).read_bytes()

    second = nodes.plan(settled(first))
    assert second.writes == ()
    assert not second.changed
    assert second.structure == first.structure


# -- a second run


CASE: dict[str, Any] = {
    "cdes": {"dementia": {"edsd": "EDSD", "gone": "GONE"}, "tbi": {}},
    "inventories": {
        "wk-a": {"dementia": {"a.csv": {"edsd": 20}}, "tbi": {"b.csv": {"x": 20}}},
        "wk-b": {"dementia": {"b.csv": {"new": 20}}},
    },
}


def after(first: Plan, case: Mapping[str, Any], **more: Any) -> Plan:
    """The plan made where ``first`` was carried out."""
    asked = plancases.inputs(case)
    asked["cdes"] = {p.name: CdeFound(first.blobs[p.cde]) for p in first.pathologies}
    asked["inventories"] = {
        node: replace(
            inv,
            pathologies=tuple(
                replace(record, cde=first.cdes.get(record.name)) for record in inv.pathologies
            ),
        )
        for node, inv in asked["inventories"].items()
    }
    asked.update(ui_sha256=first.pathologies_json, previous=settled(first))
    return plan(plancases.federation(), **{**asked, **more})


def test_again_with_nothing_changed_plans_nothing() -> None:
    first = made(CASE)
    assert len(first.writes) == 6
    second = after(first, CASE)
    assert (second.writes, second.changed) == ((), False)
    assert [(p.added, p.removed) for p in second.pathologies] == [((), ()), ((), ())]
    assert second.files == first.files


def test_what_is_not_written_is_in_the_blobs_too() -> None:
    first = made(CASE)
    second = after(first, CASE)
    assert set(second.blobs) == {*second.cdes.values(), second.pathologies_json}
    assert second.blobs == first.blobs
    assert all(plancases.sha256(content) == key for key, content in first.blobs.items())


def test_rows_alone_make_a_generation_and_no_write() -> None:
    first = made(CASE)
    case = json.loads(json.dumps(CASE))
    case["inventories"]["wk-b"]["dementia"]["b.csv"]["new"] = 21
    second = after(first, case)
    assert (second.writes, second.changed) == ((), True)


def test_a_file_that_went_bad_and_is_kept_changes_nothing() -> None:
    first = made(CASE)
    case = json.loads(json.dumps(CASE))
    case["inventories"]["wk-b"]["dementia"]["b.csv"] = ["UnclosedQuote"]
    second = after(first, case)
    assert (second.writes, second.changed) == ((), False)
    assert {problem.rule for problem in second.problems} == {"KeptAsItWas", "UnclosedQuote"}
    # and goes on so, generation after generation
    third = after(second, case)
    assert (third.writes, third.changed) == ((), False)
    assert third.files["wk-b"]["dementia"][0].kept


def test_a_cde_that_a_person_changed_is_handed_on() -> None:
    first = made(CASE)
    tree = json.loads(first.blobs[first.cdes["tbi"]])
    tree["label"] = "Another label"
    changed = CdeFound(cdes.content(tree))
    found = {"dementia": CdeFound(first.blobs[first.cdes["dementia"]]), "tbi": changed}
    base = plancases.inputs(CASE)["inventories"]
    known = {
        "ms": {"dementia": first.cdes["dementia"], "tbi": plancases.sha256(changed.content)},
        "wk-a": first.cdes,
        "wk-b": first.cdes,
    }
    inventories_ = {
        node: replace(
            inv,
            pathologies=tuple(
                replace(record, cde=known[node].get(record.name)) for record in inv.pathologies
            ),
        )
        for node, inv in base.items()
    }
    second = after(first, CASE, cdes=found, inventories=inventories_)
    assert [(w.node, w.pathology) for w in second.writes] == [("wk-a", "tbi"), ("ui", None)]
    assert second.blobs[second.writes[0].sha256] == changed.content  # byte for byte
    assert "differs: " in second.writes[0].reason


def test_a_plan_does_not_depend_on_the_order_in_which_answers_came() -> None:
    asked = plancases.inputs(CASE)
    turned = {
        **asked,
        "inventories": dict(reversed(asked["inventories"].items())),
        "cdes": dict(reversed(asked["cdes"].items())),
    }
    federation = plancases.federation()
    assert plan(federation, **asked) == plan(federation, **turned)


def test_the_reason_of_an_absent_node_is_said() -> None:
    failed = Problem("WorkerFailed", about="No module named 'polars'")
    case = {**CASE, "absent": {"wk-b": failed}}
    error = plancases.outcome(case)
    assert isinstance(error, NodesMissing)
    assert "wk-b" in str(error)
    assert "No module named 'polars'" in str(error)
    skipped = made({**case, "options": {"missing_worker": "skip"}})
    assert skipped.problems == (replace(failed, node="wk-b"),)
    assert skipped.workers["wk-b"]["status"] == "error"


def test_a_thousand_workers_are_planned() -> None:
    nodes = {
        "ms": {"role": "master", "address": "m"},
        **{f"w{n}": {"role": "worker", "address": f"a{n}"} for n in range(1000)},
    }
    found = {"dementia": CdeFound(cdes.content())}
    looks = {"ms": plancases.inventory("ms", {"dementia": {"_cde": "same"}}, found)}
    looks |= {
        f"w{n}": plancases.inventory(f"w{n}", {"dementia": {"a.csv": {f"d{n}": 20}}}, found)
        for n in range(1000)
    }
    federation = Federation.from_pillar("fed1", {"nodes": nodes})
    big = plan(federation, inventories=looks, absent={}, cdes=found, ui_sha256=None)
    assert len(big.pathologies[0].datasets) == 1000
    assert len(big.writes) == 1001  # there is no ui


def test_a_catalogues_cde_is_written_our_way_and_then_not_again() -> None:
    case: dict[str, Any] = {
        "options": {"online_cdes": True},
        "cdes": {
            "dementia": {
                "datasets": {"edsd": "EDSD"},
                "root": {"note": r"A\u03b2"},
                "source": "catalogue",
            }
        },
        "inventories": {
            "ms": {"dementia": {"_cde": "other"}},
            "wk-a": {"dementia": {"a.csv": {"edsd": 20}}},
            "wk-b": {},
        },
    }
    first = made(case)
    content = first.blobs[first.cdes["dementia"]]
    assert content.startswith(b'{\n  "')
    assert json.loads(content)["note"] == "Aβ"
    # the catalogue goes on having its own bytes
    second = after(first, case, cdes=plancases.inputs(case)["cdes"])
    assert (second.writes, second.changed) == ((), False)


def test_strict_lists_the_first_of_many_problems_and_counts_the_rest() -> None:
    bad = {f"{n:03}.csv": ["NotUtf8"] for n in range(60)}
    case = {
        "options": {"strict": True},
        "cdes": {"dementia": {}},
        "inventories": {"wk-a": {"dementia": bad}, "wk-b": {}},
    }
    lines = str(plancases.outcome(case)).splitlines()
    assert len(lines) == 52
    assert "000.csv" in lines[1]
    assert "10 more" in lines[-1]


# -- whom to ask before


def test_only_whom_is_asked_who_has_sound_files_that_were_not_verified() -> None:
    asked = plancases.inputs(
        {
            "cdes": {"dementia": {}, "tbi": {}},
            "inventories": {
                "wk-a": {
                    "dementia": {"a.csv": {"datasets": {"x": 1}}, "b.csv": {"x": 1}},
                    "tbi": {"a.csv": {"x": 1}, "bad.csv": ["NotUtf8"]},
                    "no-cde": {"a.csv": {"datasets": {"x": 1}}},
                },
                "wk-b": {"dementia": {"a.csv": ["NotUtf8"]}},
            },
        }
    )
    federation = plancases.federation()
    assert unverified(federation, asked["inventories"], asked["cdes"]) == {"wk-a": ("dementia",)}
    assert unverified(federation, {}, asked["cdes"]) == {}


def test_what_is_verified_depends_on_subjectcode() -> None:
    asked = plancases.inputs(CASE)
    federation = plancases.federation({"compile": {"subjectcode": True}})
    assert unverified(plancases.federation(), asked["inventories"], asked["cdes"]) == {}
    assert unverified(federation, asked["inventories"], asked["cdes"]) == {
        "wk-b": ("dementia",),
        "wk-a": ("dementia", "tbi"),
    }


def test_nobody_is_asked_about_a_cde_that_cannot_be_used() -> None:
    asked = plancases.inputs(CASE)
    asked["cdes"]["dementia"] = CdeFound(b"{")
    names = unverified(plancases.federation(), asked["inventories"], asked["cdes"]).values()
    assert "dementia" not in {name for of in names for name in of}
    assert unusable(plancases.federation(), asked["cdes"]) == ("dementia",)


# -- what a person answers


class Person:
    """Answers prompts: some in words of their own, all others with the empty line."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, prompt: str) -> str:
        self.asked.append(prompt)
        return next((a for about, a in self.answers.items() if f"'{about}'? [" in prompt), "")


def test_the_prompts_are_as_operators_know_them() -> None:
    person = Person()
    kept = ask_labels(made(CASE), Labels(), person)
    assert person.asked == [
        "Relabel pathology 'dementia'? [Dementia] (Enter keeps it) ",
        "Pathology 'dementia': Relabel dataset 'edsd'? [EDSD] (Enter keeps it) ",
        "Pathology 'dementia': Relabel dataset 'new'? [NEW] (Enter keeps it) ",
        "Relabel pathology 'tbi'? [Tbi] (Enter keeps it) ",
        "Pathology 'tbi': Relabel dataset 'x'? [X] (Enter keeps it) ",
    ]
    assert kept == Labels()


def test_answers_are_planned_with_and_the_pathologys_is_to_be_remembered() -> None:
    labels = ask_labels(made(CASE), Labels(), Person(dementia=" The dementias ", edsd="The EDSD"))
    assert labels.pathologies == {"dementia": "The dementias"}
    reviewed = plan(plancases.federation(), **{**plancases.inputs(CASE), "labels": labels})
    cde = parse(reviewed.blobs[reviewed.cdes["dementia"]], pathology="dementia")
    assert cde.label == "Dementia"
    assert dict(cde.datasets) == {"edsd": "The EDSD", "new": "NEW"}
    listed = json.loads(reviewed.blobs[reviewed.pathologies_json])
    assert [entry["label"] for entry in listed] == ["The dementias", "Tbi"]


def test_an_empty_answer_keeps_what_is_remembered() -> None:
    remembered = Labels({"dementia": "Remembered", "other": "Elsewhere"})
    asked = {**plancases.inputs(CASE), "labels": remembered}
    person = Person(tbi="TBI")
    labels = ask_labels(plan(plancases.federation(), **asked), remembered, person)
    assert person.asked[0] == "Relabel pathology 'dementia'? [Remembered] (Enter keeps it) "
    assert labels.pathologies == {**remembered.pathologies, "tbi": "TBI"}


def test_an_answer_that_cannot_be_shown_is_refused() -> None:
    with pytest.raises(LabelUnfit, match=r"\\x1b\[A"):
        ask_labels(made(CASE), Labels(), Person(edsd="x\x1b[A"))


def test_an_answer_that_cannot_be_shown_is_asked_for_again() -> None:
    answers = iter(["", "x\x1b[A", "\udcff", "EDSD"])
    asked: list[str] = []

    def person(prompt: str) -> str:
        asked.append(prompt)
        return next(answers, "")

    labels = ask_labels(made(CASE), Labels(), person)
    assert "x\\x1b[A has characters that cannot be shown" in asked[2]
    assert "\\udcff has characters that cannot be shown" in asked[3]
    assert [list(of.values()) for of in labels.datasets.values()] == [["EDSD"]]


def test_a_prompt_shows_no_control_characters() -> None:
    case = {
        "cdes": {"dementia": {"datasets": {"a": "\x1b[2J"}, "root": {"label": "\x1b]0;x\x07"}}},
        "inventories": {"wk-a": {"dementia": {"a.csv": {"a": 20}}}, "wk-b": {}},
    }
    person = Person()
    ask_labels(made(case), Labels(), person)
    assert all(prompt.isprintable() for prompt in person.asked)
