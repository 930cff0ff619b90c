"""The keys of our sessions, as values, and how each leaves other sessions what they had.

tmux has key bindings for a whole server. Ours ask for the user option of the session first, and
else do what the key did before: the user's own binding, tmux's default, or the key itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from saltext_mip.console.tmux.session import MARK

GUARD = f"#{{{MARK}}}"


@dataclass(frozen=True)
class Key:
    """``table`` is ``prefix`` or ``root`` (no prefix before it); ``command`` in tmux's words."""

    table: str
    name: str
    command: str
    does: str
    repeat: bool = False


KEYS = (
    Key("prefix", "r", "respawn-pane -k", "start a dead (or stuck) pane again"),
    Key("prefix", "R", "respawn-window -k", "start a dead window again"),
    Key("prefix", "s", "set-option status", "status line on and off"),
    Key("prefix", "m", "set-option mouse", "mouse on and off"),
    Key("root", "M-Up", "select-pane -U", "pane above"),
    Key("root", "M-Down", "select-pane -D", "pane below"),
    Key("root", "M-Left", "select-pane -L", "pane at the left"),
    Key("root", "M-Right", "select-pane -R", "pane at the right"),
    Key("root", "C-Left", "previous-window", "window before"),
    Key("root", "C-Right", "next-window", "window after"),
)


@dataclass(frozen=True)
class Bound:
    """What a key does now, by ``list-keys``."""

    command: str
    repeat: bool

    @property
    def ours(self) -> bool:
        return GUARD in self.command


def bound(listed: str) -> Bound | None:
    """One line of ``list-keys``; None where the key has no binding."""
    found = re.match(r"bind-key\s+(-r\s+)?-T\s+\S+\s+\S+\s+(.*)", listed.strip())
    return Bound(found[2], bool(found[1])) if found else None


def binding(key: Key, before: Bound | None) -> tuple[str, ...] | None:
    """The arguments of ``bind-key``; None where the key is ours already.

    ``before`` is in tmux's own syntax, as ``if-shell`` takes it.
    """
    if before is not None and before.ours:
        return None
    otherwise = before.command if before else f"send-keys {key.name}" if _typed(key) else ""
    repeat = ("-r",) if before and before.repeat else ()
    guarded = ("if-shell", "-F", GUARD, key.command, *([otherwise] if otherwise else ()))
    return (*repeat, "-T", key.table, key.name, *guarded)


def _typed(key: Key) -> bool:
    """A key without a prefix goes to the program in the pane, as if nobody had bound it."""
    return key.table == "root"
