"""The shape that both sides are brought into: what a client's roles, groups and mappers are.

``wanted`` makes it from the data structure, ``actual`` from the server, ``plan`` compares the two.
Only names of this scheme are ours; everything else in the realm is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ALL_DATASETS = "RESEARCH_DATASET_ALL"
ALL_EXPERIMENTS = "RESEARCH_EXPERIMENT_ALL"
ALL_PATHOLOGIES = "RESEARCH_PATHOLOGY_ALL"
FIXED_ROLES = {
    "DC_ADMIN": "Data catalogue: administrator",
    "WORKFLOW_ADMIN": "Workflows: administrator",
    ALL_DATASETS: "All datasets, without distinction",
    ALL_EXPERIMENTS: "All experiments, without distinction",
    ALL_PATHOLOGIES: "All pathologies, without distinction",
}
FIXED_GROUPS = {
    "DC_ADMIN": frozenset({"DC_ADMIN"}),
    "WORKFLOW_ADMIN": frozenset({"WORKFLOW_ADMIN"}),
    "PROCESSOR": frozenset({ALL_DATASETS, ALL_EXPERIMENTS, ALL_PATHOLOGIES}),
}

CONTROL, HOSPITAL = "DC_CONTROL_", "DC_HOSPITAL_"
DATASET, PATHOLOGY = "RESEARCH_DATASET_", "RESEARCH_PATHOLOGY_"
CONTROLLER, RESEARCHER = "CONTROLLER_", "RESEARCHER_"
ROLE_KINDS = (CONTROL, HOSPITAL, DATASET, PATHOLOGY)
GROUP_KINDS = (HOSPITAL, CONTROLLER, RESEARCHER)

# what a database of Keycloak's keeps of a name
MAX_NAME = 255


@dataclass(frozen=True)
class Rights:
    """Roles and groups of one client.

    ``roles``: role -> the roles of the same client that it is composed of (most: none).
    ``groups``: full name of the realm's group -> the client's roles that it gives.
    """

    roles: Mapping[str, frozenset[str]]
    groups: Mapping[str, frozenset[str]]


def group_prefix(client_id: str) -> str:
    """What the names of a client's groups begin with."""
    return client_id.upper() + "_"


def is_our_role(name: str) -> bool:
    """Whether a role of the client's is one of this scheme."""
    return name in FIXED_ROLES or _has_kind(name, ROLE_KINDS)


def is_composed(name: str) -> bool:
    """Whether a role is one that is made of others."""
    return name != ALL_PATHOLOGIES and _has_kind(name, (PATHOLOGY,))


def is_our_group(name: str, client_id: str) -> bool:
    """Whether a realm's group is one of this scheme, for this client."""
    prefix = group_prefix(client_id)
    if not name.startswith(prefix):
        return False
    rest = name[len(prefix) :]
    return rest in FIXED_GROUPS or _has_kind(rest, GROUP_KINDS)


def _has_kind(name: str, kinds: tuple[str, ...]) -> bool:
    return any(name.startswith(kind) and name != kind for kind in kinds)
