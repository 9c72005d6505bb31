"""How long to wait for a vendor's task, and when to ask again."""

from dataclasses import dataclass

STAY_SECONDS = 20.0  # a poll step's stay; one billed transition costs as much as 15 s of a 128 MB Lambda
FIRST_SHARE = 0.1  # of the route's typical time, before the first question
FIRST_SECONDS_MAX = 20.0
GAP_SHARE = 0.08  # of the time that has passed, between two questions
GAP_SECONDS_MIN, GAP_SECONDS_MAX = 1.0, 10.0
BLIND_POLLS_MAX = 5  # answers in a row without a word on the task, before it is given up
BLIND_SECONDS_MIN = 60.0  # since the vendor took the job: a fresh task may not be visible everywhere yet


@dataclass(frozen=True, slots=True)
class Pace:
    """A route's pace. Times are in seconds since the vendor took the job."""

    typical_seconds: float

    def first_wait(self) -> float:
        """Before the first question."""
        return min(FIRST_SECONDS_MAX, max(GAP_SECONDS_MIN, self.typical_seconds * FIRST_SHARE))

    def gap(self, elapsed_seconds: float) -> float:
        """Between a question and the next: a share of the time that passed, so that a slow task is asked
        about less often than a quick one."""
        return min(GAP_SECONDS_MAX, max(GAP_SECONDS_MIN, elapsed_seconds * GAP_SHARE))
