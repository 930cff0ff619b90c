"""Who may edit a CDE finds no value by asking: in answers to CDEs to come, and by their number."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from saltext_mip import wire
from saltext_mip.data.inventory import trials
from saltext_mip.data.inventory.model import Inventory
from saltext_mip.data.inventory.trials import MOST, Trials
from saltext_mip.errors import Misuse
from saltext_mip.node import jobs, queries
from saltext_mip.node.context import NodeContext
from saltext_mip.problems import Problem
from saltext_mip.rules import RULES
from saltext_mip.storage.state import ASKED
from tests.support import cdes
from tests.unit.node.conftest import context_of  # noqa: F401 - a fixture

AGES = [*range(30, 70), 97]  # the last is one patient's
NODE = "fed1-wk-chuv"


def cde(datasets=("edsd",), **age) -> bytes:
    variables = [cdes.variable("age", "int", **age), cdes.variable("volume", "real")]
    variables.append(cdes.variable("town", enumerations=["a", "b", "c"]))
    return cdes.content(datasets=list(datasets), variables=variables)


class Hospital:
    """A node with one file of 41 patients."""

    def __init__(self, context: NodeContext) -> None:
        self.context = context
        self.folder = context.data_path / "dementia"
        self.folder.mkdir(parents=True)
        self.rows([f"edsd,{age},1.5,{'abc'[age % 3]}" for age in AGES])
        self.stand(cde(minValue=0, maxValue=120))

    def rows(self, lines: list[str]) -> None:
        text = "\n".join(["dataset,age,volume,town", *lines, ""])
        (self.folder / "a.csv").write_text(text)

    def stand(self, content: bytes) -> None:
        (self.folder / "CDEsMetadata.json").write_bytes(content)

    def ask(self, content: bytes, job: str = "1") -> Inventory:
        """What the pusher gets, in a dry run as in any other."""
        packed = wire.pack({"dementia": content.decode("latin-1")})
        value = wire.whole([wire.check_page(jobs.verify(self.context, packed, job=job))])
        return Inventory.from_wire(NODE, "fed1", value)

    def told(self, content: bytes) -> list[dict]:
        """Of the CDE to come all that the answer tells."""
        (record,) = self.ask(content).pathologies
        (file,) = record.files
        at = {"pathology": None, "file": None}
        return [problem.at(**at).wire() for problem in list(file.verified.values())[-1]]

    def report(self) -> str:
        path = self.context.data_path / "mip-report-dementia.txt"
        return path.read_text() if path.exists() else ""

    @property
    def trials(self) -> Trials:
        return Trials(self.context.state)


@pytest.fixture
def hospital(context_of) -> Hospital:  # noqa: F811
    return Hospital(context_of(NODE))


@pytest.fixture
def unlimited(monkeypatch) -> None:
    monkeypatch.setattr(trials, "MOST", 10**6)


@pytest.mark.usefixtures("unlimited")
def test_bisection_on_bounds_finds_no_value(hospital: Hospital):
    answers = [hospital.told(cde(minValue=0, maxValue=bound)) for bound in range(61, 121, 2)]
    assert answers == [[]] * len(answers)  # wherever the bound is among the ten oldest
    answers = [hospital.told(cde(minValue=bound)) for bound in range(0, 40, 2)]
    assert answers == [[]] * len(answers)


@pytest.mark.usefixtures("unlimited")
def test_enumerations_find_no_value(hospital: Hospital):
    def asked(codes: list[str]) -> bytes:
        towns = cdes.variable("town", enumerations=codes)
        return cdes.content(datasets=["edsd"], variables=[cdes.variable("age", "int"), towns])

    hospital.rows([f"edsd,{age},,{'ab'[age % 2] if age < 90 else 'c'}" for age in AGES])
    (hospital.folder / "a.csv").write_text(
        (hospital.folder / "a.csv").read_text().replace(",,", ",").replace(",volume", "")
    )
    hospital.stand(asked(["a", "b", "c", "d"]))
    assert hospital.told(asked(["a", "b", "c"])) == hospital.told(asked(["a", "b", "d"])) == []


@pytest.mark.usefixtures("unlimited")
def test_what_ten_and_more_have_is_told_roughly_and_without_lines(hospital: Hospital):
    told = [hospital.told(cde(maxValue=bound)) for bound in (40, 41, 42, 43)]
    assert told[0] == [{"rule": "OutOfBounds", "column": "age", "count": ">20"}]
    assert told == [told[0]] * 4
    assert hospital.told(cde(minValue=200)) == hospital.told(cde(minValue=97)) == told[0]
    assert "lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 30 more" in hospital.report()


@pytest.mark.usefixtures("unlimited")
def test_the_hospitals_own_report_has_what_is_not_told(hospital: Hospital):
    hospital.ask(cde(maxValue=96))
    assert "line 42: 97" in hospital.report()


def test_once_it_is_the_nodes_own_cde_a_few_are_told_as_few(hospital: Hospital):
    hospital.stand(cde(maxValue=96))
    (record,) = hospital.ask(cde(maxValue=96, datasets=["edsd", "x"])).pathologies
    (file,) = record.files
    ((found,),) = file.verified.values()
    assert (found.rule, found.column, found.reported_count) == ("OutOfBounds", "age", "<10")
    assert (found.line, found.lines) == (None, ())


def test_the_rules_that_did_not_change_are_told_of_a_cde_to_come(hospital: Hospital):
    hospital.stand(cde(maxValue=96))
    variables = [cdes.variable("age", "int", maxValue=96), cdes.variable("volume", "real")]
    towns = cdes.variable("town", enumerations=["a", "b", "c", "d"])
    new = cdes.content(datasets=["edsd"], variables=[*variables, towns])
    assert [found["count"] for found in hospital.told(new)] == ["<10"]


def test_the_first_cde_of_a_pathology_is_answered_like_its_own(hospital: Hospital):
    (hospital.folder / "CDEsMetadata.json").unlink()
    first, second = cde(maxValue=96), cde(maxValue=95)
    assert [found["count"] for found in hospital.told(first)] == ["<10"]
    assert [found["count"] for found in hospital.told(first)] == ["<10"]
    assert hospital.told(second) == []
    assert hospital.told(second) == []


@pytest.mark.parametrize("rule", sorted(name for name, of in RULES.items() if of.about_values))
def test_no_rule_about_values_leaves_with_lines_or_exact_counts(rule: str):
    for count in (1, 9, 10, 12, 5000):
        problem = Problem(rule, file="a.csv", column="age", line=3, lines=(3, 4), count=count)
        sent = problem.outside(10, rows=5000).wire()
        assert sent.keys() == {"rule", "file", "column", "count"}
        assert sent["count"] == ("<10" if count < 10 else {10: ">9", 12: ">10"}.get(count, ">2000"))
        assert Problem.from_wire("n", sent).reported_count == sent["count"]


@pytest.mark.parametrize("rows", range(20, 130))
def test_counts_of_one_row_more_or_less_of_all_rows_are_told_alike(rows: int):
    def told(count: int) -> object:
        return Problem("OutOfBounds", count=count).outside(10, rows).reported_count

    assert len({told(count) for count in range(rows - 9, rows + 1)}) == 1


# -- how many


def test_more_different_cdes_than_are_answered_in_a_day_are_refused(hospital: Hospital):
    for bound in range(MOST):
        assert hospital.ask(cde(maxValue=200 + bound)).pathologies[0].files
    refused = hospital.ask(cde(maxValue=500), job="20261201").pathologies[0]
    assert (refused.files, refused.unknown) == ((), "TooManyTrials")
    assert refused.cde is not None
    assert "mip.allow" in refused.problems[0].definition.hint
    last = hospital.trials.history()[-1]
    assert (last.what, last.job, last.changed) == ("refused", "20261201", ("age",))
    # what was asked before, what the node has, datasets and labels are no questions
    assert hospital.ask(cde(maxValue=200)).pathologies[0].files
    assert hospital.ask(cde(minValue=0, maxValue=120)).pathologies[0].files
    assert hospital.ask(cde(["edsd", "new"], minValue=0, maxValue=120)).pathologies[0].files
    labelled = cde(minValue=0, maxValue=120, label="How old")
    assert hospital.ask(labelled).pathologies[0].files
    assert len(hospital.trials.history()) == MOST + 1


def test_another_pathology_is_not_refused(hospital: Hospital):
    for number in range(MOST):
        hospital.trials.may_ask("tbi", str(number), changed=())
    assert hospital.trials.left("tbi") == 0
    assert hospital.ask(cde(maxValue=300)).pathologies[0].files


def test_only_the_hospital_allows_more(hospital: Hospital):
    for number in range(MOST):
        assert hospital.trials.may_ask("dementia", str(number), changed=())
    assert not hospital.trials.may_ask("dementia", "more", changed=())
    root = hospital.context.state.parent
    (root / "var/lib/mip").mkdir(parents=True)
    (root / "var/lib/mip/fed1").symlink_to(hospital.context.state)
    with pytest.raises(Misuse, match="it has: dementia"):
        queries.allow(root, "tbi", None)
    allowed = queries.allow(root, "dementia", None)
    assert allowed.left == {"dementia": MOST}
    assert [each.what for each in allowed.asked][-2:] == ["refused", "allowed"]
    assert hospital.trials.may_ask("dementia", "more", changed=())
    with pytest.raises(Misuse, match="only of: fed1"):
        queries.asked(root, "fed2")


def test_after_a_day_it_answers_again(tmp_path):
    now = datetime(2026, 12, 1, tzinfo=UTC)
    asked = Trials(tmp_path, lambda: now)
    assert all(asked.may_ask("p", str(number), changed=()) for number in range(MOST))
    assert not asked.may_ask("p", "x", changed=())
    now += timedelta(hours=23, minutes=59)
    assert not asked.may_ask("p", "x", changed=())
    now += timedelta(minutes=2)
    assert asked.may_ask("p", "x", changed=())
    assert asked.left("p") == MOST - 1


def test_the_same_refused_one_is_recorded_once_and_a_flood_loses_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(trials, "_BYTES", 4000)
    monkeypatch.setattr(trials, "_KEPT", 2000)
    asked = Trials(tmp_path)
    for number in range(MOST):
        asked.may_ask("p", str(number), changed=())
    for _ in range(3):
        assert not asked.may_ask("p", "same", changed=())
    assert [each.rules for each in asked.history()].count("same") == 1
    for number in range(200):
        assert not asked.may_ask("p", f"other {number}", changed=())
    assert asked.may_ask("p", "0", changed=())
    assert not asked.may_ask("p", "one more", changed=())
    assert (tmp_path / ASKED).stat().st_size < 8000
    assert (tmp_path / ASKED).stat().st_mode & 0o777 == 0o600


def test_a_line_that_a_power_cut_broke_is_left_out(tmp_path):
    asked = Trials(tmp_path)
    asked.may_ask("p", "1", changed=("é",))
    with (tmp_path / ASKED).open("ab") as file:
        file.write(b'{"when": "2026')
    asked.may_ask("p", "2", changed=())
    assert [each.rules for each in asked.history()] == ["1", "2"]


def test_what_is_recorded_names_no_value(hospital: Hospital):
    hospital.ask(cde(maxValue=96), job="77")
    (line,) = (hospital.context.state / ASKED).read_text().splitlines()
    value = json.loads(line)
    assert value.keys() == {"when", "pathology", "what", "rules", "cde", "job", "changed"}
    assert (value["job"], value["changed"]) == ("77", ["age"])
