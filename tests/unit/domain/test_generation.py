"""A generation's moves: which are legal, what each writes, and that an end is an end."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from easel.domain.capabilities import ParameterReport
from easel.domain.failure import Failure, FailureClass
from easel.domain.generation import (
    TERMINAL,
    AttemptState,
    Generation,
    GenerationError,
    IllegalMoveError,
    Image,
    ResultRef,
    Slot,
    Status,
)
from easel.domain.money import Money
from easel.domain.request import GenerationRequest

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PRICE = Money.of("0.075", "USD")
FAILURE = Failure(failure_class=FailureClass.TRANSIENT, http_status=503, request_id="failed-request")
ERROR = GenerationError(code="transient", message="no")
IMAGE = Image(key="images/g/0.png", content_type="image/png", width=4, height=3, bytes=99, sha256="0" * 64)
SLOT = Slot(route="v/m", at=NOW, because="first in order")
LINK = ResultRef(number=0, url="https://example.com/secret-link.png")

Move = Callable[[Generation], Generation]
MOVES: dict[str, Move] = {
    "intend": lambda one: one.intend(SLOT, "m", PRICE, ParameterReport(), NOW),
    "accepted": lambda one: one.accepted(NOW, task_id="t-1", vendor_status="pending"),
    "told": lambda one: one.told(NOW, vendor_status="running"),
    "finished": lambda one: one.finished(NOW, (LINK,), billed=PRICE, seed=7, actual_prompt="more words"),
    "rejected": lambda one: one.rejected(NOW, FAILURE),
    "unknown": lambda one: one.unknown(NOW, FAILURE),
    "attempt_failed": lambda one: one.attempt_failed(NOW, FAILURE, {}),
    "kept": lambda one: one.kept(NOW, (IMAGE,)),
    "succeed": lambda one: one.settled(NOW, Status.SUCCEEDED, None),
    "fail": lambda one: one.settled(NOW, Status.FAILED, ERROR),
    "cancel": lambda one: one.settled(NOW, Status.CANCELED, ERROR),
    "expire": lambda one: one.settled(NOW, Status.EXPIRED, ERROR),
}
ENDS = {"fail", "cancel", "expire"}
# How each situation comes about, and every move that is legal in it.
SITUATIONS: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "queued": ((), {"intend", *ENDS}),
    "intended": (("intend",), {"accepted", "finished", "rejected", "unknown", "attempt_failed", *ENDS}),
    "rejected": (("intend", "rejected"), {"intend", *ENDS}),
    "unknown": (("intend", "unknown"), ENDS),
    "processing": (("intend", "accepted"), {"told", "finished", "attempt_failed", *ENDS}),
    "task failed at no cost": (("intend", "accepted", "attempt_failed"), {"intend", *ENDS}),
    "finished": (("intend", "accepted", "finished"), {"kept", *ENDS}),
    "finished at once": (("intend", "finished"), {"kept", *ENDS}),
    "kept": (("intend", "finished", "kept"), {"succeed", *ENDS}),
    "succeeded": (("intend", "finished", "kept", "succeed"), set()),
    "failed": (("intend", "rejected", "fail"), set()),
    "canceled": (("cancel",), set()),
    "expired": (("intend", "accepted", "expire"), set()),
}


def queued() -> Generation:
    request = GenerationRequest(model="m", prompt="PLANTED", deadline_seconds=60, seed=5)
    return Generation.create("gen_1", "tenant", request, ("v/m",), PRICE, NOW)


def after(*moves: str) -> Generation:
    generation = queued()
    for move in moves:
        generation = MOVES[move](generation)
    return generation


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_move_is_allowed_in_its_situations_and_refused_in_all_others(situation: str, move: str) -> None:
    moves, legal = SITUATIONS[situation]
    before = after(*moves)
    if move not in legal:
        with pytest.raises(IllegalMoveError):
            MOVES[move](before)
        return
    moved = MOVES[move](before)
    assert moved.version == before.version + 1
    assert before == after(*moves), "a move changes a copy"


@pytest.mark.parametrize(
    ("moves", "status", "state"),
    [
        ((), Status.QUEUED, None),
        (("intend",), Status.SUBMITTING, AttemptState.INTENT),
        (("intend", "rejected"), Status.SUBMITTING, AttemptState.REJECTED),
        (("intend", "unknown"), Status.SUBMITTING, AttemptState.UNKNOWN),
        (("intend", "accepted"), Status.PROCESSING, AttemptState.ACCEPTED),
        (("intend", "accepted", "attempt_failed"), Status.PROCESSING, AttemptState.FAILED),
        (("intend", "accepted", "finished"), Status.PERSISTING, AttemptState.ACCEPTED),
        (("intend", "finished", "kept"), Status.PERSISTING, AttemptState.SUCCEEDED),
        (("intend", "finished", "kept", "succeed"), Status.SUCCEEDED, AttemptState.SUCCEEDED),
    ],
)
def test_each_move_leads_to_its_status_and_attempt_state(
    moves: tuple[str, ...], status: Status, state: AttemptState | None
) -> None:
    generation = after(*moves)
    assert generation.status is status
    assert (generation.attempt.state if generation.attempt else None) is state


def test_new_generation_is_queued_with_its_deadline() -> None:
    generation = queued()
    assert generation.deadline_at == NOW + timedelta(seconds=60)
    assert generation.seconds_left(NOW + timedelta(seconds=61)) == -1
    assert generation.attempts == ()
    with pytest.raises(IllegalMoveError):
        _ = generation.current_attempt


def test_asking_again_after_a_refusal_is_a_second_row_of_the_ledger() -> None:
    generation = after("intend", "rejected", "intend")
    assert [one.number for one in generation.attempts] == [1, 2]
    assert [one.state for one in generation.attempts] == [AttemptState.REJECTED, AttemptState.INTENT]
    assert generation.attempts[0].billed is generation.attempts[0].possibly_billed is None


def test_lost_answer_may_have_cost_what_was_quoted() -> None:
    attempt = after("intend", "unknown").current_attempt
    assert (attempt.billed, attempt.possibly_billed) == (None, PRICE)


@pytest.mark.parametrize("move", ["rejected", "unknown", "attempt_failed"])
def test_failure_keeps_the_vendors_trace_id_for_its_support(move: str) -> None:
    assert after("intend", move).current_attempt.request_id == "failed-request"


def test_failed_task_keeps_the_id_and_charges_that_it_is_told() -> None:
    failed = after("intend").attempt_failed(NOW, FAILURE, {"possibly_billed": PRICE}, "t-9")
    assert failed.current_attempt.task_id == "t-9"
    assert failed.current_attempt.possibly_billed == PRICE
    assert after("intend", "accepted", "attempt_failed").current_attempt.task_id == "t-1"


def test_links_are_forgotten_once_the_images_are_kept() -> None:
    kept = after("intend", "finished", "kept")
    assert "secret-link" in after("intend", "finished").model_dump_json()
    assert "secret-link" not in kept.model_dump_json()
    assert kept.current_attempt.billed == PRICE


@pytest.mark.parametrize("end", sorted(ENDS))
def test_links_are_forgotten_at_every_other_end_too(end: str) -> None:
    assert "secret-link" not in after("intend", "finished", end).model_dump_json()


@pytest.mark.parametrize(
    ("moves", "state", "billed", "possibly"),
    [
        (("intend",), AttemptState.UNKNOWN, None, PRICE),
        (("intend", "accepted"), AttemptState.FAILED, None, PRICE),
        (("intend", "finished"), AttemptState.FAILED, PRICE, None),
        (("intend", "rejected"), AttemptState.REJECTED, None, None),
        (("intend", "finished", "kept"), AttemptState.SUCCEEDED, PRICE, None),
    ],
)
def test_an_end_closes_the_open_attempt_and_says_what_it_may_have_cost(
    moves: tuple[str, ...], state: AttemptState, billed: Money | None, possibly: Money | None
) -> None:
    ended = after(*moves, "expire")
    attempt = ended.current_attempt
    assert (attempt.state, attempt.billed, attempt.possibly_billed) == (state, billed, possibly)
    assert attempt.ended_at == ended.ended_at == NOW
    assert not (attempt.billed and attempt.possibly_billed), "an amount stands in one of them only"


def test_seed_of_the_answer_wins_over_the_seed_that_was_asked_for() -> None:
    assert after("intend", "finished").seed == 7
    silent = after("intend").finished(NOW, (LINK,), billed=PRICE, seed=None, actual_prompt=None)
    assert silent.seed == 5


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SUBMITTING, Status.PROCESSING, Status.PERSISTING])
def test_status_that_is_no_end_cannot_be_settled_on(status: Status) -> None:
    with pytest.raises(IllegalMoveError):
        after("intend", "finished", "kept").settled(NOW, status, None)


def test_success_without_an_image_or_with_an_error_is_refused() -> None:
    with pytest.raises(IllegalMoveError):
        after("intend", "finished").settled(NOW, Status.SUCCEEDED, None)
    with pytest.raises(IllegalMoveError):
        after("intend", "finished", "kept").settled(NOW, Status.SUCCEEDED, ERROR)
    with pytest.raises(IllegalMoveError):
        after("intend").settled(NOW, Status.FAILED, None)


def test_repr_shows_neither_prompt_nor_link() -> None:
    shown = repr(after("intend", "finished").attempts) + repr(after("intend", "finished").current_attempt)
    assert "secret-link" not in shown
    assert "more words" not in repr(after("intend", "finished"))


ORDER = [Status.QUEUED, Status.SUBMITTING, Status.PROCESSING, Status.PERSISTING]


class AnyLife(RuleBasedStateMachine):
    """Tries moves in any order, as crashed and repeated steps would."""

    def __init__(self) -> None:
        super().__init__()
        self.generation = queued()

    @rule(move=st.sampled_from(sorted(MOVES)))
    def try_to_move(self, move: str) -> None:
        before = self.generation
        try:
            self.generation = MOVES[move](before)
        except IllegalMoveError:
            return
        assert self.generation.version == before.version + 1
        assert not before.terminal
        assert len(self.generation.attempts) >= len(before.attempts)
        if not self.generation.terminal and move != "intend":  # the next ask begins anew
            assert ORDER.index(self.generation.status) >= ORDER.index(before.status)

    @precondition(lambda self: self.generation.terminal)
    @rule(move=st.sampled_from(sorted(MOVES)))
    def an_end_never_changes(self, move: str) -> None:
        with pytest.raises(IllegalMoveError):
            MOVES[move](self.generation)

    @invariant()
    def paid_at_most_once(self) -> None:
        paid = [one for one in self.generation.attempts if one.ended_at is None or not one.costs_nothing]
        assert len(paid) <= 1, "an ask that stands, or that costs or may cost something"
        for attempt in self.generation.attempts:
            assert not (attempt.billed and attempt.possibly_billed)

    @invariant()
    def success_has_an_image_and_nothing_else_has_an_end_without_an_error(self) -> None:
        generation = self.generation
        assert (generation.status in TERMINAL) is (generation.ended_at is not None)
        if generation.status is Status.SUCCEEDED:
            assert generation.images
        elif generation.terminal:
            assert generation.error

    @invariant()
    def record_survives_being_written_and_read(self) -> None:
        assert Generation.model_validate_json(self.generation.model_dump_json()) == self.generation


AnyLife.TestCase.settings = settings(max_examples=60, stateful_step_count=12, deadline=None)
TestAnyLife = AnyLife.TestCase
