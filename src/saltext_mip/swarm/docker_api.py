"""A :class:`~saltext_mip.swarm.model.Service` as a specification of Docker's API, and back.

:func:`build` and :func:`parse` are each other's inverse; what ``parse`` finds that ``build`` never
writes goes into ``more``.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from saltext_mip.secret import Secret
from saltext_mip.swarm.components import NODE_LABEL, SERVICE_LABEL
from saltext_mip.swarm.model import PLACE_LABEL, SECRET_NAME, Log, Mount, Port, Service

RESTART_DELAY = 2_000_000_000  # nanoseconds before a task that ended is started again


def build(service: Service, networks: Mapping[str, str], *, force: int = 0) -> dict[str, Any]:
    """The specification for Docker's API. ``networks`` has ids by name; secrets stand in it."""
    container: dict[str, Any] = {
        "Image": service.image,
        "Labels": dict(service.container_labels),
        "Env": [
            f"{key}={value.reveal() if isinstance(value, Secret) else value}"
            for key, value in service.env
        ],
        "Mounts": [_mount(mount) for mount in service.mounts],
    }
    if service.command:
        container["Args"] = list(service.command)
    template: dict[str, Any] = {
        "ContainerSpec": container,
        "RestartPolicy": {
            "Condition": service.restart,
            "Delay": RESTART_DELAY,
            "MaxAttempts": 0,
            "Window": 0,
        },
        "Placement": {"Constraints": list(service.constraints)},
        "Networks": [
            {
                "Target": networks.get(service.network, service.network),
                "Aliases": list(service.aliases),
            }
        ],
        "ForceUpdate": force,
    }
    if service.memory:
        template["Resources"] = {"Limits": {"MemoryBytes": service.memory}}
    if service.log is not None:
        template["LogDriver"] = {"Name": service.log.driver, "Options": dict(service.log.options)}
    return {
        "Name": service.name,
        "Labels": dict(service.labels),
        "TaskTemplate": template,
        "Mode": {"Replicated": {"Replicas": service.replicas}},
        "EndpointSpec": {
            "Mode": service.endpoint_mode,
            "Ports": [
                {
                    "Protocol": port.protocol,
                    "TargetPort": port.target,
                    "PublishedPort": port.published,
                    "PublishMode": port.mode,
                }
                for port in service.ports
            ],
        },
    }


def _mount(mount: Mount) -> dict[str, Any]:
    out: dict[str, Any] = {"Type": mount.kind, "Source": mount.source, "Target": mount.target}
    if mount.read_only:
        out["ReadOnly"] = True
    if mount.propagation:
        out["BindOptions"] = {"Propagation": mount.propagation}
    return out


def parse(
    spec: Mapping[str, Any], networks: Mapping[str, str], secrets: Collection[str] = ()
) -> Service:
    """The service of a specification. ``networks`` has names by id.

    ``secrets`` are names of variables whose values are never shown.
    """
    template = spec.get("TaskTemplate", {})
    container = template.get("ContainerSpec", {})
    endpoint = spec.get("EndpointSpec") or {}
    labels = spec.get("Labels") or {}
    own = {**(container.get("Labels") or {}), **labels}
    joined = template.get("Networks") or spec.get("Networks") or []
    constraints = tuple((template.get("Placement") or {}).get("Constraints") or ())
    network = ", ".join(networks.get(each["Target"], each["Target"]) for each in joined)
    policy = template.get("RestartPolicy") or {}
    replicas = (spec.get("Mode", {}).get("Replicated") or {}).get("Replicas", -1)
    return Service(
        name=spec["Name"],
        short=own.get(SERVICE_LABEL, spec["Name"]),
        node=own.get(NODE_LABEL, ""),
        hostname=_hostname(constraints),
        image=container.get("Image", ""),
        env=tuple(sorted(_variables(container.get("Env") or (), secrets), key=lambda one: one[0])),
        command=tuple(container.get("Args") or ()),
        mounts=tuple(sorted(_mounts(container.get("Mounts") or ()))),
        ports=tuple(
            sorted(
                Port(
                    port.get("PublishedPort", 0),
                    port["TargetPort"],
                    port.get("Protocol", "tcp"),
                    port.get("PublishMode", "ingress"),
                )
                for port in endpoint.get("Ports") or ()
            )
        ),
        aliases=tuple(alias for each in joined for alias in each.get("Aliases") or ()),
        network=network,
        endpoint_mode=endpoint.get("Mode", "vip"),
        constraints=constraints,
        labels=tuple(sorted(labels.items())),
        container_labels=tuple(sorted((container.get("Labels") or {}).items())),
        memory=((template.get("Resources") or {}).get("Limits") or {}).get("MemoryBytes", 0),
        once=policy.get("Condition") == "on-failure",
        restart=policy.get("Condition", "any"),
        replicas=replicas,
        log=_log(template.get("LogDriver")),
        more=tuple(sorted(_rest(spec))),
    )


def _log(driver: Mapping[str, Any] | None) -> Log | None:
    if not driver:
        return None
    return Log(driver.get("Name", ""), tuple(sorted((driver.get("Options") or {}).items())))


def _hostname(constraints: tuple[str, ...]) -> str:
    for constraint in constraints:
        key, _, value = constraint.replace(" ", "").partition("==")
        if key == f"node.labels.{PLACE_LABEL}":
            return value
    return ""


def _variables(env: Iterable[str], secrets: Collection[str]) -> Iterator[tuple[str, str | Secret]]:
    for line in env:
        key, _, value = line.partition("=")
        is_secret = value and (key in secrets or SECRET_NAME.search(key))
        yield key, Secret(value) if is_secret else value


def _mounts(mounts: Iterable[Mapping[str, Any]]) -> Iterator[Mount]:
    for each in mounts:
        yield Mount(
            each["Target"],
            each.get("Source", ""),
            bool(each.get("ReadOnly")),
            (each.get("BindOptions") or {}).get("Propagation", ""),
            each.get("Type", "bind"),
        )


# what parse has read, or what has no effect on what runs
_KNOWN = {
    "Name",
    "Labels",
    "Mode.Replicated.Replicas",
    "EndpointSpec.Mode",
    "EndpointSpec.Ports",
    "Networks",
    "TaskTemplate.ForceUpdate",
    "TaskTemplate.LogDriver",
    "TaskTemplate.Runtime",
    "TaskTemplate.Networks",
    "TaskTemplate.Placement.Constraints",
    "TaskTemplate.Placement.Platforms",
    "TaskTemplate.RestartPolicy.Condition",
    "TaskTemplate.Resources.Limits.MemoryBytes",
    "TaskTemplate.ContainerSpec.Image",
    "TaskTemplate.ContainerSpec.Labels",
    "TaskTemplate.ContainerSpec.Env",
    "TaskTemplate.ContainerSpec.Args",
    "TaskTemplate.ContainerSpec.Mounts",
    "TaskTemplate.ContainerSpec.Isolation",
}
# what Docker, or its command line, fills in by itself
_DEFAULTS: Mapping[str, Any] = {
    "TaskTemplate.RestartPolicy.Delay": RESTART_DELAY,
    "TaskTemplate.ContainerSpec.StopGracePeriod": 10_000_000_000,
}


def _rest(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if path in _KNOWN or (path in _DEFAULTS and _DEFAULTS[path] == value):
        return
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _rest(below, f"{path}.{key}" if path else key)
    elif value not in (None, "", 0, False, []):
        yield path, json.dumps(value, sort_keys=True)
