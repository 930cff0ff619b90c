"""The desired services of a declared federation, each complete.

The table of REFERENCE.md as code, overlaid with the pillar's ``images`` and ``services``. There is
no default password: :func:`desired_services` raises
:class:`~saltext_mip.errors.DeclarationError` with the key of each that is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from saltext_mip.errors import DeclarationError
from saltext_mip.federation import Federation, Node
from saltext_mip.secret import Secret
from saltext_mip.swarm.components import FEDERATION_LABEL, NODE_LABEL, SERVICE_LABEL, STACK_LABEL
from saltext_mip.swarm.model import PLACE_LABEL, SECRET_NAME, Log, Mount, Port, Service

IMAGES: Mapping[str, str] = {
    "exareme": "hbpmip/exareme:24.3.0",
    "keystore": "bitnami/consul:1.8.3",
    "portalbackend_db": "postgres:11.3-alpine",
    "create_dbs": "hbpmip/create-databases:1.1.0",
    "portalbackend": "hbpmip/portal-backend:7.4.0",
    "gateway": "hbpmip/gateway:1.0.2",
    "galaxy": "hbpmip/galaxy:1.3.4",
    "frontend": "hbpmip/portal-frontend:8.0.2",
}
ENGINE_DATA = "/root/exareme/data/"
# the image of galaxy has no command of its own
GALAXY_COMMAND = (
    'htpasswd -bc /etc/apache2/htpasswd admin "$PASSWORD" && ./createExaremeVariables.sh'
    " && /etc/init.d/apache2 restart && ./run.sh"
)
UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}

LOG = Log("json-file", (("max-file", "3"), ("max-size", "10m")))

# {service: {variable: value}}: what only the pusher's pillar has
Secrets = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class _Row:
    """One row of the table. ``needs`` are variables that the pillar must give."""

    short: str
    image: str
    env: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    ports: tuple[str, ...] = ()
    once: bool = False


def desired_services(
    federation: Federation, secrets: Secrets | None = None, *, whole: bool = True
) -> tuple[Service, ...]:
    """All desired services, in the order in which they are created.

    ``secrets`` are variables from the pusher's own pillar, over those of the federation's. Without
    ``whole`` variables may be missing: for a node that needs its ports and mounts only.
    """
    declared = federation.settings["services"]
    made: list[Service] = []
    known: set[str] = set()
    missing: list[str] = []
    ui = (federation.ui,) if federation.ui else ()
    for node in (federation.master, *federation.workers, *ui):
        for row in _rows(federation, node):
            name = _name(node, row.short)
            known |= {row.short, name}
            layers = [declared[key] for key in (row.short, name) if key in declared]
            if False in layers:
                continue
            env = _env(row, (row.short, name), layers, secrets or {})
            missing += [
                f"mip:federations:{federation.name}:services:{row.short}:env:{key}"
                for key in row.needs
                if not env.get(key)
            ]
            made.append(_service(federation, node, row, layers, env))
    for key in declared:
        if key not in known:
            raise DeclarationError(
                f"mip:federations:{federation.name}:services:{key}",
                f"unknown service; known: {', '.join(sorted(known))}",
            )
    if missing and whole:
        rest = f" (so are {', '.join(missing[1:])})" if missing[1:] else ""
        raise DeclarationError(
            missing[0], f"is needed: there is no default. It belongs in the pusher's pillar{rest}"
        )
    return tuple(made)


def switched_off(federation: Federation) -> dict[str, tuple[Node, str]]:
    """The services that the pillar switches off, by name: their node and short name."""
    declared = federation.settings["services"]
    ui = (federation.ui,) if federation.ui else ()
    return {
        _name(node, row.short): (node, row.short)
        for node in (federation.master, *federation.workers, *ui)
        for row in _rows(federation, node)
        if False in (declared.get(row.short), declared.get(_name(node, row.short)))
    }


def portal_address(federation: Federation) -> str | None:
    """Where researchers open the portal; ``None`` without a ui, or where its service is off."""
    frontend = federation.settings["services"].get("frontend")
    if federation.ui is None or frontend is False:
        return None
    env = (frontend or {}).get("env", {})
    host = env.get("PUBLIC_MIP_HOST") or federation.ui.address
    return f"{env.get('PUBLIC_MIP_PROTOCOL') or 'https'}://{host}/"


def image_of(federation: Federation, short: str) -> str:
    """The image that a service of that short name would run; empty: none is declared."""
    key = {"exareme-keystore": "keystore", "exareme-master": "exareme"}.get(short, short)
    return str(federation.settings["images"].get(key, IMAGES.get(key, "")))


def _name(node: Node, short: str) -> str:
    """The ui's services have the names by which installations until now know them."""
    return short if node.role == "ui" else f"{node.hostname}_{short}"


