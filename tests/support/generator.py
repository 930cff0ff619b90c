"""Synthetic data of hospitals, always the same for the same seed; no patient was ever in it.

Three pathologies with what real folders have: a dataset over two files, two datasets in one file, a
byte order mark, CRLF, blank lines, quoted fields with commas, quotes and line breaks, a column
``subjectcode`` that the CDE lacks, types in any letter case, six-character escapes, empty groups, a
pathology's name with a blank and a ``-``. ``bad=True`` adds a file that a person must mend.

::

    python -m tests.support.generator FOLDER --seed 1 --rows 200 --workers 2

writes ``FOLDER/<node>/<pathology>/<file>`` for the nodes ``ms``, ``h1``, ``h2``…
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

Files = Mapping[str, Mapping[str, bytes]]
"""What one node has: pathology → file → content."""

CDE = "CDEsMetadata.json"
SURVEY = "mental-health-survey"
BAD_FILE = "visit protocol.csv"


# -- variables: one that the CDE describes, and values for it


def variable(code: str, sql_type: str, label: str = "", **more: Any) -> dict[str, Any]:
    """As CDEs spell them; ``enumerations`` as ``{code: label}`` makes it categorical."""
    choices = more.pop("enumerations", None)
    made: dict[str, Any] = {
        "isCategorical": choices is not None,
        "code": code,
        "sql_type": sql_type,
        "label": label or code.capitalize(),
        "type": {"int": "integer"}.get(sql_type.lower(), sql_type.lower()),
        "description": "",
        "methodology": "synthetic",
        **more,
    }
    if choices is not None:
        made["type"] = "nominal"
        made["enumerations"] = [{"code": key, "label": text} for key, text in choices.items()]
    return made


def group(
    code: str, label: str, variables: Iterable[dict[str, Any]], groups: Iterable[Any] = ()
) -> dict[str, Any]:
    return {"variables": list(variables), "code": code, "groups": list(groups), "label": label}


GENDER = variable("gender", "text", enumerations={"M": "Male", "F": "Female"})

DEMENTIA = group(
    "dementia",
    "Dementia",
    [
        variable("dataset", "text", enumerations={"alpha": "Cohort α", "retired": "Retired study"}),
        # the six characters \u03b2, as a file that went through two encoders has them
        variable("ab1_42", "REAL", "Amyloid \\u03b2 1-42", units="pg/ml", minValue=0),
        variable("remark", "Text", "Remark of the visit"),
    ],
    [
        group(
            "demographics",
            "Demographics",
            [variable("age", "int", minValue=0, maxValue=120, units="years"), GENDER],
            [group("later", "For later use", [], [])],
        ),
        group(
            "brain",
            "Brain volumes",
            [
                variable(f"{side}{part}", "real", f"{side.capitalize()} {part}", min=0, max=20)
                for part in ("hippocampus", "amygdala", "caudate", "putamen", "thalamus")
                for side in ("left", "right")
            ],
        ),
    ],
)

# the root says nothing: the folder's name stands for the code, and gives the label
TBI = group(
    "root",
    "/",
    [
        variable("dataset", "text", enumerations={}),
        variable("gcs_total_score", "INT", "Glasgow coma scale", min=3, max=15),
        variable("pupils", "text", enumerations={"both": "Both", "one": "One", "none": "None"}),
    ],
    [group("unused", "Unused", [], [])],
)

SURVEYED = group(
    SURVEY,
    "Mental health survey",
    [
        variable("dataset", "text", enumerations={}),
        variable("phq_9", "Int", "Depression (PHQ-9)", min="0", max="27"),
        variable("sleep_hours", "Real", "Hours of sleep"),
    ],
)

CDES = {"dementia": DEMENTIA, SURVEY: SURVEYED, "tbi": TBI}


def leaves(tree: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    yield from tree["variables"]
    for below in tree["groups"]:
        yield from leaves(below)


def _value(random: Random, one: Mapping[str, Any]) -> str:
    if random.random() < 0.05:
        return ""
    if one["isCategorical"]:
        return str(random.choice(one["enumerations"])["code"])
    low = float(one.get("min", one.get("minValue", 0)))
    high = float(one.get("max", one.get("maxValue", 1000)))
    match one["sql_type"].lower():
        case "int":
            return str(random.randint(int(low), int(high)))
        case "real":
            return f"{random.uniform(low, high):.4f}"
        case _:
            return random.choice(REMARKS)


REMARKS = ("", "came late", "tired, slept badly", 'said "fine"', "two lines\nof remark", "Zürich")


# -- files


def table(
    seed: object,
    pathology: str,
    datasets: Sequence[str],
    rows: int,
    *,
    subjectcode: bool = False,
    without: Sequence[str] = (),
) -> bytes:
    """A CSV file of a pathology; its datasets in turn, in blocks."""
    random = Random(str(seed))  # the same on every machine and in every process
    variables = [one for one in leaves(CDES[pathology]) if one["code"] not in without]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["subjectcode"] * subjectcode + [one["code"] for one in variables])
    for row in range(rows):
        dataset = datasets[row * len(datasets) // rows]
        values = [dataset if one["code"] == "dataset" else _value(random, one) for one in variables]
        writer.writerow([f"S{row:06d}"] * subjectcode + values)
    return out.getvalue().encode()


def with_mark(content: bytes) -> bytes:
    """As a spreadsheet saves it: a byte order mark and CRLF."""
    lines = content.decode().replace("\n", "\r\n")
    return b"\xef\xbb\xbf" + lines.encode()


def with_blank_lines(content: bytes) -> bytes:
    """A blank line after the header, two at the end."""
    header, _, rest = content.partition(b"\n")
    return header + b"\n\n" + rest + b"\n\n"


def ragged(content: bytes) -> bytes:
    """The last row lacks its last field."""
    return content.rstrip(b"\n").rpartition(b",")[0] + b"\n"


def cde(pathology: str) -> bytes:
    """As existing installations write it, with four spaces: not how we would."""
    return json.dumps(CDES[pathology], indent=4, ensure_ascii=False).encode()


# -- nodes


def node_of_master() -> Files:
    return {pathology: {CDE: cde(pathology)} for pathology in CDES}


def hospital(number: int, *, seed: int = 1, rows: int = 200, bad: bool = False) -> Files:
    """The data of the worker of that number, from 1. The first two have the oddities."""

    def made(pathology: str, name: str, *datasets: str, **more: Any) -> bytes:
        return table(f"{seed}/{number}/{pathology}/{name}", pathology, datasets, rows, **more)

    match number:
        case 1:
            files = {
                "dementia": {
                    "alpha 2019.csv": made("dementia", "2019", "alpha", subjectcode=True),
                    "alpha 2020.csv": made("dementia", "2020", "alpha", without=["remark"]),
                },
                SURVEY: {"Survey (1).csv": with_blank_lines(made(SURVEY, "1", "spring"))},
            }
        case 2:
            files = {
                "dementia": {"studies.csv": with_mark(made("dementia", "s", "beta", "gamma"))},
                "tbi": {"emergency.csv": made("tbi", "e", "er-2023")},
            }
        case _:
            files = {"dementia": {f"h{number}.csv": made("dementia", "own", f"site-{number}")}}
    if bad:
        files["dementia"][BAD_FILE] = ragged(made("dementia", "bad", f"visits-{number}"))
    return files


def write(folder: Path, files: Files) -> None:
    """Below ``folder``, a data path, as a hospital's data manager would put them."""
    for pathology, contents in files.items():
        (folder / pathology).mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (folder / pathology / name).write_bytes(content)


