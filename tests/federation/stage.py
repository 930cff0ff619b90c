"""What is on the bed between two test files: as little as possible is made again.

A blank bed costs a restart of all hosts, a followed federation also its deployment. So a file that
needs a blank bed blanks it only if another was there before, and files that need a followed
federation hand it on, brought back to its first data by the product's own commands.
"""

from __future__ import annotations

from tests.federation.followed import Followed
from tests.support.bed import Bed


class Stage:
    """The bed; ``is_blank`` is whether nothing is deployed on it."""

    def __init__(self, bed: Bed, *, is_blank: bool) -> None:
        self.bed = bed
        self._is_blank = is_blank
        self._followed: Followed | None = None

    def blank(self, *, master: bool = True) -> Bed:
        """The bed with nothing on it; whoever has it may leave anything.

        Without ``master`` the Salt master is down, and with it the controller.
        """
        if not (self._is_blank and master):
            self.bed.blank(master=master)
        self._is_blank = False
        self._followed = None
        return self.bed

    def followed(self) -> Followed:
        """A federation that serves its first data; if a file hands one on, it is this one."""
        fed, self._followed = self._followed, None  # nobody's, should it fail
        if fed is not None:
            fed.begin_again()
        else:
            fed = Followed(self.blank())
            fed.begin()
        self._followed = fed
        return fed

    def forget(self) -> None:
        """What is there was left by a test that failed: nobody goes on from it."""
        self._followed = None
