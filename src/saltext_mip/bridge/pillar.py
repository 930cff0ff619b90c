"""Pillar: compiled when it is needed, as plain values, without a secret in an error."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import salt.pillar
import salt.utils.event

from saltext_mip import schemas
from saltext_mip.errors import DeclarationError
from saltext_mip.federation import Federation, federations
from saltext_mip.secret import Secret
from saltext_mip.storage import atomic
from saltext_mip.storage.state import CHECKED_DECLARATION


def plain(value: Any) -> Any:
    """The same value of dicts and lists: Salt's own mappings mask values and are slow to copy."""
    if isinstance(value, Mapping):
        return {key: plain(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [plain(below) for below in value]
    return value


def declared(opts: Mapping[str, Any]) -> dict[str, Federation]:
    """All federations that the pusher's own pillar declares."""
    compiled = salt.pillar.Pillar(
        {**opts, "pillar_safe_render_error": False}, {}, opts["id"], "base"
    ).compile_pillar()
    if errors := compiled.get("_errors"):
        from saltext_mip.bridge.master import pillar_file_problems  # spares a minion its imports

        fixes = [f"To do: {each.fix}" for each in pillar_file_problems(opts)]
        raise DeclarationError(
            "(rendering)", "; ".join([*(_without_source(str(error)) for error in errors), *fixes])
        )
    return _checked_once(plain(compiled), Path(opts["cachedir"]) / CHECKED_DECLARATION)


def _checked_once(pillar: Mapping[str, Any], cache: Path) -> dict[str, Federation]:
    """The federations of that pillar; one that is in the ``cache`` is valid, and not checked again.

    Importing jsonschema takes longer than most commands that ask no node.
    """
    value = repr(pillar.get("mip")).encode()
    digest = hashlib.sha256(value + schemas.source("pillar") + schemas.source("name")).hexdigest()
    known = cache.is_file() and cache.read_text(encoding="ascii") == digest
    found = federations(pillar, check=not known)
    if not known:
        with suppress(OSError):  # on a full disk, the next command checks it again
            cache.parent.mkdir(parents=True, exist_ok=True)
            atomic.replace(cache, digest.encode(), mode=0o600)
    return found


def compile_pillar(opts: Mapping[str, Any], grains: Mapping[str, Any], **more: str) -> Any:
    """This minion's pillar, compiled now, with ``more`` grains; Salt keeps nothing of it here."""
    return plain(
        salt.pillar.get_pillar(
            opts,
            {**dict(grains), **more},
            opts["id"],
            opts.get("saltenv"),
            clean_cache=True,  # with pillar_cache, the master would give an old one
        ).compile_pillar()
    )


def service_secrets(pillar: Mapping[str, Any], federation: str) -> Mapping[str, Any]:
    """The secret part of the services' environment, as only the master node's pillar has it."""
    found: Mapping[str, Any] = _secrets(pillar, federation).get("env", {})
    return found


def swarm_id(pillar: Mapping[str, Any], federation: str) -> str:
    """The id of the federation's Swarm, as the pusher knows it; empty where it knows none."""
    return str(pillar.get("mip", {}).get("swarms", {}).get(federation, ""))


@contextmanager
def join_token(
    opts: Mapping[str, Any], grains: Mapping[str, Any], federation: str
) -> Iterator[Callable[[], Secret | None]]:
    """Within, a function that fetches the Swarm's join token for this node; ``None``: it has none.

    The token comes in a pillar that is compiled for a node with the grain ``mip_swarm: out``.
    Afterwards the pillar is compiled without it, so that the Salt master's cache has no token.
    """
    fetched = False

    def fetch() -> Secret | None:
        nonlocal fetched
        fetched = True
        text = _secrets(compile_pillar(opts, grains, mip_swarm="out"), federation).get("join")
        return Secret(text) if text else None

    try:
        yield fetch
    finally:
        if fetched:
            compile_pillar(opts, grains)


def _secrets(pillar: Mapping[str, Any], federation: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = pillar.get("mip", {}).get("secrets", {}).get(federation, {})
    return found


def _without_source(error: str) -> str:
    """A rendering error without the lines of the file that Salt shows: they may hold secrets."""
    first, *rest = re.split(r"^(?:Traceback |---)", error, maxsplit=1, flags=re.MULTILINE)
    line = re.search(r"; line \d+$", "".join(rest), re.MULTILINE)
    text = " ".join(first.split()).removesuffix(";")
    return text + (line.group() if line and line.group() not in text else "")
