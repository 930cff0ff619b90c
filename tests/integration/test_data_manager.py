"""What a hospital's data manager and the operator do about data, on a real master and minions."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from saltext_mip.data.cde.codebook import COLUMNS
from saltext_mip.data.cde.model import parse
from tests.support.canary import Canary
from tests.support.local import LocalFederation
from tests.support.mess import CDE, corpus
from tests.support.person import Person

WORKERS = 1
NODE = "fed1-wk-h1"
MESSY = "dataset;gender;city\nedsd;Male;Genève\n"


@pytest.fixture(scope="module")
def person(fed: LocalFederation, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """On the pusher of a federation with one dataset that was consolidated."""
    fed.write_data("fed1-ms", "dementia", "CDEsMetadata.json", CDE)
    fed.write_data(NODE, "dementia", "good.csv", b"dataset\n" + b"edsd\n" * 12)
    assert fed.salt_run("mip.consolidate", "federation=fed1").returncode == 0
    return Person(fed, tmp_path_factory.mktemp("tmux"))


def rows(text: str, separator: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=separator))


def test_the_operator_gets_the_codebook_that_a_node_gives(
    fed: LocalFederation, person: Person
) -> None:
    ran = person.types("data", "codebook", "dementia")
    assert ran.code == 0, ran.err
    table = rows(ran.out)
    assert table[0] == list(COLUMNS)
    served = parse(
        (fed.data_path(NODE) / "dementia" / "CDEsMetadata.json").read_bytes(), pathology="dementia"
    )
    assert sorted(row[0] for row in table[1:]) == sorted(of.code for of in served.variables)
    assert table[1][0] == "dataset"
    assert "edsd" in table[1][3]
    assert next(row for row in table if row[0] == "gender")[3] == "M = Male; F = Female"
    value = fed.run("mip.codebook", "dementia", "federation=fed1").json
    assert value["codebook"].replace("\r\n", "\n") == ran.out.replace("\r\n", "\n")
    on_node = fed.salt_call(NODE, "mip.codebook", "dementia").json["local"]
    assert on_node["codebook"] == value["codebook"]
    assert on_node["template"] == value["template"]


def test_a_codebook_for_excel_has_semicolons_and_the_empty_file_has_commas(
    person: Person,
) -> None:
    ran = person.types("data", "codebook", "dementia", "--separator", "semicolon")
    assert rows(ran.out, ";")[0] == list(COLUMNS)
    ran = person.types("data", "codebook", "dementia", "--template", "--separator", "semicolon")
    (header,) = rows(ran.out)
    assert header[0] == "dataset"
    assert len(header) == len(cdes_variables())


def cdes_variables() -> tuple[str, ...]:
    return tuple(of.code for of in parse(CDE, pathology="dementia").variables)


def test_the_codebook_of_an_unknown_pathology_is_an_error_that_names_the_known(
    person: Person,
) -> None:
    ran = person.types("data", "codebook", "dementai")
    assert (ran.code, ran.out) == (1, "")
    assert "There are: dementia" in ran.err


def test_a_file_is_corrected_on_the_hospitals_machine_alone(
    fed: LocalFederation, person: Person, tmp_path: Path
) -> None:
    path, cde = tmp_path / "export.csv", tmp_path / "cde.json"
    path.write_text(MESSY)
    cde.write_bytes(CDE)
    called = fed.salt_call(NODE, "mip.fix", str(path), f"cde={cde}", "write=True")
    assert called.returncode != 0
    for ran in (called, fed.salt(NODE, "mip.fix", str(path), f"cde={cde}", "write=True")):
        assert "salt-call --local mip.fix" in ran.stdout + ran.stderr
        assert "Genève" not in ran.stdout + ran.stderr
    assert sorted(tmp_path.iterdir()) == [cde, path]
    how = ("mip.fix", str(path), f"cde={cde}", "write=True")
    ran = fed.salt_call(NODE, *how, local=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (tmp_path / "export.fixed.csv").read_text() == "dataset,gender,city\nedsd,M,Genève\n"
    assert path.read_text() == MESSY


@pytest.mark.timeout(600)
def test_no_cell_of_a_messy_file_leaves_its_node(fed: LocalFederation, person: Person) -> None:
    messy = corpus(seed=4)
    folder = fed.data_path(NODE) / "messy"
    fed.write_data("fed1-ms", "messy", "CDEsMetadata.json", CDE)
    for number, mess in enumerate(messy):
        fed.write_data(NODE, "messy", f"{number:03}.csv", mess.content)
    try:
        ran = [
            fed.salt_run("mip.consolidate", "federation=fed1"),
            fed.salt_run("mip.compile", "federation=fed1"),
            fed.salt_run("mip.history", "federation=fed1"),
            fed.salt_run("mip.events", "federation=fed1"),
            *(fed.salt(NODE, f"mip.{what}") for what in ("datasets", "prototypes", "compile")),
            fed.salt(NODE, "mip.compiled", "verify=True"),
            fed.salt(NODE, "mip.check", str(folder)),
            fed.salt_call(NODE, "mip.check", str(folder)),
        ]
        listed = json.loads(fed.pathologies.read_bytes())
        ran.append(fed.salt_run("mip.export", "federation=fed1"))
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(fed.data_path("fed1-ms") / "messy")
    accepted = {of["code"] for each in listed for of in each["datasets"]}
    canary = Canary(messy, parse(CDE, pathology="messy"), accepted)
    found = {place: cells for place, each in enumerate(ran) if (cells := canary.found(each.stdout))}
    assert found == {}, json.dumps({str(place): sorted(cells) for place, cells in found.items()})
    hosts = [fed.root / host for host in ("pusher", "fed1-ms", "fed1-ui")]
    leaked: dict[str, list[bytes]] = {}
    for root in (*hosts, fed.root / NODE / "var/log"):
        for path in root.rglob("*"):
            content = path.read_bytes() if path.is_file() else b""
            if cells := [cell for cell in canary.unlike_others if cell in content]:
                leaked[str(path)] = cells
    assert leaked == {}
    report = (fed.data_path(NODE) / "mip-report-dementia.txt").exists()
    assert not report  # its file is good
