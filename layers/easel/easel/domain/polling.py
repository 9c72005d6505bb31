"""How long to wait for a vendor's task, and when to ask again."""

from typing import NamedTuple

# A poll step stays as long as nearly all tasks take. To leave for the workflow's Wait and come again
# costs four billed transitions, as much as 30 s of its 256 MB (tests/bench/cost.py): only a longer wait does.
STAY_SECONDS = 120.0
WORTH_LEAVING_SECONDS = 30.0
WAIT_SECONDS_MIN = 8  # for which the workflow enters its Wait; a shorter one costs less within the step
# Of the quickest recent result. Where that was too late, the next one is asked about earlier: after five of
# them at a vendor that got twice as fast.
FIRST_SHARE = 0.85
FIRST_SECONDS_MAX = 30.0
GAP_SECONDS_MIN, GAP_SECONDS_MAX = 1.15, 10.0  # and 0.3 s for an answer: a result waits half of both, 0.73 s
OVERDUE_SHARE = 0.03  # of the time since nine of ten have ended, added to the gap
IN_VAIN_MAX = 4  # questions without an answer that are counted: the gap is the longest by then
BLIND_POLLS_MAX = 5  # answers in a row without a word on the task, before it is given up
BLIND_SECONDS_MIN = 60.0  # since the vendor took the job: a fresh task may not be visible everywhere yet


class Pace(NamedTuple):
    """A route's pace. Times are in seconds since the vendor was asked for the image."""

    quick_seconds: float  # the quickest recent result
    slow_seconds: float  # nine of ten recent results were quicker

    def first_wait(self) -> float:
        """Before the first question."""
        return min(FIRST_SECONDS_MAX, max(GAP_SECONDS_MIN, self.quick_seconds * FIRST_SHARE))

    def gap(self, elapsed_seconds: float, in_vain: int = 0) -> float:
        """Between a question and the next: even while the result is likely, then growing, so that a task that
        may never end is asked about less and less; and twice as long after each question in vain, so that
        all who stay come to ask as often as the vendor answers."""
        overdue = max(0.0, elapsed_seconds - self.slow_seconds)
        gap = GAP_SECONDS_MIN + overdue * OVERDUE_SHARE
        return min(GAP_SECONDS_MAX, gap * (1 << min(in_vain, IN_VAIN_MAX)))


def leaves(stayed_seconds: float, gap_seconds: float) -> bool:
    """Whether a poll step that has stayed so long leaves the next wait to the workflow."""
    return gap_seconds > WORTH_LEAVING_SECONDS or stayed_seconds + gap_seconds > STAY_SECONDS
