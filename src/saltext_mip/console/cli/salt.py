"""Running ``salt-run`` and ``salt-call``: what they return, how far they are, how they ended.

The runner functions are the one implementation; the command is another way to say them. They run in
a process of their own, with Salt's own ways of configuration, interrupts and exit codes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

# words of Salt's own that say nothing to a person (3008 prints them after each run)
NOISE = re.compile(r"unclosed \w+ .*(call|use) ``|^\s*$")
PROGRESS = "  "  # the runner's own words begin so
LEVELS = ("error", "info", "debug")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Ran:
    """``value`` as JSON had it; or ``error``, one text for a person. ``code`` is not 0 then."""

    code: int
    value: Any = None
    error: str | None = None


@dataclass(frozen=True)
class Salt:
    """How Salt is run: its folder of configuration, how much it says, and to whom."""

    config: str | None = None
    verbose: int = 0
    progress: Say = lambda _: None
    other: Say = lambda _: None

    def run(self, function: str, **arguments: Any) -> Ran:
        """A function of the runner ``mip`` (or another, named whole)."""
        name = function if "." in function else f"mip.{function}"
        return self._ran("salt-run", [name], arguments)

    def call(self, function: str, *words: str, local: bool = False, **arguments: Any) -> Ran:
        """An execution function on this node, of the minion's own id."""
        ran = self._ran("salt-call", [*(["--local"] if local else []), function, *words], arguments)
        if isinstance(ran.value, Mapping) and set(ran.value) == {"local"}:
            value = ran.value["local"]
            if ran.code and isinstance(value, str):
                return Ran(ran.code, error=value.removeprefix("ERROR: "))
            return Ran(ran.code, value)
        return ran

    def argv(self, program: str, words: Sequence[str], arguments: Mapping[str, Any]) -> list[str]:
        config = ["-c", self.config] if self.config else []
        level = LEVELS[min(self.verbose, len(LEVELS) - 1)]
        head = [command(program), *config, "-l", level]
        stated = [f"{key}={argument(value)}" for key, value in arguments.items()]
        return [*head, *words, *stated]

    def _ran(self, program: str, words: Sequence[str], arguments: Mapping[str, Any]) -> Ran:
        try:
            process = subprocess.Popen(  # noqa: S603 - a list, each argument quoted for Salt
                self.argv(program, ["--out=json", *words], arguments),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        except FileNotFoundError:
            return Ran(1, error=f"{program} is not here: is Salt installed in this environment?")
        said: list[str] = []
        reader = threading.Thread(target=self._listen, args=(process.stderr, said), daemon=True)
        reader.start()
        out = self._wait(process)
        reader.join()
        return result(out, process.returncode, said)

    def _wait(self, process: subprocess.Popen[str]) -> str:
        """Its output. Ctrl-C reaches it too: it is let end in its own way first."""
        interrupted = 0
        out = ""
        while True:
            try:
                if process.stdout is not None:
                    out += process.stdout.read()
                process.wait()
            except KeyboardInterrupt:
                interrupted += 1
                if interrupted > 1:
                    process.kill()
                continue
            if interrupted:
                raise KeyboardInterrupt
            return out

    def _listen(self, stream: IO[str], said: list[str]) -> None:
        for raw in stream:
            line = raw.rstrip("\n")
            if NOISE.search(line):
                continue
            if line.startswith(PROGRESS) and not line.startswith(PROGRESS + " "):
                self.progress(line.strip())
            else:
                said.append(line)
                self.other(line)


def result(out: str, code: int, said: Sequence[str] = ()) -> Ran:
    """What a run came to. Salt ends with 0 also where it has no such function."""
    try:
        value = json.loads(out)
    except ValueError:
        text = out.strip() or "\n".join(said[-5:]) or "Salt said nothing"
        return Ran(code or 1, error=text)
    if isinstance(value, str):
        return Ran(code or 1, error=value.strip())
    return Ran(code, value)


def argument(value: Any) -> str:
    """``value`` so that Salt, which reads arguments as YAML, has it back as it is."""
    text = json.dumps(value, ensure_ascii=False)
    # a '#' makes Salt keep the quotes; a name that YAML cannot read would not come back either
    return "".join(
        f"\\u{ord(char):04x}" if char == "#" or (0x7F <= ord(char) <= 0x9F) else char
        for char in text
    )


def command(name: str) -> str:
    """Salt's command of the environment that this runs in, else of the path."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else (shutil.which(name) or name)


def config_dir(given: str | None) -> Path:
    return Path(given or os.environ.get("SALT_CONFIG_DIR") or "/etc/salt")


def is_pusher(config: Path) -> bool:
    """Whether this machine is a pusher: a Salt master is configured, or nothing is."""
    return (config / "master").is_file() or not (config / "minion").is_file()
