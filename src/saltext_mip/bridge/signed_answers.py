"""The node's side of a signed answer: every function that the pusher calls answers through this."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

import saltext_mip
from saltext_mip import signing, wire
from saltext_mip.bridge import upgrade
from saltext_mip.bridge.execution import shaped_errors
from saltext_mip.bridge.verification import OURS
from saltext_mip.errors import NodeError


def signed(
    function: Callable[..., Any], opts: Callable[[], Mapping[str, Any]], module: str = OURS
) -> Callable[..., dict[str, Any]]:
    """The function with a further argument, ``nonce``; its value or its error packed and signed.

    ``module`` is the beginning of the name by which the pusher called it, up to the dot.

    Without a nonce, an error is raised: so a pusher of a version before signatures, which sends
    none, reads what it expects.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(
        federation: str, declaration: str, *args: Any, nonce: str = "", **kwargs: Any
    ) -> dict[str, Any]:
        failed = False
        try:
            with shaped_errors():
                if mixed := upgrade.pending():
                    raise NodeError(mixed)
                value = function(federation, declaration, *args, **kwargs)
        except CommandExecutionError as exc:
            if not nonce:
                raise
            value, failed = str(exc), True
        page = value if wire.is_page(value) else wire.page(wire.deflate(value))
        own = opts()
        question = signing.Question(federation, module + function.__name__, own["id"], nonce)
        with shaped_errors():
            key = (Path(own["pki_dir"]) / "minion.pem").read_bytes()
            return signing.signed(
                question, page, key, version=saltext_mip.__version__, failed=failed
            )

    # Salt inspects the signature to tell arguments from its own keywords.
    parameter = inspect.Parameter("nonce", inspect.Parameter.KEYWORD_ONLY, default="")
    parameters = sorted([*signature.parameters.values(), parameter], key=lambda each: each.kind)
    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    del call.__wrapped__
    return call
