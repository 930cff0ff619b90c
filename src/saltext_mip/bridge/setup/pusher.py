"""Set up a fresh pusher: the Salt master's configuration, and an example pillar.

Observe (:func:`inspect_master`), plan (:func:`plan`), apply (:func:`apply`). The result is one
drop-in beside the master's configuration and, if there is no pillar yet, the example. A drop-in's
key *replaces* the main file's key (drop-ins are merged with each other), so a key that the operator
configured elsewhere is not written: the plan lists what to add to it. Running it again with nothing
changed writes nothing.

To add a capability, add an entry to :data:`NEEDED`. To add a reactor, add its file: the lines
``# on: <tag>`` in ``reactor/*.sls`` name its events.
"""

from __future__ import annotations

import glob
import os
import re
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml
from msgspec import UNSET

from saltext_mip.bridge import sls
from saltext_mip.bridge.master import master_problems, recommendations, state_problems
from saltext_mip.errors import Refused
from saltext_mip.plans import PlanItem
from saltext_mip.pusher.context import MasterProblem
from saltext_mip.results import SetupResult
from saltext_mip.storage import atomic

DROP_IN = "mip.conf"
MARK = "# Written by `salt-run mip.setup`, which writes it again: put what is yours elsewhere.\n"
EXAMPLE_ID = "pusher_master"  # the pusher's id in the example's top.sls
EVENT = re.compile(r"^# on: (\S+)$", re.MULTILINE)


# what is of use and not needed: it changes nodes, so it is the operator's to decide
OFFERS = (
    "salt '*' state.apply mip.connection\n(installs minion.d/mip.conf: a minion reconnects soon "
    "after its network, its VPN or the pusher's address changed; restart salt-minion after it)",
)


@dataclass(frozen=True)
class Source:
    """The operator's configuration in one file (and in files that it includes)."""

    path: Path
    keys: Mapping[str, Any]


@dataclass(frozen=True)
class Facts:
    """A pusher as observed.

    ``drop_in`` is the path of ours, ``None`` if the master would not read it; ``mine`` its content
    now; ``main`` and ``others`` are the operator's files. ``federations`` are the names that the
    pillar declares, ``None`` where it cannot be read; ``pillar`` its files that have a name of the
    example's; ``has_pillar``: it has any file. ``example`` and ``reactors`` are files of the
    package, by name. ``has_page``: a federation declares a status page.
    """

    conf_file: Path
    drop_in: Path | None
    mine: bytes | None
    main: Source
    others: tuple[Source, ...]
    master_id: str
    user: str
    pillar_root: Path
    pillar: Mapping[str, bytes]
    has_pillar: bool
    federations: tuple[str, ...] | None
    example: Mapping[str, bytes]
    reactors: Mapping[str, str]
    problems: tuple[MasterProblem, ...] = ()
    has_page: bool = False


class SetupItem(PlanItem, frozen=True, kw_only=True):
    """``write`` a file, ``nothing`` is to be done, or ``todo``: left to the operator."""

    path: Path | None = None
    content: bytes = b""
    mode: int = 0o644
    owner: str = "root"


def _fileserver(_: Facts) -> list[Any]:
    return ["mip"]


def _engines(facts: Facts) -> list[Any]:
    return [{"mip": {}}, *([{"mip_page": {}}] if facts.has_page else [])]


def _reactions(facts: Facts) -> list[Any]:
    by_tag: dict[str, list[str]] = {}
    for name, text in facts.reactors.items():
        for tag in EVENT.findall(text):
            by_tag.setdefault(tag, []).append(f"salt://mip/reactor/{name}")
    return [{tag: paths} for tag, paths in sorted(by_tag.items())]


def _secrets(_: Facts) -> list[Any]:
    return [{"mip": {}}]


@dataclass(frozen=True)
class Needed:
    """A list in the master's configuration, the entries that we need in it, and why."""

    key: str
    why: str
    entries: Callable[[Facts], list[Any]]
    default: tuple[Any, ...] = ()  # the master's own default for the key


NEEDED = (
    Needed("fileserver_backend", "serves salt://mip/ from the package", _fileserver, ("roots",)),
    Needed("reactor", "lets events wake the controller", _reactions),
    Needed("engines", "runs the controller", _engines),
    Needed("ext_pillar", "hands secrets to the nodes that need them", _secrets),
)


