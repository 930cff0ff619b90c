"""Keycloak's roles follow the data by themselves: a real master, real minions, a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from saltext_mip import results, schemas
from tests.support import expected, manual
from tests.support.following import Following
from tests.support.keycloak import NEW, Realm, Unavailable, running
from tests.support.local import LocalFederation
from tests.support.person import typed
from tests.support.waiting import until
from tests.unit.pusher.conftest import cde, rows

ALONE = True
DECLARE = {"reactor": {"settle": 1, "resync": 600, "max_removed": 1}, "min_count": 0}
SECRET = "administration-secret"
FED = "federation=fed1"


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Realm]:
    """A realm with an administration account, as the manual prepares it."""
    try:
        with running(NEW, tmp_path_factory.mktemp("keycloak")) as server:
            made = server.realm("MIP")
            made.service_account("mip-admin", SECRET)
            made.client("fed1")  # as the portal has it, so that a user can log in
            yield made
    except Unavailable as why:
        pytest.skip(str(why))


@pytest.fixture(scope="module")
def following(realm: Realm, fed: LocalFederation) -> Following:
    keycloak = {
        "server_url": realm.url,
        "realm": realm.name,
        "client_id": "fed1",
        "admin_client_id": "mip-admin",
        "admin_client_secret": SECRET,
    }
    fed.declare({"keycloak": keycloak})
    fed.write_data("fed1-ms", "dementia", "CDEsMetadata.json", cde().encode())
    for node, name in (("h1", "edsd"), ("h1", "adni"), ("h2", "ppmi")):
        fed.write_data(f"fed1-wk-{node}", "dementia", f"{name}.csv", rows(name).encode())
    return Following(fed)


def roles(realm: Realm) -> set[str]:
    """The groups' names: one of each pathology, hospital and office."""
    return set(realm.groups())


def test_an_operator_brings_them_in_step_and_again_changes_nothing(
    following: Following, realm: Realm
) -> None:
    fed = following.fed
    fed.run("mip.consolidate", FED, check=True)
    planned = fed.run("mip.sync_roles", FED, "dry_run=True", check=True).json
    assert planned["plan"]
    assert roles(realm) == set()
    done = fed.salt_run("mip.sync_roles", FED, check=True)
    assert schemas.first_error(results.schema("sync_roles"), done.json) is None
    assert SECRET not in done.stdout + done.stderr
    assert {"FED1_RESEARCHER_dementia", "FED1_DC_HOSPITAL_fed1-wk-h1"} <= roles(realm)
    again = fed.run("mip.sync_roles", FED, check=True).json
    assert (again["changed"], again["writes"]) == (False, 0)


def test_every_line_of_the_manual_ends_as_it_should_and_shows_it(
    following: Following, realm: Realm
) -> None:
    realm.admin.create_group({"name": "FED0_DC_ADMIN"})  # of an older federation
    wrong = []
    for line in manual.lines("keycloak"):
        ran = typed(following.fed, line.text)
        said = ran.stdout + ran.stderr
        if ran.returncode or expected.shown(line) not in said or SECRET in said:
            wrong.append(f"{line.text}: {ran.returncode}\n{said}")
    assert not wrong, "\n".join(wrong)


def test_they_follow_new_data_with_nobody_typing(following: Following, realm: Realm) -> None:
    fed = following.fed
    following.install()
    user = realm.user("researcher")
    realm.join(user, "FED1_RESEARCHER_dementia")
    assert "RESEARCH_DATASET_lasi" not in realm.authorities("researcher", "fed1")
    fed.write_data("fed1-wk-h2", "dementia", "lasi.csv", rows("lasi").encode())
    until(lambda: "RESEARCH_DATASET_lasi" in realm.authorities("researcher", "fed1"), seconds=90)
    found = {each["type"]: each for each in fed.run("mip.status", FED).json["conditions"]}
    assert found["RolesSynced"]["status"] == "True"


def test_a_server_that_is_away_fails_nothing_else(following: Following) -> None:
    fed = following.fed
    fed.declare(lambda declared: declared["keycloak"].update(server_url="http://127.0.0.1:9"))
    fed.write_data("fed1-wk-h2", "dementia", "late.csv", rows("late").encode())
    following.settled(lambda: "late" in following.offered["dementia"], 90)

    def away() -> bool:
        found = fed.run("mip.status", FED).json["conditions"]
        return any(each["type"] == "RolesSynced" and each["status"] == "False" for each in found)

    until(away, seconds=90)
    assert following.last["kind"] == "done"
