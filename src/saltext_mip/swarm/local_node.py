"""This node's own place in a Swarm, as its Docker reports it, and the steps in and out of one.

Docker's own words are not enough: of a Swarm that does not start (a locked one, an expired
certificate) it names neither the managers nor the node's role. The node's certificate, which Docker
keeps on disk, has role and Swarm. A node leaves a Swarm by itself only where these prove that it is
a worker of this federation's: a manager that leaves takes the Swarm's services with it.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
from cryptography import x509
from cryptography.x509.oid import NameOID

from saltext_mip.errors import NodeError, Refused
from saltext_mip.secret import Secret
from saltext_mip.swarm.errors import NotInSwarm, StillJoining
from saltext_mip.text import shown

PORT = 2377
DATA_PATH_PORT = 4789  # Docker's default
LOADED_WAIT = 60.0  # seconds; Docker itself takes up to 20 for its Swarm when it starts
POLL_INTERVAL = 0.5
CERTIFICATE = Path("swarm/certificates/swarm-node.crt")  # below Docker's folder
_ROLES = {"swarm-manager": "manager", "swarm-worker": "worker"}
# in the answer of Docker to a join that it goes on with
_CONTINUES = "in the background"

STARTING = "starting"
NO_MANAGER = "not a manager"


@dataclass(frozen=True)
class Certificate:
    """Who this node is in its Swarm, as the Swarm's own authority signed it."""

    node: str
    role: str
    cluster: str
    expires: datetime


@dataclass(frozen=True)
class LocalNode:
    """What Docker reports of this node. ``address``: where it tells others to reach it.

    ``managers`` are addresses by node id. ``on_disk``: Docker's folder can be read, so that a
    certificate that is not there was never given. ``cluster`` is known of a manager.
    """

    state: str
    id: str = ""
    address: str = ""
    control: bool = False
    cluster: str = ""
    error: str = ""
    managers: Mapping[str, str] = field(default_factory=dict)
    certificate: Certificate | None = None
    on_disk: bool = False
    data_path_port: int = 0

    @property
    def summary(self) -> str:
        """``active`` where it manages a Swarm, ``starting`` while Docker has not loaded it."""
        if self.state == "active":
            return NO_MANAGER if not self.control else "active" if self.cluster else STARTING
        return STARTING if self.state in ("", "pending") else self.state

    @property
    def role(self) -> str:
        """``manager``, ``worker``, or ``unknown``."""
        own = self.id and self.id in self.managers
        if self.control or own or self.state == "locked":  # only managers' keys are locked
            return "manager"
        if self.certificate is not None:
            return self.certificate.role
        return "worker" if self.state == "active" else "unknown"

    @property
    def hosts(self) -> frozenset[str]:
        """The managers' addresses, without ports."""
        return frozenset(
            address.rpartition(":")[0].strip("[]") for address in self.managers.values()
        )

    @property
    def swarm(self) -> str:
        """The id of its Swarm, where it is known."""
        return self.cluster or (self.certificate.cluster if self.certificate else "")

    @property
    def never_joined(self) -> bool:
        """Whether no Swarm ever took it: nothing of a Swarm can be here."""
        return self.on_disk and self.certificate is None and self.role == "unknown"

    @property
    def why(self) -> str:
        """Docker's error, or its state."""
        if self.certificate is not None and self.state == "error":
            now = datetime.now(UTC)
            if self.certificate.expires < now:
                return f"its certificate expired on {self.certificate.expires:%Y-%m-%d %H:%M} UTC"
        return shown(self.error, 300) or self.state or STARTING


def from_info(info: Mapping[str, Any]) -> LocalNode:
    """The part of Docker's information that is about the Swarm."""
    swarm = info["Swarm"]
    remotes = swarm.get("RemoteManagers") or ()
    control = bool(swarm.get("ControlAvailable"))
    cluster = (swarm.get("Cluster") or {}) if control else {}
    return LocalNode(
        state=swarm["LocalNodeState"],
        id=swarm.get("NodeID") or "",
        address=swarm.get("NodeAddr") or "",
        control=control,
        cluster=cluster.get("ID") or "",
        error=swarm.get("Error") or "",
        managers={
            each.get("NodeID") or str(number): each["Addr"] for number, each in enumerate(remotes)
        },
        data_path_port=cluster.get("DataPathPort") or 0,
    )


def observe(client: Any) -> LocalNode:
    """Ask Docker, and read the node's certificate where this process can."""
    info = client.info()
    found = from_info(info)
    root = Path(info.get("DockerRootDir") or "")
    on_disk, certificate = _certificate(root)
    return replace(found, certificate=certificate, on_disk=on_disk)


