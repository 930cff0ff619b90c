"""The whole way, once: what is, what should be, the plan, and the plan done."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from saltext_mip.errors import Misuse
from saltext_mip.keycloak import observed as actual_state
from saltext_mip.keycloak.apply import Applier, Outcome
from saltext_mip.keycloak.client import Keycloak
from saltext_mip.keycloak.desired import desired_rights
from saltext_mip.keycloak.mappers import desired_mappers
from saltext_mip.keycloak.plan import Plan, RolesItem, plan
from saltext_mip.keycloak.secret_file import SecretFile
from saltext_mip.keycloak.settings import Settings
from saltext_mip.problems import Problem
from saltext_mip.results import RefusedItem, ReportedProblem, SyncedRoles

_CREATES = {"create client", "create mapper", "create role", "create group"}
_REMOVES = {"remove group", "remove role"}


def sync(
    structure: Sequence[Mapping[str, Any]],
    settings: Settings | Mapping[str, Any],
    *,
    dry_run: bool = False,
    prune: bool = False,
    copy_from: str | None = None,
    only_give: bool = False,
    progress: Callable[[str], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> SyncedRoles:
    """Bring roles and groups of the client in step with ``structure``.

    ``structure`` is the list that ``mip.export`` returns; ``settings`` the pillar's ``keycloak``.
    ``prune`` removes orphans; ``copy_from`` names a client whose groups' members are added to ours;
    ``only_give`` takes no right away, for a federation that is held or suspended. ``progress``
    gets a line for each deed, ``sleep`` waits between the attempts at a request that failed.

    The result lists what was done or refused; with ``dry_run`` what would be.

    A :class:`~.errors.AccessError` where the server cannot be worked with at all;
    what was done until then stays, and the next run goes on from there.
    """
    if not isinstance(settings, Settings):
        settings = Settings.from_pillar(settings)
    client_id = settings.client_id
    if copy_from == client_id:
        raise Misuse(f"copy_from={copy_from} is the federation's own client.")
    should = desired_rights(structure, client_id)
    mappers = desired_mappers(client_id)
    with Keycloak(settings, sleep=sleep) as server:
        there = actual_state.observe(server, client_id, should.rights, prune=prune)
        copies = (
            actual_state.read_copies(server, copy_from, client_id, there.ids) if copy_from else None
        )
        todo = plan(
            client_id, should, mappers, there, copies=copies, prune=prune, only_give=only_give
        )
        secret_file = SecretFile(settings.client_secret_file, server)
        if not there.public and (reason := secret_file.differs(there.ids.client)):
            todo = todo.and_item(
                RolesItem("write secret", str(settings.client_secret_file), reason)
            )
        if dry_run:
            outcome = Outcome(done=list(todo.items))
        else:
            applier = Applier(
                server, client_id, there, mappers, should.descriptions, secret_file.write
            )
            outcome = applier.run(todo, progress)
        return _result(client_id, todo, outcome, dry_run=dry_run, writes=server.writes)


def _result(
    client_id: str, todo: Plan, outcome: Outcome, *, dry_run: bool, writes: int
) -> SyncedRoles:
    done = outcome.done
    created = _things(item for item in done if item.action in _CREATES)
    removed = _things(item for item in done if item.action in _REMOVES)
    failed = {item.thing for item, _ in outcome.failed}
    problems = [
        *todo.problems,
        *(Problem("RightsRefused", about=thing) for thing in sorted(failed)),
    ]
    return SyncedRoles(
        client=client_id,
        dry_run=dry_run,
        changed=bool(done) and not dry_run,
        created=created,
        updated=[thing for thing in _things(done) if thing not in {*created, *removed}],
        removed=removed,
        unchanged=list(todo.unchanged),
        orphans=list(todo.orphans),
        problems=[ReportedProblem.of(problem) for problem in problems],
        failed=[
            RefusedItem(action=item.action, thing=item.thing, message=message)
            for item, message in outcome.failed
        ],
        plan=[item.plan_item for item in todo.items],
        writes=writes,
    )


def _things(items: Any) -> list[str]:
    return list(dict.fromkeys(item.thing for item in items))
