"""Whether the labels that are listed are those that the pillar declares now."""

from __future__ import annotations

from collections.abc import Iterator

from saltext_mip.data.consolidation.labels import Labels
from saltext_mip.generations.generation import Generation
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.events import listed_labels
from saltext_mip.text import shown


def differing(pusher: Pusher, generation: Generation) -> Iterator[str]:
    """What the next consolidation would relabel because the pillar's ``labels`` were edited."""
    declared, replaced = Labels.declared(pusher.federation), generation.replaced_labels
    if not (declared.pathologies or declared.datasets or replaced):
        return
    for (name, code), label in listed_labels(pusher, generation).items():
        wanted = declared.of(name, code)
        if wanted is None:
            wanted = replaced.get(name, {}).get(code, (label, ""))[0]
        if wanted != label:
            thing = f"dataset {code} of {name}" if code else f"pathology {name}"
            yield shown(f"{thing}: label '{label}' -> '{wanted}'")
