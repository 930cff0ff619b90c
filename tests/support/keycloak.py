"""Real Keycloak servers for tests and for the bed: the newest kind, and the last of the old kind.

They come from Maven Central as they are, are unpacked (and, the new one, built) once into
``$XDG_CACHE_HOME/saltext-mip/keycloak``, and run from there: each with its data in a folder of its
own, on loopback, talking to nobody. Needed on the machine: ``java`` 17 or newer, and ``mvn`` to
fetch; 0.6 GB of disk, 0.4 GB of memory a server.

::

    with running(NEW, folder) as server:      # or OLD
        realm = server.realm("MIP")
        realm.service_account("mip-admin", "secret")
        realm.user("alice", "password")
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import requests
from keycloak import KeycloakAdmin, KeycloakOpenIDConnection

ADMIN = ("bed-admin", "bed-admin-password")
MEMORY = ("-Xms96m", "-Xmx256m", "-XX:TieredStopAtLevel=1")
# what TESTBED's administration account needs, and no more
ADMIN_ROLES = (
    "manage-clients",
    "manage-users",
    "view-clients",
    "view-users",
    "view-realm",
    "query-groups",
)
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
_READY_SECONDS = 180


class Unavailable(Exception):
    """Why there can be no Keycloak here, in one line."""


@dataclass(frozen=True)
class Release:
    version: str
    artifact: str
    path: str  # below which it answers

    @property
    def home(self) -> Path:
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return Path(cache) / "saltext-mip" / "keycloak" / f"keycloak-{self.version}"


NEW = Release("26.7.3", "keycloak-quarkus-dist", "")
OLD = Release("16.1.1", "keycloak-server-dist", "/auth")


def prepared(release: Release) -> Path:
    """The release's folder, ready to run; fetched and built where that was not done before."""
    if shutil.which("java") is None:
        raise Unavailable("no Keycloak: there is no java here (openjdk-17-jre-headless)")
    home = release.home
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / f".{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.is_dir():
            _prepare(release, home)
    return home


