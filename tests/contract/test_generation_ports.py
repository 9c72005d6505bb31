"""What every store of generations must do: the double in memory, and DynamoDB as moto plays it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from easel.aws.open_index import KEYS
from easel.aws.table import DynamoGenerations
from easel.domain.capabilities import ParameterReport
from easel.domain.failure import Failure, FailureClass
from easel.domain.generation import (
    TERMINAL,
    Attempt,
    AttemptState,
    Generation,
    GenerationError,
    Image,
    Origin,
    Reservation,
    ResultRef,
    Slot,
    Status,
)
from easel.domain.ids import new_generation_id
from easel.domain.latency import Expectation
from easel.domain.money import Money
from easel.domain.request import GenerationRequest
from easel.errors import AlreadyExistsError, VersionConflictError
from easel.ports import Claim, GenerationStore, Idempotency
from tests.contract.generation_stores import ERROR, NOW, PRICE, queued
from tests.contract.table import make_table
from tests.fakes.memory import FakeClock
from tests.template import RESOURCES


def intended(generation: Generation) -> Generation:
    return generation.intend(Slot(route="v/m", at=NOW, because="b"), "m", PRICE, ParameterReport(), NOW)


def key(text: str = "k", fingerprint: str = "f") -> Idempotency:
    return Idempotency(text, fingerprint)


def test_created_record_is_read_back_as_it_was_written(store: GenerationStore) -> None:
    made = queued()
    store.create(made, None)
    assert store.get(made.id) == made


def test_unknown_record_is_none(store: GenerationStore) -> None:
    assert store.get(new_generation_id(NOW)) is None


def everything() -> Generation:
    """A generation with every field of every part set to something that is easily lost."""
    text = '\u4e2d\u6587 \U0001f308 \x01 "quoted" \\ \n'
    asked = GenerationRequest(
        model="m", prompt=text, negative_prompt="", size="16:9", n=6, seed=2**53 - 1, prompt_extend=False,
        safety_filter=True, watermark=False, images=["https://example.com/" + "x" * 4000],
        lora={"weights": "owner/name", "scale": 0.1, "steps": 28, "guidance": 2.0, "go_fast": False},
        output_format="png", guidance_scale=19.999999999999996, route=["a/b", "c/d"], strict=True,
        on_unknown="resubmit", deadline_seconds=3600,
        webhook={"url": "https://x.example", "secret": "whsec_" + "A" * 32, "events": ["generation.failed"]},
        metadata={text: text, "empty": ""},
    )  # fmt: skip
    failure = Failure(
        failure_class=FailureClass.RATE_LIMIT, code="c", message=text, http_status=429, request_id="r",
        retry_after_seconds=1.5, vendor_body=False,
    )  # fmt: skip
    attempt = Attempt(
        number=1, route="a/b", model="m", state=AttemptState.REJECTED, quoted=PRICE, asked_at=NOW,
        answered_at=NOW, ended_at=NOW, task_id="t", request_id="r", vendor_status=text, blind_polls=4,
        cost=Decimal("0.10"), filtered=2, because=text, failure=failure, turn_taken_at=NOW,
        results=(ResultRef(number=0, url="https://x"), ResultRef(number=1, key="k")),
        billed=Money.of("0.10", "USD"), possibly_billed=Money.of("91000", "credits"),
        refunded=Money.of("0.0000001", "CNY"),
    )  # fmt: skip
    expected = Expectation(typical=29.999, slow=60.001, samples=32)
    report = ParameterReport(
        applied={"n": 6, "guidance_scale": 19.999999999999996, "watermark": False, "lora": {"scale": 0.1}},
        mapped={"size": {"from": "16:9", "to": "1664*928"}},
        dropped={"x": text},
        truncated={"prompt": {"from": 900, "to": 800}},
    )
    image = Image(key="k", content_type="image/png", width=1, height=2, bytes=2**40, sha256="ab" * 32)
    return queued(now=NOW).having(
        request=asked, version=1, route="a/b", routes=("a/b", "c/d"), parameters=report, seed=2**64 - 1,
        attempts=(attempt, attempt.having(number=2, state=AttemptState.ACCEPTED)), images=(image, image),
        slot=Slot(route="c/d", at=NOW, because=text, failures=7, taken_at=NOW, expected=expected), carrier=3,
        announced=True, routed_by="fastest", expected=expected, quoted_usd=Decimal("0.075"),
        reservation=Reservation(usd=Decimal("0.15"), budgets=("tenant t", "key k"), places=("key k",)),
        origin=Origin(
            batch="bat_1", row=7, custom_id=text, execution="arn:x", correlation_id=text,
            reserved_usd=Decimal("0.075"),
        ),
        actual_prompt=text, ended_at=NOW, status=Status.FAILED, deadline_at=NOW + timedelta(hours=1),
        error=GenerationError(code="c", message=text, vendor_code="1", vendor_message=text, retryable=True),
    )  # fmt: skip


def test_every_field_survives_the_store(store: GenerationStore) -> None:
    full = everything()
    fields = full.model_dump()
    defaults = {name: field.default for name, field in Generation.model_fields.items()}
    assert not [name for name, value in fields.items() if value == defaults[name]], (
        "a field that was forgotten"
    )
    store.create(full.having(version=0, status=Status.QUEUED), None)
    store.save(full)
    found = store.get(full.id)
    assert found == full
    assert found is not None
    assert found.model_dump() == fields
    assert found.request.guidance_scale == 19.999999999999996
    assert found.attempts[0].cost == Decimal("0.10")
    assert found.created_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("scale", [0, 2, 1.0, 0.1, 1e-7, 1e-200, 5e-324])
def test_every_number_that_a_request_may_hold_can_be_stored(store: GenerationStore, scale: float) -> None:
    made = queued(lora={"weights": "owner/name", "scale": scale})
    store.create(made, None)
    found = store.get(made.id)
    assert found is not None
    assert found.request.lora is not None
    assert found.request.lora.scale == pytest.approx(scale, abs=1e-100)


def test_record_that_exists_is_not_created_again(store: GenerationStore) -> None:
    made = queued()
    store.create(made, None)
    with pytest.raises(AlreadyExistsError):
        store.create(made.having(tenant="thief"), None)
    assert store.get(made.id) == made


def test_key_is_claimed_with_its_fingerprint(store: GenerationStore) -> None:
    made = queued()
    assert store.claim("t", "k") is None
    store.create(made, key())
    assert store.claim("t", "k") == Claim(made.id, "f")


def test_claimed_key_lets_neither_record_nor_claim_be_written_again(store: GenerationStore) -> None:
    first, second = queued(), queued()
    store.create(first, key())
    with pytest.raises(AlreadyExistsError):
        store.create(second, key("k", "other"))
    assert store.get(second.id) is None
    assert store.claim("t", "k") == Claim(first.id, "f")


def test_record_that_exists_does_not_claim_the_key_either(store: GenerationStore) -> None:
    made = queued()
    store.create(made, None)
    with pytest.raises(AlreadyExistsError):
        store.create(made, key())
    assert store.claim("t", "k") is None


def test_keys_of_two_tenants_do_not_meet(store: GenerationStore) -> None:
    mine, theirs = queued("t"), queued("t2")
    store.create(mine, key())
    store.create(theirs, key())
    assert store.claim("t", "k") == Claim(mine.id, "f")
    assert store.claim("t2", "k") == Claim(theirs.id, "f")


@pytest.mark.parametrize("text", ["k", "x" * 255, "\u00e9", "a\0b", "t#k", "#", " "])
def test_key_of_any_words_is_claimed_as_itself(store: GenerationStore, text: str) -> None:
    made = queued()
    store.create(made, key(text))
    assert store.claim("t", text) == Claim(made.id, "f")
    assert store.claim("t", text + "x") is None


def test_claim_holds_for_a_day_and_is_free_afterwards(store: GenerationStore) -> None:
    held = queued(now=NOW - timedelta(hours=23))
    store.create(held, key("held"))
    assert store.claim("t", "held") == Claim(held.id, "f")
    expired = queued(now=NOW - timedelta(hours=25))
    store.create(expired, key("expired"))
    assert store.claim("t", "expired") is None
    fresh = queued()
    store.create(fresh, key("expired", "new"))
    assert store.claim("t", "expired") == Claim(fresh.id, "new")


def test_moved_record_replaces_the_version_before_it(store: GenerationStore) -> None:
    made = queued()
    store.create(made, None)
    moved = intended(made)
    store.save(moved)
    assert store.get(made.id) == moved


def test_of_two_moves_of_the_same_version_the_second_is_refused(store: GenerationStore) -> None:
    made = queued()
    store.create(made, None)
    store.save(intended(made))
    other = made.settled(NOW, Status.CANCELED, ERROR)
    with pytest.raises(VersionConflictError):
        store.save(other)
    assert store.get(made.id) == intended(made)


def test_version_that_is_skipped_is_refused(store: GenerationStore) -> None:
    made = queued()
    store.create(made, None)
    with pytest.raises(VersionConflictError):
        store.save(intended(made).having(version=2))
    assert store.get(made.id) == made


def test_record_that_does_not_exist_cannot_be_moved(store: GenerationStore) -> None:
    made = queued()
    with pytest.raises(VersionConflictError):
        store.save(intended(made))
    assert store.get(made.id) is None


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_ended_record_is_never_overwritten(store: GenerationStore, status: Status) -> None:
    made = queued()
    store.create(made, None)
    ended = made.having(version=1, status=status, error=ERROR)
    store.save(ended)
    with pytest.raises(VersionConflictError):
        store.save(ended.having(version=2, status=Status.PROCESSING))
    with pytest.raises(VersionConflictError):
        store.save(ended.having(version=2, status=Status.CANCELED))
    assert store.get(made.id) == ended


def test_open_records_that_lie_quiet_are_found_the_longest_quiet_first(store: GenerationStore) -> None:
    made = [queued(now=NOW - timedelta(seconds=seconds)) for seconds in (10, 300, 59, 61, 120)]
    for one in made:
        store.create(one, None)
    before = NOW - timedelta(seconds=60)
    assert list(store.quiet(before)) == [made[1].id, made[4].id, made[3].id]
    store.save(made[4].carried_by(1, NOW))
    assert list(store.quiet(before)) == [made[1].id, made[3].id], "a record that moved is not quiet"


def test_record_that_was_looked_at_lies_behind_the_others_and_is_as_it_was(store: GenerationStore) -> None:
    made = [queued(now=NOW - timedelta(seconds=seconds)) for seconds in (300, 200)]
    for one in made:
        store.create(one, None)
    store.note_looked_at(made[0].id, NOW - timedelta(seconds=100))
    assert list(store.quiet(NOW)) == [made[1].id, made[0].id]
    assert store.get(made[0].id) == made[0]
    store.save(made[0].carried_by(1, NOW))
    assert list(store.quiet(NOW)) == [made[1].id], "a record that moved lies there since it moved"


def test_record_that_was_told_of_meanwhile_does_not_lie_there_again(store: GenerationStore) -> None:
    made = queued(now=NOW - timedelta(hours=1))
    store.create(made, None)
    store.save(made.having(version=1, status=Status.FAILED, error=ERROR))
    store.note_announced(made.id)
    store.note_looked_at(made.id, NOW - timedelta(minutes=1))
    assert list(store.quiet(NOW)) == []


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_ended_record_is_left_alone_once_its_end_was_told(store: GenerationStore, status: Status) -> None:
    made = queued(now=NOW - timedelta(hours=1))
    store.create(made, None)
    assert list(store.quiet(NOW)) == [made.id]
    store.save(made.having(version=1, status=status, error=ERROR))
    assert list(store.quiet(NOW + timedelta(hours=1))) == [made.id], "its end is still to be told"
    store.note_announced(made.id)
    assert list(store.quiet(NOW + timedelta(hours=1))) == []
    found = store.get(made.id)
    assert found is not None
    assert (found.status, found.announced, found.version) == (status, True, 1)


def test_record_that_moved_this_very_moment_is_not_quiet(store: GenerationStore) -> None:
    whole = NOW.replace(microsecond=0)  # its text is shorter than that of the others
    store.create(queued(now=whole), None)
    assert list(store.quiet(whole)) == []
    assert list(store.quiet(whole - timedelta(microseconds=1))) == []
    assert len(list(store.quiet(whole + timedelta(microseconds=1)))) == 1


def test_quiet_records_of_many_pages_are_all_found(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = make_table(dynamodb)
    many = DynamoGenerations(dynamodb, table, 90, FakeClock())
    made = [queued(now=NOW - timedelta(hours=1) + timedelta(seconds=number)) for number in range(60)]
    for one in made:
        many.create(one, None)
    call = dynamodb._make_api_call
    asked: list[str] = []

    def two_at_a_time(name: str, arguments: dict[str, Any]) -> Any:
        asked.append(name)
        return call(name, arguments | {"Limit": 2})

    monkeypatch.setattr(dynamodb, "_make_api_call", two_at_a_time)
    assert list(many.quiet(NOW)) == [one.id for one in made]
    assert set(asked) == {"Query"}
    assert len(asked) > len(KEYS), "of most keys several pages"


def test_record_and_key_expire_by_the_tables_own_attribute(dynamodb: Any) -> None:
    table = make_table(dynamodb)
    DynamoGenerations(dynamodb, table, 90, FakeClock()).create(queued(), key())
    ttl = RESOURCES["Table"]["Properties"]["TimeToLiveSpecification"]["AttributeName"]
    items = dynamodb.scan(TableName=table)["Items"]
    expiries = sorted(int(item[ttl]["N"]) - int(NOW.timestamp()) for item in items)
    assert expiries == [24 * 3600, 90 * 24 * 3600]


def test_foreign_faults_of_the_table_are_not_mistaken_for_conflicts(dynamodb: Any) -> None:
    lost = DynamoGenerations(dynamodb, "no-such-table", 90, FakeClock())
    with pytest.raises(ClientError):
        lost.create(queued(), None)
    with pytest.raises(ClientError):
        lost.save(intended(queued()))
