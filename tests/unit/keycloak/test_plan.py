"""The difference as data, and its order: nobody is ever without a right that they keep."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from saltext_mip.keycloak.desired import desired_rights
from saltext_mip.keycloak.mappers import desired_mappers
from saltext_mip.keycloak.observed import Ids, Observed
from saltext_mip.keycloak.plan import Plan, RolesItem, plan
from saltext_mip.keycloak.rights import Rights
from tests.support.soak import examples

MAPPERS = desired_mappers("fed1")
THERE = tuple({**mapper.representation(), "id": mapper.name} for mapper in MAPPERS)


def data(**pathologies: dict[str, list[str]]) -> list[dict]:
    return [
        {
            "name": pathology,
            "nodes": [
                {"name": node, "datasets": [{"name": dataset} for dataset in datasets]}
                for node, datasets in nodes.items()
            ],
        }
        for pathology, nodes in pathologies.items()
    ]


def state(structure: list[dict], **changes) -> Observed:
    """A server that is in step with ``structure``."""
    return Observed(
        **{
            "rights": desired_rights(structure, "fed1").rights,
            "ids": Ids(client="id"),
            "mappers": THERE,
            **changes,
        }
    )


def way(before: Observed, after: list[dict], **how) -> Plan:
    return plan("fed1", desired_rights(after, "fed1"), MAPPERS, before, **how)


def deeds(found: Plan) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(item.action, item.thing, item.names) for item in found.items]


ONE = data(dementia={"wk1": ["edsd"]})


def test_in_step_there_is_nothing_to_do():
    found = way(state(ONE), ONE)
    assert found.items == ()
    assert found.orphans == ()
    assert {"fed1", "clientRole", "RESEARCH_DATASET_edsd", "FED1_PROCESSOR"} <= set(found.unchanged)


def test_a_new_dataset_is_a_role_and_a_part_of_its_pathology():
    assert deeds(way(state(ONE), data(dementia={"wk1": ["edsd", "ppmi"]}))) == [
        ("create role", "RESEARCH_DATASET_ppmi", ()),
        ("extend role", "RESEARCH_PATHOLOGY_dementia", ("RESEARCH_DATASET_ppmi",)),
    ]


def test_a_dataset_that_is_gone_leaves_its_pathology_and_its_role_is_an_orphan():
    found = way(state(data(dementia={"wk1": ["edsd", "ppmi"]})), ONE)
    assert deeds(found) == [
        ("reduce role", "RESEARCH_PATHOLOGY_dementia", ("RESEARCH_DATASET_ppmi",))
    ]
    assert found.orphans == ("RESEARCH_DATASET_ppmi",)


def test_a_pathology_that_is_gone_leaves_its_groups_with_nothing_to_give():
    found = way(state(data(dementia={"wk1": ["edsd"]}, tbi={"wk1": ["edsd"]})), ONE)
    assert deeds(found) == [
        ("reduce group", "FED1_CONTROLLER_tbi", ("DC_CONTROL_tbi", "RESEARCH_PATHOLOGY_tbi")),
        ("reduce group", "FED1_RESEARCHER_tbi", ("RESEARCH_PATHOLOGY_tbi",)),
        ("reduce role", "RESEARCH_PATHOLOGY_tbi", ("RESEARCH_DATASET_edsd",)),
    ]
    assert set(found.orphans) == {
        "FED1_CONTROLLER_tbi",
        "FED1_RESEARCHER_tbi",
        "DC_CONTROL_tbi",
        "RESEARCH_PATHOLOGY_tbi",
    }


def test_orphans_that_give_nothing_any_more_are_no_work():
    gone = Rights(
        {**desired_rights(ONE, "fed1").rights.roles, "RESEARCH_PATHOLOGY_tbi": frozenset()},
        {**desired_rights(ONE, "fed1").rights.groups, "FED1_RESEARCHER_tbi": frozenset()},
    )
    found = way(state(ONE, rights=gone), ONE)
    assert found.items == ()
    assert found.orphans == ("FED1_RESEARCHER_tbi", "RESEARCH_PATHOLOGY_tbi")


def test_prune_removes_orphans_groups_before_roles():
    before = state(data(dementia={"wk1": ["edsd"]}, tbi={"wk1": ["edsd"]}))
    found = way(before, ONE, prune=True)
    assert [item.action for item in found.items] == ["remove group"] * 2 + ["remove role"] * 2
    assert found.orphans == ()


def test_prune_leaves_a_group_that_holds_something_else_and_says_so():
    before = state(
        data(dementia={"wk1": ["edsd"]}, tbi={"wk1": ["edsd"]}),
        kept={"FED1_RESEARCHER_tbi": "it contains other groups"},
    )
    found = way(before, ONE, prune=True)
    assert ("remove group", "FED1_RESEARCHER_tbi", ()) not in deeds(found)
    assert found.orphans == ("FED1_RESEARCHER_tbi",)
    assert [problem.rule for problem in found.problems] == ["OrphanKept"]


def test_only_give_takes_nothing_even_with_prune():
    before = state(data(dementia={"wk1": ["edsd", "ppmi"]}, tbi={"wk2": ["x"]}))
    found = way(before, data(dementia={"wk1": ["edsd", "new"]}), only_give=True, prune=True)
    assert [item.action for item in found.items] == ["create role", "extend role"]
    assert "FED1_RESEARCHER_tbi" in found.orphans


def test_members_of_a_group_that_is_not_here_are_a_problem():
    copies = {"FED1_PROCESSOR": ("u1", "u2"), "FED1_RESEARCHER_other": ("u3",)}
    found = way(state(ONE), ONE, copies=copies)
    assert found.items == (
        RolesItem(
            "add members",
            "FED1_PROCESSOR",
            "2 members of the other client's group are not in it",
            names=("u1", "u2"),
        ),
    )
    assert [(problem.rule, problem.count) for problem in found.problems] == [
        ("MembersNotCopied", 1)
    ]


def test_a_client_without_confidence_is_a_problem_and_left():
    found = way(state(ONE, public=True), ONE)
    assert found.items == ()
    assert [problem.rule for problem in found.problems] == ["ClientNotConfidential"]


def test_users_are_not_in_what_is_shown():
    item = RolesItem("add members", "FED1_PROCESSOR", "1 of the other client's", names=("user-id",))
    assert "user-id" not in str(item.plan_item)


# -- the order, for any way from any state to any other


class Server:
    """What groups give while a plan is done, as Keycloak would."""

    def __init__(self, rights: Rights) -> None:
        self.roles = {name: set(parts) for name, parts in rights.roles.items()}
        self.groups = {name: set(gives) for name, gives in rights.groups.items()}

    def do(self, item: RolesItem) -> None:
        things = self.roles if item.action.endswith("role") else self.groups
        match item.action.split()[0]:
            case "create":
                things.setdefault(item.thing, set())
            case "extend":
                assert set(item.names) <= set(self.roles)
                things[item.thing] |= set(item.names)
            case "reduce":
                things[item.thing] -= set(item.names)
            case "remove":
                del things[item.thing]
                for gives in (*self.groups.values(), *self.roles.values()):
                    gives.discard(item.thing)

    def given(self) -> dict[str, set[str]]:
        """Group -> all that a member's token holds through it."""
        return {
            name: gives.union(*(self.roles[role] for role in gives))
            for name, gives in self.groups.items()
        }


