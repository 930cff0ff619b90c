"""Roles and groups of a real server, brought in step with the data, and with it again."""

from __future__ import annotations

import stat

import pytest

from saltext_mip.errors import Misuse
from saltext_mip.keycloak.errors import NoSuchClient, SecretNotKept
from tests.functional.keycloak.worlds import PROCESSOR, controller, data, picture, researcher
from tests.support.commands import sync

DEMENTIA = {"wk1": ["edsd", "ppmi"], "wk2": ["edsd"]}
TWO = data(dementia=DEMENTIA, tbi={"wk1": ["center"]})


def test_the_first_sync_makes_the_client_and_everything_of_the_tables(realm, pillar):
    result = sync(TWO, pillar)
    assert result["changed"]
    assert set(realm.groups()) == {
        "FED1_DC_ADMIN",
        "FED1_WORKFLOW_ADMIN",
        "FED1_PROCESSOR",
        "FED1_DC_HOSPITAL_wk1",
        "FED1_DC_HOSPITAL_wk2",
        "FED1_CONTROLLER_dementia",
        "FED1_CONTROLLER_tbi",
        "FED1_RESEARCHER_dementia",
        "FED1_RESEARCHER_tbi",
    }
    client = realm.admin.get_client(realm.admin.get_client_id("fed1"))
    assert not client["publicClient"]
    assert not client["directAccessGrantsEnabled"]
    assert client["redirectUris"] == []
    assert {"fed1", "clientRole", "realmRole", "DC_ADMIN", "FED1_PROCESSOR"} <= set(
        result["created"]
    )
    assert (result["orphans"], result["problems"], result["failed"]) == ([], [], [])


def test_a_member_of_each_group_has_the_rights_of_the_table_in_the_id_token(realm, pillar):
    realm.client("fed1")
    sync(TWO, pillar)
    rights = {
        "FED1_DC_ADMIN": {"DC_ADMIN"},
        "FED1_WORKFLOW_ADMIN": {"WORKFLOW_ADMIN"},
        "FED1_PROCESSOR": PROCESSOR,
        "FED1_DC_HOSPITAL_wk2": {"DC_HOSPITAL_wk2"},
        "FED1_CONTROLLER_tbi": controller("tbi", "center"),
        "FED1_RESEARCHER_dementia": researcher("dementia", "edsd", "ppmi"),
    }
    for number, (group, expected) in enumerate(rights.items()):
        realm.join(realm.user(f"user{number}"), group)
        assert realm.authorities(f"user{number}", "fed1") == expected


def test_realm_roles_reach_the_id_token_too(realm, pillar):
    realm.client("fed1")
    sync(TWO, pillar)
    realm.user("alice")
    assert "offline_access" in realm.id_token("alice", "fed1")["realm_access"]["roles"]


def test_a_second_sync_asks_for_no_change(realm, pillar, proxy):
    sync(TWO, pillar)
    result = sync(TWO, {**pillar, "server_url": proxy.url})
    assert proxy.requests
    assert proxy.writes == []
    assert not result["changed"]
    assert (result["created"], result["updated"], result["removed"]) == ([], [], [])
    assert (result["plan"], result["writes"]) == ([], 0)
    assert {"fed1", "RESEARCH_DATASET_edsd", "FED1_RESEARCHER_tbi"} <= set(result["unchanged"])


def test_a_dry_run_asks_for_no_change_and_says_what_a_run_then_does(realm, pillar, proxy):
    planned = sync(TWO, {**pillar, "server_url": proxy.url}, dry_run=True)
    assert proxy.writes == []
    assert realm.groups() == {}
    assert not planned["changed"]
    done = sync(TWO, pillar)
    assert [planned[key] for key in ("plan", "created", "updated")] == [
        done[key] for key in ("plan", "created", "updated")
    ]


