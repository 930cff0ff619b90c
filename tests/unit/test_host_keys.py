"""ssh host keys that nodes report through Salt."""

from __future__ import annotations

from typing import Any

import pytest

from saltext_mip import host_keys

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID05unRfUF2SsjlF9npe8lB4b5Vv3jZdmdhyXb6LzjQ8"


@pytest.mark.parametrize(
    "told",
    [
        None,
        "ssh-ed25519 AAAA",
        [1],
        ["ssh-ed25519 not-base64"],
        ["ssh-rsa " + ED25519.split()[1]],
        ["ssh-dss AAAAB3NzaC1kc3M="],
        [f"{ED25519}\nother-node {ED25519}"],
        [ED25519] * 9,
    ],
)
def test_what_is_no_host_key_is_refused(told: Any) -> None:
    with pytest.raises(ValueError, match="host key"):
        host_keys.checked_keys(told)


def test_a_nodes_keys_are_believed_about_itself_only() -> None:
    before = f"fed1-wk-h1 ssh-rsa AAAA\nfed1-wk-h2 {ED25519}\n"
    after = host_keys.known_hosts(
        before, {"fed1-wk-h1": host_keys.checked_keys([f"{ED25519} root@h1"])}
    )
    assert after == f"fed1-wk-h1 {ED25519}\nfed1-wk-h2 {ED25519}\n"
