"""A stand-in for exareme, for where its image cannot be had.

It is no exareme and says so wherever it speaks. It keeps exareme's habits that whoever
deploys it must know: what it refuses at start, what it announces when, what it keeps.
Runs on the standard library alone, as `python -m engine` in its image.
"""

STAND_IN = "a stand-in for exareme: no algorithms, only its habits"
PORT = 9090