# -- sizes, for measuring


def wide_header(columns: int) -> list[str]:
    return ["dataset", *(f"variable_{number:05d}" for number in range(1, columns))]


def wide_cde(pathology: str, columns: int) -> bytes:
    """A CDE of so many variables."""
    dataset = variable("dataset", "text", enumerations={})
    others = [variable(code, "real") for code in wide_header(columns)[1:]]
    return json.dumps(group(pathology, pathology, [dataset, *others])).encode()


def wide_table(columns: int, rows: int, *, dataset: str = "wide", seed: int = 1) -> bytes:
    random = Random(seed)
    lines = [",".join(wide_header(columns))]
    lines += [
        ",".join([dataset, *(f"{random.random():.5f}" for _ in range(columns - 1))])
        for _ in range(rows)
    ]
    return ("\n".join(lines) + "\n").encode()


def large(path: Path, size: int, *, columns: int = 170, seed: int = 1) -> int:
    """A CSV of at least ``size`` bytes, written without holding it; returns its rows."""
    block_rows = 5000
    header, _, block = wide_table(columns, block_rows, dataset="large", seed=seed).partition(b"\n")
    blocks = -(-size // len(block))
    with path.open("wb") as out:
        out.write(header + b"\n")
        for _ in range(blocks):
            out.write(block)
    return blocks * block_rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Write synthetic data of hospitals.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", type=int, default=200, help="of each file (default: 200)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--bad", action="store_true", help="one file that a person must mend")
    given = parser.parse_args()
    write(given.folder / "ms", node_of_master())
    for number in range(1, given.workers + 1):
        bad = given.bad and number == 2
        files = hospital(number, seed=given.seed, rows=given.rows, bad=bad)
        write(given.folder / f"h{number}", files)


if __name__ == "__main__":
    main()
