"""One federation of processes for all integration tests of a run, made by pytest-salt-factories.

Master and minions are the factories' daemons. Each is supervised as all daemons of our tests are
(:mod:`tests.support.processes`), so that a test may kill or stop one and nothing outlives the run.
A test module borrows it: with the nodes that it declares, and nothing of the module before.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pytestshellutils.shell import DaemonImpl
from pytestshellutils.utils.processes import ProcessResult
from saltfactories.daemons.master import SaltMaster
from saltfactories.daemons.minion import SaltMinion
from saltfactories.manager import FactoriesManager

from tests.support import pillars, processes, salthost
from tests.support.local import PUSHER, CommandFailed, LocalFederation, Ran
from tests.support.processes import Daemon
from tests.support.salthost import Host
from tests.support.waiting import until

OWN = ("data", "mip", "var/lib/mip")
"""What a host has of a federation, below its root."""

FACTORIES_OWN = ("engines", "engines_dirs", "log_handlers_dirs")


class Supervised(DaemonImpl):
    """How a daemon of the factories runs: below our small init, which leaves nothing of it."""

    daemon: Daemon | None = None

    def init_terminal(
        self, cmdline: list[str], shell: bool = False, env: Any = None, cwd: Any = None
    ) -> subprocess.Popen[Any]:
        output = Path(self.factory.config["root_dir"]) / "output"
        environ = {**self.factory.environ, **(env or {})}
        self.daemon = Daemon(cmdline, log=output, env=environ)
        self.daemon.start()
        self._terminal = self.daemon.process
        self._terminal_result = None
        return self._terminal

    def _terminate(self) -> ProcessResult:
        if self.daemon is not None:
            processes.stop([self.daemon])
            code = self.daemon.process.returncode
            output = self.daemon.log.read_text(encoding="utf-8", errors="replace")
            command = self.daemon.command
            self._terminal_result = ProcessResult(
                returncode=code, stdout=output, stderr="", cmdline=command
            )
        self._terminal = None
        return self._terminal_result


class SupervisedMaster(SaltMaster):
    def _get_impl_class(self) -> type[DaemonImpl]:
        return Supervised


class SupervisedMinion(SaltMinion):
    @classmethod
    def write_config(cls, config: dict[str, Any]) -> dict[str, Any]:
        """Without what sends a minion's own events and log: what is waited for is on the master."""
        quiet = {key: value for key, value in config.items() if key not in FACTORIES_OWN}
        written: dict[str, Any] = super().write_config(quiet)
        return written

    def _get_impl_class(self) -> type[DaemonImpl]:
        return Supervised


class FactoryDaemon(Daemon):
    """A daemon of the factories where a :class:`~tests.support.processes.Daemon` is wanted."""

    def __init__(self, factory: SaltMaster | SaltMinion) -> None:
        super().__init__([], log=Path(factory.config["root_dir"]) / "output", env={})
        self.factory = factory

    @property
    def running(self) -> bool:
        return bool(self.factory.is_running())

    def start(self) -> None:
        """Returns when its master had its start event."""
        self.factory.impl._terminal_result = None
        self.factory.start()

    @property
    def _below(self) -> Daemon | None:
        below: Daemon | None = self.factory.impl.daemon
        return below

    def wait(self, seconds: float) -> bool:
        return self._below is None or self._below.wait(seconds)

    def order(self, order: str) -> None:
        if self._below is not None:
            self._below.order(order)


