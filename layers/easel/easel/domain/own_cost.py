"""What a generation costs its owner's AWS account, about: from its record, at list prices.

Prices are of us-east-1, on demand, without the free tier (aws.amazon.com/step-functions/pricing,
/lambda/pricing, /dynamodb/pricing, /s3/pricing, /eventbridge/pricing, /api-gateway/pricing,
/cloudwatch/pricing, read 2026-08).
Status reads and storage are not in it: they are the caller's to choose.
"""

from decimal import Decimal

from easel.domain.generation import Attempt, AttemptState, Generation
from easel.domain.money import Money
from easel.domain.polling import STAY_SECONDS, WAIT_SECONDS_MIN, Pace

TRANSITION = Decimal("0.000025")
LAMBDA_GB_SECOND, LAMBDA_REQUEST = Decimal("0.0000133334"), Decimal("0.0000002")
WRITE_UNIT, READ_UNIT = Decimal("0.000000625"), Decimal("0.000000125")
S3_PUT, EVENT, API_REQUEST = Decimal("0.000005"), Decimal("0.000001"), Decimal("0.000001")

# "Step Functions counts a state transition each time a step of your workflow is executed", retries included
# (its pricing page): each state that is entered (functions/generate.asl.yaml), the last one too. What a wait
# for a turn adds is not in the record.
CREATE_TRANSITIONS = 4  # of a caller's workflow: Submit that finds no record, Create, a Choice after each
SUBMIT_TRANSITIONS = 2  # the step and the Choice after it
ANOTHER_TRANSITIONS = 3  # the Wait (for nothing) before the next route's turn, and both again
RETRY_TRANSITIONS = 1  # Submit once more, at a route that refused before
POLL_TRANSITIONS = WAIT_TRANSITIONS = 1
# Persist that finds nothing to keep, and the Choice, before Poll or Submit again or the end.
AGAIN_TRANSITIONS = 2
KEPT_TRANSITIONS, NOT_KEPT_TRANSITIONS = 1, 3  # Persist; Settle, its Choice, and the end
LOG_GB, LOG_KB = Decimal("0.5"), Decimal(8)  # half of it Easel's lines, half Lambda's own
# X-Ray's default rule takes a twentieth, beyond the first of each second; of the request and of the workflow
# (docs.aws.amazon.com/xray/latest/devguide/xray-console-sampling.html).
TRACES, TRACE = 2 * Decimal("0.05"), Decimal("0.000005")

SUBMIT_GB, POLL_GB, OTHER_GB = Decimal("0.5"), Decimal("0.25"), Decimal("0.5")
CREATE_SECONDS, KEEP_SECONDS = Decimal("0.1"), Decimal("0.6")  # Persist fetches and puts the image
SUBMIT_SECONDS = Decimal("0.5")  # a vendor takes to accept a task, where the record does not tell

# Write units, of 1 KB: a record of 2 KB, and its place in `open`, which moves.
SAVE_UNITS = 4
USAGE_UNITS = 2  # the end counts the usage in one transaction, which takes twice the units
# The creation (1 KB yet, with its key in by_tenant), the note that the end was told, what the route took.
AROUND_UNITS = 3 + 3 + 1


def own_cost(generation: Generation) -> Money:
    """Dollars of transitions, functions, writes, objects, logs, traces and the event, to a millionth."""
    rounds = sum((_rounds(attempt) for attempt in generation.attempts), 0)
    gb_seconds = (CREATE_SECONDS + KEEP_SECONDS) * OTHER_GB
    gb_seconds += sum((_gb_seconds(one) for one in generation.attempts), Decimal(0))
    writes = generation.version * SAVE_UNITS + 2 + USAGE_UNITS + AROUND_UNITS
    requests = 2 + len(generation.attempts) + rounds
    total = (
        transitions(generation) * TRANSITION
        + gb_seconds * LAMBDA_GB_SECOND
        + requests * (LAMBDA_REQUEST + READ_UNIT * 2)
        + writes * WRITE_UNIT
        + len(generation.images) * S3_PUT
        + EVENT
        + API_REQUEST
        + LOG_GB * LOG_KB / 1_000_000
        + TRACES * TRACE
    )
    return Money(amount=total.quantize(Decimal("0.000001")), currency="USD")


def transitions(generation: Generation) -> int:
    """That the workflow takes from the start to the end, where no step but Submit is repeated."""
    routes = max(1, len({attempt.route for attempt in generation.attempts}))
    asking = SUBMIT_TRANSITIONS + ANOTHER_TRANSITIONS * (routes - 1)
    asking += RETRY_TRANSITIONS * max(0, len(generation.attempts) - routes)
    waiting = sum(
        (POLL_TRANSITIONS + AGAIN_TRANSITIONS) * _rounds(attempt)
        - AGAIN_TRANSITIONS * (attempt.task_id is not None and attempt.state is AttemptState.SUCCEEDED)
        + WAIT_TRANSITIONS * _is_left(attempt)
        for attempt in generation.attempts
    )
    start = CREATE_TRANSITIONS if generation.origin.execution else 0
    end = KEPT_TRANSITIONS if generation.images else NOT_KEPT_TRANSITIONS
    return start + asking + waiting + end


def _is_left(attempt: Attempt) -> bool:
    """Whether the first wait was the workflow's own."""
    return attempt.task_id is not None and _first_wait(attempt) >= WAIT_SECONDS_MIN


def _first_wait(attempt: Attempt) -> float:
    """What was left of it when the vendor had taken the job."""
    if attempt.expected is None:
        return 0.0
    submitted, _ = _seconds(attempt)
    return Pace(attempt.expected.quick, attempt.expected.slow).first_wait() - submitted


def _seconds(attempt: Attempt) -> tuple[float, float]:
    """That a vendor was waited for: inside Submit, and by polling."""
    answered = attempt.answered_at or attempt.ended_at or attempt.asked_at
    ended = attempt.ended_at or answered
    polled = (ended - answered).total_seconds() if attempt.task_id else 0.0
    return (answered - attempt.asked_at).total_seconds(), polled


def _rounds(attempt: Attempt) -> int:
    """Of a poll. It stays for a while, so most tasks need one."""
    _, polled = _seconds(attempt)
    return 0 if attempt.task_id is None else 1 + int(polled / STAY_SECONDS)


def _gb_seconds(attempt: Attempt) -> Decimal:
    submitted, polled = _seconds(attempt)
    stayed = polled - (_first_wait(attempt) if _is_left(attempt) else 0.0)
    return Decimal(str(submitted)) * SUBMIT_GB + Decimal(str(max(0.0, stayed))) * POLL_GB
