"""Why a node does not take part, by real keys and minions: all commands give the same reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import salt.channel.client
import salt.config
import salt.crypt
import salt.utils.crypt

from tests.support.local import PUSHER, LocalFederation
from tests.support.minion_keys import minion_key

WORKERS = 2
ALONE = True  # the factories' master accepts each key that waits
NODE = "fed1-wk-h2"


@pytest.fixture
def gone(fed: LocalFederation) -> Iterator[None]:
    """The node's minion is not there; afterwards it is, with its key."""
    pki = fed.hosts[PUSHER].pki
    own = (pki / "minions" / NODE).read_bytes()
    fed.kill(NODE)
    try:
        yield
    finally:
        for state in ("minions_pre", "minions_denied", "minions_rejected"):
            (pki / state / NODE).unlink(missing_ok=True)
        fed.hosts[PUSHER].trust(f"minions/{NODE}", own)
        fed.start_node(NODE)


def presents(fed: LocalFederation, key: str) -> str:
    """Ask the master for admission as that minion with another key; the key's fingerprint."""
    opts = salt.config.minion_config(str(fed.hosts[NODE].config / "minion"))
    opts["master_ip"] = opts["master"]
    opts["master_uri"] = f"tcp://{opts['master']}:{opts['master_port']}"
    payload = {**salt.crypt.SAuth(opts).minion_sign_in_payload(), "pub": key}
    with salt.channel.client.ReqChannel.factory(opts, crypt="clear") as channel:
        channel.send(payload, tries=1, timeout=60)
    body = "".join(key.splitlines(keepends=True)[1:-1])
    return str(salt.utils.crypt.pem_finger(key=body))


def check(fed: LocalFederation) -> tuple[str, str]:
    """The reason and the fix that the check of all nodes has for this one."""
    ran = fed.run("mip.check_nodes", "federation=fed1")
    assert ran.returncode == 1
    value = ran.json
    assert value["down"] == [NODE]
    (fix,) = [note for note in value["notes"] if note.startswith(NODE)]
    return value["nodes"][NODE]["reason"], fix


def status(fed: LocalFederation) -> tuple[Any, Any]:
    """The rule and the facts of the status's problem; the condition has the same reason."""
    value = fed.run("mip.status", "federation=fed1", "timeout=120").json
    (problem,) = [each for each in value["problems"] if each["node"] == NODE]
    (reach,) = [each for each in value["conditions"] if each["type"] == "WorkersReachable"]
    assert reach["reason"] == problem["rule"]
    assert problem["about"] in reach["message"]
    return problem["rule"], problem["about"]


@pytest.mark.usefixtures("gone")
def test_another_key_than_the_accepted_one_and_one_that_waits_are_named_by_all(
    fed: LocalFederation,
) -> None:
    finger = presents(fed, minion_key("installed anew").public)
    reason, fix = check(fed)
    assert "denies the node's key" in reason
    assert finger in reason
    assert f"salt-key -d {NODE}" in fix
    rule, about = status(fed)
    assert rule == "KeyDenied"
    assert about in reason
    failed = fed.run("mip.consolidate", "federation=fed1")
    assert failed.returncode == 1
    assert finger in failed.stdout + failed.stderr
    assert f"salt-key -d {NODE}" in failed.stdout + failed.stderr

    # the advice, obeyed: what is denied and accepted is deleted, and the node asks again
    for state in ("minions", "minions_denied"):
        (fed.hosts[PUSHER].pki / state / NODE).unlink()
    finger = presents(fed, minion_key("once more").public)
    reason, fix = check(fed)
    assert "not accepted yet" in reason
    assert finger in reason
    assert f"salt-key -a {NODE}" in fix
    assert status(fed) == ("KeyPending", f"its fingerprint: {finger}")


def test_one_that_is_stopped_is_silent_and_one_that_is_back_is_up(fed: LocalFederation) -> None:
    fed.hang(NODE)
    try:
        reason, fix = check(fed)
    finally:
        fed.resume(NODE)
    assert reason.startswith("the node does not respond (")
    assert "restart salt-minion" in fix
    value = fed.run("mip.check_nodes", "federation=fed1", check=True).json
    assert value["nodes"][NODE]["up"] is True