class SharedFederation(LocalFederation):
    """Processes that stay; what is declared, and all data, is a module's own."""

    def __init__(self, factories: FactoriesManager, root: Path) -> None:
        super().__init__(root, workers=0)
        self._factories = factories
        self._prepared: set[str] = set()
        self._keys: dict[str, bytes] = {}
        self._ports = (0, 0)

    def borrow(
        self,
        *,
        workers: int = 2,
        others: Mapping[str, int] | None = None,
        declare: Mapping[str, Any] | None = None,
    ) -> None:
        """Declare the module's federations, and have their nodes up with that pillar."""
        wanted = {self.federation: workers, **(others or {})}
        self._declared = {
            name: pillars.declaration(self.root, name, index=index, workers=count)
            for index, (name, count) in enumerate(wanted.items())
        }
        self._declared[self.federation].update(declare or {})
        for node in self.nodes():
            self.hosts.setdefault(node, Host(self.root / node, "minion"))
        self.prepare()
        self._only_nodes()
        if not self._daemon(PUSHER).running:
            self._daemon(PUSHER).start()
        new = [node for node in self.nodes() if not self._daemon(node).running]
        with ThreadPoolExecutor(len(new) or 1) as pool:
            list(pool.map(self.start_one, new))
        self.wait_up(self.nodes(), timeout=120)
        self.refresh(node for node in self.nodes() if node not in new)

    def _only_nodes(self) -> None:
        """No minion of another module answers, or is waited for, e.g. by ``salt '*wk*'``."""
        others = [host for host in self.hosts if host not in (PUSHER, *self.nodes())]
        processes.kill([self._daemon(host) for host in others])
        accepted = self.hosts[PUSHER].pki / "minions"
        for host in others:
            (accepted / host).unlink(missing_ok=True)
        for node in self.nodes():
            self.hosts[PUSHER].trust(f"minions/{node}", self._keys[node])

    def start_one(self, node: str) -> None:
        self.hosts[node].log.unlink(missing_ok=True)
        self._daemon(node).start()

    def give_back(self) -> None:
        """Take away what the module had; what it broke is mended, and that is checked."""
        for node in self.nodes():
            self._daemon(node).resume()
            if not self._daemon(node).running:
                self.start_one(node)
        self.wait_up(self.nodes(), timeout=120)
        self.ask(self.nodes(), "saltutil.kill_all_jobs")
        idle: dict[str, Any] = {node: [] for node in self.nodes()}
        until(
            lambda: self._busy() == idle,
            what="all are idle",
            instead=self._busy,
            every=1,
        )
        for host in self.hosts:
            for path in OWN:
                shutil.rmtree(self.root / host / path, ignore_errors=True)
        left = [self.root / host / path for host in self.hosts for path in OWN]
        assert not any(path.exists() for path in left), left

    def _busy(self) -> dict[str, Any]:
        return self.ask(self.nodes(), "saltutil.running")

    def prepare(self) -> None:
        """Folders and pillar of the module; configuration and keys of hosts that are new."""
        if PUSHER not in self._prepared:
            self._ports = tuple(salthost.free_ports(2))
        self._folders()
        pillars.write(self.pillar_root, PUSHER, self._declared)
        for name, host in self.hosts.items():
            if name in self._prepared:
                continue
            self._prepared.add(name)
            self._daemons[name] = FactoryDaemon(self._factory(name, host))
            public = host.make_key()
            if name == PUSHER:
                self._public = public
            else:
                self._keys[name] = public
                host.trust("minion_master.pub", self._public)

    def _factory(self, name: str, host: Host) -> SaltMaster | SaltMinion:
        """The factories' daemon of that host, with the same settings as without them."""
        host.config.mkdir(parents=True, exist_ok=True)
        own = {
            "conf_file": str(host.config / host.role),
            "pki_dir": str(host.pki),
            "cachedir": str(host.root / "var/cache/salt" / host.role),
            "sock_dir": "/run",
            "log_file": str(host.log),
            "log_level_logfile": "info",
        }
        defaults = {"root_dir": str(host.root)}
        if name == PUSHER:
            settings = salthost.master_settings(name, self._ports, self.states, self.pillar_root)
            master: SaltMaster = self._factories.salt_master_daemon(
                name,
                defaults=defaults,
                overrides={**host.common(), **settings, **own},
                factory_class=SupervisedMaster,
                start_timeout=300,
                max_start_attempts=1,
            )
            self._master = master
            return master
        settings = salthost.minion_settings(name, self._ports)
        minion: SaltMinion = self._master.salt_minion_daemon(
            name,
            defaults=defaults,
            overrides={**host.common(), **settings, **own},
            factory_class=SupervisedMinion,
            start_timeout=300,
            max_start_attempts=1,
        )
        return minion

    def salt_run(
        self,
        function: str,
        *args: str,
        out_json: bool = True,
        check: bool = False,
        timeout: float = 300,
        stdin: str | None = None,
    ) -> Ran:
        if not out_json or stdin is not None:
            return super().salt_run(
                function, *args, out_json=out_json, check=check, timeout=timeout, stdin=stdin
            )
        done = self._master.salt_run_cli().run(function, *args, _timeout=timeout)
        # the factories take a text out of its quotes
        stdout = done.stdout if done.data is not None else json.dumps(done.stdout)
        ran = Ran(done.returncode, stdout, done.stderr)
        if check and ran.returncode:
            raise CommandFailed(done.cmdline, ran)
        return ran
