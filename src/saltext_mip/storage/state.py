"""Our own state in ``/var/lib/mip/<federation>``: which files there are, and how they are written.

Every file and folder of it is named here, relative to the federation's folder; most are JSON
values. Files are 0600 in folders of 0700, and replaced as a whole.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from saltext_mip.errors import BadAnswer, MipError
from saltext_mip.storage.atomic import replace
from saltext_mip.storage.paths import private_folder, sync_folder

T = TypeVar("T")

# -- on the pusher
FEDERATION_LOCK = "lock"  # of the command that changes the federation
ROLES_LOCK = "roles.lock"  # of the command that asks Keycloak, which may take long to answer
GENERATIONS = "generations"  # a folder: one file per generation
BLOBS = "blobs"  # a folder: contents that generations distributed, by SHA-256
REPLACED = "replaced.json"  # CDEs of the master that were replaced, by SHA-256
OPEN_PROBLEMS = "findings.json"  # of the last gather, where it made no new generation
JOURNAL = "journal.json"  # the transaction that is not finished
EVENTS = "events.jsonl"  # recent events and operator actions, one JSON document a line
DISABLED_NODES = "disabled.json"  # overrides by minion id
DRAINED_NODES = "drained.json"  # overrides by minion id, as the master node has them
SUSPENDED = "suspended.json"  # the override that switches the controller off
CONDITIONS = "conditions.json"  # the last status' conditions, for `since`
NODES_SEEN = "seen.json"  # when nodes last responded
FORGERIES = "forged.json"  # answers in nodes' names that were not theirs
KNOWN_HOSTS = "known_hosts"  # the nodes' ssh host keys, as ssh reads them
JOIN = "join.json"  # the token with which nodes join the Swarm
JOIN_USED = "join-used.json"  # the digest of a token that is to be rotated
DEPLOY_FAILED = "deploy-failed.json"  # what the last deployment did not do, by node
SERVED = "served.json"  # the generation that engines have loaded
ROLES_SYNCED = "roles.json"  # the last synchronisation of Keycloak's roles
REQUESTS = "requests"  # a folder: requests to the controller
REQUESTED_BY = "requested-by.json"  # the operator whose request the controller acts on next
DECLARED = "declared.json"  # what the controller knows of the declaration
CONTROLLER_LOCK = "controller.lock"  # of the controller, while it runs
CONTROLLER = "controller.json"  # the controller's timers
LAST_REFRESH = "refreshed.json"  # how the last refresh ended
HOLDS = "holds.json"  # the changes that wait for a decision, and the files that they keep
DECISIONS = "decisions"  # a folder: what operators decided about each of them
WATCH = "watch"  # a folder: what the observer writes
OBSERVED = "watch/status.json"  # the last observation
NOTICES = "watch/notices.json"  # what was notified, and the number of the next notice
OUTBOX = "watch/outbox"  # a folder: notices that are to be sent
PAGE_GENERATIONS = "watch/generations.json"  # the last ones, for the page
PAGE_METRICS = "watch/metrics.prom"  # for the page
PAGE_KEY = "watch/page.key"  # signs the links to parts of the page
CHANNELS = "watch/channels"  # a folder: how sending to each channel went

LATE_JOBS = "mip-late-jobs"  # in Salt's cache, a folder: our jobs that not all nodes answered
CHECKED_DECLARATION = "mip-declaration.sha256"  # in Salt's cache: the last one that was valid

# -- on a node
ENROLMENT = "enrolled.json"  # the data path that is enrolled
INVENTORY_CACHE = "inventory.json"
FINGERPRINT_KEY = "fingerprint.key"  # 32 bytes that never leave the node
ROW_DIGESTS = "row-digests.json"  # of files' rows, to find those that repeat others'
ROW_HASHES = "row-hashes"  # a folder: hashes of files' rows and visits, for the same
BUILD_RECORDS = "compiled"  # a folder: what each database was built from
HELD_FILES = "held-files.json"  # files that databases keep as they were, by pathology
STAGED = "staged.json"  # the transaction that is staged
STAGING_LOCK = "staging.lock"
SPOOL = "spool"  # a folder: later pages of large answers
DATA_ACKNOWLEDGED = "looked.json"  # the state of the data that the pusher has seen
DATA_REMINDER = "watched.json"  # the state of the data that the beacon reports
SERVICES_REMINDER = "services-watched.json"  # the state of services that the beacon reports
ASKED = "asked.jsonl"  # the CDEs that it was asked to verify files against, and by which job
SERVICE_OVERRIDES = "stopped.json"  # on the master: services stopped, removed, drained
SERVICES_LOCK = "services.lock"
DATABASE_PASSWORDS = "database-passwords.json"  # digests of those that it was started with
ENGINE_RESTARTS = "restarts.json"  # the last automatic restart of each engine, and its cause
MASTER_REGISTERED = "registered.json"  # of the master's task: since when, and whom it reached


class StateBroken(MipError):
    """{path} is corrupt ({message}). Inspect it and move it aside."""


#: Reading a state file of another version, or not of ours, raises any of these.
UNREADABLE: tuple[type[Exception], ...] = (
    StateBroken,
    BadAnswer,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
)


def write_state(path: Path, value: Any) -> bool:
    """Write a JSON value as a whole, 0600; False if the file has it already."""
    private_folder(path.parent)
    return replace(path, encoded(value), mode=0o600)


def encoded(value: Any) -> bytes:
    """A JSON value as its state file has it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass") + b"\n"


def read_state(path: Path) -> Any:
    """The JSON value of the file; None where it does not exist.

    :class:`StateBroken` where it is not JSON: since we replace whole files, another program or the
    disk did that.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return json.loads(content.decode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise StateBroken(type(error).__name__, path=path) from error


def decode_state(kind: type[T], value: Any) -> T:
    """A JSON value that :func:`read_state` returned, validated, as a value of the type ``kind``.

    ``ValueError`` where it does not fit. Keys that ``kind`` does not have are ignored.
    """
    import msgspec  # a node that only writes pays no import

    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def remove_state(path: Path) -> None:
    """Remove the file, on disk too; it may not exist."""
    try:
        path.unlink()
    except FileNotFoundError:
        return
    sync_folder(path.parent)
