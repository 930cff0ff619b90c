"""Names as hospitals give them: odd ones work, dangerous ones get no rights."""

from __future__ import annotations

from tests.functional.keycloak.worlds import data, researcher
from tests.support.commands import sync
from tests.support.keycloak import OLD

ODD = [
    "a b",
    "a/b",
    "..",
    "a%2Fb",
    "?x=1#y",
    "a;b=c",
    "a+c",
    "a\\b",
    "*",
    "ü\"'&<>",
    "$(reboot)",
    "{{ x }}",
    "-rf",
    "😀",
    " blank ",
]


def test_names_that_need_escaping_work_everywhere(server, realm, pillar):
    refused = {"{{ x }}"} if server.release is OLD else set()  # the old server cannot have braces
    names = [name for name in ODD if name not in refused]
    realm.client("fed1")
    structure = data(**{name: {f"wk {name}": [name, f"{name}2"]} for name in names})
    result = sync(structure, pillar)
    assert (result["failed"], result["problems"]) == ([], [])
    assert sync(structure, pillar)["plan"] == []
    alice = realm.user("alice")
    realm.join(alice, *(f"FED1_RESEARCHER_{name}" for name in names))
    expected = set().union(*(researcher(name, name, f"{name}2") for name in names))
    assert realm.authorities("alice", "fed1") == expected

    fewer = data(**{name: {f"wk {name}": [name]} for name in names[1:]})
    sync(fewer, pillar)
    expected = set().union(*(researcher(name, name) for name in names[1:]))
    assert realm.authorities("alice", "fed1") == expected
    assert f"FED1_RESEARCHER_{names[0]}" in sync(fewer, pillar, prune=True)["removed"]
    assert sync(fewer, pillar)["orphans"] == []


def test_a_name_that_the_server_refuses_is_said_and_the_rest_is_done(server, realm, pillar):
    realm.client("fed1")
    result = sync(data(dementia={"wk1": ["{x}", "edsd"]}), pillar, sleep=lambda _: None)
    realm.join(realm.user("alice"), "FED1_RESEARCHER_dementia")
    if server.release is OLD:
        (failed,) = result["failed"]
        assert (failed["action"], failed["thing"]) == ("create role", "RESEARCH_DATASET_{x}")
        assert [problem["rule"] for problem in result["problems"]] == ["RightsRefused"]
        assert "RESEARCH_DATASET_{x}" not in result["created"]
        assert realm.authorities("alice", "fed1") == researcher("dementia", "edsd")
    else:
        assert (result["failed"], result["problems"]) == ([], [])
        assert realm.authorities("alice", "fed1") == researcher("dementia", "edsd", "{x}")


def test_codes_that_differ_in_case_alone_keep_their_rights_and_are_a_problem(realm, pillar):
    realm.client("fed1")
    result = sync(data(dementia={"wk1": ["EDSD", "edsd"]}), pillar)
    assert [problem["rule"] for problem in result["problems"]] == ["RightsAlike"]
    realm.join(realm.user("alice"), "FED1_RESEARCHER_dementia")
    assert realm.authorities("alice", "fed1") == researcher("dementia", "EDSD", "edsd")
    assert sync(data(dementia={"wk1": ["EDSD", "edsd"]}), pillar)["plan"] == []


def test_a_code_that_would_open_everything_opens_nothing(realm, pillar):
    realm.client("fed1")
    codes = ["x,RESEARCH_DATASET_ALL", "All", "edsd"]
    result = sync(data(dementia={"wk1": codes}), pillar)
    assert [problem["rule"] for problem in result["problems"]] == ["RightsSplit", "RightsReserved"]
    realm.join(realm.user("alice"), "FED1_RESEARCHER_dementia")
    assert realm.authorities("alice", "fed1") == researcher("dementia", "edsd")


def test_an_old_role_with_a_comma_gives_nothing_any_more(realm, pillar):
    client = realm.client("fed1")
    sync(data(dementia={"wk1": ["edsd"]}), pillar)
    admin = realm.admin
    admin.create_client_role(client, {"name": "RESEARCH_DATASET_a,b"})
    admin.add_composite_client_roles_to_role(
        client,
        "RESEARCH_PATHOLOGY_dementia",
        [admin.get_client_role(client, "RESEARCH_DATASET_a,b")],
    )
    result = sync(data(dementia={"wk1": ["edsd", "a,b"]}), pillar)
    assert result["orphans"] == ["RESEARCH_DATASET_a,b"]
    realm.join(realm.user("alice"), "FED1_RESEARCHER_dementia")
    assert realm.authorities("alice", "fed1") == researcher("dementia", "edsd")
