"""Settle: the one exit, told to the bus once it is written, in words that the workflow can carry."""

import json
from typing import Any

import pytest

from easel.domain.generation import Generation, Status
from easel.domain.request import GenerationRequest
from easel.errors import AnswerLostError, VendorRateLimitedError, VendorTransientError
from easel.wire import HttpResponse
from tests.fakes.pictures import picture
from tests.fakes.scene import TENANT, Scene, said
from tests.unit.steps.vendor_words import (
    DASHSCOPE_LINK,
    LINK,
    SYNC,
    mule_completed,
    mule_error,
    mule_failed,
    mule_submitted,
)

CAUSE_CHARACTERS_MAX = (
    32_768  # https://docs.aws.amazon.com/step-functions/latest/apireference/API_FailureEventDetails... Cause
)
EVENT_BYTES_MAX = 262_144  # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
STATE_BYTES_MAX = 262_144  # https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html


def succeeded() -> tuple[Scene, Generation]:
    scene = Scene(mule_completed(), links={LINK: picture()})
    made = scene.create(metadata={"order": "7"})
    scene.submitter.submit(made.id)
    scene.persister.persist(made.id)
    return scene, made


def submitted(answer: HttpResponse | Exception, **fields: Any) -> tuple[Scene, Generation]:
    scene = Scene(answer)
    made = scene.create(**fields)
    scene.submitter.submit(made.id)
    return scene, made


def test_kept_images_are_a_success() -> None:
    scene, made = succeeded()
    state = scene.settler.settle(made.id)
    assert scene.now(made).status is Status.SUCCEEDED
    assert scene.now(made).error is None
    assert scene.now(made).ended_at == scene.clock.now()
    assert state == {"id": made.id, "status": "succeeded", "generation": state["generation"]}
    assert state["generation"]["images"][0]["s3_uri"] == f"s3://images/images/{made.id}/0.png"
    assert scene.way(made) == ["queued", "submitting", "persisting", "succeeded"]


def test_images_that_were_kept_just_before_the_deadline_are_a_success() -> None:
    scene, made = succeeded()
    scene.clock.sleep(10_000)
    assert scene.settler.settle(made.id)["status"] == "succeeded"


@pytest.mark.parametrize(
    ("answer", "code", "retryable"),
    [
        (mule_error(400), "validation", False),
        (mule_error(401), "auth", False),
        (mule_error(402), "billing", False),
        (mule_error(451), "moderation", False),
        (mule_failed(), "transient", True),
        (AnswerLostError("time"), "submission_unknown", False),
        (mule_error(502), "submission_unknown", False),
        (said(200, {"x": 1}), "vendor_contract", False),
    ],
)
def test_vendors_refusal_is_the_generations_error(
    answer: HttpResponse | Exception, code: str, retryable: bool
) -> None:
    scene, made = submitted(answer)
    state = scene.settler.settle(made.id)
    assert state["status"] == "failed"
    assert state["error"] == "Easel.Failed"
    error = scene.now(made).error
    assert error is not None
    assert (error.code, error.retryable) == (code, retryable)
    assert error.message


@pytest.mark.parametrize(
    ("answer", "words"),
    [(mule_error(451), "refuses this prompt"), (mule_error(402), "account"), (mule_error(400), "parameters")],
)
def test_error_says_what_the_vendors_refusal_means(answer: HttpResponse, words: str) -> None:
    scene, made = submitted(answer)
    scene.settler.settle(made.id)
    error = scene.now(made).error
    assert error is not None
    assert words in error.message


def test_vendor_that_was_down_until_the_deadline_is_told_as_that() -> None:
    scene = Scene(mule_error(503))
    made = scene.create()
    with pytest.raises(VendorTransientError):
        scene.submitter.submit(made.id)
    scene.clock.sleep(10_000)
    scene.settler.settle(made.id, "VendorTransientError")
    error = scene.now(made).error
    assert error is not None
    assert (error.code, error.message.endswith("The vendor is out of order.")) == ("deadline_exceeded", True)