def test_a_dataset_that_comes_and_goes_changes_its_pathology_alone(realm, pillar, proxy):
    realm.client("fed1")
    sync(TWO, pillar)
    realm.join(realm.user("alice"), "FED1_RESEARCHER_dementia")

    more = data(dementia={**DEMENTIA, "wk2": ["edsd", "new"]}, tbi={"wk1": ["center"]})
    added = sync(more, {**pillar, "server_url": proxy.url})
    assert [(item["action"], item["thing"]) for item in added["plan"]] == [
        ("create role", "RESEARCH_DATASET_new"),
        ("extend role", "RESEARCH_PATHOLOGY_dementia"),
    ]
    assert len(proxy.writes) == 2
    assert realm.authorities("alice", "fed1") == researcher("dementia", "edsd", "ppmi", "new")

    gone = sync(TWO, pillar)
    assert [(item["action"], item["thing"]) for item in gone["plan"]] == [
        ("reduce role", "RESEARCH_PATHOLOGY_dementia")
    ]
    assert gone["orphans"] == ["RESEARCH_DATASET_new"]
    assert realm.authorities("alice", "fed1") == researcher("dementia", "edsd", "ppmi")


def test_a_pathology_that_goes_keeps_its_members_and_gives_again_when_it_comes_back(realm, pillar):
    realm.client("fed1")
    sync(TWO, pillar)
    alice = realm.user("alice")
    realm.join(alice, "FED1_RESEARCHER_tbi", "FED1_RESEARCHER_dementia")

    gone = sync(data(dementia=DEMENTIA), pillar)
    assert set(gone["orphans"]) == {
        "FED1_CONTROLLER_tbi",
        "FED1_RESEARCHER_tbi",
        "DC_CONTROL_tbi",
        "RESEARCH_PATHOLOGY_tbi",
        "RESEARCH_DATASET_center",
    }
    assert gone["removed"] == []
    assert realm.groups_of(alice) == {"FED1_RESEARCHER_tbi", "FED1_RESEARCHER_dementia"}
    assert realm.authorities("alice", "fed1") == researcher("dementia", "edsd", "ppmi")

    sync(TWO, pillar)
    assert realm.groups_of(alice) == {"FED1_RESEARCHER_tbi", "FED1_RESEARCHER_dementia"}
    assert realm.authorities("alice", "fed1") == researcher(
        "dementia", "edsd", "ppmi"
    ) | researcher("tbi", "center")


def test_a_hospital_that_comes_and_goes(realm, pillar):
    realm.client("fed1")
    sync(data(dementia={"wk1": ["edsd"]}), pillar)
    sync(TWO, pillar)
    alice = realm.user("alice")
    realm.join(alice, "FED1_DC_HOSPITAL_wk2", "FED1_RESEARCHER_dementia")
    assert "DC_HOSPITAL_wk2" in realm.authorities("alice", "fed1")

    gone = sync(data(dementia={"wk1": ["edsd", "ppmi"]}, tbi={"wk1": ["center"]}), pillar)
    assert gone["orphans"] == ["FED1_DC_HOSPITAL_wk2", "DC_HOSPITAL_wk2"]
    assert realm.groups_of(alice) == {"FED1_DC_HOSPITAL_wk2", "FED1_RESEARCHER_dementia"}
    assert realm.authorities("alice", "fed1") == researcher("dementia", "edsd", "ppmi")


def test_orphans_are_removed_with_prune_alone_and_then_gone(realm, pillar):
    sync(TWO, pillar)
    one = data(dementia=DEMENTIA)
    sync(one, pillar)
    assert "FED1_RESEARCHER_tbi" in realm.groups()

    pruned = sync(one, pillar, prune=True)
    assert {"FED1_CONTROLLER_tbi", "FED1_RESEARCHER_tbi", "RESEARCH_PATHOLOGY_tbi"} <= set(
        pruned["removed"]
    )
    assert pruned["orphans"] == []
    assert "FED1_RESEARCHER_tbi" not in realm.groups()
    again = sync(one, pillar, prune=True)
    assert (again["plan"], again["orphans"]) == ([], [])


