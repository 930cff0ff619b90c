"""From the data structure to roles and groups, by the tables."""

from __future__ import annotations

import pytest

from saltext_mip.keycloak.desired import NotAStructure, desired_rights

STRUCTURE = [
    {
        "name": "dementia",
        "nodes": [
            {"name": "fed1-wk-chuv", "datasets": [{"name": "edsd"}, {"name": "ppmi"}]},
            {"name": "fed1-wk-niguarda", "datasets": [{"name": "edsd"}]},
        ],
    },
    {"name": "tbi", "nodes": [{"name": "fed1-wk-chuv", "datasets": [{"name": "center"}]}]},
]


def structure(*datasets: str, pathology: str = "dementia", node: str = "wk") -> list[dict]:
    names = [{"name": dataset} for dataset in datasets]
    return [{"name": pathology, "nodes": [{"name": node, "datasets": names}]}]


def rules(data: list[dict]) -> list[tuple[str, str | None]]:
    return [(problem.rule, problem.about) for problem in desired_rights(data, "fed1").problems]


def test_roles_are_those_of_the_table():
    assert desired_rights(STRUCTURE, "fed1").rights.roles == {
        "DC_ADMIN": set(),
        "WORKFLOW_ADMIN": set(),
        "RESEARCH_DATASET_ALL": set(),
        "RESEARCH_EXPERIMENT_ALL": set(),
        "RESEARCH_PATHOLOGY_ALL": set(),
        "DC_CONTROL_dementia": set(),
        "DC_CONTROL_tbi": set(),
        "DC_HOSPITAL_fed1-wk-chuv": set(),
        "DC_HOSPITAL_fed1-wk-niguarda": set(),
        "RESEARCH_DATASET_edsd": set(),
        "RESEARCH_DATASET_ppmi": set(),
        "RESEARCH_DATASET_center": set(),
        "RESEARCH_PATHOLOGY_dementia": {"RESEARCH_DATASET_edsd", "RESEARCH_DATASET_ppmi"},
        "RESEARCH_PATHOLOGY_tbi": {"RESEARCH_DATASET_center"},
    }


def test_groups_are_those_of_the_table():
    assert desired_rights(STRUCTURE, "fed1").rights.groups == {
        "FED1_DC_ADMIN": {"DC_ADMIN"},
        "FED1_WORKFLOW_ADMIN": {"WORKFLOW_ADMIN"},
        "FED1_PROCESSOR": {
            "RESEARCH_DATASET_ALL",
            "RESEARCH_EXPERIMENT_ALL",
            "RESEARCH_PATHOLOGY_ALL",
        },
        "FED1_DC_HOSPITAL_fed1-wk-chuv": {"DC_HOSPITAL_fed1-wk-chuv"},
        "FED1_DC_HOSPITAL_fed1-wk-niguarda": {"DC_HOSPITAL_fed1-wk-niguarda"},
        "FED1_CONTROLLER_dementia": {"DC_CONTROL_dementia", "RESEARCH_PATHOLOGY_dementia"},
        "FED1_CONTROLLER_tbi": {"DC_CONTROL_tbi", "RESEARCH_PATHOLOGY_tbi"},
        "FED1_RESEARCHER_dementia": {"RESEARCH_PATHOLOGY_dementia"},
        "FED1_RESEARCHER_tbi": {"RESEARCH_PATHOLOGY_tbi"},
    }


def test_a_sound_structure_has_no_problems():
    assert desired_rights(STRUCTURE, "fed1").problems == ()


def test_a_node_without_data_has_no_role():
    empty = [{"name": "dementia", "nodes": [{"name": "wk", "datasets": []}]}]
    assert "DC_HOSPITAL_wk" not in desired_rights(empty, "fed1").rights.roles


@pytest.mark.parametrize("code", ["edsd,ppmi", ",", "x,RESEARCH_DATASET_ALL"])
def test_a_comma_gives_no_role_and_is_a_problem(code):
    found = desired_rights(structure("ok", code), "fed1")
    assert f"RESEARCH_DATASET_{code}" not in found.rights.roles
    assert found.rights.roles["RESEARCH_PATHOLOGY_dementia"] == {"RESEARCH_DATASET_ok"}
    assert [(problem.rule, problem.about) for problem in found.problems] == [
        ("RightsSplit", f"dataset {code}")
    ]


@pytest.mark.parametrize("code", ["ALL", "all", "A LL", "[all]", "a+ll"])
def test_a_name_that_the_portal_reads_as_all_gives_no_role(code):
    found = desired_rights(structure("ok", code), "fed1")
    assert found.rights.roles["RESEARCH_PATHOLOGY_dementia"] == {"RESEARCH_DATASET_ok"}
    assert [problem.rule for problem in found.problems] == ["RightsReserved"]


def test_a_pathology_called_all_does_not_take_the_place_of_all_pathologies():
    found = desired_rights(structure("edsd", pathology="ALL"), "fed1")
    assert found.rights.roles["RESEARCH_PATHOLOGY_ALL"] == set()
    assert "FED1_RESEARCHER_ALL" not in found.rights.groups
    assert [problem.rule for problem in found.problems] == ["RightsReserved"]


@pytest.mark.parametrize("code", ["", "  ", "x" * 239, "line\nbreak", "\x1b[31m"])
def test_a_name_that_no_role_can_have_is_a_problem(code):
    assert [rule for rule, _ in rules(structure("ok", code))] == ["RightsUnfit"]


def test_a_problem_shows_control_characters_escaped():
    assert rules(structure("a\x1bb")) == [("RightsUnfit", "dataset a\\x1bb")]


def test_the_longest_name_that_fits_is_none():
    assert rules(structure("x" * 238)) == []


def test_a_blank_that_is_not_ascii_is_kept_by_the_portal():
    assert rules(structure("edsd", "e\u00a0dsd")) == []


@pytest.mark.parametrize("other", ["EDSD", "Edsd", "e dsd", "[edsd]", "ed+sd"])
def test_codes_that_the_portal_cannot_tell_apart_keep_their_roles_and_are_a_problem(other):
    found = desired_rights(structure("edsd", other), "fed1")
    assert {"RESEARCH_DATASET_edsd", f"RESEARCH_DATASET_{other}"} <= set(found.rights.roles)
    assert [(problem.rule, problem.about) for problem in found.problems] == [
        ("RightsAlike", f"datasets 'edsd' and '{other}'")
    ]


def test_pathologies_and_nodes_that_differ_in_case_alone_are_problems():
    data = [*structure("a", pathology="TBI", node="WK"), *structure("a", pathology="tbi")]
    assert rules(data) == [
        ("RightsAlike", "pathologies 'TBI' and 'tbi'"),
        ("RightsAlike", "nodes 'WK' and 'wk'"),
    ]


def test_a_problem_says_where_the_name_is():
    (problem,) = desired_rights(structure("a,b", node="wk1"), "fed1").problems
    assert (problem.pathology, problem.node) == ("dementia", "wk1")


@pytest.mark.parametrize(
    "data", [{}, "text", [{}], [{"name": "p"}], [{"name": "p", "nodes": {}}], [{"name": 1}]]
)
def test_what_is_no_structure_is_refused(data):
    with pytest.raises(NotAStructure, match="does not have the format"):
        desired_rights(data, "fed1")
