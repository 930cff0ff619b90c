"""``salt-run mip.consolidate`` as an operator runs it, on a real master and real minions."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from saltext_mip import results, schemas
from tests.support.local import LocalFederation

WORKERS = 2
CANARY = "4711.0815"


def cde(code: str, *columns: str) -> bytes:
    variables = [
        {
            "code": "dataset",
            "label": "Dataset",
            "sql_type": "text",
            "isCategorical": True,
            "type": "nominal",
            "enumerations": [],
        },
        *(
            {
                "code": column,
                "label": column,
                "sql_type": "real",
                "isCategorical": False,
                "type": "real",
            }
            for column in columns
        ),
    ]
    return json.dumps({"code": code, "label": code, "variables": variables}).encode()


def csv(dataset: str, rows: int = 20) -> bytes:
    return b"dataset,age\n" + f"{dataset},70\n".encode() * rows


@pytest.fixture(autouse=True)
def two_datasets(fed: LocalFederation) -> None:
    """One dataset a worker, all nodes up and enabled; what other tests put there is gone.

    The master keeps its CDEs: those of pathologies that were served must stand.
    """
    for node in fed.workers():
        for path in fed.data_path(node).iterdir():
            if path.is_dir() and path.name != "dementia":
                for below in path.iterdir():
                    below.unlink()
                path.rmdir()
    fed.write_data("fed1-ms", "dementia", "CDEsMetadata.json", cde("dementia", "age"))
    for worker, code in (("fed1-wk-h1", "edsd"), ("fed1-wk-h2", "ppmi")):
        fed.write_data(worker, "dementia", f"{code}.csv", csv(code))
        for path in fed.data_path(worker).glob("dementia/*"):
            if path.name != f"{code}.csv":
                path.unlink()


def consolidate(fed: LocalFederation, *args: str, code: int = 0) -> Any:
    ran = fed.run("mip.consolidate", "federation=fed1", *args)
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.json


def offered(fed: LocalFederation) -> dict[str, list[str]]:
    entries = json.loads(fed.pathologies.read_bytes())
    return {entry["code"]: [each["code"] for each in entry["datasets"]] for entry in entries}


def everything(fed: LocalFederation) -> dict[str, tuple[bytes, int]]:
    """All files of the nodes' data paths and of the ui, with their mtimes."""
    folders = [*(fed.data_path(node) for node in ("fed1-ms", *fed.workers())), fed.ui_path()]
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_real_data_gives_what_existing_installations_made(
    fed: LocalFederation, shared: Path
) -> None:
    golden = shared / "golden" / "all"
    for worker in fed.workers():
        for path in fed.data_path(worker).glob("*/*"):
            path.unlink()
    for number, path in enumerate(sorted((shared / "data").glob("*/*.csv"))):
        fed.write_data(fed.workers()[number % 2], path.parent.name, path.name, path.read_bytes())
        content = (path.parent / "CDEsMetadata.json").read_bytes()
        fed.write_data("fed1-ms", path.parent.name, "CDEsMetadata.json", content)
    result = consolidate(fed)
    assert result["problems"] == []
    made = json.loads(fed.pathologies.read_bytes())
    assert json.dumps(made) == json.dumps(json.loads((golden / "pathologies.json").read_bytes()))


def test_again_it_writes_nothing_on_any_node(fed: LocalFederation) -> None:
    consolidate(fed)
    before = everything(fed)
    result = consolidate(fed)
    assert result["changed"] is False
    assert everything(fed) == before


def test_the_json_is_one_document_of_the_schema_and_progress_is_elsewhere(
    fed: LocalFederation,
) -> None:
    ran = fed.salt_run("mip.consolidate", "federation=fed1")
    assert schemas.first_error(results.schema("consolidate"), ran.json) is None
    assert "the inventories of 4 nodes" in ran.stderr
    assert "gathering" not in ran.stdout
    assert "unclosed" not in ran.stderr, "Salt's records about its own objects"