def _rows(federation: Federation, node: Node) -> Iterator[_Row]:
    match node.role:
        case "master":
            yield _Row("exareme-keystore", "keystore", {"CONSUL_BIND_INTERFACE": "lo"})
            yield _engine(node, "exareme-master", ports=("9090",))
            if federation.settings["services"].get("portainer") not in (None, False):
                yield _Row("portainer", "portainer")
        case "worker":
            yield _engine(node, "exareme")
        case "ui":
            yield from _portal(federation)


def _engine(node: Node, short: str, ports: tuple[str, ...] = ()) -> _Row:
    env = {
        "CONSULURL": "exareme-keystore:8500",
        "FEDERATION_ROLE": node.role,
        "NODE_NAME": node.hostname,
        "TEMP_FILES_CLEANUP_TIME": "30",
        "NODE_COMMUNICATION_TIMEOUT": "30000",
        "ENVIRONMENT_TYPE": "PROD",
        "LOG_LEVEL": "INFO",
        "CONVERT_CSVS": "FALSE",
    }
    # a disk that is mounted again is seen in the container
    data = Mount(ENGINE_DATA, str(node.data_path), propagation="rslave")
    return _Row(short, "exareme", env, mounts=(data,), ports=ports)


def _portal(federation: Federation) -> Iterator[_Row]:
    path = federation.ui_path
    declared = federation.settings["services"]
    catalogue = federation.settings["datacatalogue"]
    yield _Row(
        "portalbackend_db",
        "portalbackend_db",
        needs=("POSTGRES_PASSWORD",),
        command=("-p", "5433"),
        mounts=(Mount("/var/lib/postgresql/data", str(path / ".stored_data/portalbackenddb")),),
    )
    yield _Row(
        "create_dbs",
        "create_dbs",
        {
            "DB_HOST": "portalbackend_db",
            "DB_PORT": "5433",
            "DB_ADMIN_USER": "postgres",
            "DB4": "portal",
            "USER4": "portal",
        },
        needs=("DB_ADMIN_PASSWORD", "PASSWORD4"),
        once=True,
    )
    backend = declared.get("portalbackend") or {}
    open_portal = str((backend.get("env") or {}).get("AUTHENTICATION", 1)) == "0"
    keycloak = ("AUTH_URL", "REALM", "CLIENT_ID", "CLIENT_SECRET")
    galaxy = declared.get("galaxy") is not False
    yield _Row(
        "portalbackend",
        "portalbackend",
        {
            "PORTAL_DB_URL": "jdbc:postgresql://portalbackend_db:5433/portal",
            "PORTAL_DB_SERVER": "portalbackend_db:5433",
            "PORTAL_DB_USER": "portal",
            "EXAREME_URL": "http://exareme-master:9090",
            **({"GALAXY_URL": "http://galaxy"} if galaxy else {}),
            "AUTHENTICATION": "1",
            "KEYCLOAK_SSL_REQUIRED": "external",
            "LOG_LEVEL": "INFO",
        },
        needs=(
            "PORTAL_DB_PASSWORD",
            *(("GALAXY_API_KEY",) if galaxy else ()),
            *(() if open_portal else (f"KEYCLOAK_{name}" for name in keycloak)),
        ),
        mounts=(
            Mount("/opt/portal/api", str(path / "config")),
            Mount("/opt/portal/logs", str(path / "logs")),
        ),
        ports=("8080", "8089"),
    )
    yield _Row(
        "gateway",
        "gateway",
        {
            "ENGINE_TYPE": "exareme",
            "ENGINE_BASE_URL": "http://portalbackend:8080/services/",
            "GATEWAY_PORT": "8081",
        },
        ports=("8081",),
    )
    yield _Row(
        "galaxy",
        "galaxy",
        {"EXAREME_IP": "exareme-master", "EXAREME_PORT": "9090"},
        needs=("PASSWORD",),
        command=("bash", "-c", GALAXY_COMMAND),
        ports=("8090:80",),
    )
    ui = federation.ui
    yield _Row(
        "frontend",
        "frontend",
        {
            "PORTAL_BACKEND_SERVER": "portalbackend:8080",
            "PORTAL_BACKEND_CONTEXT": "services",
            "GATEWAY_SERVER": "gateway:8081",
            # a link for people, so it has its protocol
            "DATACATALOGUE_SERVER": f"{catalogue['protocol']}://{catalogue['host']}",
            # without these its Caddy refuses the configuration, whether galaxy is there or not
            "GALAXY_HOST": "http://galaxy",
            "GALAXY_PATH": "/nativeGalaxy",
            "PUBLIC_MIP_HOST": ui.address if ui else "",
            "PUBLIC_MIP_PROTOCOL": "https",
        },
        mounts=(Mount("/data", str(path / ".stored_data/caddy/caddy_data")),),
        ports=("80", "443"),
    )


