"""What every ring uses."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

# What a test imports is compiled once, here and in all that it starts; the environment of a
# container often says otherwise, and each job of a minion would compile the project again
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

import hypothesis  # noqa: E402
import pytest  # noqa: E402
import salt  # noqa: E402, F401

from saltext_mip.storage import openat2  # noqa: E402
from tests.support.soak import SOAK, examples  # noqa: E402

pytest_plugins = ["tests.support.ring"]

# An example that takes long is a slow machine's; `make soak` has a new seed, and many more of them
hypothesis.settings.register_profile("ring", deadline=None, derandomize=not SOAK)
hypothesis.settings.register_profile("soak", deadline=None, max_examples=examples(100))
hypothesis.settings.load_profile("soak" if SOAK else "ring")

# Importing Salt puts a finder of the protocol that Python 3.12 dropped first; pytest, which asks
# each finder for its `find_spec`, could import no test after that
sys.meta_path[:] = [finder for finder in sys.meta_path if hasattr(finder, "find_spec")]
# Until logging is set up, Salt keeps what is logged for its end, when pytest has closed its stream
for _handler in [each for each in logging.root.handlers if "Deferred" in type(each).__name__]:
    logging.root.removeHandler(_handler)

# What a shell starts in the background ignores Ctrl-C, and so would all that is started from here
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data, and of what existing installations made of it; where present."""
    here = Path(__file__).resolve().parent.parent
    folder = Path(os.environ.get("MIP_SHARED", here.parent / "shared"))
    if not (folder / "golden").is_dir():
        pytest.skip(f"no real data: {folder} is not there (MIP_SHARED names it)")
    return folder


@pytest.fixture(params=["openat2", "O_NOFOLLOW"])
def opened_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to open a name below a folder: the kernel's call, and where it has none."""
    way: str = request.param
    if way == "O_NOFOLLOW":
        monkeypatch.setattr(openat2, "is_available", lambda: False)
    elif not openat2.is_available():
        pytest.skip("this kernel has no openat2, or forbids it")
    return way