def test_a_person_sees_one_screen(fed: LocalFederation) -> None:
    fed.write_data("fed1-wk-h1", "dementia", "bad.csv", b"dataset,age\nx,1\ny\n")
    ran = fed.salt_run("mip.consolidate", "federation=fed1", out_json=False)
    assert ran.returncode == 0
    for words in ("bad.csv", "line 3", "it@h1.example", "edsd", "fed1-wk-h2", "TooFewFields"):
        assert words in ran.stdout
    assert len(ran.stdout.splitlines()) < 40


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["federatoin=fed1"], "federatoin"),
        (["federation=fed2"], "Federation 'fed2' not found in the pillar; declared: fed1."),
        (["missing_worker=maybe"], "missing_worker must be one of fail, skip, keep."),
        (["review_dataset_labels=True"], "terminal"),
        (["federation=$(reboot)"], "Federation '$(reboot)' not found"),
    ],
)
def test_a_mistake_is_one_line_and_exits_with_1(
    fed: LocalFederation, args: list[str], words: str
) -> None:
    ran = fed.salt_run("mip.consolidate", *args)
    assert ran.returncode == 1
    assert words in ran.json
    assert "Traceback" not in ran.stdout + ran.stderr


@pytest.mark.parametrize("how", ["kill", "hang"])
def test_a_worker_that_is_down_is_named_and_skipped_or_kept(fed: LocalFederation, how: str) -> None:
    consolidate(fed)
    getattr(fed, how)("fed1-wk-h2")
    try:
        assert "fed1-wk-h2" in consolidate(fed, code=1)
        kept = consolidate(fed, "missing_worker=keep")
        assert kept["workers"]["fed1-wk-h2"]["status"] == "missing"
        assert offered(fed) == {"dementia": ["edsd", "ppmi"]}
        skipped = consolidate(fed, "missing_worker=skip")
        assert skipped["pathologies"]["dementia"]["removed"] == ["ppmi"]
        assert offered(fed) == {"dementia": ["edsd"]}
    finally:
        if how == "hang":
            fed.resume("fed1-wk-h2")
        else:
            fed.start_node("fed1-wk-h2")
    assert consolidate(fed)["pathologies"]["dementia"]["added"] == ["ppmi"]


def test_a_node_is_taken_out_and_in_again(fed: LocalFederation) -> None:
    assert fed.run("mip.disable", "federation=fed1").returncode == 1
    assert fed.run("mip.disable", "federation=fed1", "node=wk2", "reason=disk").returncode == 0
    checked = fed.run("mip.check_nodes", "federation=fed1")
    assert checked.returncode == 0
    assert checked.json["nodes"]["fed1-wk-h2"]["up"] is True
    assert checked.json["nodes"]["fed1-wk-h2"]["enabled"] is False
    consolidate(fed)
    assert offered(fed) == {"dementia": ["edsd"]}
    assert fed.run("mip.enable", "federation=fed1", "node=h2").returncode == 0
    consolidate(fed)
    assert offered(fed) == {"dementia": ["edsd", "ppmi"]}


def test_a_changed_pillar_reaches_the_nodes_by_itself(fed: LocalFederation) -> None:
    fed.declare({"min_count": 3}, refresh=False)
    ran = fed.run("mip.consolidate", "federation=fed1")
    assert ran.returncode == 0
    assert "refreshing the pillar" in ran.stderr


def test_an_error_in_the_pillar_names_its_key(fed: LocalFederation) -> None:
    fed.declare({"nods": {}}, refresh=False)
    try:
        assert "mip:federations:fed1: unknown key 'nods'" in consolidate(fed, code=1)
    finally:
        fed.declare(lambda declared: declared.pop("nods"))