def _env(
    row: _Row, names: tuple[str, ...], layers: list[Mapping[str, Any]], secrets: Secrets
) -> dict[str, str | Secret]:
    """The variables: the table's, the pillar's over them, the secret ones over these."""
    env: dict[str, str] = dict(row.env)
    for layer in layers:
        env.update(layer.get("env", {}))
    secret_names: set[str] = set()
    for name in names:
        for key, value in secrets.get(name, {}).items():
            env[key] = str(value)
            secret_names.add(key)
    out: dict[str, str | Secret] = {}
    for key, value in env.items():
        is_secret = value and (key in secret_names or SECRET_NAME.search(key))
        out[key] = Secret(value) if is_secret else value
    return out


def _service(
    federation: Federation,
    node: Node,
    row: _Row,
    layers: list[Mapping[str, Any]],
    env: Mapping[str, str | Secret],
) -> Service:
    swarm = federation.settings["swarm"]
    over: dict[str, Any] = {key: value for layer in layers for key, value in layer.items()}
    labels = {
        STACK_LABEL: node.hostname,
        FEDERATION_LABEL: federation.name,
        SERVICE_LABEL: row.short,
        NODE_LABEL: node.id,
    }
    mounts = {mount.target.rstrip("/"): mount for mount in row.mounts}
    mounts |= {m.target.rstrip("/"): m for m in map(_mount, over.get("mounts", ()))}
    return Service(
        name=_name(node, row.short),
        short=row.short,
        node=node.id,
        hostname=node.hostname,
        image=_image(federation, row.image),
        env=tuple(sorted(env.items(), key=lambda item: item[0])),
        command=tuple(over.get("command", row.command)),
        mounts=tuple(sorted(mounts.values())),
        ports=tuple(sorted(map(_port, over.get("ports", row.ports)))),
        aliases=(row.short,),
        network=swarm["network"]["name"],
        endpoint_mode=swarm["endpoint_mode"],
        constraints=(f"node.labels.{PLACE_LABEL}=={node.hostname}",),
        labels=tuple(sorted(labels.items())),
        container_labels=tuple(sorted(labels.items())),
        memory=_memory(str(over.get("memory", "0"))),
        log=_log(over.get("log")),
        once=row.once,
        restart="on-failure" if row.once else "any",
    )


def _log(declared: Mapping[str, Any] | None) -> Log:
    """Services run for years: without a limit, what they write fills the node's disk."""
    if declared is None:
        return LOG
    return Log(declared["driver"], tuple(sorted(declared.get("options", {}).items())))


def _image(federation: Federation, key: str) -> str:
    image = federation.settings["images"].get(key, IMAGES.get(key))
    if image is None:
        raise DeclarationError(
            f"mip:federations:{federation.name}:images:{key}", "is needed: there is no default"
        )
    return str(image)


def _mount(text: str) -> Mount:
    source, target, *rest = text.split(":")
    return Mount(target, source, read_only=rest == ["ro"])


def _port(text: Any) -> Port:
    ports, _, protocol = str(text).partition("/")
    published, _, target = ports.partition(":")
    return Port(int(published), int(target or published), protocol or "tcp")


def _memory(text: str) -> int:
    number = text.rstrip("kmgKMG")
    return int(number) * UNITS[text[len(number) :].lower()]


def secret_names(services: Iterable[Service]) -> dict[str, frozenset[str]]:
    """The names of the variables whose values are never shown, by service."""
    return {
        service.name: frozenset(key for key, value in service.env if isinstance(value, Secret))
        for service in services
    }