def inspect_master(
    opts: Mapping[str, Any], federations: Sequence[str] | None = (), *, has_page: bool = False
) -> Facts:
    """Observe the pusher of these master ``opts``, whose pillar declares ``federations``.

    ``None``: that is not known, for it has files that the master's user cannot read.

    Reads the configuration file by file, to know which file has which key.
    """
    conf_file = Path(opts["conf_file"])
    patterns = opts.get("default_include") or []
    patterns = [patterns] if isinstance(patterns, str) else patterns
    drop_in = _place(conf_file, patterns)
    found = [path for pattern in patterns for path in sorted(conf_file.parent.glob(pattern))]
    mine = drop_in.read_bytes() if drop_in and drop_in.is_file() else None
    ours = mine is not None and mine.startswith(MARK.encode())
    root = Path(next(iter(opts["pillar_roots"].get("base") or ["/srv/pillar"])))
    example = _contents(sls.root() / "pillar")
    return Facts(
        conf_file=conf_file,
        drop_in=drop_in,
        mine=mine,
        main=_source(conf_file, conf_file),
        others=tuple(_source(conf_file, path) for path in found if not (ours and path == drop_in)),
        master_id=opts["id"],
        user=opts.get("user") or "root",
        pillar_root=root,
        pillar={n: (root / n).read_bytes() for n in example if os.access(root / n, os.R_OK)},
        has_pillar=any(root.rglob("*.sls")),
        federations=None if federations is None else tuple(federations),
        example=example,
        reactors={
            name: content.decode() for name, content in _contents(sls.root() / "reactor").items()
        },
        problems=(*master_problems(opts), *state_problems(opts), *recommendations(opts)),
        has_page=has_page,
    )


def _place(conf_file: Path, patterns: Sequence[str]) -> Path | None:
    for pattern in patterns:
        path = conf_file.parent / pattern
        if fnmatch(DROP_IN, path.name):
            return path.with_name(DROP_IN)
    return None


def _source(conf_file: Path, path: Path) -> Source:
    import salt.config  # a plan is made without Salt

    keys = salt.config.include_config([glob.escape(str(path))], str(conf_file), verbose=False)
    return Source(path, keys)


def _contents(folder: Path) -> dict[str, bytes]:
    """The SLS files below ``folder``, by their path in it."""
    found = sorted(path for path in folder.rglob("*.sls") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def plan(facts: Facts) -> tuple[SetupItem, ...]:
    """The files to write, those that are up to date, and the manual steps."""
    wanted: dict[str, Any] = {}
    todo = []
    for needed in NEEDED:
        entries = needed.entries(facts)
        if not entries:
            continue
        if owner := _owner(facts, needed.key, entries):
            todo += _manual_steps(owner, needed, entries)
        elif any(needed.key in other.keys for other in facts.others):
            wanted[needed.key] = entries  # drop-ins are merged: theirs and ours
        else:
            wanted[needed.key] = [*needed.default, *entries]
    settings = [SetupItem("todo", each.fix, each.message) for each in facts.problems]
    return (*settings, *_configuration(facts, wanted), *todo, *_pillar(facts))


def _owner(facts: Facts, key: str, entries: list[Any]) -> Source | None:
    """The file whose setting ours would switch off, or that has all of ``entries`` already."""
    theirs = [other for other in facts.others if key in other.keys]
    for other in theirs:
        value = other.keys[key]
        if not isinstance(value, list) or all(entry in value for entry in entries):
            return other
    return None if theirs or key not in facts.main.keys else facts.main


def _manual_steps(owner: Source, needed: Needed, entries: list[Any]) -> list[SetupItem]:
    value = owner.keys[needed.key]
    missing = [e for e in entries if not isinstance(value, list) or e not in value]
    if not missing:
        return []
    if isinstance(value, str) and needed.key == "reactor":
        thing = f"add to {value}, the list that '{needed.key}' in {owner.path} names:"
    else:
        thing = f"add to '{needed.key}' in {owner.path}:"
    reason = f"{needed.why}; if setup wrote it, the existing entries would be switched off"
    return [SetupItem("todo", f"{thing}\n{_yaml(missing)}", reason)]


def _configuration(facts: Facts, wanted: Mapping[str, Any]) -> list[SetupItem]:
    if not wanted and facts.mine is None:
        return [SetupItem("nothing", str(facts.conf_file), "is complete")]
    content = (MARK + (_yaml(wanted) if wanted else "{}\n")).encode()
    if facts.drop_in is None:
        reason = f"the default_include of {facts.conf_file} does not match {DROP_IN}"
        return [SetupItem("todo", f"include a file with:\n{_yaml(wanted)}", reason)]
    path = facts.drop_in
    if facts.mine is not None and not facts.mine.startswith(MARK.encode()):
        reason = f"{path} was not written by setup and is not changed"
        return [SetupItem("todo", f"move {path} to another name, and run setup again", reason)]
    if facts.mine == content:
        return [SetupItem("nothing", str(path), "is up to date")]
    reason = "; ".join(needed.why for needed in NEEDED if needed.key in wanted)
    if facts.mine is not None:
        reason = f"is outdated: {reason}" if reason else "is no longer needed"
    return [
        SetupItem("write", str(path), reason, path=path, content=content),
        SetupItem(
            "todo",
            "restart the master: systemctl restart salt-master",
            f"the master reads {path} at its start",
        ),
    ]


def _pillar(facts: Facts) -> list[SetupItem]:
    if facts.federations is None:  # one of the problems has what to do about it
        return []
    root = facts.pillar_root
    declaring = [name for name in facts.example if name != "top.sls" and not _secret(name)]
    edit = SetupItem(
        "todo",
        f"declare your federation in {root / declaring[0]}, and its nodes in {root / 'top.sls'}",
        "the example was not changed yet",
    )
    if any(facts.pillar.get(name) == facts.example[name] for name in declaring):
        return [edit]
    if facts.federations:
        return [SetupItem("nothing", str(root), f"declares {', '.join(facts.federations)}")]
    if facts.has_pillar:
        thing = f"declare your federation in {root}, as the example in {sls.root() / 'pillar'} does"
        return [SetupItem("todo", thing, "a pillar exists, but declares no federation")]
    return [*(_copy(facts, name, content) for name, content in facts.example.items()), edit]


def _copy(facts: Facts, name: str, content: bytes) -> SetupItem:
    path = facts.pillar_root / name
    if name == "top.sls":
        content = content.replace(EXAMPLE_ID.encode(), facts.master_id.replace("'", "''").encode())
    mode = 0o600 if _secret(name) else 0o644
    reason = "no pillar found: the example, to be edited"
    return SetupItem(
        "write", str(path), reason, path=path, content=content, mode=mode, owner=facts.user
    )


def _secret(name: str) -> bool:
    return name.endswith("-secrets.sls")


def _yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, default_flow_style=False, allow_unicode=True)
    return text


