"""A throw-away federation on loopback: a Salt master and minions as plain processes, as any user.

::

    with LocalFederation(workers=2) as fed:
        fed.write_data("fed1-wk-h1", "dementia", "edsd.csv", b"dataset,age\\nedsd,70\\n")
        ran = fed.salt_run("mip.consolidate", "federation=fed1")
        print(ran.returncode, ran.json)

Hosts are called as in a real one: ``pusher`` (the master), ``fed1-ms``, ``fed1-ui``,
``fed1-wk-h1``… Each has a root folder of its own (``fed.root / host``), which is
Salt's ``root_dir`` there, so our state is below it too; each node has its own data path, declared
in the pillar.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tests.support import pillars, processes, roots, salthost
from tests.support.processes import Daemon
from tests.support.salthost import Host
from tests.support.waiting import SLOW

if TYPE_CHECKING:  # with Salt they cost a second to import, which not all who import this need
    from tests.support.inprocess import Minions, Runners

PUSHER = "pusher"
READY = "Minion is ready to receive requests!"


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one JSON document on standard output; an error if there is none, or more."""
        try:
            return json.loads(self.stdout)
        except json.JSONDecodeError as error:
            raise AssertionError(f"no JSON ({error}):\n{self.stdout}\n{self.stderr}") from error


class CommandFailed(AssertionError):
    """A command that was to succeed did not."""

    def __init__(self, command: Sequence[str], ran: Ran) -> None:
        super().__init__(
            f"exit code {ran.returncode}: {' '.join(command)}\n{ran.stdout}\n{ran.stderr}"
        )


