"""The protocol mappers: recognised by what they do, put right in place."""

from __future__ import annotations

import pytest

from saltext_mip.keycloak.desired import desired_rights
from saltext_mip.keycloak.mappers import CLIENT_ROLES, Mapper, choose, desired_mappers
from saltext_mip.keycloak.observed import Ids, Observed
from saltext_mip.keycloak.plan import corrected, plan
from saltext_mip.keycloak.rights import Rights

CLIENT, REALM = desired_mappers("fed1")


def there(mapper: Mapper, name: str = "any", **changes: str) -> dict:
    made = mapper.representation()
    config = {**made["config"], **{key.replace("_", "."): value for key, value in changes.items()}}
    return {**made, "id": "1", "name": name, "config": config}


@pytest.mark.parametrize("mapper", [CLIENT, REALM])
def test_a_new_one_is_as_it_should_be(mapper):
    assert mapper.differs(mapper.representation()["config"]) == {}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id_token_claim", "false"),
        ("access_token_claim", "false"),
        ("multivalued", "false"),
        ("claim_name", "roles"),
        ("usermodel_clientRoleMapping_clientId", "fed0"),
        ("usermodel_clientRoleMapping_rolePrefix", "X_"),
    ],
)
def test_what_is_wrong_is_put_right_and_the_rest_is_left(key, value):
    found = there(CLIENT, introspection_token_claim="false", **{key: value})
    wrong = CLIENT.differs(found["config"])
    assert [old for old, _ in wrong.values()] == [value]
    mended = corrected(CLIENT, found)
    assert CLIENT.differs(mended["config"]) == {}
    assert mended["config"]["introspection.token.claim"] == "false"
    assert mended["name"] == "any"


def test_the_realm_roles_keep_the_claim_that_they_have():
    assert REALM.differs(there(REALM, claim_name="authorities")["config"]) == {}


def test_without_a_claim_the_realm_roles_reach_no_token():
    assert list(REALM.differs(there(REALM, claim_name="")["config"])) == ["claim.name"]


def test_another_clients_roles_in_another_claim_are_not_ours():
    other = there(CLIENT, claim_name="x", usermodel_clientRoleMapping_clientId="fed0")
    assert choose(CLIENT, [other]) is None


def test_the_one_that_already_does_it_is_chosen():
    wrong, right = there(CLIENT, "wrong", claim_name="roles"), there(CLIENT, "right")
    assert choose(CLIENT, [wrong, right]) == right
    assert choose(CLIENT, [right, wrong]) == right


def test_a_correction_names_what_differs():
    found = there(CLIENT, "mine", id_token_claim="false")
    actual = Observed(Rights({}, {}), Ids(client="id"), mappers=(found,))
    items = plan("fed1", desired_rights([], "fed1"), [CLIENT], actual).items
    assert (items[0].action, items[0].thing, items[0].names, items[0].reason) == (
        "correct mapper",
        "mine",
        (CLIENT_ROLES,),
        "id.token.claim differs: 'false' -> 'true'",
    )
