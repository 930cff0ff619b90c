"""Compile the databases of the federation: master and workers at once, only what is stale."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, structs

from saltext_mip.arguments import pathologies
from saltext_mip.data.inventory.sent import Count, Name, Problems
from saltext_mip.errors import BadAnswer, Misuse
from saltext_mip.federation import Node
from saltext_mip.generations.listing import abbreviated
from saltext_mip.plans import NOTHING, PlanItem
from saltext_mip.pusher.answers import invalid, sanitize, unanswered
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.holds.guard import send_held_files
from saltext_mip.results import CompileResult, DatabaseResult, Databases, ReportedProblem
from saltext_mip.schemas.decoding import decode
from saltext_mip.text import shown


class SentState(Struct, frozen=True):
    """What a node sends of one database: whether compiling would change it, and why."""

    current: bool
    reason: Annotated[str, Meta(max_length=10_000)] | None


class SentDatabase(Struct, frozen=True, forbid_unknown_fields=True):
    """What a node sends of one database that it compiled."""

    status: Literal["compiled", "current", "failed"]
    changed: bool
    reason: Annotated[str, Meta(max_length=10_000)] | None
    rows: Count
    datasets: Annotated[tuple[Name, ...], Meta(max_length=100_000)]
    seconds: Annotated[float, Meta(ge=0)]
    files: Annotated[dict[Name, Literal["compiled", "kept", "out"]], Meta(max_length=100_000)]
    problems: Problems


SentStates = Annotated[dict[str, SentState], Meta(max_length=100_000)]
SentDatabases = Annotated[dict[Name, SentDatabase], Meta(max_length=100_000)]


def compile_federation(
    pusher: Pusher,
    *,
    node: str | None = None,
    pathology: Any = None,
    force: bool = False,
    strict: bool = False,
    dry_run: bool = False,
    timeout: float = 300.0,
) -> CompileResult:
    """Compile on the master and all enabled workers, or on one node.

    Returns the result of ``mip.compile``. A node that fails does not stop the others; the result
    then has ``retcode: 1``.
    """
    if node is not None and pathology is None:
        raise Misuse("node= requires pathology=: the databases to compile.")
    names = pathologies(pathology)
    nodes = _nodes(pusher, node)
    if dry_run:
        return _checked_names(pusher, pathology, plan_compile(pusher, nodes, names))
    with pusher.locked("compile", timeout):
        return _checked_names(
            pusher, pathology, compile_databases(pusher, nodes, names, force=force, strict=strict)
        )


def compile_databases(
    pusher: Pusher,
    nodes: Sequence[Node],
    names: Collection[str] | None,
    *,
    force: bool = False,
    strict: bool = False,
) -> CompileResult:
    """The same for a caller that holds the lock."""
    unsent = send_held_files(pusher, nodes)
    nodes = [node for node in nodes if node.id not in unsent]
    pusher.progress(f"compiling on {', '.join(node.id for node in nodes)}")
    answers = pusher.ask(
        "compile_databases",
        [node.id for node in nodes],
        pathologies=None if names is None else list(names),
        force=force,
        strict=strict,
    )
    results: Databases = {}
    changed = False
    problems = list(unsent.values())
    problems += unanswered(answers, nodes, "WorkerMissing", "WorkerFailed")
    for node in nodes:
        if node.id not in answers.values:
            continue
        try:
            results[node.id], made = _decoded(node, answers.values[node.id])
            changed = changed or made
        except BadAnswer as exc:
            problems.append(invalid(exc))
    failed = any(of.status == "failed" for node in results.values() for of in node.values())
    if changed:
        pusher.fire("compiled", {"nodes": sorted(results)})
        pusher.record("compiled", about=abbreviated(_compiled_nodes(results)))
    return CompileResult(
        federation=pusher.federation.name,
        changed=changed,
        nodes=results,
        problems=pusher.report(problems),
        retcode=1 if failed or problems else UNSET,
    )


def _compiled_nodes(results: Databases) -> list[str]:
    """The nodes on which a database was compiled."""
    return sorted(
        node
        for node, below in results.items()
        if any(of.status == "compiled" for of in below.values())
    )


def with_databases(pusher: Pusher) -> list[Node]:
    """The enabled nodes that have databases: the master and the workers."""
    disabled = pusher.store.disabled()
    return [
        node for node in pusher.federation.nodes if node.role != "ui" and node.id not in disabled
    ]


def _nodes(pusher: Pusher, name: str | None) -> list[Node]:
    if name is None:
        return with_databases(pusher)
    node = pusher.federation.node(name)
    if node.role == "ui":
        raise Misuse(f"{node.id} has role ui and no databases.")
    if node.id in pusher.store.disabled():
        raise Misuse(f"{node.id} is disabled: run mip.enable node={node.short} first.")
    return [node]


def plan_compile(
    pusher: Pusher, nodes: Sequence[Node], names: Collection[str] | None
) -> CompileResult:
    """Which databases are stale, and why, as items of a plan."""
    answers = pusher.ask(
        "databases",
        [node.id for node in nodes],
        pathologies=None if names is None else list(names),
    )
    answers = answers.decoded(SentStates)
    plan: list[PlanItem] = []
    for node in nodes:
        found = answers.values.get(node.id, {})
        plan += [
            PlanItem(NOTHING, name, "current", node.id)
            if of.current
            else PlanItem("compile", name, sanitize(of.reason or "stale"), node.id)
            for name, of in sorted(found.items())
        ]
    return CompileResult(
        federation=pusher.federation.name,
        changed=False,
        dry_run=True,
        nodes={},
        plan=plan,
        problems=pusher.report(unanswered(answers, nodes, "WorkerMissing", "WorkerFailed")),
    )


def _decoded(node: Node, value: Any) -> tuple[dict[str, DatabaseResult], bool]:
    """One node's answer, validated: its databases, and whether any was compiled."""
    sent = decode(SentDatabases, value, node=node.id)
    out = {}
    for name, of in sorted(sent.items()):
        problems = [problem.problem(node.id, pathology=name) for problem in of.problems]
        out[name] = DatabaseResult(
            status=of.status,
            reason=of.reason,
            rows=of.rows,
            datasets=list(of.datasets),
            seconds=of.seconds,
            files=of.files,
            problems=[ReportedProblem.of(problem, node.contact) for problem in problems],
        )
    return out, any(of.changed for of in sent.values())


def _checked_names(pusher: Pusher, given: Any, result: CompileResult) -> CompileResult:
    """The result; :class:`Misuse` if no node has a pathology that was named.

    Where a node did not respond, it may have that pathology: then its name is a note, unless the
    last generation has it.
    """
    have = {item.thing for item in result.plan or ()}
    have |= {name for of in result.nodes.values() for name in of}
    names = pathologies(given)
    if names is None:
        return result
    last = pusher.store.last()
    known = have | set(last.pathologies if last else ())
    there = known if result.problems else have
    if isinstance(given, str) and len(names) > 1 and given in there:
        return result  # a name with a comma in it
    wanted = names[1:] if isinstance(given, str) and len(names) > 1 else names
    unknown = [name for name in wanted if name not in there]
    if not unknown:
        return result
    who = "No node that responded has" if result.problems else "No node has"
    message = f"{who} a pathology {', '.join(_hinted(name, known) for name in unknown)}."
    if len(unknown) == len(wanted) and not result.problems:
        raise Misuse(message)
    return structs.replace(result, notes=[message], retcode=1)


def _hinted(name: str, known: Collection[str]) -> str:
    """The name, and the one that was probably meant."""
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"'{shown(name)}'" + (f" (did you mean '{shown(near[0])}'?)" if near else "")