def test_prune_leaves_default_groups_and_groups_with_groups_inside(realm, pillar):
    sync(TWO, pillar)
    groups = realm.groups()
    realm.admin.create_group({"name": "staff"}, parent=groups["FED1_CONTROLLER_tbi"])
    realm.make_default(groups["FED1_RESEARCHER_tbi"])
    pruned = sync(data(dementia=DEMENTIA), pillar, prune=True)
    assert pruned["orphans"] == ["FED1_CONTROLLER_tbi", "FED1_RESEARCHER_tbi"]
    assert [problem["rule"] for problem in pruned["problems"]] == ["OrphanKept"] * 2
    assert set(groups) == set(realm.groups())


def test_only_give_takes_nothing_away(realm, pillar):
    realm.client("fed1")
    sync(TWO, pillar)
    realm.join(realm.user("alice"), "FED1_RESEARCHER_dementia", "FED1_RESEARCHER_tbi")
    before = realm.authorities("alice", "fed1")
    sync(data(dementia={"wk1": ["new"]}), pillar, only_give=True, prune=True)
    assert realm.authorities("alice", "fed1") == before | {"RESEARCH_DATASET_new"}


def test_what_is_not_of_the_scheme_is_never_touched(realm, pillar):
    admin = realm.admin
    ours = realm.client("fed1", redirectUris=["https://portal.example/*"])
    other = realm.client("fed10")
    admin.create_client_role(other, {"name": "RESEARCH_DATASET_gone"})
    admin.create_client_role(ours, {"name": "uma_protection"})
    admin.create_realm_role({"name": "RESEARCH_DATASET_gone"})
    theirs = admin.get_client_role(other, "RESEARCH_DATASET_gone")
    for name in ("FED10_RESEARCHER_gone", "FED1X_RESEARCHER_gone", "fed1_RESEARCHER_gone", "MIP"):
        group = admin.create_group({"name": name})
        admin.assign_group_client_roles(group, other, [theirs])
        admin.group_user_add(realm.user(f"in-{name.lower()}"), group)
    admin.create_group({"name": "inner"}, parent=realm.groups()["MIP"])
    admin.create_group({"name": "FED1_RESEARCHER_gone"}, parent=realm.groups()["MIP"])
    admin.create_group({"name": "FED1_OUR_OWN"})
    sync(TWO, pillar)
    alice = realm.user("alice")
    admin.assign_client_role(alice, other, [theirs])
    admin.assign_client_role(alice, ours, [admin.get_client_role(ours, "uma_protection")])
    admin.assign_client_role(alice, ours, [admin.get_client_role(ours, "RESEARCH_DATASET_center")])
    before = picture(realm)

    sync(data(dementia=DEMENTIA), pillar)
    assert picture(realm) == before
    pruned = sync(data(dementia={"wk1": ["edsd"]}, tbi={"wk1": ["center"]}), pillar, prune=True)
    assert picture(realm) == before
    assert "RESEARCH_DATASET_ppmi" in pruned["removed"]
    assert "FED1_OUR_OWN" in realm.groups()


def test_what_our_groups_give_beside_the_scheme_stays(realm, pillar):
    sync(TWO, pillar)
    admin, groups = realm.admin, realm.groups()
    admin.create_realm_role({"name": "vpn"})
    admin.assign_group_realm_roles(groups["FED1_RESEARCHER_tbi"], [admin.get_realm_role("vpn")])
    sync(data(dementia=DEMENTIA), pillar)
    (role,) = admin.get_group_realm_roles(groups["FED1_RESEARCHER_tbi"])
    assert role["name"] == "vpn"


def test_a_longer_named_federations_groups_are_not_our_orphans(realm, pillar):
    sync(TWO, pillar)
    sync(data(x={"wk": ["y"]}), {**pillar, "client_id": "fed1_researcher"})
    found = sync(TWO, pillar, prune=True)
    assert (found["plan"], found["orphans"]) == ([], [])


