"""
Tells a pusher of an earlier version to upgrade: it calls ``federation_node`` by this name.

None of these functions does anything: an entry such as ``mip.*`` of ``publisher_acl`` allows them.
"""

import saltext_mip
from saltext_mip.bridge.signed_answers import signed
from saltext_mip.errors import NodeError

__virtualname__ = "mip_node"

_BEFORE = (
    *("abort", "apply_states", "commit", "compile_databases", "component_logs", "databases"),
    *("enforce", "enrol", "forget", "host_keys", "inventory", "join_again", "page", "ready"),
    *("refresh_pillar", "rotate_join_token", "running", "services", "stage", "status", "verify"),
)


def __virtual__():
    return __virtualname__


def _refusing(name):
    def refuse(federation, declaration, *args, **kwargs):  # noqa: ARG001
        raise NodeError(
            f"this node has saltext-mip {saltext_mip.__version__}, the pusher an earlier version, "
            "whose jobs this version does not accept: install the same version on the pusher, and "
            "restart salt-master"
        )

    refuse.__name__ = name
    return signed(refuse, lambda: __opts__, f"{__virtualname__}.")


for _name in _BEFORE:
    globals()[_name] = _refusing(_name)