def _prepare(release: Release, home: Path) -> None:
    if shutil.which("mvn") is None:
        raise Unavailable("no Keycloak: there is no mvn here to fetch it with (maven)")
    work = home.with_name(f".{home.name}.new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    what = f"org.keycloak:{release.artifact}:{release.version}:zip"
    arguments = [f"-Dartifact={what}", f"-DoutputDirectory={work}", "-Dmdep.useBaseVersion=true"]
    fetched = _run(["mvn", "-q", "-B", _PLUGIN, *arguments])
    archive = work / f"{release.artifact}-{release.version}.zip"
    if fetched.returncode or not archive.is_file():
        raise Unavailable(f"no Keycloak: mvn could not fetch {what}: {_last(fetched.stdout)}")
    with zipfile.ZipFile(archive) as file:
        file.extractall(work)
    unpacked = work / home.name
    for script in (unpacked / "bin").glob("*.sh"):
        script.chmod(0o755)
    if release is NEW:
        built = _run([str(unpacked / "bin" / "kc.sh"), "build", "--db=dev-file"])
        if built.returncode:
            raise Unavailable(f"no Keycloak: its build failed: {_last(built.stdout)}")
    unpacked.rename(home)
    shutil.rmtree(work)


def _run(command: list[str], **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more
    )


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def command(
    release: Release, folder: Path, *, address: str = "127.0.0.1", port: int
) -> tuple[list[str], dict[str, str]]:
    """How to run a server whose data is in ``folder``: arguments, and what the environment needs.

    The bed runs it inside one of its hosts. ``folder`` is filled where it is new.
    """
    home = prepared(release)
    folder.mkdir(parents=True, exist_ok=True)
    if release is NEW:
        database = f"jdbc:h2:file:{folder}/keycloakdb;NON_KEYWORDS=VALUE"
        arguments = [
            str(home / "bin" / "kc.sh"),
            "start",
            "--optimized",
            "--http-enabled=true",
            "--hostname-strict=false",
            "--cache=local",
            f"--db-url={database}",
            f"--http-host={address}",
            f"--http-port={port}",
        ]
        return arguments, {
            "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN[0],
            "KC_BOOTSTRAP_ADMIN_PASSWORD": ADMIN[1],
            "JAVA_OPTS_KC_HEAP": " ".join(MEMORY[:2]),
            "JAVA_OPTS_APPEND": MEMORY[2],
        }
    base = folder / "standalone"
    if not base.is_dir():
        shutil.copytree(home / "standalone" / "configuration", base / "configuration")
        script = home / "bin" / "add-user-keycloak.sh"
        where = ["--sc", str(base / "configuration")]
        made = _run([str(script), *where, "-r", "master", "-u", ADMIN[0], "-p", ADMIN[1]])
        if made.returncode:
            raise Unavailable(f"no Keycloak: no administrator: {_last(made.stdout)}")
    # the server alone: every other port of WildFly's is any that is free
    ports = ("https", "ajp", "management.http", "management.https")
    arguments = [
        str(home / "bin" / "standalone.sh"),
        f"-Djboss.server.base.dir={base}",
        f"-Djboss.bind.address={address}",
        "-Djboss.bind.address.management=127.0.0.1",
        f"-Djboss.http.port={port}",
        *(f"-Djboss.{name}.port=0" for name in ports),
    ]
    return arguments, {"JAVA_OPTS": " ".join((*MEMORY, "-Djava.net.preferIPv4Stack=true"))}


def administrator(url: str, realm: str = "master") -> KeycloakAdmin:
    """A realm, as the server's own administrator."""
    return KeycloakAdmin(
        connection=KeycloakOpenIDConnection(
            server_url=url + "/",
            username=ADMIN[0],
            password=ADMIN[1],
            realm_name=realm,
            user_realm_name="master",
            client_id="admin-cli",
        )
    )


@dataclass(frozen=True)
class Realm:
    """One realm, prepared by hand as its administrator would."""

    url: str
    name: str
    admin: KeycloakAdmin
    _built_in: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def new(cls, url: str, name: str) -> Realm:
        """A new, empty realm of the server that answers at ``url``."""
        administrator(url).create_realm({"realm": name, "enabled": True})
        realm = cls(url, name, administrator(url, name))
        return replace(
            realm, _built_in={kind: frozenset(ids) for kind, ids in realm._things().items()}
        )

    def clean(self) -> None:
        """As it was when it was new: no clients, groups, users and roles but Keycloak's own."""
        for kind, ids in self._things().items():
            for one in ids - self._built_in[kind]:
                self.admin.connection.raw_delete(self._path(f"{kind}/{one}")).raise_for_status()

    def _things(self) -> dict[str, set[str]]:
        kinds = {"clients": "id", "groups": "id", "users": "id", "roles": "name"}
        return {kind: {one[key] for one in self.get(kind, max=1000)} for kind, key in kinds.items()}

    def get(self, path: str, **query: Any) -> Any:
        answer = self.admin.connection.raw_get(self._path(path), **query)
        answer.raise_for_status()
        return answer.json()

    def _path(self, path: str) -> str:
        return f"admin/realms/{self.name}/{path}"

    def make_default(self, group: str) -> None:
        """Every new user is in that group from now on."""
        path = self._path(f"default-groups/{group}")
        self.admin.connection.raw_put(path, data="").raise_for_status()

    def service_account(self, client_id: str, secret: str) -> None:
        """A client that may administer the realm as the manual says."""
        client = self.admin.create_client(
            {
                "clientId": client_id,
                "secret": secret,
                "publicClient": False,
                "serviceAccountsEnabled": True,
                "standardFlowEnabled": False,
            }
        )
        self._may_administer(self.admin.get_client_service_account_user(client)["id"])

    def operator(self, name: str, password: str) -> str:
        """A user who may."""
        user = self.user(name, password)
        self._may_administer(user)
        return user

    def _may_administer(self, user: str) -> None:
        management = self.admin.get_client_id("realm-management")
        roles = [self.admin.get_client_role(management, role) for role in ADMIN_ROLES]
        self.admin.assign_client_role(user, management, roles)

    def user(self, name: str, password: str = "password") -> str:
        """A user who can log in; Keycloak's id of them."""
        return self.admin.create_user(
            {
                "username": name,
                "enabled": True,
                "email": f"{name}@example.org",
                "emailVerified": True,
                "firstName": name.capitalize(),
                "lastName": "Example",
                "credentials": [{"type": "password", "value": password, "temporary": False}],
            }
        )

    def client(self, client_id: str, secret: str = "portal-secret", **more: Any) -> str:
        """A confidential client with which users can log in by password, as tests must."""
        return self.admin.create_client(
            {
                "clientId": client_id,
                "secret": secret,
                "publicClient": False,
                "directAccessGrantsEnabled": True,
                **more,
            }
        )

    def join(self, user: str, *groups: str) -> None:
        ids = self.groups()
        for group in groups:
            self.admin.group_user_add(user, ids[group])

    def groups(self) -> dict[str, str]:
        """Top-level group -> id."""
        return {group["name"]: group["id"] for group in self.admin.get_groups()}

    def groups_of(self, user: str) -> set[str]:
        return {group["name"] for group in self.admin.get_user_groups(user)}

    def id_token(
        self,
        user: str,
        client_id: str,
        password: str = "password",
        secret: str = "portal-secret",
    ) -> dict[str, Any]:
        """What the ID token holds that ``user`` is given at a login."""
        answer = requests.post(
            f"{self.url}/realms/{self.name}/protocol/openid-connect/token",
            data={
                "grant_type": "password",
                "scope": "openid",
                "client_id": client_id,
                "client_secret": secret,
                "username": user,
                "password": password,
            },
            timeout=30,
        )
        answer.raise_for_status()
        payload = answer.json()["id_token"].split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))

    def authorities(self, user: str, client_id: str, **more: str) -> set[str]:
        return set(self.id_token(user, client_id, **more).get("authorities", ()))