def test_what_somebody_changed_by_hand_is_put_right(realm, pillar):
    realm.client("fed1")
    sync(TWO, pillar)
    admin, groups, client = realm.admin, realm.groups(), realm.admin.get_client_id("fed1")
    realm.join(realm.user("alice"), "FED1_RESEARCHER_tbi")
    admin.assign_group_client_roles(
        groups["FED1_RESEARCHER_tbi"], client, [admin.get_client_role(client, "DC_ADMIN")]
    )
    admin.delete_client_role(client, "RESEARCH_DATASET_center")
    admin.delete_group(groups["FED1_PROCESSOR"])

    mended = sync(TWO, pillar)
    assert [(item["action"], item["thing"]) for item in mended["plan"]] == [
        ("create role", "RESEARCH_DATASET_center"),
        ("extend role", "RESEARCH_PATHOLOGY_tbi"),
        ("create group", "FED1_PROCESSOR"),
        ("extend group", "FED1_PROCESSOR"),
        ("reduce group", "FED1_RESEARCHER_tbi"),
    ]
    assert realm.authorities("alice", "fed1") == researcher("tbi", "center")


def test_an_existing_clients_mappers_are_put_right_and_its_settings_left(realm, pillar):
    mapper = {"protocol": "openid-connect", "protocolMapper": "oidc-usermodel-client-role-mapper"}
    config = {
        "multivalued": "true",
        "claim.name": "authorities",
        "access.token.claim": "true",
        "id.token.claim": "false",
        "usermodel.clientRoleMapping.clientId": "fed1",
    }
    client = realm.client(
        "fed1",
        redirectUris=["https://portal.example/*"],
        protocolMappers=[{**mapper, "name": "by hand", "config": config}],
    )
    before = realm.admin.get_client(client)
    result = sync(TWO, pillar)
    assert "by hand" in result["updated"]
    after = realm.admin.get_client(client)
    assert {mapper["name"] for mapper in after["protocolMappers"]} == {"by hand", "realmRole"}
    assert {**before, "protocolMappers": []} == {**after, "protocolMappers": []}
    realm.join(realm.user("alice"), "FED1_RESEARCHER_tbi")
    assert realm.authorities("alice", "fed1") == researcher("tbi", "center")
    assert sync(TWO, pillar)["plan"] == []


def test_a_mapper_of_another_sort_may_have_our_mappers_name(realm, pillar):
    config = {"claim.name": "x", "user.attribute": "x", "jsonType.label": "String"}
    taken = {
        "name": "clientRole",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-usermodel-attribute-mapper",
        "config": config,
    }
    realm.client("fed1", protocolMappers=[taken])
    sync(TWO, pillar)
    realm.join(realm.user("alice"), "FED1_RESEARCHER_tbi")
    assert realm.authorities("alice", "fed1") == researcher("tbi", "center")
    assert sync(TWO, pillar)["plan"] == []


def test_members_are_copied_from_another_client_and_nobody_is_removed(realm, pillar):
    realm.client("fed1")
    sync(data(dementia=DEMENTIA, other={"wk1": ["z"]}), {**pillar, "client_id": "fed0"})
    alice, bob, carol = (realm.user(name) for name in ("alice", "bob", "carol"))
    realm.join(alice, "FED0_RESEARCHER_dementia", "FED0_PROCESSOR")
    realm.join(bob, "FED0_RESEARCHER_dementia", "FED0_RESEARCHER_other")
    sync(TWO, pillar)
    realm.join(carol, "FED1_RESEARCHER_dementia")
    realm.join(bob, "FED1_RESEARCHER_dementia")

    planned = sync(TWO, pillar, copy_from="fed0", dry_run=True)
    assert [(item["action"], item["thing"]) for item in planned["plan"]] == [
        ("add members", "FED1_PROCESSOR"),
        ("add members", "FED1_RESEARCHER_dementia"),
    ]
    copied = sync(TWO, pillar, copy_from="fed0")
    assert copied["updated"] == ["FED1_PROCESSOR", "FED1_RESEARCHER_dementia"]
    assert [problem["rule"] for problem in copied["problems"]] == ["MembersNotCopied"]
    assert realm.groups_of(alice) == {
        "FED0_RESEARCHER_dementia",
        "FED0_PROCESSOR",
        "FED1_RESEARCHER_dementia",
        "FED1_PROCESSOR",
    }
    assert "FED1_RESEARCHER_dementia" in realm.groups_of(carol)
    assert realm.groups_of(bob) >= {"FED0_RESEARCHER_other", "FED1_RESEARCHER_dementia"}
    assert sync(TWO, pillar, copy_from="fed0")["plan"] == []


