"""A consolidation from the nodes' folders to the nodes' folders, and everything that goes wrong."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from os import mkfifo
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.data.cde.catalogue import CatalogueError
from saltext_mip.data.cde.model import CdeInvalid
from saltext_mip.data.consolidation.planner import CdeGone
from saltext_mip.errors import BadAnswer, Busy, Misuse, NodesFailed, NodesMissing, Refused
from saltext_mip.federation import MissingWorker
from saltext_mip.pusher.context import LIMITS
from saltext_mip.pusher.questions.label_review import LabelReview
from saltext_mip.pusher.survey import Options
from saltext_mip.transaction.coordinator import CommitUnfinished
from tests.support import commands
from tests.support.folders import Folders
from tests.unit.pusher.conftest import Catalogue, cde, rows


def run(fed: Folders, **options: Any) -> dict[str, Any]:
    return commands.consolidate(fed.pusher, Options(**options))


def offered(fed: Folders) -> dict[str, list[str]]:
    return {entry["code"]: [d["code"] for d in entry["datasets"]] for entry in fed.offered}


def rules(result: dict[str, Any]) -> list[tuple[str, str | None, str | None]]:
    return [
        (p["rule"], p["node"], p["file"]) for p in result["problems"] if p["severity"] != "note"
    ]


@pytest.mark.parametrize("which", ["all", "subset"])
def test_what_existing_installations_made_of_real_data(
    which: str, shared: Path, tmp_path: Path
) -> None:
    fed = Folders(tmp_path)
    golden = shared / "golden" / which
    for number, path in enumerate(sorted((shared / "data").glob("*/*.csv"))):
        pathology = path.parent.name
        if (golden / pathology).is_dir() and (which == "all" or path.stem in ("edsd", "ppmi")):
            fed.write(f"fed1-wk-h{1 + number % 2}", pathology, path.name, path.read_bytes())
            content = (path.parent / "CDEsMetadata.json").read_bytes()
            fed.write("fed1-ms", pathology, "CDEsMetadata.json", content)
    result = run(fed)
    assert result["problems"] == []
    assert json.dumps(fed.offered) == json.dumps(
        json.loads((golden / "pathologies.json").read_bytes())
    )
    for path in golden.glob("*/CDEsMetadata.json"):
        wanted = json.dumps(json.loads(path.read_bytes()))
        made = list(fed.root.glob(f"*/data/{path.parent.name}/CDEsMetadata.json"))
        assert len(made) >= 2
        assert [json.dumps(json.loads(p.read_bytes())) for p in made] == [wanted] * len(made)


def test_datasets_are_offered_and_the_cdes_are_where_they_belong(fed: Folders) -> None:
    result = run(fed)
    assert offered(fed) == {"dementia": ["edsd", "ppmi"]}
    assert result["changed"]
    assert result["generation"] == 1
    assert result["pathologies"]["dementia"]["datasets"] == {
        "edsd": ["fed1-wk-h1"],
        "ppmi": ["fed1-wk-h2"],
    }
    assert result["pathologies"]["dementia"]["nodes"] == {
        "fed1-ms": "updated",
        "fed1-wk-h1": "updated",
        "fed1-wk-h2": "updated",
    }
    assert [node for node, _ in fed.events] == ["consolidated"]


def test_again_with_nothing_changed_it_writes_nothing(fed: Folders) -> None:
    run(fed)
    before, asked = fed.files(), len(fed.asked)
    result = run(fed)
    assert not result["changed"]
    assert result["generation"] == 1
    assert fed.files() == before
    assert [function for function, _ in fed.asked[asked:]] == ["federation_node.inventory"]
    assert len(fed.events) == 1


def test_a_dry_run_says_what_would_be_done_and_does_nothing(fed: Folders) -> None:
    before = fed.files()
    result = run(fed, dry_run=True)
    assert {item["node"] for item in result["plan"]} == set(fed.federation.ids)
    assert all(item["action"] and item["thing"] and item["reason"] for item in result["plan"])
    assert fed.files() == before
    assert fed.pusher.store.last() is None


def test_a_file_that_could_not_be_compiled_is_a_problem_and_the_rest_goes_on(fed: Folders) -> None:
    fed.write("fed1-wk-h1", "dementia", "bad.csv", "dataset,age\nx,1\ny\n")
    fed.write("fed1-wk-h1", "dementia", "odd.csv", "dataset,heigth\nz,1\n")
    result = run(fed)
    assert offered(fed) == {"dementia": ["edsd", "ppmi"]}
    found = {problem["file"]: problem for problem in result["problems"]}
    assert (found["bad.csv"]["rule"], found["bad.csv"]["line"]) == ("TooFewFields", 3)
    assert (found["odd.csv"]["rule"], found["odd.csv"]["column"]) == ("UnknownColumn", "heigth")
    assert found["odd.csv"]["contact"] == "it@h1.example"
    assert found["odd.csv"]["hint"]


def test_a_file_that_was_good_goes_on_being_served_as_it_was(fed: Folders) -> None:
    run(fed)
    fed.write("fed1-wk-h1", "dementia", "edsd.csv", "dataset,age,mmse\nedsd,seventy,1\n")
    result = run(fed)
    assert offered(fed) == {"dementia": ["edsd", "ppmi"]}
    assert {rule for rule, _, file in rules(result) if file == "edsd.csv"} == {"NotANumber"}
    fed.data("fed1-wk-h1", "dementia", "edsd.csv").unlink()
    assert run(fed)["pathologies"]["dementia"]["removed"] == ["edsd"]
    assert offered(fed) == {"dementia": ["ppmi"]}


def test_strict_makes_a_problem_an_error(fed: Folders) -> None:
    fed.write("fed1-wk-h2", "dementia", "edsd.csv", rows("edsd"))
    assert rules(run(fed))[0][0] == "DuplicateDataset"
    before = fed.files()
    with pytest.raises(Refused, match="edsd"):
        run(fed, strict=True)
    assert fed.files() == before


def test_a_worker_that_is_down_ends_the_run_with_its_name(fed: Folders) -> None:
    fed.down.add("fed1-wk-h2")
    before = fed.files()
    with pytest.raises(NodesMissing, match="fed1-wk-h2"):
        run(fed)
    assert fed.files() == before


def test_skip_and_keep_go_on_without_a_worker_that_is_down(fed: Folders) -> None:
    run(fed)
    fed.down.add("fed1-wk-h2")
    kept = run(fed, missing_worker="keep")
    assert offered(fed) == {"dementia": ["edsd", "ppmi"]}
    assert not kept["changed"]
    assert kept["workers"]["fed1-wk-h2"]["status"] == "missing"
    skipped = run(fed, missing_worker="skip")
    assert offered(fed) == {"dementia": ["edsd"]}
    assert skipped["pathologies"]["dementia"]["removed"] == ["ppmi"]
    assert ("WorkerMissing", "fed1-wk-h2", None) in rules(skipped)
    fed.down.clear()
    assert run(fed)["pathologies"]["dementia"]["added"] == ["ppmi"]


def test_missing_worker_is_one_of_three(fed: Folders) -> None:
    with pytest.raises(Misuse, match="fail, skip, keep"):
        run(fed, missing_worker="ignore")
    assert fed.asked == []


@pytest.mark.parametrize("node", ["fed1-ms", "fed1-ui"])
def test_without_master_or_ui_there_is_no_consolidation(fed: Folders, node: str) -> None:
    fed.down.add(node)
    with pytest.raises(NodesMissing, match=node):
        run(fed, missing_worker="skip")


def test_a_disabled_worker_is_not_asked_and_its_datasets_leave(fed: Folders) -> None:
    run(fed)
    commands.disable(fed.pusher, "wk2", "disk", dry_run=False)
    fed.asked.clear()
    result = run(fed)
    assert all("fed1-wk-h2" not in asked for _, asked in fed.asked)
    assert result["workers"]["fed1-wk-h2"]["status"] == "disabled"
    assert offered(fed) == {"dementia": ["edsd"]}
    commands.enable(fed.pusher, "h2", dry_run=False)
    run(fed)
    assert offered(fed) == {"dementia": ["edsd", "ppmi"]}


def test_a_disk_that_is_not_mounted_is_not_a_worker_without_data(fed: Folders) -> None:
    run(fed)
    data = fed.data("fed1-wk-h2")
    data.rename(data.with_name("unmounted"))
    data.mkdir()
    with pytest.raises(NodesMissing, match=r"Mount"):
        run(fed)
    result = run(fed, missing_worker="keep")
    assert offered(fed) == {"dementia": ["edsd", "ppmi"]}
    assert ("MountGone", "fed1-wk-h2", None) in rules(result)
    assert list(data.iterdir()) == []
    data.rmdir()
    data.with_name("unmounted").rename(data)
    assert rules(run(fed)) == []


def test_a_worker_that_was_set_up_anew_is_still_known_to_have_had_a_disk(fed: Folders) -> None:
    run(fed)
    for path in (fed.root / "fed1-wk-h2/state").iterdir():
        path.unlink()
    data = fed.data("fed1-wk-h2")
    data.rename(data.with_name("unmounted"))
    data.mkdir()
    result = run(fed, missing_worker="keep")
    assert ("MountGone", "fed1-wk-h2", None) in rules(result)
    assert offered(fed) == {"dementia": ["edsd", "ppmi"]}


def test_enable_takes_a_new_disk_for_the_federations(fed: Folders) -> None:
    run(fed)
    fed.data("fed1-wk-h2", ".mip-data").unlink()
    with pytest.raises(NodesMissing):
        run(fed)
    commands.enable(fed.pusher, "wk2", dry_run=False)
    assert rules(run(fed)) == []


def test_a_disk_that_is_new_and_bare_is_taken_when_a_person_says_so(fed: Folders) -> None:
    run(fed)
    data = fed.data("fed1-wk-h2")
    data.rename(data.with_name("broken"))
    data.mkdir()
    with pytest.raises(NodesMissing, match="enable"):
        run(fed)
    enabled = commands.enable(fed.pusher, "wk2", dry_run=False)
    assert "If a disk should be mounted there" in enabled["notes"][0]
    result = run(fed)
    assert result["workers"]["fed1-wk-h2"] == {"status": "ok", "datasets": {}}
    assert result["pathologies"]["dementia"]["removed"] == ["ppmi"]
    fed.write("fed1-wk-h2", "dementia", "ppmi.csv", rows("ppmi"))
    assert run(fed)["pathologies"]["dementia"]["added"] == ["ppmi"]


def test_a_cde_that_cannot_be_used_leaves_its_pathology_as_it_was(fed: Folders) -> None:
    run(fed)
    before = fed.files()
    broken = '{"code": "dementia",\n "label" 1}'
    fed.write("fed1-ms", "dementia", "CDEsMetadata.json", broken)
    fed.write("fed1-wk-h1", "dementia", "new.csv", rows("new"))
    result = run(fed)
    assert not result["changed"]
    [problem, kept] = result["problems"]
    assert (problem["rule"], kept["rule"]) == ("CdeInvalid", "CdeKept")
    assert "line 2" in problem["about"]
    assert offered(fed) == {"dementia": ["edsd", "ppmi"]}
    after = fed.files()
    assert {name for name in before if before[name] != after[name]} == {
        "fed1-ms/data/dementia/CDEsMetadata.json"
    }
    with pytest.raises(Refused, match="line 2"):
        run(fed, strict=True)


def test_a_cde_that_cannot_be_read_ends_the_run_with_nothing_written(fed: Folders) -> None:
    before = fed.files()
    cde = fed.data("fed1-ms", "dementia", "CDEsMetadata.json")
    cde.unlink()
    cde.mkdir()
    with pytest.raises(CdeInvalid, match="cannot be read"):
        run(fed)
    assert {name: before[name] for name in before if "fed1-ms" not in name} == {
        name: content for name, content in fed.files().items() if "fed1-ms" not in name
    }


def test_a_cde_gone_of_a_known_pathology_is_an_error_and_of_a_new_one_a_problem(
    fed: Folders,
) -> None:
    fed.write("fed1-wk-h1", "tbi", "t.csv", rows("t"))
    result = run(fed)
    assert ("CdeMissing", "tbi") in {(p["rule"], p["pathology"]) for p in result["problems"]}
    assert offered(fed) == {"dementia": ["edsd", "ppmi"]}
    fed.data("fed1-ms", "dementia", "CDEsMetadata.json").unlink()
    with pytest.raises(CdeGone, match="dementia"):
        run(fed)


def test_a_worker_that_answers_for_another_is_not_believed(fed: Folders) -> None:
    run(fed)
    real = fed.ask("federation_node.inventory", ["fed1-wk-h1"]).values["fed1-wk-h1"]
    fed.forged["fed1-wk-h2"] = real
    result = run(fed, missing_worker="keep")
    assert ("InvalidAnswer", "fed1-wk-h2", None) in rules(result)
    assert offered(fed) == {"dementia": ["edsd", "ppmi"]}
    with pytest.raises(NodesMissing, match="fed1-wk-h2"):
        run(fed)


@pytest.mark.parametrize(
    "forged",
    [None, [], "VALUE_TRIMMED", 7, {}, {"inventory": None}, {"inventory": {"pathologies": 1}}],
)
def test_an_answer_that_is_not_of_the_shape_is_a_problem(fed: Folders, forged: Any) -> None:
    fed.forged["fed1-wk-h2"] = forged
    result = run(fed, missing_worker="skip")
    assert ("InvalidAnswer", "fed1-wk-h2", None) in rules(result)
    assert offered(fed) == {"dementia": ["edsd"]}


@pytest.mark.parametrize(
    "forged", [None, [], "VALUE_TRIMMED", {}, {"pathologies_sha256": "\x1b[2J" + "0" * 60}]
)
def test_a_uis_answer_that_is_not_of_the_shape_is_one_error(fed: Folders, forged: Any) -> None:
    fed.forged["fed1-ui"] = forged
    with pytest.raises(BadAnswer, match="fed1-ui"):
        run(fed)


def test_a_worker_that_lies_when_it_verifies_holds_up_nobody_else(fed: Folders) -> None:
    run(fed)
    content = cde("edsd", "ppmi", version="2").replace("REAL", "TEXT")
    fed.write("fed1-ms", "dementia", "CDEsMetadata.json", content)
    honest = fed.ask

    def ask(function: str, targets: Any, *args: Any, **more: Any) -> Any:
        answers = honest(function, targets, *args, **more)
        if function == "federation_node.verify" and "fed1-wk-h2" in answers.values:
            answers.values["fed1-wk-h2"] = {"pathologies": "all of them"}  # type: ignore[index]
        return answers

    fed.ask = ask  # type: ignore[method-assign]
    result = run(fed)
    assert ("FileChanging", "fed1-wk-h2", "ppmi.csv") in rules(result)
    assert offered(fed) == {"dementia": ["edsd", "ppmi"]}


def test_what_a_worker_says_cannot_steer_a_terminal(fed: Folders) -> None:
    fed.broken["fed1-wk-h2"] = "\x1b[2J$(reboot)\n" + "x" * 5000
    result = run(fed, missing_worker="skip")
    (problem,) = [p for p in result["problems"] if p["rule"] == "WorkerFailed"]
    assert "\x1b" not in problem["about"]
    assert len(problem["about"]) < 400


@pytest.mark.parametrize("when", ["stage", "commit"])
def test_what_a_node_says_when_it_fails_cannot_steer_a_terminal(fed: Folders, when: str) -> None:
    def fail(step: str, node: str) -> None:
        if (step, node) == (when, "fed1-wk-h2"):
            raise OSError("\x1b[2J$(reboot)" + "x" * 5000)

    fed.before = fail
    with pytest.raises((NodesFailed, CommitUnfinished)) as caught:
        run(fed)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_odd_names_work_and_do_no_harm(fed: Folders) -> None:
    fed.declared["engine"] = {"any_name": True}
    odd = ["a b", "a'b\"c", "-rf", "x;y", "$(touch pwned)", "`id`", "{{ 7*7 }}", "dementia2", "é,ü"]
    for name in odd:
        fed.write("fed1-ms", name, "CDEsMetadata.json", cde(code="root", label="/"))
        fed.write("fed1-wk-h1", name, f"{name}.csv", rows(f"d{odd.index(name)}"))
    result = run(fed)
    assert {rule for rule, _, _ in rules(result)} == set()
    assert sorted(result["pathologies"]) == sorted([*odd, "dementia"])
    assert sorted(offered(fed)) == sorted([*odd, "dementia"])
    assert not list(fed.root.rglob("pwned"))


def test_names_that_cannot_be_served_are_problems_and_not_listed(fed: Folders) -> None:
    extra = {"code": "b\u00e9ta", "label": "B", "sql_type": "real", "isCategorical": False}
    tree = json.loads(cde())
    tree["variables"].append({**extra, "type": "real"})
    fed.write("fed1-ms", "dementia", "CDEsMetadata.json", json.dumps(tree))
    fed.write("fed1-wk-h1", "dementia", "odd.csv", rows("a b") + rows("good").partition("\n")[2])
    fed.write("fed1-ms", "mental health", "CDEsMetadata.json", cde(code="root", label="/"))
    fed.write("fed1-wk-h1", "mental health", "x.csv", rows("x"))
    result = run(fed)
    found = [p for p in result["problems"] if p["rule"] == "NotServable"]
    assert [(p["pathology"], p["column"], p["about"]) for p in found] == [
        ("dementia", None, "dataset 'a b': the engine or the portal drops U+0020"),
        ("mental health", None, "pathology 'mental health': the engine or the portal drops U+0020"),
        ("dementia", "b\u00e9ta", "variable 'b\u00e9ta': the engine or the portal drops '\u00e9'"),
    ]
    assert offered(fed) == {"dementia": ["edsd", "good", "ppmi"]}
    (entry,) = fed.offered
    codes = [each["code"] for each in entry["metadataHierarchy"]["variables"]]
    assert "b\u00e9ta" not in codes
    assert run(fed)["changed"] is False
    fed.declared["engine"] = {"any_name": True}
    result = run(fed)
    assert not [p for p in result["problems"] if p["rule"] == "NotServable"]
    assert set(offered(fed)) == {"dementia", "mental health"}
    assert "a b" in offered(fed)["dementia"]


def test_links_that_leave_the_folder_are_refused(fed: Folders, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text(rows("secret"))
    fed.data("fed1-wk-h1", "dementia", "link.csv").symlink_to(outside)
    fed.data("fed1-wk-h1", "dementia", "alias.csv").symlink_to("edsd.csv")
    result = run(fed)
    assert ("UnsafeName", "fed1-wk-h1", "link.csv") in rules(result)
    assert offered(fed) == {"dementia": ["edsd", "ppmi"]}


@pytest.mark.parametrize("how", ["link", "folder", "fifo"])
def test_a_worker_whose_cde_is_no_file_is_as_one_that_failed(
    fed: Folders, tmp_path: Path, how: str
) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text("mine")
    path = fed.data("fed1-wk-h1", "dementia", "CDEsMetadata.json")
    {
        "link": partial(path.symlink_to, outside),
        "folder": path.mkdir,
        "fifo": partial(mkfifo, path),
    }[how]()
    with pytest.raises(NodesMissing, match=r"fed1-wk-h1.*dementia/CDEsMetadata\.json: "):
        run(fed)
    assert fed.pusher.store.last() is None
    result = run(fed, missing_worker="skip")
    assert result["workers"]["fed1-wk-h1"]["status"] == "error"
    assert offered(fed) == {"dementia": ["ppmi"]}
    assert outside.read_text() == "mine"


def test_when_one_node_cannot_stage_nothing_changes_anywhere(fed: Folders) -> None:
    before = fed.files()

    def full(step: str, node: str) -> None:
        if (step, node) == ("stage", "fed1-wk-h2"):
            raise OSError(28, "No space left on device", "/data/fed1/dementia/CDEsMetadata.json")

    fed.before = full
    with pytest.raises(NodesFailed, match=r"fed1-wk-h2.*No space left"):
        run(fed)
    assert fed.files() == before
    assert fed.pusher.store.last() is None
    fed.before = lambda step, node: None
    assert run(fed)["generation"] == 1


def test_an_edit_on_the_master_that_came_meanwhile_is_not_lost(fed: Folders) -> None:
    mine = cde("edsd", label="What a person wrote while it ran")

    def edit(step: str, node: str) -> None:
        if (step, node) == ("stage", "fed1-ms"):
            fed.write("fed1-ms", "dementia", "CDEsMetadata.json", mine)

    fed.before = edit
    before = fed.files()
    with pytest.raises(NodesFailed, match=r"fed1-ms.*changed after the plan was made"):
        run(fed)
    assert fed.data("fed1-ms", "dementia", "CDEsMetadata.json").read_text() == mine
    for name in before.keys() - {"fed1-ms/data/dementia/CDEsMetadata.json"}:
        assert fed.files()[name] == before[name]
    fed.before = lambda step, node: None
    run(fed)
    assert fed.offered[0]["label"] == "What a person wrote while it ran"


def test_a_cde_that_is_replaced_on_the_master_is_kept_by_the_pusher(fed: Folders) -> None:
    content = fed.data("fed1-ms", "dementia", "CDEsMetadata.json").read_bytes()
    run(fed)
    assert fed.data("fed1-ms", "dementia", "CDEsMetadata.json").read_bytes() != content
    assert fed.pusher.store.blob(hashlib.sha256(content).hexdigest()) == content


def test_a_cde_edited_by_hand_on_a_worker_is_put_back(fed: Folders) -> None:
    run(fed)
    path = fed.data("fed1-wk-h1", "dementia", "CDEsMetadata.json")
    good = path.read_bytes()
    for other in (b"[]", b"", cde("mine").encode()):
        path.write_bytes(other)
        result = run(fed)
        assert path.read_bytes() == good
        assert result["pathologies"]["dementia"]["nodes"]["fed1-wk-h1"] == "updated"
        assert rules(result) == []


def test_whoever_reads_large_files_is_given_the_time(fed: Folders) -> None:
    run(fed)
    for step in ("inventory", "verify"):
        assert fed.limits[f"federation_node.{step}"] == LIMITS[step]
    assert fed.limits["federation_node.stage"] is None


def test_a_commit_that_did_not_reach_a_node_is_finished_by_the_next_run(fed: Folders) -> None:
    def cut(step: str, node: str) -> None:
        if (step, node) == ("commit", "fed1-wk-h2"):
            raise OSError(5, "Input/output error")

    fed.before = cut
    with pytest.raises(CommitUnfinished, match="fed1-wk-h2"):
        run(fed)
    fed.before = lambda step, node: None
    result = run(fed)
    assert result["notes"]
    assert "finished" in result["notes"][0]
    assert offered(fed) == {"dementia": ["edsd", "ppmi"]}
    assert not run(fed)["changed"]


def failing(fed: Folders, when: str, *nodes: str) -> None:
    """These nodes answer, but fail at that step."""

    def fail(step: str, node: str) -> None:
        if step == when and node in nodes:
            raise OSError(28, "No space left on device")

    fed.before = fail


@pytest.mark.parametrize(
    ("mode", "listed"), [("keep", ["edsd", "ppmi", "new"]), ("skip", ["edsd", "new"])]
)
def test_a_worker_that_cannot_stage_stops_nobody(
    fed: Folders, mode: MissingWorker, listed: list[str]
) -> None:
    run(fed)
    fed.write("fed1-wk-h1", "dementia", "new.csv", rows("new"))
    before = fed.data("fed1-wk-h2", "dementia", "CDEsMetadata.json").read_bytes()
    failing(fed, "stage", "fed1-wk-h2")
    result = run(fed, missing_worker=mode)
    assert sorted(offered(fed)["dementia"]) == sorted(listed)
    assert result["workers"]["fed1-wk-h2"]["status"] == "error"
    (problem,) = [each for each in result["problems"] if each["node"] == "fed1-wk-h2"]
    assert problem["rule"] == "WorkerFailed"
    assert "No space left" in problem["about"]
    assert any("continuing without fed1-wk-h2" in line for line in fed.said)
    assert fed.data("fed1-wk-h2", "dementia", "CDEsMetadata.json").read_bytes() == before
    failing(fed, "stage")
    assert sorted(run(fed)["pathologies"]["dementia"]["datasets"]) == ["edsd", "new", "ppmi"]


def test_a_worker_that_cannot_stage_is_an_error_where_none_may_be_missing(fed: Folders) -> None:
    failing(fed, "stage", "fed1-wk-h2")
    files = fed.files()
    with pytest.raises(NodesFailed, match="fed1-wk-h2"):
        run(fed, missing_worker="fail")
    assert fed.files() == files


@pytest.mark.parametrize("node", ["fed1-ms", "fed1-ui"])
def test_without_the_master_or_the_ui_nothing_is_written(fed: Folders, node: str) -> None:
    failing(fed, "stage", node, "fed1-wk-h2")
    with pytest.raises(NodesFailed, match=node):
        run(fed, missing_worker="skip")
    assert fed.pusher.store.last() is None


def test_all_workers_may_fail_one_after_the_other_and_the_plan_still_ends(fed: Folders) -> None:
    run(fed)
    fed.write("fed1-wk-h1", "dementia", "new.csv", rows("new"))
    fed.write("fed1-ms", "tbi", "CDEsMetadata.json", cde(code="tbi"))
    failing(fed, "stage", "fed1-wk-h1", "fed1-wk-h2")
    result = run(fed, missing_worker="keep")
    assert offered(fed) == {"dementia": ["edsd", "ppmi"]}
    assert {each["node"] for each in result["problems"]} >= {"fed1-wk-h1", "fed1-wk-h2"}


@pytest.mark.parametrize("mode", ["keep", "skip"])
def test_a_worker_that_cannot_commit_is_pending_and_named_and_stops_nobody(
    fed: Folders, mode: MissingWorker
) -> None:
    run(fed)
    fed.write("fed1-wk-h1", "dementia", "new.csv", rows("new"))
    failing(fed, "commit", "fed1-wk-h2")
    result = run(fed, missing_worker=mode)
    assert result["generation"] == 2
    assert offered(fed) == {"dementia": ["edsd", "new", "ppmi"]}
    (problem,) = [each for each in result["problems"] if each["node"] == "fed1-wk-h2"]
    assert (problem["rule"], "No space left" in problem["about"]) == ("WorkerFailed", True)
    last = fed.pusher.store.last()
    assert last is not None
    assert last.pending == ("fed1-wk-h2",)
    failing(fed, "commit")
    assert run(fed)["changed"]
    assert not run(fed)["changed"]


def test_a_first_commit_that_fails_again_is_no_disk_that_is_gone(fed: Folders) -> None:
    failing(fed, "commit", "fed1-wk-h2")
    for _ in range(2):
        with pytest.raises(CommitUnfinished, match="fed1-wk-h2"):
            run(fed)
    failing(fed, "commit")
    assert rules(run(fed)) == []
    assert offered(fed) == {"dementia": ["edsd", "ppmi"]}


def test_a_first_commit_that_fails_is_finished_by_the_next_run(fed: Folders) -> None:
    failing(fed, "commit", "fed1-wk-h2")
    with pytest.raises(CommitUnfinished, match="fed1-wk-h2"):
        run(fed, missing_worker="keep")
    failing(fed, "commit")
    assert run(fed)["generation"] == 1
    assert not run(fed)["changed"]


def test_an_online_cde_is_taken_where_the_catalogue_has_one(
    fed: Folders, catalogue: dict[str, str]
) -> None:
    catalogue["dementia"] = cde("edsd", label="From the catalogue")
    fed.write("fed1-ms", "tbi", "CDEsMetadata.json", cde(code="tbi"))
    fed.write("fed1-wk-h1", "tbi", "t.csv", rows("t"))
    result = run(fed, online_cdes=True, datacatalogue_host=catalogue["host"])
    assert result["pathologies"]["dementia"]["cde_source"] == "catalogue"
    assert result["pathologies"]["tbi"]["cde_source"] == "master"
    assert [p["pathology"] for p in result["problems"] if p["rule"] == "CatalogueNone"] == ["tbi"]
    assert fed.offered[0]["label"] == "From the catalogue"


def test_the_catalogue_is_asked_while_no_lock_is_held(fed: Folders, catalogue: Catalogue) -> None:
    """Also for a pathology that appears meanwhile: nobody waits for a slow catalogue."""
    asked = []

    def answer(name: str) -> None:
        asked.append(name)
        with fed.pusher.locked("deploy", 5):
            if name == "dementia" and not (fed.data("fed1-wk-h1") / "tbi").exists():
                fed.write("fed1-wk-h1", "tbi", "t.csv", rows("t"))

    catalogue.asked = answer
    catalogue["dementia"] = cde(label="From the catalogue")
    catalogue["tbi"] = cde(code="tbi")
    for _ in range(2):
        result = run(fed, online_cdes=True, datacatalogue_host=catalogue["host"])
        assert {p: of["cde_source"] for p, of in result["pathologies"].items()} == {
            "dementia": "catalogue",
            "tbi": "catalogue",
        }
        assert sorted(asked) == ["dementia", "tbi"]
        asked.clear()
    assert offered(fed) == {"dementia": ["edsd", "ppmi"], "tbi": ["t"]}
    run(fed, online_cdes=True, datacatalogue_host=catalogue["host"], dry_run=True)
    assert sorted(asked) == ["dementia", "tbi"]


def test_a_catalogue_that_cannot_be_asked_changes_nothing_and_holds_nothing(fed: Folders) -> None:
    run(fed)
    before = fed.offered
    with pytest.raises(CatalogueError, match="Try without online_cdes"):
        run(fed, online_cdes=True, datacatalogue_host="127.0.0.1:1")
    assert fed.offered == before
    assert fed.pusher.store.next_number() == 2
    with fed.pusher.locked("deploy", 0):
        pass


def test_labels_are_asked_for_and_a_pathologys_is_remembered(fed: Folders) -> None:
    prompts: list[str] = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return {"Relabel pathology 'dementia'? [Dementia] (Enter keeps it) ": "Memory"}.get(
            prompt, ""
        )

    run(fed, review=LabelReview(ask))
    assert prompts == [
        "Relabel pathology 'dementia'? [Dementia] (Enter keeps it) ",
        "Pathology 'dementia': Relabel dataset 'edsd'? [EDSD] (Enter keeps it) ",
        "Pathology 'dementia': Relabel dataset 'ppmi'? [PPMI] (Enter keeps it) ",
    ]
    assert fed.offered[0]["label"] == "Memory"
    assert not run(fed)["changed"]
    assert fed.offered[0]["label"] == "Memory"


def test_small_counts_do_not_leave_a_node(fed: Folders) -> None:
    fed.write("fed1-wk-h1", "dementia", "few.csv", rows("few", 9))
    run(fed)
    last = fed.pusher.store.last()
    assert last is not None
    (few,) = [f for f in last.files["fed1-wk-h1"]["dementia"] if f.name == "few.csv"]
    assert few.datasets == (("few", "<10"),)
    assert few.rows == "<10"


def test_another_command_that_holds_the_federation_is_named(fed: Folders) -> None:
    with fed.pusher.locked("deploy", 0):
        with pytest.raises(Busy, match=r"mip\.deploy of operator"):
            run(fed, timeout=0)
        with pytest.raises(Busy):
            run(fed, timeout=0.1)
    assert "waiting up to 0.1 s for mip.deploy of operator" in fed.said[0]


def test_a_dry_run_beside_a_run_that_is_at_work_does_not_call_it_interrupted(
    fed: Folders,
) -> None:
    seen: list[Any] = []

    def look(step: str, node: str) -> None:
        if step == "commit" and not seen:
            seen.append(None)
            seen[0] = run(fed, dry_run=True)["notes"]

    fed.before = look
    run(fed)
    (notes,) = seen
    assert len(notes) == 1
    assert "mip.consolidate of operator" in notes[0]
    assert "is running" in notes[0]
    assert run(fed, dry_run=True)["notes"] == []


def test_what_the_catalogue_said_is_told_where_the_master_has_no_cde_either(
    fed: Folders, catalogue: dict[str, str]
) -> None:
    fed.write("fed1-wk-h1", "tbi", "t.csv", rows("t"))
    catalogue["dementia"] = cde()
    result = run(fed, online_cdes=True, datacatalogue_host=catalogue["host"])
    (missing,) = (p for p in result["problems"] if p["rule"] == "CdeMissing")
    assert missing["pathology"] == "tbi"
    assert missing["about"].startswith("and in the data catalogue: it has the pathology")


def test_no_directory_and_no_leftover_of_ours_is_in_a_data_path(fed: Folders) -> None:
    run(fed)
    below = {
        str(path.relative_to(fed.data("fed1-wk-h1"))) for path in fed.data("fed1-wk-h1").rglob("*")
    }
    assert below == {
        ".mip-data",
        "dementia",
        "dementia/CDEsMetadata.json",
        "dementia/edsd.csv",
    }


def test_a_header_alone_is_no_dataset(fed: Folders) -> None:
    fed.write("fed1-wk-h1", "dementia", "empty.csv", "dataset,age\n")
    result = run(fed)
    assert ("NoRows", "fed1-wk-h1", "empty.csv") in rules(result)
    assert offered(fed) == {"dementia": ["edsd", "ppmi"]}


def test_with_the_ui_disabled_no_worker_is_taken_for_it(fed: Folders) -> None:
    commands.disable(fed.pusher, "ui", None, dry_run=False)
    result = run(fed)
    assert result["pathologies"]["dementia"]["nodes"]["fed1-wk-h1"] == "updated"
    assert not list(fed.root.glob("*/data/**/pathologies.json"))
    assert not (fed.root / "fed1-ui/ui/config/pathologies.json").exists()
    commands.enable(fed.pusher, "ui", dry_run=False)
    assert run(fed)["ui"] == {"fed1-ui": "updated"}
    assert offered(fed) == {"dementia": ["edsd", "ppmi"]}


def test_with_the_master_disabled_there_is_no_consolidation(fed: Folders) -> None:
    commands.disable(fed.pusher, "ms", None, dry_run=False)
    with pytest.raises(Refused, match="fed1-ms"):
        run(fed)


def test_a_ui_that_was_never_set_up_gets_its_folder(fed: Folders) -> None:
    (fed.root / "fed1-ui/ui/config").rmdir()
    (fed.root / "fed1-ui/ui").rmdir()
    run(fed)
    assert offered(fed) == {"dementia": ["edsd", "ppmi"]}
