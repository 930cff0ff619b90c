"""The parts of a status page, as the templates write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

Style = Literal["good", "warn", "bad", "plain"]


@dataclass(frozen=True)
class Limits:
    """How many of each are shown at most."""

    problems: int = 200
    datasets: int = 300
    hospitals: int = 60
    nodes: int = 200
    services: int = 300
    generations: int = 20
    text: int = 300  # characters of one text

    def halved(self) -> Limits:
        """Half of each, for a page that is too large."""
        counts = {name: max(1, most // 2) for name, most in vars(self).items() if name != "text"}
        return replace(self, **counts, text=max(40, self.text * 3 // 4))


@dataclass(frozen=True)
class State:
    """A word with its style; the style is never the only sign of it."""

    style: Style
    text: str


@dataclass(frozen=True)
class Moment:
    """``iso`` for programs, ``text`` and ``ago`` for people."""

    iso: str
    text: str
    ago: str


@dataclass(frozen=True)
class ConditionRow:
    type: str
    state: State
    reason: str
    since: Moment | None
    message: str
    hint: str


@dataclass(frozen=True)
class ProblemRow:
    rule: str
    state: State
    place: str
    new: bool
    since: Moment | None
    message: str
    hint: str
    contact: str


@dataclass(frozen=True)
class DatasetRow:
    """A dataset; ``cells`` in the order of the hospitals, ``None`` where it has none."""

    pathology: str
    dataset: str
    cells: tuple[State | None, ...]


@dataclass(frozen=True)
class NodeRow:
    node: str
    short: str
    role: str
    hospital: str
    state: State
    since: Moment | None
    swarm: str
    versions: str
    free: str


@dataclass(frozen=True)
class ServiceRow:
    service: str
    node: str
    state: State
    replicas: str
    image: str
    error: str


@dataclass(frozen=True)
class GenerationRow:
    number: int
    when: Moment
    actor: str
    note: str
    added: str
    removed: str
    known: bool  # what it added and removed is


@dataclass(frozen=True)
class PageView:
    """The page of a federation, or of the part of one hospital (``node``)."""

    federation: str
    node: str
    summary: State
    usable: State | None
    observed: Moment | None
    seconds: float
    stale: bool
    decisions: tuple[ConditionRow, ...]
    problems: tuple[ProblemRow, ...]
    resolved: tuple[ProblemRow, ...]
    conditions: tuple[ConditionRow, ...]
    hospitals: tuple[tuple[str, str], ...]  # short name and hospital, the columns of the datasets
    datasets: tuple[DatasetRow, ...]
    nodes: tuple[NodeRow, ...]
    services: tuple[ServiceRow, ...]
    generations: tuple[GenerationRow, ...]
    omitted: Mapping[str, int]  # how many of each are not shown
    limits: Limits