def test_a_large_worker_is_listed_whole_and_a_large_cde_arrives_whole(
    fed: LocalFederation,
) -> None:
    # as many as a table holds, with the dataset
    columns = [f"variable_number_{number:04}_of_many" for number in range(1990)]
    fed.write_data("fed1-ms", "large", "CDEsMetadata.json", cde("large", *columns))
    for number in range(2000):
        # forty headers; that each file may have its own is another test's, of packed answers
        own = [columns[(37 * number + at) % 1480] for at in range(499)]
        content = f"dataset,{','.join(own)}\nd{number},{','.join('1' * 499)}\n"
        fed.write_data("fed1-wk-h1", "large", f"f{number:04}.csv", content.encode())
    result = consolidate(fed)
    assert len(result["pathologies"]["large"]["datasets"]) == 2000
    arrived = json.loads((fed.data_path("fed1-wk-h1") / "large/CDEsMetadata.json").read_bytes())
    assert [variable["code"] for variable in arrived["variables"][1:]] == columns
    assert len(arrived["variables"][0]["enumerations"]) == 2000
    headers = fed.ask(["fed1-wk-h1"], "mip.prototypes")["fed1-wk-h1"]["large"]
    assert "VALUE_TRIMMED" not in json.dumps(headers)
    assert len(headers) == 40
    assert sum(len(each["files"]) for each in headers) == 2000


def test_odd_names_work_and_do_no_harm(fed: LocalFederation) -> None:
    odd = ["a b", "it's", '"q"', "-rf", "x;y", "$(touch pwned)", "`touch pwned`", "{{ 7*7 }}"]
    for name in odd:
        fed.write_data("fed1-ms", name, "CDEsMetadata.json", cde("root", "age"))
        fed.write_data("fed1-wk-h1", name, f"{name}.csv", csv("d"))
    served = ['"q"', "-rf"]
    result = consolidate(fed)
    assert sorted(offered(fed)) == sorted([*served, "dementia"])
    named = {each["pathology"] for each in result["problems"] if each["rule"] == "NotServable"}
    assert named == {*odd} - {*served}
    fed.declare({"engine": {"any_name": True}}, refresh=False)
    try:
        consolidate(fed)
        assert sorted(offered(fed)) == sorted([*odd, "dementia"])
    finally:
        fed.declare(lambda declared: declared.pop("engine"))
    assert not list(fed.root.rglob("pwned"))


def test_no_value_of_a_cell_leaves_its_node(fed: LocalFederation) -> None:
    bad = f"dataset,age\nx,{CANARY}x\nx,{CANARY},{CANARY}\n".encode()
    fed.write_data("fed1-wk-h1", "dementia", "bad.csv", bad)
    headless = f"{CANARY},{CANARY}\n{CANARY},1\n".encode()
    fed.write_data("fed1-wk-h1", "dementia", "headless.csv", headless)
    ran = fed.salt_run("mip.consolidate", "federation=fed1")
    told = fed.salt("fed1-wk-h1", "mip.datasets")
    assert CANARY not in ran.stdout + ran.stderr + told.stdout
    outside = [fed.root / "pusher", fed.root / "fed1-ms", fed.root / "fed1-ui"]
    for folder in (*outside, fed.root / "fed1-wk-h1/var/log"):
        for path in folder.rglob("*"):
            if path.is_file():
                assert CANARY.encode() not in path.read_bytes(), path
    report = fed.data_path("fed1-wk-h1") / "mip-report-dementia.txt"
    assert CANARY in report.read_text()
    assert report.stat().st_mode & 0o777 == 0o640


def test_a_data_manager_sees_all_with_values_on_their_own_machine(
    fed: LocalFederation, tmp_path: Path
) -> None:
    (tmp_path / "new.csv").write_bytes(b"dataset,age\nx,old\nx,1\n,2\n")
    (tmp_path / "CDEsMetadata.json").write_bytes(cde("new", "age"))
    ran = fed.salt_call("fed1-wk-h1", "mip.check", str(tmp_path), local=True)
    assert ran.returncode == 1
    found = ran.json["local"]["files"]["new.csv"]
    assert {(each["rule"], each["line"]) for each in found} == {
        ("NotANumber", 2),
        ("DatasetEmpty", 4),
    }
    assert "old" in json.dumps(found)
    (tmp_path / "new.csv").write_bytes(csv("fine"))
    assert fed.salt_call("fed1-wk-h1", "mip.check", str(tmp_path), local=True).returncode == 0


