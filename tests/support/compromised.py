"""A minion with an accepted key that answers in other nodes' names, by both ways that Salt leaves.

``_return`` with a ``resource_id``: Salt takes that for the sender after it authenticated the real
one. ``_syndic_return``: Salt takes the ids in it for the senders. Both go into the job cache, where
the first return wins, and onto the master's bus. A minion sees each publication, with the job's id
and its arguments; here they are read from the bus, which has the same.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Self

import salt.channel.client
import salt.config
import salt.crypt
import salt.utils.event

from saltext_mip import signing, wire
from tests.support.local import PUSHER, LocalFederation

TIMES = 20


class CompromisedMinion:
    """While it is entered, ``node`` answers each job of others ``TIMES`` times by each way."""

    def __init__(self, fed: LocalFederation, node: str, *, replays: Sequence[Any] = ()) -> None:
        self.node = node
        self.sent: dict[str, int] = {}
        self._replays = replays
        self._opts = salt.config.minion_config(str(fed.hosts[node].config / "minion"))
        self._opts["master_ip"] = self._opts["master"]
        self._opts["master_uri"] = f"tcp://{self._opts['master']}:{self._opts['master_port']}"
        self._master = salt.config.master_config(str(fed.hosts[PUSHER].config / "master"))
        self._key = (fed.hosts[node].pki / "minion.pem").read_bytes()
        self._ready = threading.Event()
        self._over = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def pillar(self, node: str, grains: Mapping[str, Any], *, sender: str | None = None) -> Any:
        """What the master gives it as the pillar of that node; an ``AuthenticationError`` if
        nothing. ``sender`` is the id outside of the encrypted request, its own by default."""
        load = {
            "cmd": "_pillar",
            "grains": dict(grains),
            "saltenv": "base",
            "pillarenv": None,
            "pillar_override": {},
            "extra_minion_data": {},
            "ver": "2",
        }
        with salt.channel.client.ReqChannel.factory(self._opts) as channel:
            package = channel.obj._package_load

            def forged(load: dict[str, Any], *args: Any) -> dict[str, Any]:
                channel.obj.opts = {**self._opts, "id": node}  # Salt's client writes its own
                made: dict[str, Any] = package(load, *args)
                return {**made, "id": sender or self.node}

            channel.obj._package_load = forged
            return channel.crypted_transfer_decode_dictentry(
                load, dictkey="pillar", timeout=20, tries=1
            )

    def lies(self, function: str, victim: str, nonce: str) -> list[Any]:
        """Empty answers as the previous version sends them, errors, and what it signs itself."""
        question = signing.Question("fed1", function, victim, nonce)
        empty = {"inventory": {"form": 1, "pathologies": []}, "states": [], "services": {}}
        page = wire.page(wire.deflate(empty))
        return [
            page,
            "the data path is gone",
            signing.signed(question, page, self._key, version="9"),
            signing.signed(question, page, self._key, version="9", failed=True),
            {"stale_pillar": True},
            *self._replays,
        ]

    def _run(self) -> None:
        try:
            with (
                salt.utils.event.get_event("master", opts=self._master, listen=True) as bus,
                salt.channel.client.ReqChannel.factory(self._opts) as channel,
            ):
                token = salt.crypt.SAuth(self._opts).gen_token(b"salt")
                self._ready.set()
                while (job := bus.get_event(wait=0.2, tag="salt/job/")) or not self._over.is_set():
                    if job and "minions" in job and job["fun"].startswith("federation_node."):
                        self._answer(channel, token, job)
        except Exception as error:  # noqa: BLE001 - raised where it is left
            self._error = error
            self._ready.set()

    def _answer(self, channel: Any, token: bytes, job: Mapping[str, Any]) -> None:
        function, jid = job["fun"], job["jid"]
        nonce = next((arg["nonce"] for arg in job["arg"] if _has_nonce(arg)), "")
        victims = [victim for victim in job["minions"] if victim != self.node]
        if not victims:
            return
        own = {"id": self._opts["id"], "tok": token}
        ended = {"jid": jid, "fun": function, "fun_args": []}
        loads, returns = [], []
        for nth in range(TIMES):
            results = {}
            for victim in victims:
                lies = self.lies(function, victim, nonce)
                results[victim] = {
                    "return": lies[nth % len(lies)],
                    "retcode": 0,
                    "success": True,
                }
                returns.append({"resource_id": victim, **results[victim]})
            loads.append({"id": self.node, **ended, "return": results})
        # the batch first: it comes to the master at once, before any node has answered
        channel.send({**own, "cmd": "_syndic_return", "load": loads})
        for each in returns:
            channel.send({**own, "cmd": "_return", **ended, **each})
        self.sent[function] = self.sent.get(function, 0) + 2 * TIMES * len(victims)


def _has_nonce(arg: Any) -> bool:
    return isinstance(arg, Mapping) and "nonce" in arg