def _certificate(root: Path) -> tuple[bool, Certificate | None]:
    """Whether Docker's folder can be read, and the certificate in it."""
    try:
        if not root.is_absolute() or not root.is_dir():
            return False, None
        return True, read_certificate(root)
    except (OSError, ValueError):  # what cannot be read proves nothing
        return False, None


def read_certificate(root: Path) -> Certificate | None:
    """The node's certificate below Docker's folder ``root``; ``None``: no Swarm gave it one.

    ``OSError`` or ``ValueError`` where it cannot be read.
    """
    try:
        content = (root / CERTIFICATE).read_bytes()
    except FileNotFoundError:
        return None
    made = x509.load_pem_x509_certificate(content)
    unit = _one(made.subject, NameOID.ORGANIZATIONAL_UNIT_NAME)
    return Certificate(
        node=_one(made.subject, NameOID.COMMON_NAME),
        role=_ROLES.get(unit, "unknown"),
        cluster=_one(made.subject, NameOID.ORGANIZATION_NAME),
        expires=made.not_valid_after_utc,
    )


def _one(subject: x509.Name, oid: x509.ObjectIdentifier) -> str:
    found = subject.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""


def observe_loaded(
    client: Any,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> LocalNode:
    """:func:`observe`, once Docker has loaded its Swarm; what it is after a minute otherwise."""
    deadline = time.monotonic() + LOADED_WAIT
    while (found := observe(client)).summary == STARTING and time.monotonic() < deadline:
        sleep(POLL_INTERVAL)
    return found


def initialise(client: Any, address: str, data_path_port: int = DATA_PATH_PORT) -> None:
    """Make this node, which is in no Swarm, the manager of a new one; ``address``: no name."""
    client.swarm.init(
        advertise_addr=address, listen_addr=_listen(address), data_path_port=data_path_port
    )


def require_manager(now: LocalNode) -> None:
    """Raise :class:`NotInSwarm`, with what Docker reports, where this node manages no Swarm."""
    if now.summary == "active":
        return
    raise NotInSwarm(now.summary, _manager_fix(now), now.why)


def _manager_fix(now: LocalNode) -> str | None:
    """What is to be done about a Swarm that does not start, where it is known."""
    own = now.certificate
    if now.state != "error" or own is None or own.role != "manager":
        return None
    if own.expires >= datetime.now(UTC):
        return None
    return (
        "Check the clock first (date): a clock that is ahead lets a valid certificate expire. If "
        "it is right, Docker renews the certificate when it starts before that moment: timedatectl "
        "set-ntp false; set the clock to an hour before it by timedatectl set-time; systemctl "
        "restart docker; timedatectl set-ntp true. Do not leave the Swarm: its services, networks "
        "and secrets would be lost"
    )


def token(client: Any) -> Secret:
    """The token with which a worker joins."""
    client.swarm.reload()
    return Secret(client.swarm.attrs["JoinTokens"]["Worker"])


def rotate_token(client: Any) -> None:
    """Replace the token with which a worker joins: the one of before joins no node any more."""
    client.swarm.reload()
    now = client.swarm.attrs
    # with its whole specification, of which Docker would reset what is left out
    client.api.update_swarm(now["Version"]["Index"], now["Spec"], rotate_worker_token=True)


def joined(
    now: LocalNode, manager: str, cluster: str = "", *, unknown_to_manager: bool = False
) -> str | None:
    """Why this node is not in the Swarm of ``manager``, and has to leave what it is in and join;
    ``None`` if it is in it.

    ``cluster`` is the id of the federation's Swarm, where it is known. ``unknown_to_manager``: its
    manager does not know this node, whatever Docker reports here.

    :class:`~saltext_mip.errors.Refused` where it is in another Swarm, or may be: that is for an
    operator to decide. :class:`StillJoining` where Docker is about to join.
    """
    if now.state == "inactive":
        return "the node is not in a Swarm"
    if now.state == "locked":
        raise NotInSwarm(now.summary, error=now.error)
    if now.summary == "active" and cluster and now.cluster == cluster:
        return None  # one that was promoted
    if now.role == "manager":
        _refuse_manager(now)
    addresses = resolve(manager)
    # a name that does not resolve here proves nothing
    at_manager = bool(now.hosts & addresses) or (not addresses and not (cluster and now.swarm))
    same = at_manager or bool(cluster and now.swarm == cluster)
    if now.state == "active" and not now.error:
        if not same:
            _refuse_other(now, manager)
        return "the Swarm does not know this node" if unknown_to_manager else None
    if now.never_joined:
        return f"it could not join a Swarm ({now.why})"
    proven = now.role == "worker" and (
        bool(cluster and now.swarm == cluster) or bool(now.hosts and now.hosts <= addresses)
    )
    if proven and unknown_to_manager:
        return "the Swarm does not know this node"
    if now.summary == STARTING:
        raise StillJoining(
            managers=", ".join(sorted(now.hosts)) or manager, error=shown(now.error, 300)
        )
    if proven:
        return f"its Swarm no longer accepts it ({now.why})"
    raise Refused(
        f"the Swarm of this node's Docker has failed ({now.why}), and nothing proves that it is a "
        f"worker of this federation. See: openssl x509 -noout -subject -enddate -in "
        f"{CERTIFICATE} (below Docker's folder, /var/lib/docker). O is the Swarm, OU the role. If "
        "it is a manager, do not leave its Swarm: its services, networks and secrets would be "
        "lost. If it is a worker: docker swarm leave, then deploy (its services on this node end; "
        "folders with data are kept)."
    )


def _refuse_manager(now: LocalNode) -> None:
    failed = "" if now.summary == "active" else f" It does not work now: {now.why}."
    raise Refused(
        f"Docker manages a Swarm of its own.{failed} docker node ls and docker service ls show "
        "what is in it. Ask its operators before you remove it: with its last manager, a "
        "Swarm loses its services, networks, configs and secrets."
    )


def _refuse_other(now: LocalNode, manager: str) -> None:
    raise Refused(
        f"Docker is in the Swarm of {', '.join(sorted(now.hosts)) or 'another manager'}, not "
        f"of {manager}. If the Swarm is not yours, ask its operators. To leave it: docker swarm "
        "leave (its services on this node end; folders with data are kept)."
    )


def join(
    client: Any,
    manager: str,
    address: str,
    secret: Secret,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Join the Swarm of ``manager``; a Swarm that :func:`joined` lets this node leave is left."""
    if from_info(client.info()).state != "inactive":
        client.swarm.leave(force=True)
    try:
        own: str | None = own_address(address)
    except Refused:  # the manager sees where this node comes from
        own = None
    try:
        client.swarm.join(
            remote_addrs=[f"[{manager}]:{PORT}" if ":" in manager else f"{manager}:{PORT}"],
            join_token=secret.reveal(),
            advertise_addr=own,
            listen_addr=_listen(own or ""),
        )
    except docker.errors.APIError as exc:
        if _CONTINUES not in str(exc.explanation or exc):
            raise
    now = observe_loaded(client, sleep=sleep)
    if now.summary == STARTING:
        raise StillJoining(managers=manager, error=shown(now.error, 300))
    if now.state != "active":
        raise NodeError(f"cannot join the Swarm of {manager}: {now.why}")


def _listen(address: str) -> str:
    return f"[::]:{PORT}" if ":" in address else f"0.0.0.0:{PORT}"


def own_address(declared: str) -> str:
    """This node's declared address as Docker takes it, which wants no name.

    :class:`~saltext_mip.errors.Refused` where a name has no address that others can use.
    """
    if is_address(declared):
        if "%" in declared:
            raise Refused(
                f"the pillar's address {declared} of this node is valid on one link only: declare "
                "one that all nodes reach"
            )
        return declared
    found = [each for each in resolve(declared) if not ipaddress.ip_address(each).is_loopback]
    if not found:
        raise Refused(
            f"the pillar's address {declared} of this node is a name that has no address here "
            "that others can use (getent ahosts shows it): declare its IP address, or correct "
            "/etc/hosts"
        )
    return min(found, key=lambda each: (":" in each, each))


def is_address(text: str) -> bool:
    """Whether it is an IP address, and not a name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def resolve(address: str) -> frozenset[str]:
    """The addresses of a name, or the address itself; none where the name does not resolve."""
    if is_address(address):
        return frozenset({address})
    try:
        places = socket.getaddrinfo(address, PORT, type=socket.SOCK_STREAM)
    except OSError:
        return frozenset()
    return frozenset(str(place[4][0]) for place in places)


def differing_address(now: LocalNode, declared: str) -> str | None:
    """The address of this manager, where it is not the declared one; the others join by that."""
    if now.summary != "active" or not now.address or now.address in resolve(declared):
        return None
    return now.address


def unfit(info: Mapping[str, Any]) -> str | None:
    """Why this Docker cannot be in a Swarm with an overlay network; ``None`` where it can."""
    if any("rootless" in str(each) for each in info.get("SecurityOptions") or ()):
        return (
            "Docker runs rootless, which has no overlay networks: install the system's Docker "
            "(systemctl enable --now docker), and unset DOCKER_HOST for salt-minion"
        )
    if info.get("LiveRestoreEnabled"):
        return (
            'Docker\'s live-restore is on, with which it joins no Swarm: set "live-restore": false '
            "in /etc/docker/daemon.json, then systemctl reload docker (containers keep running; a "
            "reload does not notice a setting that is removed)"
        )
    return None
