"""Every response sample is read to its `expect`; a vendor gets these tests by having samples."""

from decimal import Decimal

import pytest

from easel.domain.failure import FailureClass
from easel.vendors.base import (
    Failed,
    Finished,
    InlineImage,
    LinkedImage,
    Missing,
    Pending,
    PollAnswer,
    SubmitAnswer,
)
from tests.contract.wire_samples import Sample, adapters, load, readings, responses_of

ADAPTERS = adapters()
RESPONSES = [sample for vendor in ADAPTERS for sample in responses_of(vendor)]
STATES = {
    "in_progress": Pending,
    "succeeded": Finished,
    "failed": Failed,
    "expired_or_unknown": Missing,
}
FIELDS = {"state", "id", "images", "error_class", "retryable", "cost_credits", "encoding", "shortfall"}


def of_sample(sample: Sample) -> tuple[SubmitAnswer | PollAnswer, ...]:
    """The sample read as every kind of answer that it may be; a poll's 404 is no error but a missing task."""
    read = readings(ADAPTERS[sample.vendor], sample.response)
    if sample.stage == "submit_response" or sample.response.status == 404:
        return read[:1]
    return read[-1:] if sample.expect.get("state") == "expired_or_unknown" else read


@pytest.mark.parametrize("vendor", ADAPTERS)
def test_every_adapter_has_samples_of_both_directions(vendor: str) -> None:
    samples = load(vendor)
    assert any("request" in sample.content for sample in samples)
    assert any("response" in sample.content for sample in samples)
    for sample in samples:
        assert sample.content["id"] == sample.id
        assert sample.content["source"] in (
            {"own"} if vendor == "sandbox" else {"seed", "public", "inferred"}
        )
        assert sample.content["source_ref"]


@pytest.mark.parametrize("sample", RESPONSES, ids=lambda sample: sample.id)
def test_response_sample_is_read_to_its_expected_outcome(sample: Sample) -> None:
    expect = sample.expect
    assert expect.keys() <= FIELDS, "an expectation that no assertion here covers"
    for answer in of_sample(sample):
        if "state" in expect:
            assert isinstance(answer, STATES[expect["state"]])
        if "error_class" in expect:
            assert isinstance(answer, Failed)
            assert answer.failure.failure_class is FailureClass(expect["error_class"])
        if "retryable" in expect:
            assert isinstance(answer, Failed)
            assert answer.failure.retryable is expect["retryable"]
        if isinstance(answer, Pending):
            assert answer.known
        if "id" in expect:
            assert isinstance(answer, Pending)
            assert answer.task_id == expect["id"]
        if isinstance(answer, Finished):
            assert_images(sample, answer)
        if "cost_credits" in expect:
            assert isinstance(answer, Pending | Finished)
            assert answer.cost == Decimal(expect["cost_credits"])


def assert_images(sample: Sample, answer: Finished) -> None:
    expect = sample.expect
    assert len(answer.images) == expect["images"]
    inline = "encoding" in expect
    assert all(isinstance(image, InlineImage if inline else LinkedImage) for image in answer.images)
    for image in answer.images:
        if isinstance(image, LinkedImage):
            assert image.url in str(sample.body)
    results = sample.body.get("output", {}).get("results", answer.images) if not inline else answer.images
    assert len(results) - len(answer.images) == expect.get("shortfall", 0)


@pytest.mark.parametrize(
    "sample", [sample for sample in RESPONSES if sample.stage == "error"], ids=lambda sample: sample.id
)
def test_error_sample_keeps_the_vendors_words_and_status(sample: Sample) -> None:
    answer = ADAPTERS[sample.vendor].read_submit(sample.response)
    assert isinstance(answer, Failed)
    failure = answer.failure
    assert failure.http_status == sample.response.status
    if sample.body is None:
        assert not failure.vendor_body
        assert failure.message is None
        return
    assert failure.vendor_body
    assert failure.message
    words = failure.message.split(": ")
    assert all(word in str(sample.body) or word in repr(sample.body) for word in words)
    retry_after = sample.response.headers.get("retry-after")
    assert failure.retry_after_seconds == (float(retry_after) if retry_after else None)