class LocalFederation:
    """One pusher, and one federation or several (``others={"fed2": 1}``: name and workers).

    ``declare`` are further keys of the federation's pillar; ``master`` and ``minion`` further
    settings of Salt's configuration.
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        workers: int = 2,
        federation: str = "fed1",
        others: Mapping[str, int] | None = None,
        declare: Mapping[str, Any] | None = None,
        master: Mapping[str, Any] | None = None,
        minion: Mapping[str, Any] | None = None,
    ) -> None:
        roots.sweep()
        self.root = root or roots.make()
        self.federation = federation
        self.states = self.root / "states"
        self.pillar_root = self.root / "pillar"
        self._more_master = dict(master or {})
        self._more_minion = dict(minion or {})
        self._declared = {
            name: pillars.declaration(self.root, name, index=index, workers=count)
            for index, (name, count) in enumerate({federation: workers, **(others or {})}.items())
        }
        self._declared[federation].update(declare or {})
        self.hosts = {PUSHER: Host(self.root / PUSHER, "master")}
        self.hosts |= {node: Host(self.root / node, "minion") for node in self.nodes()}
        self._daemons: dict[str, Daemon] = {}
        self._runners: Runners | None = None
        self._minions: Minions | None = None

    # -- what there is

    def nodes(self, federation: str | None = None) -> list[str]:
        """The minion ids of one federation, or of all: master, ui, workers."""
        names = [federation] if federation else list(self._declared)
        return [node for name in names for node in self._declared[name]["nodes"]]

    def workers(self, federation: str | None = None) -> list[str]:
        nodes = self._declared[federation or self.federation]["nodes"]
        return [node for node, facts in nodes.items() if facts["role"] == "worker"]

    def pillar(self, federation: str | None = None) -> dict[str, Any]:
        """What is declared of a federation; a copy."""
        copy: dict[str, Any] = json.loads(json.dumps(self._declared[federation or self.federation]))
        return copy

    def data_path(self, node: str) -> Path:
        return self.root / node / "data" / self._federation_of(node)

    def ui_path(self, federation: str | None = None) -> Path:
        return Path(self._declared[federation or self.federation]["ui_path"])

    @property
    def pathologies(self) -> Path:
        """What the ui of the (first) federation offers."""
        return self.ui_path() / "config" / "pathologies.json"

    def state(self, host: str = PUSHER, federation: str | None = None) -> Path:
        """Our state of a federation on that host."""
        return self.root / host / "var/lib/mip" / (federation or self.federation)

    # -- start and stop

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self, *, timeout: float = 120) -> None:
        """Everything up, and every minion heard from."""
        self.prepare()
        self.start_all(timeout=timeout)

    def start_all(self, *, timeout: float = 120) -> None:
        """Everything up that was stopped, and every minion heard from."""
        self._disconnect()
        for host in self.hosts:
            self.hosts[host].log.unlink(missing_ok=True)
            self._daemon(host).start()
        self.wait_up(timeout=timeout)

    def prepare(self) -> None:
        """Folders, pillar, configuration and keys, without starting anything."""
        publish, answer = salthost.free_ports(2)
        ports = (publish, answer)
        self._folders()
        pillars.write(self.pillar_root, PUSHER, self._declared)
        pusher = self.hosts[PUSHER]
        settings = salthost.master_settings(PUSHER, ports, self.states, self.pillar_root)
        pusher.prepare({**settings, **self._more_master})
        public = pusher.make_key()
        for node in self.nodes():
            host = self.hosts[node]
            host.prepare({**salthost.minion_settings(node, ports), **self._more_minion})
            pusher.trust(f"minions/{node}", host.make_key())
            host.trust("minion_master.pub", public)

    def _folders(self) -> None:
        roots.mark(self.root)
        for node in self.nodes():
            if not node.endswith("-ui"):
                self.data_path(node).mkdir(parents=True, exist_ok=True)
        for name in self._declared:
            (self.ui_path(name) / "config").mkdir(parents=True, exist_ok=True)
        self.states.mkdir(exist_ok=True)

    def stop(self) -> None:
        """Everything down in good order, the minions first; the folders stay."""
        minions = [daemon for host, daemon in self._daemons.items() if host != PUSHER]
        processes.stop(minions)
        if PUSHER in self._daemons:
            processes.stop([self._daemons[PUSHER]])

    def close(self) -> None:
        """Everything down at once, and nothing left."""
        self._disconnect()
        processes.kill(list(self._daemons.values()))
        shutil.rmtree(self.root)

    # -- faults

    def kill(self, host: str) -> None:
        """``kill -9``, jobs included; returns when it is gone."""
        self._daemon(host).kill()

    def stop_node(self, host: str) -> None:
        processes.stop([self._daemon(host)])

    def hang(self, host: str) -> None:
        self._daemon(host).hang()

    def resume(self, host: str) -> None:
        self._daemon(host).resume()

    def start_node(self, host: str, *, timeout: float = 60) -> None:
        """Start what was stopped or killed; returns when it is heard from."""
        if host == PUSHER:
            self._disconnect()
        self.hosts[host].log.unlink(missing_ok=True)
        self._daemon(host).start()
        self.wait_up([host] if host != PUSHER else None, timeout=timeout)

    def restart(self, host: str) -> None:
        self.stop_node(host)
        self.start_node(host)

    def wait_up(self, nodes: Iterable[str] | None = None, *, timeout: float = 60) -> None:
        """Until all of them (default: those that run) answer a ping."""
        wanted = list(nodes or (node for node in self.nodes() if self._daemon(node).running))
        until = time.monotonic() + SLOW * timeout
        # a ping costs a second of CPU: first let their own logs say that they are ready
        waiting = set(wanted)
        while waiting := {node for node in waiting if not self._says_ready(node)}:
            self._give_up(until, waiting)
            time.sleep(0.1)
        # each ping is a process on the minion: more of them would only make a slow machine slower
        silent = set(wanted)
        wait = 5
        while silent := silent - self.up(sorted(silent), wait=wait):
            self._give_up(until, silent)
            self._disconnect()  # a client that was there before its master hears nothing
            time.sleep(1)
            wait = min(2 * wait, 40)

    def up(self, nodes: Sequence[str], *, wait: int = 2) -> set[str]:
        """Those of them that answer a ping now."""
        if not nodes:
            return set()
        from salt.exceptions import SaltClientError

        try:
            answers = self.ask(nodes, "test.ping", wait=wait)
        except SaltClientError:  # the master itself does not answer, e.g. while it starts
            self._disconnect()
            return set()
        return {node for node, answer in answers.items() if answer is True}

    def ask(
        self, nodes: Iterable[str], function: str, *args: Any, wait: int = 60, **more: Any
    ) -> dict[str, Any]:
        """What those minions answer, asked in this process: ``salt`` without a process of its own.

        Each is waited for while it runs the job, and ``wait`` seconds more.
        """
        if self._minions is None:
            from tests.support.inprocess import Minions

            self._minions = Minions(self.hosts[PUSHER].config / "master")
        return self._minions.ask(list(nodes), function, *args, wait=wait, **more)

    def supervisor(self, host: str) -> int:
        """The process of that host below which everything of it is."""
        return self._daemon(host).process.pid

    # -- commands

    def run(self, function: str, *args: str, check: bool = False) -> Ran:
        """A runner function as ``salt-run`` runs it, in this process: a tenth of the time.

        Standard output has what is returned, as JSON; standard error has the progress.
        """
        if self._runners is None:
            from tests.support.inprocess import Runners

            self._runners = Runners(self.hosts[PUSHER].config / "master")
        code, value, said = self._runners.call(function, *args)
        ran = Ran(code, json.dumps(value), said)
        if check and code:
            raise CommandFailed([function, *args], ran)
        return ran

    def salt_run(
        self,
        function: str,
        *args: str,
        out_json: bool = True,
        check: bool = False,
        timeout: float = 120,
        stdin: str | None = None,
    ) -> Ran:
        """``salt-run`` on the pusher; with ``check`` a failure is an error."""
        command = self.salt_run_command(function, *args, out_json=out_json)
        return self._run(command, check=check, timeout=timeout, stdin=stdin)

    def salt_run_command(self, function: str, *args: str, out_json: bool = True) -> list[str]:
        """The same as a command line, for tests that start, kill or time it themselves."""
        out = ["--out=json"] if out_json else []
        return self.command("salt-run", PUSHER, *out, function, *args)

    def salt(self, *args: str, out_json: bool = True, timeout: float = 120, wait: int = 15) -> Ran:
        """``salt`` on the pusher, e.g. ``salt("fed1-wk-h1", "mip.datasets")``: one document."""
        out = ["--out=json", "--static"] if out_json else []
        return self._run(
            self.command("salt", PUSHER, "-t", str(wait), *out, *args), timeout=timeout
        )

    def salt_call(
        self,
        node: str,
        *args: str,
        local: bool = False,
        out_json: bool = True,
        timeout: float = 120,
    ) -> Ran:
        """``salt-call`` on that node."""
        out = ["--out=json"] if out_json else []
        where = ["--local"] if local else []
        return self._run(self.command("salt-call", node, *where, *out, *args), timeout=timeout)

    def env(self) -> dict[str, str]:
        """The environment of all commands: the tests' own, its commands first."""
        path = f"{salthost.BIN}{os.pathsep}{os.environ.get('PATH', '')}"
        return {**os.environ, "PATH": path, "PYTHONWARNINGS": "ignore"}

    # -- data and declaration

    def write_data(self, node: str, pathology: str, name: str, content: bytes) -> Path:
        """Put a file where a hospital would."""
        folder = self.data_path(node) / pathology
        folder.mkdir(exist_ok=True)
        path = folder / name
        path.write_bytes(content)
        return path

    def declare(
        self,
        change: Callable[[dict[str, Any]], None] | Mapping[str, Any],
        *,
        federation: str | None = None,
        refresh: bool = True,
    ) -> None:
        """Change a federation's pillar: further keys, or a function that changes it in place."""
        declared = self._declared[federation or self.federation]
        if callable(change):
            change(declared)
        else:
            declared.update(change)
        pillars.write(self.pillar_root, PUSHER, self._declared)
        if refresh:
            self.refresh(self.nodes())

    def refresh(self, nodes: Iterable[str]) -> None:
        """Until those of them that run have the pillar as it is declared now."""
        running = [node for node in nodes if self._daemon(node).running]
        self.ask(running, "saltutil.refresh_pillar", True)

    # -- inside

    def _federation_of(self, node: str) -> str:
        for name, declared in self._declared.items():
            if node in declared["nodes"]:
                return name
        raise KeyError(node)

    def _daemon(self, host: str) -> Daemon:
        if host not in self._daemons:
            place = self.hosts[host]
            self._daemons[host] = Daemon(
                [salthost.command(f"salt-{place.role}"), "-c", place.config, "-l", "quiet"],
                log=place.output,
                env=self.env(),
            )
        return self._daemons[host]

    def _disconnect(self) -> None:
        """What is asked in this process connects anew, to a master that is another one."""
        for client in (self._runners, self._minions):
            if client is not None:
                client.close()
        self._runners = self._minions = None

    def _says_ready(self, node: str) -> bool:
        log = self.hosts[node].log
        return log.exists() and READY in log.read_text(encoding="utf-8", errors="replace")

    def _give_up(self, until: float, missing: Iterable[str]) -> None:
        for host, daemon in self._daemons.items():
            if host in missing and not daemon.running:
                raise AssertionError(f"{host} ended:\n{self._tail(host)}")
        if time.monotonic() > until:
            logs = "\n".join(self._tail(host) for host in (PUSHER, *missing))
            raise AssertionError(f"no word from {', '.join(sorted(missing))}\n{logs}")

    def _tail(self, host: str) -> str:
        place = self.hosts[host]
        lines = [
            line
            for path in (place.output, place.log)
            if path.exists()
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        ]
        return "\n".join([f"-- {host}", *lines])

    def command(self, name: str, host: str, *args: str) -> list[str]:
        return [salthost.command(name), "-c", str(self.hosts[host].config), *args]

    def _run(
        self,
        command: list[str],
        *,
        check: bool = False,
        timeout: float = 120,
        stdin: str | None = None,
    ) -> Ran:
        done = subprocess.run(
            command,
            input=stdin or "",
            capture_output=True,
            text=True,
            env=self.env(),
            timeout=timeout,
            check=False,
        )
        ran = Ran(done.returncode, done.stdout, done.stderr)
        if check and ran.returncode:
            raise CommandFailed(command, ran)
        return ran
