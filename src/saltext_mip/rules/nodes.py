"""The rules about nodes that do not take part: why there is no usable answer, and what to do.

Which of them holds is decided by :mod:`~saltext_mip.pusher.reachability`, from evidence.
"""

from __future__ import annotations

from saltext_mip.rules.rule import Rule, by_name

NODE_RULES: dict[str, Rule] = by_name(
    Rule(
        "NoNodeAnswers",
        "error",
        True,
        "no node responds: the cause is probably on the pusher",
        "On the pusher: mip check-required, df -h, and /var/log/salt/master; then systemctl "
        "restart salt-master. Then check the nodes and the network.",
    ),
    Rule(
        "KeyMissing",
        "error",
        True,
        "the Salt master has no accepted key of that name",
        "On the node: check id and master in /etc/salt/minion, and systemctl status salt-minion. "
        "Then, on the pusher: salt-key -a NODE.",
    ),
    Rule(
        "KeyPending",
        "error",
        True,
        "the node's key is not accepted yet",
        "Compare the fingerprint with that of salt-call --local key.finger on the node. If they "
        "are the same, on the pusher: salt-key -a NODE.",
    ),
    Rule(
        "KeyRejected",
        "error",
        True,
        "the node's key was rejected",
        "If it is the node's own (salt-call --local key.finger), on the pusher: "
        "salt-key --include-rejected -a NODE.",
    ),
    Rule(
        "KeyDenied",
        "error",
        True,
        "the Salt master denies the node's key: it is another key than the accepted one",
        "Compare the fingerprints with that of salt-call --local key.finger on the node. If the "
        "node has the denied key, as after a new installation, on the pusher: salt-key -d NODE; "
        "restart salt-minion on the node; salt-key -a NODE. Else another machine uses the "
        "node's name: find it, and accept nothing.",
    ),
    Rule(
        "NeverConnected",
        "error",
        True,
        "the node has not connected since the Salt master started",
        "Check its power and network, and that it reaches ports 4505 and 4506 of the pusher. Then, "
        "on the node: systemctl restart salt-minion.",
    ),
    Rule(
        "ConnectionGone",
        "error",
        True,
        "the node's connection to the Salt master is gone",
        "Check its power, its network or VPN. If it is up, on the node: systemctl restart "
        "salt-minion (/var/log/salt/minion shows why it does not run, or does not connect).",
    ),
    Rule(
        "NodeSilent",
        "error",
        True,
        "the node does not respond",
        "Check its power and network. If it is up, on the node: systemctl restart salt-minion.",
    ),
    Rule(
        "NodeBusy",
        "error",
        True,
        "the node is still running the job",
        "Wait, and run the command again. On the node, top and dmesg show why.",
    ),
    Rule(
        "NotYetAnswered",
        "error",
        True,
        "the node has not responded yet; whether it is up is unknown",
        "Run the command again, with a longer timeout= where it has one.",
    ),
    Rule(
        "JobLost",
        "error",
        True,
        "the node responds, but lost the job twice",
        "On the node: /var/log/salt/minion shows why; then systemctl restart salt-minion.",
    ),
    Rule(
        "AnswerTrimmed",
        "error",
        True,
        "Salt trimmed the node's answer (VALUE_TRIMMED)",
        "Set the same max_event_size on the pusher and the node, the default or more, and restart "
        "salt-master and salt-minion.",
    ),
    Rule(
        "ExtensionMissing",
        "error",
        True,
        "the node's Salt does not have saltext-mip, or cannot load it",
        "On the node: salt-pip install --upgrade with the pusher's version of saltext-mip (an "
        "upgrade of Salt or Python leaves it behind), then systemctl restart salt-minion.",
    ),
    Rule(
        "ExtensionOlder",
        "error",
        True,
        "the node's saltext-mip is older than the pusher's",
        "On the node: salt-pip install --upgrade with the pusher's version, then systemctl restart "
        "salt-minion.",
    ),
    Rule(
        "ExtensionNewer",
        "error",
        True,
        "the node's saltext-mip is newer than the pusher's",
        "On the pusher: salt-pip install --upgrade with the node's version, then systemctl restart "
        "salt-master.",
    ),
    Rule(
        "WorkerMissing",
        "error",
        True,
        "the worker does not respond",
        "Check its network, power and salt-minion.",
    ),
    Rule(
        "NodeMissing",
        "error",
        False,
        "the node does not respond",
        "Check its network, power and salt-minion.",
    ),
)