def test_vendors_own_words_are_handed_on() -> None:
    scene, made = submitted(mule_failed("the vendor's words"))
    scene.settler.settle(made.id)
    error = scene.now(made).error
    assert error is not None
    assert error.vendor_code == "3002"
    assert "the vendor's words" in str(error.vendor_message)


def test_refusal_that_was_repeated_in_vain_is_the_generations_error() -> None:
    scene = Scene(mule_error(429))
    made = scene.create()
    with pytest.raises(VendorRateLimitedError):
        scene.submitter.submit(made.id)
    scene.settler.settle(made.id, "VendorRateLimitedError")
    error = scene.now(made).error
    assert error is not None
    assert (error.code, error.retryable) == ("rate_limit", True)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("ImageInvalidError", "image_invalid"),
        ("ImageUnavailableError", "image_unavailable"),
        ("AnswerLostError", "image_unavailable"),
        ("NotSentError", "image_unavailable"),
        ("AddressRefusedError", "result_host_refused"),
        ("States.Timeout", "internal"),
        ("Lambda.Unknown", "internal"),
        ("KeyError", "internal"),
        ("", "internal"),
        (None, "internal"),
    ],
)
def test_what_the_workflow_caught_is_the_error_where_the_vendor_said_none(
    fault: str | None, code: str
) -> None:
    scene, made = submitted(mule_completed())
    scene.settler.settle(made.id, fault)
    error = scene.now(made).error
    assert error is not None
    assert error.code == code
    assert fault is None or fault == "" or fault not in error.message


@pytest.mark.parametrize("stage", ["queued", "processing", "persisting"])
def test_deadline_ends_a_generation_as_expired_in_whatever_state_it_is(stage: str) -> None:
    answers = {"processing": mule_submitted(), "persisting": mule_completed()}
    scene = Scene(*([answers[stage]] if stage in answers else []))
    made = scene.create()
    if stage in answers:
        scene.submitter.submit(made.id)
    assert scene.now(made).status.value == stage
    scene.clock.sleep(600)
    state = scene.settler.settle(made.id, "States.Timeout")
    assert (state["status"], state["error"]) == ("expired", "Easel.Expired")
    error = scene.now(made).error
    assert error is not None
    assert error.code == "deadline_exceeded"
    if stage in answers:
        attempt = scene.attempt(made)
        delivered = stage == "persisting"
        assert attempt.billed == (attempt.quoted if delivered else None), "what was delivered is billed"
        assert attempt.possibly_billed == (None if delivered else attempt.quoted)


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.EXPIRED])
def test_end_is_told_to_the_bus_without_links(status: Status) -> None:
    scene, made = succeeded() if status is Status.SUCCEEDED else submitted(mule_completed())
    if status is Status.EXPIRED:
        scene.clock.sleep(600)
    scene.settler.settle(made.id)
    ((name, detail),) = scene.bus.events
    assert name == f"Image Generation {status.value.capitalize()}"
    assert (detail["id"], detail["status"]) == (made.id, status.value)
    told = json.dumps(detail)
    assert "PLANTED-LINK" not in told
    assert "signature=" not in told


def test_settle_that_runs_again_changes_nothing_and_tells_nothing_twice() -> None:
    scene, made = succeeded()
    first = scene.settler.settle(made.id)
    recorded = scene.now(made)
    scene.clock.sleep(1000)
    assert scene.settler.settle(made.id, "States.Timeout") == first
    assert scene.now(made) == recorded
    assert len(scene.bus.events) == 1


def test_end_is_written_before_it_is_told() -> None:
    scene, made = succeeded()
    seen: list[Status] = []
    scene.bus.publish = lambda *_: seen.append(scene.now(made).status)  # type: ignore[method-assign]
    scene.settler.settle(made.id)
    assert seen == [Status.SUCCEEDED]


def test_bus_that_fails_leaves_the_end_written_and_is_told_by_the_next_run() -> None:
    scene, made = succeeded()
    publish = scene.bus.publish

    def refuse(*_: object) -> None:
        raise ConnectionError("the bus is away")

    scene.bus.publish = refuse  # type: ignore[assignment, method-assign]
    with pytest.raises(ConnectionError):
        scene.settler.settle(made.id)
    scene.bus.publish = publish  # type: ignore[method-assign]
    assert scene.settler.settle(made.id)["status"] == "succeeded"
    assert len(scene.bus.events) == 1