@dataclass
class Server:
    """A server that runs. ``url`` is where it answers, its ``/auth`` included."""

    release: Release
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def realm(self, name: str) -> Realm:
        return Realm.new(self.url, name)

    def stop(self) -> None:
        """At once, with all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def prepare(url: str, pillar: Mapping[str, str]) -> Realm:
    """The realm as the manual prepares it, so that ``pillar``, the pillar's ``keycloak``, holds.

    With the federation's client (secret ``portal-secret``; users may log in by password, as tests
    do), and two researchers: ``alice`` of dementia, ``bob`` of tbi, with the password ``password``.
    """
    realm = Realm.new(url, pillar["realm"])
    realm.service_account(pillar["admin_client_id"], pillar["admin_client_secret"])
    realm.client(pillar["client_id"])
    for user, pathology in (("alice", "dementia"), ("bob", "tbi")):
        group = f"{pillar['client_id'].upper()}_RESEARCHER_{pathology}"
        realm.admin.create_group({"name": group})
        realm.join(realm.user(user), group)
    return realm


@contextlib.contextmanager
def running(release: Release, folder: Path) -> Iterator[Server]:
    """A server of that release, ready, with its data in ``folder``; it ends with the block.

    It ends, too, when this process dies: its input is a pipe that only we hold.
    """
    port = free_port()
    arguments, environment = command(release, folder, port=port)
    log = folder / "server.log"
    # the script puts java in a child of its own: the watcher kills the group, whoever dies first
    watch = '{ "$@" </dev/null; kill -9 0; } & read -r _; kill -9 0'
    watched = ["sh", "-c", watch, "keycloak", *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(
            watched,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    server = Server(release, f"http://127.0.0.1:{port}{release.path}", process, log)
    try:
        _wait(server)
        yield server
    finally:
        server.stop()


def _wait(server: Server) -> None:
    end = time.monotonic() + _READY_SECONDS
    while time.monotonic() < end:
        if server.process.poll() is not None:
            break
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{server.url}/realms/master", timeout=5).status_code == 200:
                return
        time.sleep(0.25)
    said = _last(server.log.read_text("utf-8", "replace"))
    raise RuntimeError(f"Keycloak {server.release.version} did not come up: {said}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
