"""The bed: all hosts together, brought up, used, broken, taken away."""

from __future__ import annotations

import errno
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker

from tests.support.bed import (
    accounts,
    cleanup,
    dockerd,
    faults,
    machine,
    pillar,
    salt,
    ssh,
    wait,
)
from tests.support.bed.host import Host
from tests.support.bed.images import registry
from tests.support.bed.layout import (
    FEDERATION,
    KEPT,
    PUSHER,
    BedUnavailable,
    HostSpec,
    Layout,
    federation_hosts,
)
from tests.support.bed.network import Network

if TYPE_CHECKING:
    from tests.support.bed.identity import Identity


def _silent(line: str) -> None:
    pass


class Bed:
    """A bed that is up. `Bed.up()` makes one, `Bed.attach()` finds the one that is there."""

    def __init__(
        self,
        layout: Layout,
        hosts: tuple[HostSpec, ...],
        network: Network,
        settle: float | None = None,
        clock: float = pillar.CLOCK,
    ) -> None:
        self.layout = layout
        self.specs = hosts
        self.network = network
        self.settle = settle
        self.clock = clock
        self.by_name = {spec.name: Host(layout, spec, network) for spec in hosts}

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts' names: the pusher, the master, the ui, the workers."""
        return tuple(self.by_name)

    def named(self, role: str) -> tuple[str, ...]:
        """The names of the hosts of this role."""
        return tuple(spec.name for spec in self.specs if spec.role == role)

    # ---- coming and going -------------------------------------------------------------

    @classmethod
    def up(
        cls,
        *,
        workers: int = 3,
        settle: float | None = None,
        clock: float = pillar.CLOCK,
        keycloak: bool = False,
        layout: Layout | None = None,
        say: Callable[[str], None] = _silent,
    ) -> Bed:
        """Brings up hosts with dockerd, sshd and Salt, pulled images and a pillar.

        `settle` is the pillar's reactor.settle in seconds, `clock` the factor by which the clock
        of the engine's stand-in is faster than exareme's. Takes away first what an old bed
        left in the same `layout`. Raises BedUnavailable where there can be none.
        """
        machine.require()
        layout = layout or Layout.default()
        with _only_one(layout):
            cleanup.clean(layout)
            images = registry.prepared(say)
            hosts = federation_hosts(workers)
            layout.root.mkdir(parents=True, exist_ok=True)
            network = Network.start(layout.root)
            bed = cls(layout, hosts, network, settle, clock)
            try:
                bed._describe()
                server = None
                if keycloak:
                    from tests.support.bed import identity  # its packages are wanted here only

                    server = identity.lay_out(layout, hosts[0])
                bed._lay_out(images, server)
                bed._start(server, say)
            except BaseException as error:
                error.add_note(bed.last_words())
                cleanup.clean(layout)
                raise
        return bed

    @classmethod
    def attach(cls, layout: Layout | None = None) -> Bed:
        """The bed that is up; BedUnavailable where there is none."""
        layout = layout or Layout.default()
        try:
            description = json.loads(layout.description.read_text())
        except FileNotFoundError:
            raise BedUnavailable(f"no bed is up in {layout.root}") from None
        hosts = tuple(HostSpec(**host) for host in description["hosts"])
        how = (description["settle"], description["clock"])
        return cls(layout, hosts, Network(description["network"]), *how)

    def down(self) -> None:
        """Leaves nothing: no process, namespace, mount, cable, control group or file."""
        self.remove(self.layout)

    @staticmethod
    def remove(layout: Layout) -> None:
        """Takes away the bed in `layout`, also a half one; nothing where there is none."""
        with _only_one(layout):
            cleanup.clean(layout)

    def _describe(self) -> None:
        description = {
            "settle": self.settle,
            "clock": self.clock,
            "hosts": [asdict(spec) for spec in self.specs],
            "network": self.network.holder,
        }
        self.layout.description.write_text(json.dumps(description, indent=1))

    def _lay_out(
        self,
        images: registry.Registry,
        keycloak: Identity | None,
    ) -> None:
        self.layout.mount_point.mkdir(exist_ok=True)
        pusher = self.specs[0]
        for spec in self.specs:
            for path in KEPT:
                (self.layout.disk(spec.name) / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
            self.layout.run(spec.name).mkdir(parents=True, exist_ok=True)
            accounts.lay_out(self.layout, spec, self.specs)
            dockerd.lay_out(self.layout, spec, pusher)
        ssh.lay_out(self.layout, self.specs)
        salt.lay_out(self.layout, self.specs)
        settings = keycloak.settings if keycloak else None
        files = pillar.files(self.specs, settle=self.settle, clock=self.clock, keycloak=settings)
        for path, content in files.items():
            file = self.layout.outside(PUSHER, f"/srv/pillar/{path}")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
            if "secrets" in path:
                file.chmod(0o600)
        for spec in self.specs:
            services = [ssh.SERVICE, dockerd.SERVICE, salt.service(spec.role)]
            binds = [(str(self.layout.outside(spec.name, "/data")), "/run/bed/data")]
            if spec.role == "pusher":
                services.insert(0, images.service)
                binds += images.binds
                if keycloak is not None:
                    services.append(keycloak.service)
                    binds += keycloak.binds
            self.by_name[spec.name].write_config(services, binds)

    def _start(self, keycloak: Identity | None, say: Callable[[str], None]) -> None:
        pusher = self.by_name[PUSHER]
        everyone = self._hosts()
        _all_at_once(
            lambda host: host.power_on(without=("master",) if host is pusher else ()), everyone
        )
        say(f"{len(everyone)} hosts are on")
        self.configure()
        pusher.start_service("master")
        say("the pusher is set up")
        _all_at_once(lambda host: wait.for_docker(lambda: self.docker(host.name)), everyone)
        _all_at_once(lambda host: registry.pull(self.docker(host.name), host.spec.role), everyone)
        say("every engine has its images")
        wait.for_minions(pusher, [spec.name for spec in self.specs if spec.role != "pusher"])
        say("every minion answers")
        if keycloak is not None:
            keycloak.make_realm(pusher)
            say(f"Keycloak is at {keycloak.url}")

    def configure(self) -> None:
        """Sets the pusher up as its operator does; a master that runs must be started again."""
        answer = self.run(PUSHER, "salt-run", "mip.setup", "--out=json", "-l", "error").stdout
        # Salt ends with 0 also where there is no such function
        if not answer.lstrip().startswith("{"):
            raise RuntimeError(f"mip.setup did not set the pusher up: {answer}")

    def last_words(self) -> str:
        """The last lines of what each host's services said, for an error."""
        lines = []
        for name in self.hosts:
            logs = [self.layout.host(name) / "init.log", *self.path(name, "/var/log").glob("*.log")]
            for log in logs:
                if log.exists() and (said := log.read_text(errors="replace").splitlines()[-3:]):
                    lines += [f"{name}, {log.name}:", *(f"    {line[:300]}" for line in said)]
        return "\n".join(lines)

    # ---- use --------------------------------------------------------------------------

    def host(self, name: str) -> Host:
        try:
            return self.by_name[name]
        except KeyError:
            raise ValueError(f"{name!r} is none of {', '.join(self.by_name)}") from None

    def run(
        self,
        host: str,
        *argv: str,
        input: str | bytes | None = None,  # noqa: A002 - subprocess.run's word
        check: bool = True,
        timeout: float | None = 120,
        user: str | None = None,
    ) -> subprocess.CompletedProcess:
        """Runs a command in a host: see Host.run."""
        return self.host(host).run(*argv, input=input, check=check, timeout=timeout, user=user)

    def fault(self, host: str, what: str) -> None:
        """Breaks or mends a host: one of faults.FAULTS."""
        faults.inflict(self.host(host), what)

    def docker(self, host: str, timeout: int = 60) -> docker.DockerClient:
        """A client of the host's engine, which must be up, over the socket that lies outside."""
        path = self.layout.docker_socket(self.host(host).name)
        return docker.DockerClient(base_url=f"unix://{path}", timeout=timeout)

    def path(self, host: str, path: str) -> Path:
        """Where what a host keeps (`/data`, `/etc/salt`, …) lies on the machine."""
        return self.layout.outside(self.host(host).name, path)

    def write(self, host: str, path: str, content: bytes) -> Path:
        """Writes a file of the host's as its operator would: owner and group of its folder."""
        file = self.path(host, path)
        missing = [folder for folder in file.parents if not folder.exists()]
        file.parent.mkdir(parents=True, exist_ok=True)
        for created in [*reversed(missing), file]:
            if created == file:
                file.write_bytes(content)
            accounts.own_like(created, created.parent)
        return file

    # ---- the federation ---------------------------------------------------------------

    def declare(self, change: Callable[[dict[str, Any]], object] | None = None) -> None:
        """Writes the federation's pillar anew, as it was at first but for `change`.

        `change` gets the value of mip:federations:<fed> and edits it. The minions that answer
        have the new pillar when this is back.
        """
        value = pillar.declaration(self.specs, self.settle, self.clock)
        if change is not None:
            change(value)
        text = pillar.render(value, comment=pillar.header())
        self.write(PUSHER, f"/srv/pillar/mip/{FEDERATION}.sls", text.encode())
        refresh = ("saltutil.refresh_pillar", "wait=True", "--out=quiet")
        self.run(PUSHER, "salt", "-t", "10", "*", *refresh, check=False)

    def blank(self, *, master: bool = True) -> None:
        """Power off, away with all that was deployed (Swarm, data, our state), power on.

        What every host was before anything was done on it: images and keys stay, faults are
        mended, the pillar is as it was at first. Without `master` the Salt master stays down, and
        with it the controller: whatever is then done by hand is left as it is.
        """
        without = () if master else ("master",)
        try:
            _all_at_once(lambda host: host.blank(without), self._hosts())
            _all_at_once(
                lambda host: wait.for_docker(lambda: self.docker(host.name)), self._hosts()
            )
            if not master:
                return
            minions = [spec.name for spec in self.specs if spec.role != "pusher"]
            wait.for_minions(self.by_name[PUSHER], minions)
        except Exception as error:
            error.add_note(self.last_words())
            raise
        self.declare()

    def _hosts(self) -> list[Host]:
        return list(self.by_name.values())


@contextmanager
def _only_one(layout: Layout) -> Iterator[None]:
    """Nobody else brings a bed up or down in this place meanwhile.

    The lock is a name that the kernel forgets with its holder: no file is left.
    """
    with socket.socket(socket.AF_UNIX) as lock:
        while True:
            try:
                lock.bind(f"\0mip-bed:{layout.root}")
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                time.sleep(0.2)
        yield


def _all_at_once(do: Callable[[Host], object], hosts: Iterable[Host]) -> None:
    hosts = list(hosts)
    with ThreadPoolExecutor(len(hosts)) as pool:
        for done in [pool.submit(do, host) for host in hosts]:
            done.result()
