"""Groups that fit the scheme of another client, whose id begins like ours, are not ours."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from saltext_mip.keycloak.observed import _of_other_clients

OURS = "FED1_RESEARCHER_old"
RIVALS = "FED1_X_RESEARCHER_old"


class Clients:
    """A server that has these clients."""

    def __init__(self, *ids: str) -> None:
        self._clients = [{"clientId": each} for each in ids]

    def ask(self, question: Callable[[Any], Any]) -> Any:
        return question(SimpleNamespace(get_clients=lambda: self._clients))


@pytest.mark.parametrize(
    ("clients", "others"),
    [
        (["fed1"], set()),
        (["fed1", "account"], set()),
        (["fed1", "fed1_x"], {RIVALS}),
        (["fed1", "fed"], set()),
        (["fed1_x", "fed1"], {RIVALS}),
    ],
)
def test_a_group_is_another_clients_only_where_that_client_exists(
    clients: list[str], others: set[str]
) -> None:
    unwanted = [{"name": OURS}, {"name": RIVALS}]
    assert _of_other_clients(Clients(*clients), "fed1", unwanted) == others  # type: ignore[arg-type]