names = st.sampled_from(["a", "b", "c"])
groups_of_a_user = st.builds(
    "FED1_{}{}".format,
    st.sampled_from(["RESEARCHER_", "CONTROLLER_", "DC_HOSPITAL_"]),
    names,
)
structures = st.dictionaries(
    names, st.dictionaries(names, st.lists(names, unique=True), max_size=3)
)


@settings(max_examples=examples(200), deadline=None)
@given(
    before=structures,
    after=structures,
    member=st.sets(groups_of_a_user),
    prune=st.booleans(),
    cut=st.integers(0, 30),
)
def test_no_right_that_stays_is_ever_missing_and_the_end_is_what_is_wanted(
    before, after, member, prune, cut
):
    end = desired_rights(data(**after), "fed1").rights
    server = Server(desired_rights(data(**before), "fed1").rights)
    first = server.given()
    last = Server(end).given()

    def rights_of(given: dict[str, set[str]]) -> set[str]:
        """What the token of a user holds who is in these groups."""
        return set().union(*(given.get(group, set()) for group in member))

    stays = rights_of(first) & rights_of(last)

    def do(found: Plan, much: int | None = None) -> None:
        for item in found.items[:much]:
            server.do(item)
            assert stays <= rights_of(server.given())

    def seen() -> Observed:
        return state(
            ONE,
            rights=Rights(
                {name: frozenset(parts) for name, parts in server.roles.items()},
                {name: frozenset(gives) for name, gives in server.groups.items()},
            ),
        )

    # a run that dies somewhere, and the next that ends it
    do(way(seen(), data(**after), prune=prune), cut)
    do(way(seen(), data(**after), prune=prune))
    assert way(seen(), data(**after), prune=prune).items == ()
    given_now = server.given()
    assert {name: given_now[name] for name in last} == last
    orphans = {name: rights for name, rights in given_now.items() if name not in last}
    assert not any(orphans.values())
    if prune:
        assert not orphans