@dataclass(frozen=True)
class Applied:
    """The paths of the files ``wrote``, and ``commands`` for root about those that could not be."""

    wrote: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


def apply(items: Sequence[SetupItem], staging: Path) -> Applied:
    """Apply the plan. What this user may not write is left in ``staging``, for root to install.

    Salt's packages have a master of its own user, and its configuration is root's.
    :class:`~saltext_mip.errors.Refused` if a file cannot be written at all.
    """
    wrote, commands = [], []
    for item in items:
        if item.action != "write" or item.path is None:
            continue
        try:
            if _write(item, item.path):
                wrote.append(str(item.path))
        except PermissionError:
            staged = staging / item.path.name
            try:
                _write(item, staged)
            except OSError as exc:
                raise Refused(f"{staged} cannot be written: {exc.strerror}.") from None
            commands.append(
                f"install -D -m {item.mode:04o} -o {shlex.quote(item.owner)} "
                f"{shlex.quote(str(staged))} {shlex.quote(str(item.path))}"
            )
        except OSError as exc:
            raise Refused(f"{item.path} cannot be written: {exc.strerror}.") from None
    return Applied(tuple(wrote), tuple(commands))


def _write(item: SetupItem, path: Path) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not atomic.replace(path, item.content, mode=item.mode):
        return False
    if os.geteuid() == 0 and item.owner != "root":
        shutil.chown(path, item.owner)
    return True


def result(items: Sequence[SetupItem], applied: Applied, *, dry_run: bool = False) -> SetupResult:
    """What ``mip.setup`` returns; code 1 where files are left to root."""
    left = [
        f"as root: {command}\n(this user has no write permission there)"
        for command in applied.commands
    ]
    todo = [f"{item.thing.rstrip()}\n({item.reason})" for item in items if item.action == "todo"]
    return SetupResult(
        changed=bool(applied.wrote),
        wrote=list(applied.wrote),
        todo=[*left, *todo],
        offers=list(OFFERS),
        plan=[item.plan_item for item in items],
        dry_run=dry_run or UNSET,
        retcode=1 if left else UNSET,
    )
