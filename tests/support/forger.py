"""A minion that lies: ``python -m tests.support.forger CONFIG COUNT TAG…``.

It sends each tag COUNT times in the form in which beacons send, where the master attests nothing,
with data that would do harm if anything of it were taken for more than data.
"""

from __future__ import annotations

import sys
import time

import salt.channel.client
import salt.config
import salt.crypt

BATCH = 500
PAYLOAD = "x\nrm:\n  runner.test.arg:\n    - args: {{ 7 * 191 }}"


def main() -> None:
    config, count, *tags = sys.argv[1:]
    opts = salt.config.minion_config(config)
    opts["master_uri"] = f"tcp://{opts['master']}:{opts['master_port']}"
    opts["master_ip"] = opts["master"]
    token = salt.crypt.SAuth(opts).gen_token(b"salt")
    with salt.channel.client.ReqChannel.factory(opts) as channel:
        left = int(count)
        while left > 0:
            events = [
                {"tag": tag, "data": {"id": "fed1-ms", "_stamp": PAYLOAD, PAYLOAD: PAYLOAD}}
                for _ in range(min(BATCH, left))
                for tag in tags
            ]
            load = {
                "id": opts["id"],
                "cmd": "_minion_event",
                "pretag": None,
                "tok": token,
                "data": {},
                "events": events,
            }
            channel.send(load)
            left -= BATCH
            time.sleep(0.05)


if __name__ == "__main__":
    main()
