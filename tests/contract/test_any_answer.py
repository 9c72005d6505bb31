"""No answer, however odd, makes an adapter raise, or see an image where there is none."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from easel.vendors.base import (
    Adapter,
    Failed,
    Finished,
    InlineImage,
    Missing,
    Pending,
    PollAnswer,
    ResultImage,
    SubmitAnswer,
)
from easel.wire import HttpResponse
from tests.contract.wire_samples import adapters, has_tasks, responses_of

ADAPTERS = adapters()
BODIES = [sample.body for vendor in ADAPTERS for sample in responses_of(vendor) if sample.body is not None]


def words_in(value: Any) -> set[str]:
    """Every key and every text of a JSON body."""
    if isinstance(value, dict):
        return set(value).union(*map(words_in, value.values()))
    if isinstance(value, list):
        return set().union(*map(words_in, value))
    return {value} if isinstance(value, str) else set()


WORDS = sorted(words_in(BODIES))
ODD_TEXTS = [
    "",
    " ",
    "\ud800",
    "https://\ud800/x",
    "https://a\r\nX: y",
    "data:,",
    "data:image/png;base64,=",
    "x" * 20_000,
]
ODD_NUMBERS = [float("nan"), float("inf"), -float("inf"), 1e308, 10**400, -1, 2**63, 3001, 0, 0.1]

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(ODD_NUMBERS)
    | st.sampled_from(WORDS)
    | st.sampled_from(ODD_TEXTS)
    | st.text(st.characters(codec=None), max_size=20)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=25,
)
STATUSES = st.sampled_from([200, 201, 202, 204, 400, 401, 403, 404, 429, 500, 503]) | st.integers(100, 599)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "retry-after": st.sampled_from(
            ["3", "1.5", "-1", "\xb2", "9" * 400, "Wed, 21 Oct 2026 07:28:00 GMT"]
        ),
        "traceparent": st.text(max_size=12),
    },
)


@st.composite
def spoiled_samples(draw: st.DrawFn) -> Any:
    """A real body of some vendor in which one value was replaced by anything."""
    body = json.loads(json.dumps(draw(st.sampled_from(BODIES))))
    node = body
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return body
        key = draw(st.sampled_from(keys))
        inner = node[key]
        if not isinstance(inner, dict | list) or draw(st.booleans()):
            node[key] = draw(JSON)
            return body
        node = inner


def reading(adapter: Adapter, response: HttpResponse) -> list[SubmitAnswer | PollAnswer]:
    submit = adapter.read_submit(response)
    assert isinstance(submit, Pending | Finished | Failed)
    assert submit == adapter.read_submit(response)
    if isinstance(submit, Pending):
        assert submit.task_id
    if not has_tasks(adapter):
        assert not isinstance(submit, Pending)
        return [submit]
    poll = adapter.read_poll(response)
    assert poll == adapter.read_poll(response)
    return [submit, poll]


def assert_sound(answer: SubmitAnswer | PollAnswer, response: HttpResponse) -> None:
    if not 200 <= response.status < 300:
        assert isinstance(answer, Failed | Missing)
    match answer:
        case Finished():
            assert answer.images
            assert all(map(is_usable, answer.images))
        case Failed():
            assert answer.failure.http_status == response.status
            assert answer.failure.vendor_body or not 200 <= response.status < 300
            assert json.loads(answer.failure.model_dump_json())
            assert (answer.failure.retry_after_seconds or 0) < 10**9
        case Pending() | Missing():
            assert answer.status.encode() is not None
    if not isinstance(answer, Missing):
        assert (answer.task_id or "").encode() is not None
        assert answer.cost is None or (answer.cost.is_finite() and len(format(answer.cost, "f")) < 64)


def is_usable(image: ResultImage) -> bool:
    if isinstance(image, InlineImage):
        return len(image.data) > 0
    return image.url.lower().startswith(("https://", "http://")) and image.url.isprintable()


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=JSON | spoiled_samples(), status=STATUSES, headers=HEADERS)
def test_any_json_is_read_soundly(adapter: Adapter, body: Any, status: int, headers: dict[str, str]) -> None:
    response = HttpResponse(status, headers, json.dumps(body).encode())
    for answer in reading(adapter, response):
        assert_sound(answer, response)


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=200), status=STATUSES)
def test_any_bytes_are_read_soundly(adapter: Adapter, body: bytes, status: int) -> None:
    response = HttpResponse(status, {}, body)
    for answer in reading(adapter, response):
        assert_sound(answer, response)


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 10_000, b'{"data":' + b"9" * 5_000 + b"}"]
)
def test_body_made_to_exhaust_a_parser_is_unreadable(adapter: Adapter, body: bytes) -> None:
    answer = adapter.read_submit(HttpResponse(200, {}, body))
    assert isinstance(answer, Failed)
    assert answer.failure.failure_class == "vendor_contract"
