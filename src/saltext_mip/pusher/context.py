"""What a command of the pusher has at hand: the federation, its state, its nodes, the person."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from saltext_mip.errors import BadAnswer
from saltext_mip.federation import Federation
from saltext_mip.generations.event_log import Event
from saltext_mip.generations.store import Store
from saltext_mip.pusher.answers import Answers
from saltext_mip.secret import Secret
from saltext_mip.text import shown

Progress = Callable[[str], None]


# Seconds for steps that may have to read all of a node's files, or to write them anew: gigabytes on
# a slow disk. Who does not say that it is at it is missing long before that; but a disk that hangs
# at one hospital must not hold up the others for ever.
LIMITS = {"inventory": 900.0, "verify": 900.0, "compile_databases": 3600.0}


class Asking(Protocol):
    """One job to many nodes, and their answers."""

    def ask(
        self,
        function: str,
        targets: Sequence[str],
        arguments: Sequence[Any] = (),
        *,
        timeout: float | None = None,
        progress: Progress | None = None,
        **keywords: Any,
    ) -> Answers:
        """Run ``function`` on ``targets`` at once and wait for all; packed values are unpacked."""


def _no_key(_text: str, node: str) -> Secret:
    raise BadAnswer("there is no key to open what it sealed", node=node)


@dataclass(frozen=True)
class Pusher:
    """A command's surroundings. ``fire(event, data)`` tells others; ``actor`` is who asked."""

    federation: Federation
    state: Path
    nodes: Asking
    store: Store
    progress: Progress
    fire: Callable[[str, Mapping[str, Any]], None]
    actor: str
    now: Callable[[], datetime]
    # opens what a node (its minion id) sealed for the Salt master's key
    unseal: Callable[[str, str], Secret] = _no_key

    @contextmanager
    def held(self, command: str, timeout: float) -> Iterator[None]:
        """Hold the federation against other commands that change something."""
        holder = f"mip.{command} of {self.actor} since {self.now():%Y-%m-%d %H:%M:%S} UTC"
        with self.store.lock(
            self.federation.name,
            holder,
            wait=timeout,
            waiting=lambda who: self.progress(f"waiting up to {timeout:g} s for {who}"),
        ):
            yield

    def tell(
        self,
        what: str,
        *,
        about: str = "",
        message: str = "",
        generation: int | None = None,
        actor: str | None = None,
    ) -> None:
        """Remember what happened, for ``mip.events``; what is told is harmless to show.

        ``actor`` is empty where nobody did it.
        """
        who = self.actor if actor is None else actor
        when = self.now().isoformat(timespec="seconds")
        told = Event(when, what, shown(who), shown(about), shown(message), generation)
        self.store.chronicle.tell(told)

    def ask(
        self, step: str, targets: Sequence[str], *, within: float | None = None, **arguments: Any
    ) -> Answers:
        """A step of ``mip_node`` on these nodes; ``within`` seconds where it may take long.

        A node whose pillar is not the one that the pusher goes by has it refreshed, once, and is
        asked again; if it still differs, it has failed.
        """
        answers = self._ask(step, targets, arguments, within)
        stale = _stale(answers)
        if not stale:
            return answers
        self.progress(f"refreshing the pillar of {', '.join(stale)}")
        self.nodes.ask("saltutil.refresh_pillar", stale, wait=True)
        again = self._ask(step, stale, arguments, within)
        message = "its pillar does not declare the federation as the pusher's does"
        still = dict.fromkeys(_stale(again), message)
        return Answers(
            {
                node: value
                for node, value in {**answers.values, **again.values}.items()
                if node not in still and (node not in stale or node in again.values)
            },
            {**answers.missing, **again.missing},
            {**answers.failed, **again.failed, **still},
        )

    def ask_within(self, step: str, targets: Sequence[str], timeout: float) -> Answers:
        """The same, for a look that shall not take long: an old pillar has failed."""
        head = [self.federation.name, self.federation.digest]
        answers = self.nodes.ask(f"mip_node.{step}", targets, head, timeout=timeout)
        stale = dict.fromkeys(_stale(answers), "its pillar is not the pusher's: refresh_pillar")
        return Answers(
            {node: value for node, value in answers.values.items() if node not in stale},
            answers.missing,
            {**answers.failed, **stale},
        )

    def _ask(
        self,
        step: str,
        targets: Sequence[str],
        arguments: Mapping[str, Any],
        within: float | None,
    ) -> Answers:
        head = [self.federation.name, self.federation.digest]
        limit = LIMITS.get(step) if within is None else within
        more = {"timeout": limit, **arguments}
        return self.nodes.ask(f"mip_node.{step}", targets, head, progress=self.progress, **more)


def _stale(answers: Answers) -> list[str]:
    return [node for node, value in answers.values.items() if value == {"stale_pillar": True}]
