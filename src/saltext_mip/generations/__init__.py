"""What was committed: staged on every node and then committed, recorded, compared, put back.

On a node: ``enrolment`` (is the disk there), ``staging`` (write beside, then rename). On the
pusher: ``transaction`` (all nodes or none, finished or undone after a crash by what ``journal``
says), ``record`` and ``store`` (the generations), ``diff`` and ``rollback``.
"""
