"""Surroundings that are not as the federation needs them, on real hosts, one row a case.

Each row has how it is set up, the reason and the fix that must be printed; a scene has the rows
that one command sees at once, and its exit code. What was printed is then obeyed, by the commands
in the output, and the federation is well again.

What these hosts cannot have is in tests/functional/test_surroundings.py, on Dockers in memory: an
expired certificate, rootless Docker, a Swarm that does not load or that Docker has not joined yet,
addresses of loopback. Services with faults are in test_services_faults.py, another key than the
accepted one also in tests/integration/test_reachability.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import saltext_mip
from tests.federation.arranged import (
    H1,
    H2,
    H3,
    another_key,
    answers_dropped,
    as_packages_do,
    full,
    halted,
    job_that_hangs,
    key_deleted,
    keys_forgotten,
    older_extension,
    read_only,
    without_extension,
)
from tests.federation.deployed import UI
from tests.federation.followed import STATE
from tests.federation.obeyed import (
    CHECK,
    REQUIRED,
    STATUS,
    TMUX,
    accept_key,
    accept_other_key,
    free_space,
    give_to_salt,
    install,
    let_answers_through,
    let_it_end,
    mount_writable,
    restart_minion,
    shell_there,
)
from tests.federation.stage import Stage
from tests.federation.surroundings import Row, Scene, Surrounded, play
from tests.support.bed.layout import PUSHER
from tests.support.bed.wait import until


@pytest.fixture(scope="module")
def fed(stage: Stage) -> Surrounded:
    """Datasets of each worker, consolidated; nothing is deployed yet."""
    fed = Surrounded(stage.blank())
    fed._put_first()
    fed.well("refresh")
    return fed


@pytest.fixture
def nodes_well(fed: Surrounded) -> Iterator[None]:
    """Afterwards all nodes take part."""
    yield
    until(lambda: fed.types(PUSHER, CHECK)[0] == 0, seconds=60, every=1, what="all nodes")


NODES = (
    Scene(
        CHECK,
        1,
        (
            Row(
                "key denied",
                another_key,
                "the Salt master denies the node's key: it is another key than the accepted one",
                f"salt-key -d {H1}",
                accept_other_key,
                H1,
            ),
            Row(
                "connection gone",
                lambda fed: fed.bed.fault(H2, "stop-minion"),
                "the node's connection to the Salt master is gone (no connection from 10.77.0.22",
                "If it is up, on the node: systemctl restart salt-minion",
                restart_minion,
                H2,
            ),
            Row(
                "connected but silent",
                answers_dropped,
                "the node does not respond (its connection to the Salt master is still open",
                "Check its power and network",
                let_answers_through,
                H3,
            ),
            Row(
                "key pending",
                key_deleted,
                "the node's key is not accepted yet (its fingerprint: ",
                f"salt-key -a {UI}",
                accept_key,
                UI,
            ),
        ),
    ),
    Scene(
        CHECK,
        1,
        (
            Row(
                "extension not installed in its Salt",
                without_extension,
                "the node's Salt does not have saltext-mip, or cannot load it",
                "salt-pip install --upgrade with the pusher's version of saltext-mip",
                install,
                UI,
            ),
            Row(
                "extension older",
                older_extension,
                f"saltext-mip 0.0.1, and the pusher has {saltext_mip.__version__}",
                "salt-pip install --upgrade",
                install,
                H2,
            ),
            Row(
                "a minion that is halted",
                halted,
                "the node's connection to the Salt master is gone (no connection from 10.77.0.23",
                "If it is up, on the node: systemctl restart salt-minion",
                restart_minion,
                H3,
            ),
        ),
    ),
    Scene(
        "salt-run -l quiet mip.status federation=fed1 check=True timeout=20",
        1,
        (
            Row(
                "busy, and with which job",
                job_that_hangs,
                "the node is still running the job (federation_node.status, for 2",
                "Wait, and run the command again",
                let_it_end,
                H2,
            ),
        ),
    ),
    Scene(
        STATUS,
        1,
        (
            Row(
                "state folder read-only",
                read_only,
                f"{STATE}: Read-only file system",
                "mount the disk writable",
                mount_writable,
            ),
        ),
    ),
    Scene(
        STATUS,
        1,
        (
            Row(
                "state folder full",
                full,
                f"{STATE}: No space left on device",
                "free space",
                free_space,
            ),
        ),
    ),
    Scene(
        REQUIRED,
        1,
        (
            Row(
                "user: salt",
                as_packages_do,
                "is owned by root",
                "chown -R salt: /var/lib/mip",
                give_to_salt,
            ),
        ),
    ),
)


TERMINALS = (
    Scene(
        f"{TMUX}",
        0,
        (
            Row(
                "host keys that are not known yet",
                keys_forgotten,
                "asking for the ssh host keys of fed1-ms, fed1-ui, fed1-wk-h1",
                "tmux attach -t fed1",
                shell_there,
            ),
        ),
    ),
)


@pytest.mark.usefixtures("nodes_well")
@pytest.mark.parametrize("scene", NODES, ids=str)
def test_nodes_and_the_pusher_itself(fed: Surrounded, scene: Scene) -> None:
    play(fed, scene)


@pytest.mark.parametrize("scene", TERMINALS, ids=str)
def test_terminals_agents_and_host_keys(fed: Surrounded, scene: Scene) -> None:
    play(fed, scene)
