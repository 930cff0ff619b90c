"""When to look again: one key a federation, its timers, and what others asked for meanwhile.

Nothing here does the work, and nothing listens: requests are files (:mod:`.requests`), how a
refresh ended is a file (:mod:`.outcome`), what to do about both and the clock is a pure function
(:mod:`.step`), and :mod:`.keeper` carries it out with its state on disk.
"""
