"""Writes of several items: how many there are, what repeats them, and what a refusal means."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from easel.aws.table import DynamoGenerations
from easel.aws.transactions import PAUSE_SECONDS_MAX, TRIES_MAX, ConditionsNotMetError, write_all
from easel.domain.generation import Status
from easel.domain.tenants import Owner
from easel.errors import AlreadyExistsError, BudgetReachedError, ConflictError, LimitReachedError
from easel.ports import Idempotency
from tests.fakes.lives import born, ended, owner, queued
from tests.fakes.memory import FakeClock

MET, UNMET = "TransactionConflict", "ConditionalCheckFailed"
TENANT = "tenant t"


def canceled(*codes: str) -> ClientError:
    """What DynamoDB answers where a transaction did not go through: a reason for each of its writes."""
    reasons = [{"Code": code} for code in codes]
    error: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "no"}, "CancellationReasons": reasons,
    }  # fmt: skip
    return ClientError(error, "TransactWriteItems")


def fault(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "TransactWriteItems")


class Table:
    """A client whose transactions answer by a script, the last answer for ever; None is success. Its items of
    accounts hold what `used` says."""

    def __init__(self, *answers: ClientError | None, used: dict[str, str] | None = None) -> None:
        self.answers = list(answers or (None,))
        self.used = used or {}
        self.puts: list[dict[str, Any]] = []
        self.transactions: list[list[dict[str, Any]]] = []

    def put_item(self, **asked: Any) -> None:
        self.puts.append(asked)

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]]) -> None:  # noqa: N803
        self.transactions.append(TransactItems)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is not None:
            raise answer

    def get_item(self, **_: Any) -> Any:
        return {"Item": {name: {"N": number} for name, number in self.used.items()}} if self.used else {}


def create(table: Table, *owners: Owner, key: str | None = None) -> FakeClock:
    """A new generation of these owners; the clock shows how long it was tried."""
    made, taken = born(*owners)
    clock = FakeClock()
    idempotency = Idempotency(key, "f") if key else None
    DynamoGenerations(table, "table", 90, clock).create(made, idempotency, None, taken)
    return clock


def keys(transaction: list[dict[str, Any]]) -> list[str]:
    """What the partition keys of its writes begin with, whichever of several."""
    writes = [next(iter(write.values())) for write in transaction]
    return [
        str((write.get("Key") or write["Item"])["pk"]["S"]).partition("#")[0].rstrip("01234567")
        for write in writes
    ]


# ── How much is written ───────────────────────────────────────────────────────────────────────────────


def test_generation_without_limits_is_one_plain_write() -> None:
    table = Table()
    create(table, owner(), owner(TENANT, per_minute=9))
    assert (len(table.puts), table.transactions) == (1, [])


def test_key_and_each_limit_are_written_in_the_records_own_transaction() -> None:
    table = Table()
    create(table, owner(usd_per_day=1, usd_per_month=2, concurrency=3), owner(TENANT, concurrency=1), key="k")
    assert table.puts == []
    assert [keys(one) for one in table.transactions] == [["gen", "idem", "account", "account", "account"]]


def test_no_item_is_written_twice_in_a_transaction_which_dynamodb_refuses() -> None:
    table = Table()
    create(table, owner(usd_per_day=1, concurrency=3), owner(TENANT, usd_per_day=1, concurrency=1), key="k")
    made, _ = born(owner(usd_per_day=1, concurrency=3), owner(TENANT, usd_per_month=1))
    last = ended(made, Status.CANCELED)
    DynamoGenerations(table, "table", 90, FakeClock()).save(last)
    for transaction in table.transactions:
        writes = [next(iter(write.values())) for write in transaction]
        items = [write.get("Key") or {name: write["Item"][name] for name in ("pk", "sk")} for write in writes]
        assert len({(item["pk"]["S"], item["sk"]["S"]) for item in items}) == len(items)


def test_end_is_counted_in_the_records_own_transaction_and_moves_before_it_are_plain_writes() -> None:
    table = Table()
    store = DynamoGenerations(table, "table", 90, FakeClock())
    made, _ = born(owner(usd_per_day=1, concurrency=1))
    store.save(made.carried_by(1, made.created_at))
    assert (len(table.puts), table.transactions) == (1, [])
    store.save(ended(made, Status.CANCELED))
    assert [keys(one) for one in table.transactions] == [["gen", "account", "account", "usage"]]
    store.save(ended(queued(), Status.CANCELED))
    assert keys(table.transactions[1]) == ["gen", "usage"]


# ── What is tried again ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "answer",
    [
        canceled("None", MET),
        canceled(MET),
        canceled("None", "ThrottlingError"),
        canceled("None", "ProvisionedThroughputExceeded"),
        fault("TransactionInProgressException"),
    ],
)
def test_transaction_that_meets_another_is_tried_again_after_a_growing_pause(answer: ClientError) -> None:
    table = Table(answer, answer, answer, answer, None)
    clock = create(table, owner(usd_per_day=1))
    assert len(table.transactions) == 5
    assert all(one == table.transactions[0] for one in table.transactions)
    assert len(clock.slept) == 4
    assert all(0 < pause <= 0.02 * 2**number for number, pause in enumerate(clock.slept))
    assert clock.slept[3] > clock.slept[0]


def test_transaction_that_never_gets_through_is_given_up_in_bounded_time() -> None:
    table = Table(canceled("None", MET))
    clock = FakeClock()
    with pytest.raises(ConflictError):
        write_all(table, [{}, {}], clock)
    assert len(table.transactions) == TRIES_MAX
    assert sum(clock.slept) <= TRIES_MAX * PAUSE_SECONDS_MAX
    assert sum(clock.slept) < 25, "a call over HTTP ends before"


@pytest.mark.parametrize(
    "answer",
    [fault("AccessDeniedException"), fault("ValidationException"), canceled("None", "ValidationError")],
)
def test_any_other_fault_is_not_tried_again(answer: ClientError) -> None:
    table = Table(answer)
    with pytest.raises(ClientError):
        create(table, owner(usd_per_day=1))
    assert len(table.transactions) == 1


def test_condition_that_does_not_hold_is_not_tried_again() -> None:
    table = Table(canceled("None", UNMET, "None", UNMET))
    with pytest.raises(ConditionsNotMetError) as caught:
        write_all(table, [{}] * 4, FakeClock())
    assert caught.value.unmet == (1, 3)
    assert len(table.transactions) == 1


# ── What a refusal means ──────────────────────────────────────────────────────────────────────────────

OWNERS = (owner(usd_per_day=1, concurrency=2), owner(TENANT, usd_per_month=3, concurrency=4))


@pytest.mark.parametrize(
    ("codes", "used", "name", "whose"),
    [
        ((UNMET, "None", "None", "None"), {"day_20": "1"}, "usd_per_day", "key key_1"),
        (("None", UNMET, "None", "None"), {"running": "2"}, "concurrency", "key key_1"),
        (("None", "None", UNMET, "None"), {"usd": "3"}, "usd_per_month", TENANT),
        (("None", "None", "None", UNMET), {"running": "4"}, "concurrency", TENANT),
        (
            (UNMET, UNMET, UNMET, UNMET),
            {"day_20": "1", "usd": "3", "running": "4"},
            "usd_per_day",
            "key key_1",
        ),
        (("None", UNMET, UNMET, "None"), {"usd": "3", "running": "2"}, "concurrency", "key key_1"),
    ],
)
@pytest.mark.parametrize("key", [None, "k"])
def test_first_limit_that_did_not_hold_is_named(
    codes: tuple[str, ...], used: dict[str, str], name: str, whose: str, key: str | None
) -> None:
    records = ["None"] * (2 if key else 1)
    with pytest.raises((BudgetReachedError, LimitReachedError)) as caught:
        create(Table(canceled(*records, *codes), used=used), *OWNERS, key=key)
    reached = caught.value.reached
    assert reached is not None
    assert (reached.name, reached.owner) == (name, whose)


@pytest.mark.parametrize("records", [(UNMET, "None"), ("None", UNMET), (UNMET, UNMET)])
def test_record_or_key_that_is_there_goes_before_every_limit(records: tuple[str, str]) -> None:
    with pytest.raises(AlreadyExistsError):
        create(Table(canceled(*records, UNMET, UNMET, UNMET, UNMET)), *OWNERS, key="k")


def test_limit_is_not_blamed_while_somebody_else_writes_the_same_key() -> None:
    """The first of two posts with one key has taken the last of a budget, and its transaction is not over."""
    busy = canceled("None", MET, UNMET, "None", "None", "None")
    over = canceled("None", UNMET, UNMET, "None", "None", "None")
    table = Table(busy, over)
    with pytest.raises(AlreadyExistsError):
        create(table, *OWNERS, key="k")
    assert len(table.transactions) == 2


def test_limit_is_blamed_at_once_where_only_later_writes_met_others() -> None:
    table = Table(canceled("None", "None", UNMET, MET, "None", MET), used={"day_20": "1"})
    with pytest.raises(BudgetReachedError):
        create(table, *OWNERS, key="k")
    assert len(table.transactions) == 1


def test_budget_in_which_room_was_made_before_it_was_looked_at_is_a_budget_still() -> None:
    with pytest.raises(BudgetReachedError) as caught:
        create(Table(canceled("None", UNMET), used={"usd": "0"}), owner(usd_per_month=1))
    assert caught.value.reached is not None
    assert (caught.value.reached.name, caught.value.reached.allowed) == ("usd_per_month", "1")