def test_members_are_copied_at_the_first_sync_too(realm, pillar):
    sync(TWO, {**pillar, "client_id": "fed0"})
    alice = realm.user("alice")
    realm.join(alice, "FED0_RESEARCHER_tbi")
    sync(TWO, pillar, copy_from="fed0")
    assert "FED1_RESEARCHER_tbi" in realm.groups_of(alice)


def test_a_client_without_groups_cannot_be_copied_from(realm, pillar):
    with pytest.raises(NoSuchClient, match="'fedd0'"):
        sync(TWO, pillar, copy_from="fedd0")
    with pytest.raises(Misuse):
        sync(TWO, pillar, copy_from="fed1")


def test_the_secret_goes_into_its_file_and_nowhere_else(realm, pillar, secret_file):
    said: list[str] = []
    with_file = {**pillar, "client_secret_file": str(secret_file)}
    result = sync(TWO, with_file, progress=said.append)
    client = realm.admin.get_client_id("fed1")
    secret = realm.admin.get_client_secrets(client)["value"]
    assert secret_file.read_text() == secret + "\n"
    assert stat.S_IMODE(secret_file.stat().st_mode) == 0o600
    assert secret not in f"{result}{said}"
    assert str(secret_file) in result["updated"]
    assert sync(TWO, with_file)["plan"] == []

    secret_file.chmod(0o644)
    assert "0644 -> 0600" in str(sync(TWO, with_file)["plan"])
    assert stat.S_IMODE(secret_file.stat().st_mode) == 0o600
    realm.admin.generate_client_secrets(client)
    sync(TWO, with_file)
    assert secret_file.read_text() == realm.admin.get_client_secrets(client)["value"] + "\n"


def test_a_secrets_file_without_a_folder_is_said_before_anything_is_done(realm, pillar, tmp_path):
    with pytest.raises(SecretNotKept, match=r"folder .* not found"):
        sync(TWO, {**pillar, "client_secret_file": str(tmp_path / "no" / "secret")})
    assert realm.groups() == {}


def test_a_public_client_is_a_problem_and_stays_so(realm, pillar, secret_file):
    realm.admin.create_client({"clientId": "fed1", "publicClient": True})
    result = sync(TWO, {**pillar, "client_secret_file": str(secret_file)})
    assert [problem["rule"] for problem in result["problems"]] == ["ClientNotConfidential"]
    assert not secret_file.exists()
    assert sync(TWO, pillar)["plan"] == []


@pytest.mark.parametrize("account", ["user of the realm", "user of master", "user and client"])
def test_the_administration_account_may_be_a_user(server, realm, pillar, account):
    for key in ("admin_client_id", "admin_client_secret"):
        pillar.pop(key)
    if account == "user of master":
        user, password = "bed-admin", "bed-admin-password"
    else:
        user, password = "operator", "operator-password"
        realm.operator(user, password)
    if account == "user and client":
        realm.client("cli", "cli-secret")
        pillar |= {"admin_client_id": "cli", "admin_client_secret": "cli-secret"}
    assert sync(TWO, {**pillar, "admin_username": user, "admin_password": password})["changed"]


@pytest.mark.parametrize("ending", ["", "/", "/auth", "/auth/"])
def test_the_address_may_be_with_or_without_auth(server, realm, pillar, ending):
    url = realm.url.removesuffix("/auth") + ending
    assert sync(TWO, {**pillar, "server_url": url}, dry_run=True)["plan"]