def test_cause_of_a_failure_is_the_generation_as_json() -> None:
    scene, made = submitted(mule_error(400))
    state = scene.settler.settle(made.id)
    cause = json.loads(state["cause"])
    assert cause == scene.bus.events[0][1]
    assert cause["request"]["prompt"] == "a lighthouse"
    assert "generation" not in state, "once is enough: a state has 256 KB"
    assert cause["error"]["code"] == "validation"


def test_links_of_a_request_are_told_without_what_may_open_them() -> None:
    scene = Scene()
    link, hook = "https://example.com/a.png", "https://hooks.example"
    lora = scene.create(
        model="qwen-image-lora", route="pixeldojo/qwen-image-lora", webhook=f"{hook}/told?token=PLANTED",
        lora={"weights": f"{link}?X-Amz-Signature=PLANTED#PLANTED"},
    )  # fmt: skip
    edit = scene.create(
        model="qwen-image-edit-max", route="mulerouter/qwen-image-edit-max", webhook=f"{hook}?token=PLANTED",
        images=[f"{link}?PLANTED", link],
    )  # fmt: skip
    for made in (lora, edit):
        scene.canceler.cancel(TENANT, made.id)
    (_, first), (_, second) = scene.bus.events
    for told in (first, second):
        assert told["request"]["webhook"]["url"] == hook, "a path may open something, too"
    assert first["request"]["lora"] == {"weights": link}
    assert second["request"]["images"] == [link, link]
    assert "PLANTED" not in json.dumps(scene.bus.events)


WIDEST = ["x", "\u4e2d", "\U0001f308", '"', "\\", "\x01"]


def largest(letter: str) -> dict[str, Any]:
    """A request with as much in it as there may be, all of one letter."""
    return {
        "model": "qwen-image-edit-max",
        "route": "mulerouter/qwen-image-edit-max",
        "prompt": "x" + letter * 3999,
        "negative_prompt": letter * 4000,
        "images": [f"https://example.com/{number}".ljust(4096, "i") for number in range(3)],
        "metadata": {f"{number:02}" + letter * 62: letter * 512 for number in range(16)},
    }


@pytest.mark.parametrize("letter", WIDEST, ids=ascii)
def test_largest_generation_still_fits_cause_state_and_event(letter: str) -> None:
    scene, made = submitted(mule_error(400, "w" + letter * 7990 + "w"), **largest(letter))
    state = scene.settler.settle(made.id)
    assert len(state["cause"]) < CAUSE_CHARACTERS_MAX
    cause = json.loads(state["cause"])
    assert (cause["id"], cause["status"], cause["error"]["code"]) == (made.id, "failed", "validation")
    assert len(json.dumps(state, ensure_ascii=False).encode()) < STATE_BYTES_MAX
    ((_, detail),) = scene.bus.events
    assert len(json.dumps(detail, ensure_ascii=False).encode()) < EVENT_BYTES_MAX


@pytest.mark.parametrize("letter", WIDEST, ids=ascii)
def test_largest_success_still_fits_state_and_event(letter: str) -> None:
    content = [{"image": DASHSCOPE_LINK}]
    choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": content}}
    output = {"choices": [choice], "actual_prompt": "w" + letter * 7990 + "w"}
    fields = largest(letter) | SYNC
    fields["images"] = []
    scene = Scene(said(200, {"output": output}), links={DASHSCOPE_LINK: picture()})
    made = scene.create(**fields)
    scene.submitter.submit(made.id)
    scene.persister.persist(made.id)
    state = scene.settler.settle(made.id)
    assert state["status"] == "succeeded"
    assert len(json.dumps(state, ensure_ascii=False).encode()) < STATE_BYTES_MAX


def test_largest_request_is_one_that_callers_may_send() -> None:
    assert GenerationRequest(**largest("\U0001f308"))
