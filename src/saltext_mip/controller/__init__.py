"""The controller: decides when to refresh a federation, from requests, outcomes and the clock.

Nothing here does the work or listens on the bus. Requests are files (:mod:`.requests`), the outcome
of a refresh is a file (:mod:`.outcome`), the decision is a pure function (:mod:`.step`), and
:mod:`.loop` carries it out with its state on disk.
"""
