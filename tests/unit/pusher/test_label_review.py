"""Labels are asked for while no command waits for the lock."""

from __future__ import annotations

import pytest
from msgspec import UNSET

from saltext_mip.pusher.consolidate import consolidate
from saltext_mip.pusher.questions.label_review import LabelReview
from saltext_mip.pusher.survey import Options
from tests.support.folders import Folders
from tests.unit.pusher.conftest import rows


class Operator:
    """Answers each question with an empty line; another command may run while they think."""

    def __init__(self, fed: Folders) -> None:
        self.fed = fed
        self.asked: list[str] = []

    def __call__(self, prompt: str) -> str:
        with self.fed.pusher.locked("deploy", 0):
            self.asked.append(prompt.partition("?")[0])
        return ""


@pytest.mark.parametrize("dry_run", [True, False])
def test_questions_are_asked_once_and_without_the_lock(fed: Folders, dry_run: bool) -> None:
    operator = Operator(fed)
    result = consolidate(fed.pusher, Options(review=LabelReview(operator), dry_run=dry_run))
    assert result.retcode is UNSET
    assert operator.asked == [
        "Relabel pathology 'dementia'",
        "Pathology 'dementia': Relabel dataset 'edsd'",
        "Pathology 'dementia': Relabel dataset 'ppmi'",
    ]


def test_what_appears_meanwhile_is_asked_for_too(fed: Folders) -> None:
    class Hospital(Operator):
        """Uploads a file while the operator thinks."""

        def __call__(self, prompt: str) -> str:
            fed.write("fed1-wk-h1", "dementia", "adni.csv", rows("adni"))
            return super().__call__(prompt) or ("The ADNI" if "'adni'" in prompt else "")

    operator = Hospital(fed)
    result = consolidate(fed.pusher, Options(review=LabelReview(operator)))
    assert result.retcode is UNSET
    assert operator.asked[-1] == "Pathology 'dementia': Relabel dataset 'adni'"
    assert len(operator.asked) == 4
    labels = {each["code"]: each["label"] for each in fed.offered[0]["datasets"]}
    assert labels["adni"] == "The ADNI"
