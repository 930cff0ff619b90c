"""``salt-run mip.compile``, ``mip.compiled`` and the state, on a real master and real minions."""

from __future__ import annotations

import hashlib
import json
import runpy
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from saltext_mip import results, schemas
from tests.support.local import LocalFederation

WORKERS = 2
CANARY = "31415.92653"


@pytest.fixture(scope="module", autouse=True)
def real_data(fed: LocalFederation, shared: Path) -> None:
    """The real data over two workers, consolidated."""
    for number, path in enumerate(sorted((shared / "data").glob("*/*.csv"))):
        # one pathology stays on one worker, so that its database has all of its files
        worker = fed.workers()[0 if path.parent.name == "dementia" else 1]
        fed.write_data(worker, path.parent.name, path.name, path.read_bytes())
        content = (path.parent / "CDEsMetadata.json").read_bytes()
        fed.write_data("fed1-ms", path.parent.name, "CDEsMetadata.json", content)
        assert number >= 0
    ran = fed.salt_run("mip.consolidate", "federation=fed1")
    assert ran.returncode == 0, ran.stdout


def compiled(fed: LocalFederation, *args: str, code: int = 0) -> Any:
    ran = fed.run("mip.compile", "federation=fed1", *args)
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.json


def test_real_data_gives_the_rows_that_existing_converters_made(
    fed: LocalFederation, shared: Path
) -> None:
    result = compiled(fed)
    assert schemas.first_error(results.schema("compile"), result) is None
    digest = runpy.run_path(str(shared / "golden" / "digest.py"))["digest"]
    for node, pathology in (("fed1-wk-h1", "dementia"), ("fed1-wk-h2", "tbi")):
        wanted = json.loads((shared / "golden/all" / pathology / "datasets.json").read_bytes())
        assert digest(fed.data_path(node) / pathology / "datasets.db") == wanted
    with sqlite3.connect(fed.data_path("fed1-ms") / "dementia" / "datasets.db") as db:
        assert db.execute("SELECT count(*) FROM DATA").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM METADATA").fetchone() == (185,)


def test_what_is_current_is_left_alone(fed: LocalFederation) -> None:
    compiled(fed)
    paths = sorted(fed.root.glob("*/data/fed1/*/datasets.db"))
    before = [path.stat() for path in paths]
    result = compiled(fed)
    assert not result["changed"]
    assert [(s.st_ino, s.st_mtime_ns) for s in before] == [
        (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths
    ]


def test_one_bad_value_is_named_by_column_and_its_line_stays_at_home(fed: LocalFederation) -> None:
    path = fed.write_data(
        "fed1-wk-h2", "tbi", "bad.csv", f"dataset,age_value\nbad,{CANARY}x\n".encode()
    )
    try:
        result = compiled(fed, code=1)
        found = result["nodes"]["fed1-wk-h2"]["tbi"]
        assert found["files"] == {"bad.csv": "out", "dummy_tbi.csv": "compiled"}
        (problem,) = [each for each in found["problems"] if each["file"] == "bad.csv"]
        told = (problem["rule"], problem["line"], problem["lines"], problem["column"])
        assert (*told, problem["count"]) == ("NotANumber", None, [], "age_value", "<10")
        for folder in (fed.root / "pusher", fed.root / "fed1-wk-h2/var/log"):
            for file in folder.rglob("*"):
                assert not file.is_file() or CANARY.encode() not in file.read_bytes(), file
        report = (fed.data_path("fed1-wk-h2") / "mip-report-tbi.txt").read_text()
        assert f"line 2: {CANARY}x" in report
    finally:
        path.unlink()
    compiled(fed)
    assert not (fed.data_path("fed1-wk-h2") / "mip-report-tbi.txt").exists()


def test_a_node_compiles_and_tells_by_itself(fed: LocalFederation) -> None:
    compiled(fed)
    database = fed.data_path("fed1-wk-h2") / "tbi" / "datasets.db"
    database.write_bytes(b"")
    # with --static, salt exits with 0 whatever the minions' exit codes
    told = fed.salt("fed1-wk-h2", "mip.compiled", out_json=False)
    assert told.returncode != 0
    assert "the database is empty" in told.stdout
    assert fed.ask(["fed1-wk-h2"], "mip.compile")["fed1-wk-h2"]["tbi"]["status"] == "compiled"
    verified = fed.salt("fed1-wk-h*", "mip.compiled", "verify=True", wait=60)
    assert verified.returncode == 0, verified.stdout
    assert verified.json["fed1-wk-h1"]["dementia"]["same"] is True


def test_the_state_compiles_what_is_stale_and_again_changes_nothing(fed: LocalFederation) -> None:
    database = fed.data_path("fed1-wk-h2") / "tbi" / "datasets.db"
    database.write_bytes(b"no database")

    def state(*more: str) -> dict[str, Any]:
        ran = fed.ask(["fed1-wk-h2"], "state.single", "mip.compiled", "databases", *more)
        (value,) = ran["fed1-wk-h2"].values()
        return value

    assert state("test=True")["result"] is None
    assert database.read_bytes() == b"no database"
    done = state()
    assert done["result"] is True
    assert list(done["changes"]) == ["tbi"]
    before = hashlib.sha256(database.read_bytes()).hexdigest()
    again = state()
    assert (again["result"], again["changes"]) == (True, {})
    assert hashlib.sha256(database.read_bytes()).hexdigest() == before


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["node=wk1"], "pathology="),
        (["node=wk9", "pathology=tbi"], "no node 'wk9'"),
        (["pathology=tb"], "No node has a pathology 'tb'"),
        (["patology=tbi"], "patology"),
    ],
)
def test_a_mistake_is_one_line_and_exits_with_1(
    fed: LocalFederation, args: list[str], words: str
) -> None:
    ran = fed.salt_run("mip.compile", *args)
    assert ran.returncode == 1
    assert words in ran.json


def test_a_worker_that_is_down_holds_up_nobody(fed: LocalFederation) -> None:
    fed.kill("fed1-wk-h1")
    try:
        result = compiled(fed, "force=True", code=1)
        assert result["nodes"]["fed1-wk-h2"]["tbi"]["status"] == "compiled"
        assert [each["node"] for each in result["problems"]] == ["fed1-wk-h1"]
    finally:
        fed.start_node("fed1-wk-h1")


def test_a_compile_killed_in_the_middle_leaves_the_last_good_database(
    fed: LocalFederation,
) -> None:
    compiled(fed)
    database = fed.data_path("fed1-wk-h1") / "dementia" / "datasets.db"
    before = hashlib.sha256(database.read_bytes()).hexdigest()
    rows = b"".join(b"edsd,%d\n" % (number % 90) for number in range(600_000))
    fed.write_data("fed1-wk-h1", "dementia", "long.csv", b"dataset,subjectageyears\n" + rows)
    ran = fed.salt("--async", "fed1-wk-h1", "mip.compile", out_json=False)
    assert ran.returncode == 0
    folder = database.parent
    for _ in range(400):
        if any(path.name.startswith(".datasets.db") for path in folder.iterdir()):
            break
        fed.salt_call("fed1-wk-h1", "test.ping", local=True)
    fed.kill("fed1-wk-h1")
    now = hashlib.sha256(database.read_bytes()).hexdigest()
    fed.start_node("fed1-wk-h1")
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)
    assert now == before or "long" in json.dumps(compiled(fed))
    compiled(fed)
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    (folder / "long.csv").unlink()
    compiled(fed)
