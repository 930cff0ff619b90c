"""What the data manager's page promises, run as it is written there."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from saltfactories.utils.loader import LoaderModuleMock

from saltext_mip.data.inventory.check import check
from tests.support.mess import CDE, CITIES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data-managers.md"
REFUSED = re.escape("salt-call --local mip.fix")
COLUMNS = ("subjectcode", "dataset", "age", "gender", "diagnosis", "volume", "score", "city")
# with missing values, the smallest and largest numbers, and what has to be quoted
ROWS = (
    ("s1", "edsd", 61, "M", 1, 2.91, 1234567.5, "Genève"),
    ("s2", "edsd", None, "F", 0, 1e-05, None, "Köln, Mitte"),
    ("s3", "edsd", 71, None, None, None, 3.0, 'the "old" town'),
    ("s4", "ppmi", 90, "F", 1, 1999.125, -0.25, None),
)


def recipe(program: str) -> str:
    """The first code in the table's row of that program."""
    (row,) = re.findall(rf"^\| {program} \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    code = re.match(r"`([^`]+)`", row)
    assert code is not None, row
    return code[1]


def as_columns() -> dict[str, list[object]]:
    return {name: [row[at] for row in ROWS] for at, name in enumerate(COLUMNS)}


def with_polars(code: str, folder: Path) -> None:
    import polars

    _run(code, polars.DataFrame(as_columns()), folder)


def with_pandas(code: str, folder: Path) -> None:
    pandas = pytest.importorskip("pandas")
    _run(code, pandas.DataFrame(as_columns()), folder)


def _run(code: str, data: object, folder: Path) -> None:
    before = Path.cwd()
    os.chdir(folder)
    try:
        exec(code, {"data": data})
    finally:
        os.chdir(before)


def with_r(code: str, folder: Path) -> None:
    program = shutil.which("Rscript")
    if program is None:
        pytest.skip("R is not installed")
    columns = ", ".join(f"{name}=c({_in_r(values)})" for name, values in as_columns().items())
    script = folder / "export.R"
    script.write_text(f"data <- data.frame({columns})\n{code}\n", "utf-8")
    subprocess.run(
        [program, script],
        cwd=folder,
        check=True,
        capture_output=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )


def _in_r(values: list[object]) -> str:
    texts = ("NA" if of is None else json.dumps(of, ensure_ascii=False) for of in values)
    return ", ".join(texts)


@pytest.mark.parametrize(
    ("program", "run"), [("polars", with_polars), ("pandas", with_pandas), ("R", with_r)]
)
def test_a_recipe_leads_to_a_file_that_is_accepted_and_the_same(
    program: str, run, tmp_path: Path
) -> None:
    cde = tmp_path / "cde.json"
    cde.write_bytes(CDE)
    run(recipe(program), tmp_path)
    path = tmp_path / "edsd.csv"
    found = check(path, cde).all_findings
    assert [each.problem.rule for each in found if each.problem.severity != "note"] == []
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    assert tuple(header) == COLUMNS
    for row, (*_, city) in zip(rows, ROWS, strict=True):
        assert row[-1] == (city or "")
    texts = (0, 1, 3)
    for row, wanted in zip(rows, ROWS, strict=True):
        for at, value in enumerate(wanted[:-1]):
            if value is None or at in texts:
                assert row[at] == (value or "")
            else:
                assert float(row[at]) == value


@pytest.fixture
def anyones() -> Iterator[Path]:
    """A folder that everybody may read and nobody but its owner may write."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        (folder / "cde.json").write_bytes(CDE)
        yield folder


def checked(*argv: str) -> subprocess.CompletedProcess[str]:
    """``mip check`` by a user who may do nothing but read, if that can be arranged."""
    # run twice: what is imported on the way may be where that user may not read
    program = (
        "import contextlib, io, os, sys\n"
        "from saltext_mip.console.cli.main import main\n"
        "words = ['check', *sys.argv[1:]]\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    main(words)\n"
        "if os.geteuid() == 0:\n"
        "    os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "sys.exit(main(words))\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *argv],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"},
    )


def test_one_file_is_checked_before_it_is_in_the_data_path_and_without_root(
    anyones: Path,
) -> None:
    good, bad = anyones / "good.csv", anyones / "bad.csv"
    good.write_text("dataset,age\nedsd,61\nedsd,62\n")
    bad.write_text(f"dataset,age,city\nedsd,old,{CITIES[0]}\n,70,x\n")
    cde = str(anyones / "cde.json")
    ran = checked(str(good), "--cde", cde)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "good: 2 rows, dataset edsd (2)" in ran.stdout
    assert "bad.csv" not in ran.stdout
    ran = checked(str(bad), "--cde", cde)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert "[NotANumber]" in ran.stdout
    assert "line 2: old" in ran.stdout
    assert "[DatasetEmpty]" in ran.stdout
    assert sorted(path.name for path in anyones.iterdir()) == ["bad.csv", "cde.json", "good.csv"]


def test_without_a_cde_the_form_is_checked_and_that_is_a_problem(anyones: Path) -> None:
    path = anyones / "a.csv"
    path.write_text("dataset;age\nedsd;61\n")
    ran = checked(str(path))
    assert ran.returncode == 1
    assert "[NotChecked]" in ran.stdout
    assert "[WrongSeparator]" in ran.stdout


LOCAL = {"__cli": "salt-call", "file_client": "local"}
TO_THE_PUSHER = [
    {"__cli": "salt-minion", "file_client": "remote"},
    {"__cli": "salt-minion", "file_client": "local"},  # asked by the pusher all the same
    {"__cli": "salt-call", "file_client": "remote"},
    {},
]


@pytest.mark.parametrize("how", TO_THE_PUSHER)
def test_a_file_is_corrected_only_by_someone_on_this_machine(
    how: dict[str, str], tmp_path: Path
) -> None:
    from salt.exceptions import CommandExecutionError

    from saltext_mip.modules import mip_files

    (tmp_path / "CDEsMetadata.json").write_bytes(CDE)
    path = tmp_path / "export.csv"
    path.write_text("dataset;age\nedsd;61\n")
    with LoaderModuleMock({mip_files: {"__opts__": how}}):
        with pytest.raises(CommandExecutionError, match=REFUSED):
            mip_files.fix(str(path), write=True, out=str(tmp_path / "out.csv"))
        assert not (tmp_path / "out.csv").exists()
        with pytest.raises(CommandExecutionError, match=REFUSED):
            mip_files.fix("/nonexistent")  # not even whether a file is there is told
    with LoaderModuleMock({mip_files: {"__opts__": LOCAL}}):
        assert mip_files.fix(str(path))["changes"]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Salt's options of a module on a node with a data path, and files beside it."""
    from saltext_mip.modules import mip_files

    opts = {"id": "fed1-wk-h1", "root_dir": str(tmp_path / "root")}
    worker = {"role": "worker", "hospital": "h1", "address": "10.0.0.2"}
    nodes = {
        "fed1-ms": {"role": "master", "address": "10.0.0.1"},
        "fed1-wk-h1": {**worker, "data_path": str(tmp_path / "data")},
    }
    pillar = {"mip": {"federations": {"fed1": {"nodes": nodes}}}}
    for folder in ("data/dementia", "data2", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "CDEsMetadata.json").write_bytes(CDE)
        (tmp_path / folder / "a.csv").write_text("dataset,age\nedsd,61\n")
    (tmp_path / "data/dementia/link.csv").symlink_to(tmp_path / "elsewhere/a.csv")
    (tmp_path / "data/out").symlink_to(tmp_path / "elsewhere")
    dunders = {"__opts__": opts, "__context__": {}, "__pillar__": pillar}
    with LoaderModuleMock({mip_files: dunders}):
        yield opts


OUTSIDE = (
    *("elsewhere", "elsewhere/a.csv", "elsewhere/absent.csv", "data2", "data/../elsewhere"),
    *("data/out", "data/out/a.csv", "data/dementia/link.csv", ".", "/etc/passwd"),
)


@pytest.mark.parametrize("how", TO_THE_PUSHER)
@pytest.mark.parametrize("outside", OUTSIDE)
def test_what_returns_to_the_pusher_is_of_the_data_path_alone(
    outside: str, how: dict[str, str], node: dict[str, str], tmp_path: Path
) -> None:
    from salt.exceptions import CommandExecutionError

    from saltext_mip.modules import mip_files

    node.update(how)
    inside, path = str(tmp_path / "data/dementia"), str(tmp_path / outside)
    for refused in (
        lambda: mip_files.check(path),
        lambda: mip_files.check(inside, cde=path),
        lambda: mip_files.codebook(path),
    ):
        with pytest.raises(CommandExecutionError, match=r"run salt-call --local mip\.") as caught:
            refused()
        assert "not found" not in str(caught.value)  # not even whether it is there is told
    assert mip_files.check(inside)["checked"] == ["a.csv"]
    cde = f"{inside}/CDEsMetadata.json"
    assert mip_files.check(f"{inside}/a.csv", cde=cde)["checked"] == ["a.csv"]
    assert mip_files.codebook(inside)["pathology"] == mip_files.codebook("dementia")["pathology"]
    node.update(LOCAL)
    assert mip_files.check(str(tmp_path / "elsewhere"))["checked"] == ["a.csv"]
    assert mip_files.codebook(str(tmp_path / "elsewhere"))["codebook"]


@pytest.mark.parametrize("how", TO_THE_PUSHER)
def test_a_job_writes_no_codebook(
    how: dict[str, str], node: dict[str, str], tmp_path: Path
) -> None:
    from salt.exceptions import CommandExecutionError

    from saltext_mip.modules import mip_files

    node.update(how)
    if how.get("__cli") == "salt-call":
        assert mip_files.codebook("dementia", folder=str(tmp_path))["written"]
        return
    with pytest.raises(CommandExecutionError, match="only for salt-call on the node itself"):
        mip_files.codebook("dementia", folder=str(tmp_path))
    assert list(tmp_path.glob("*.csv")) == []
