"""Held changes of the data, and what operators decided about them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta

from saltext_mip.results.common import Absent, Facts, Moment


class HoldDecision(Facts, kw_only=True, frozen=True):
    """What an operator decided about a held change."""

    decision: Literal["approved", "rejected"]
    actor: str
    when: Moment
    reason: str = ""


class Held(Facts, kw_only=True, frozen=True):
    """A change that is not made before an operator decides: what, where, since when, and why."""

    id: Annotated[str, Meta(description="the same for the same change")]
    node: str
    pathology: str
    dataset: Annotated[str, Meta(description="empty: the file counts patients twice")]
    files: Annotated[list[str], Meta(description="the files that have the dataset, or that file")]
    since: Moment
    why: str
    change: Annotated[str, Meta(description="what approving does")]
    available: Annotated[bool, Meta(description="the node still has the rows that it keeps")]
    decided: Absent[HoldDecision] = UNSET

    @property
    def thing(self) -> str:
        """As people name it: ``dementia: edsd``."""
        return f"{self.pathology}: {self.dataset or ', '.join(self.files)}"