def test_labels_are_asked_for_on_the_terminal(fed: LocalFederation) -> None:
    consolidate(fed)
    command = fed.salt_run_command(
        "mip.consolidate", "federation=fed1", "review_dataset_labels=True"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, fed.env())
    answers = [b"Memory\n", b"\n", b"Parkinson\n"]
    seen = b""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        ready, _, _ = select.select([terminal], [], [], 1)
        try:
            seen += os.read(terminal, 4096) if ready else b""
        except OSError:
            break
        asked = seen.count(b"keeps it) ")
        if answers and asked > 3 - len(answers) and seen.endswith(b"keeps it) "):
            os.write(terminal, answers.pop(0))
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, seen
    assert b"Relabel pathology 'dementia'? [dementia] (Enter keeps it) " in seen
    (entry,) = json.loads(fed.pathologies.read_bytes())
    assert entry["label"] == "Memory"
    assert [each["label"] for each in entry["datasets"]] == ["EDSD", "Parkinson"]
    assert consolidate(fed)["changed"] is False


def test_generations_are_listed_compared_and_put_back(fed: LocalFederation) -> None:
    consolidate(fed)
    fed.write_data("fed1-wk-h1", "dementia", "more.csv", csv("more"))
    number = consolidate(fed)["generation"]
    compared = fed.run("mip.diff", "federation=fed1", f"a={number - 1}").json
    assert "pathologies/dementia/more" in [change["thing"] for change in compared["changes"]]
    newest = fed.run("mip.history", "federation=fed1", "dataset=more").json["generations"][0]
    assert newest["generation"] == number
    assert newest["added"] == [["dementia", "more"]]
    back = fed.run("mip.rollback", "federation=fed1")
    assert back.returncode == 0, back.stdout
    assert back.json["restored"] == number - 1
    assert offered(fed) == {"dementia": ["edsd", "ppmi"]}
    structure = fed.run("mip.export", "federation=fed1").json
    assert structure == [
        {
            "name": "dementia",
            "nodes": [
                {"name": "fed1-wk-h1", "datasets": [{"name": "edsd"}]},
                {"name": "fed1-wk-h2", "datasets": [{"name": "ppmi"}]},
            ],
        }
    ]


@pytest.mark.parametrize("step", ["staging on", "committing on"])
def test_what_a_killed_run_left_is_ended_by_the_next(fed: LocalFederation, step: str) -> None:
    consolidate(fed)
    fed.write_data("fed1-wk-h1", "dementia", "late.csv", csv("late"))
    command = fed.salt_run_command("mip.consolidate", "federation=fed1")
    with subprocess.Popen(
        command,
        env=fed.env(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if step in line:
                os.killpg(running.pid, signal.SIGKILL)
                break
    before = {name: content for name, (content, _) in everything(fed).items()}
    for name, content in before.items():
        if name.endswith(".json"):
            json.loads(content)
    consolidate(fed)
    assert offered(fed) == {"dementia": ["edsd", "late", "ppmi"]}
    assert consolidate(fed)["changed"] is False
    leftovers = [name for name in everything(fed) if Path(name).name.startswith(".C")]
    assert leftovers == []


def test_a_minion_killed_while_staging_leaves_nothing_half(fed: LocalFederation) -> None:
    consolidate(fed)
    fed.write_data("fed1-wk-h1", "dementia", "later.csv", csv("later"))
    command = fed.salt_run_command("mip.consolidate", "federation=fed1")
    with subprocess.Popen(
        command, env=fed.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "staging on" in line:
                fed.kill("fed1-wk-h2")
                break
        running.communicate()
    try:
        for name, (content, _) in everything(fed).items():
            if name.endswith(".json"):
                json.loads(content)
    finally:
        fed.start_node("fed1-wk-h2")
    consolidate(fed)
    assert offered(fed) == {"dementia": ["edsd", "later", "ppmi"]}
    assert consolidate(fed)["changed"] is False
