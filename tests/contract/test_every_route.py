"""What holds for every route, whoever the vendor is, and for the sandbox's."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from easel.vendors.base import Adapter, Failed, VendorTask, class_of_status
from easel.wire import HttpRequest
from tests.contract.catalogue_asks import (
    LORA_WEIGHTS,
    NEGATIVE_PROMPT,
    PROMPT,
    SEED,
    RouteAsk,
    asks,
)
from tests.contract.wire_samples import adapters, answer, has_tasks, readings, responses_of

KEY = "sk-PLANTED-KEY"
ADAPTERS = adapters()
TASK_ADAPTERS = {name: adapter for name, adapter in ADAPTERS.items() if has_tasks(adapter)}
EMPTIES: tuple[object, ...] = (None, "", [], {}, ())


def leaves(value: Any) -> Iterator[Any]:
    """Every value in a JSON body that is not a container, and the sides of sizes as one text."""
    if isinstance(value, dict):
        if value.keys() == {"width", "height"}:
            yield f"{value['width']}*{value['height']}"
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def nodes(value: Any) -> Iterator[Any]:
    """Every value in a JSON body, containers too."""
    yield value
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    for item in items:
        yield from nodes(item)


def build(case: RouteAsk) -> HttpRequest:
    return case.route.endpoint.adapter.build_submit(case.ask)


@pytest.mark.parametrize("case", asks("minimal", "full", "blank"), ids=str)
def test_submit_is_a_json_post_below_the_base_url(case: RouteAsk) -> None:
    request = build(case)
    assert request.method == "POST"
    assert request.headers["Content-Type"] == "application/json"
    assert_path(request.path)
    assert PROMPT in json.dumps(request.body)


def assert_path(path: str) -> None:
    assert path.startswith("/")
    assert not path.endswith("/")
    assert path == path.strip()
    assert not any(mark in path for mark in ("//", "?", "#", "{", "}", " ", ".."))


@pytest.mark.parametrize("case", asks("minimal", "full", "blank"), ids=str)
def test_submit_sends_no_empty_value(case: RouteAsk) -> None:
    for node in nodes(build(case).body):
        assert node not in EMPTIES
        assert not isinstance(node, str) or node.strip()


@pytest.mark.parametrize("case", asks("minimal", "blank"), ids=str)
def test_submit_sends_only_what_was_asked(case: RouteAsk) -> None:
    ask = case.ask
    given = [ask.prompt, *ask.images, *([ask.lora.weights] if ask.lora else [])]
    framing = {ask.model, "user"}  # the model's name and DashScope's role
    sent = [value for value in leaves(build(case).body) if value not in framing]
    assert sorted(map(str, sent)) == sorted(given)


@pytest.mark.parametrize("case", asks("full"), ids=str)
def test_submit_sends_every_parameter_of_the_route(case: RouteAsk) -> None:
    ask, can = case.ask, case.route.capabilities
    sent = list(leaves(build(case).body))
    for text in (PROMPT, NEGATIVE_PROMPT, SEED, *ask.images):
        assert sent.count(text) == 1
    if ask.geometry:
        assert str(ask.geometry.size) in sent or ask.geometry.ratio in sent
    if can.n_max > 1:
        assert can.n_max in sent
    switches = (ask.prompt_extend, ask.safety_filter, ask.watermark)
    flags = [flag for flag in (*switches, ask.lora.go_fast if ask.lora else None) if flag is not None]
    assert sorted(value for value in sent if isinstance(value, bool)) == sorted(flags)
    for value in (ask.output_format, ask.guidance_scale):
        assert value is None or value in sent
    if ask.lora:
        assert {LORA_WEIGHTS, ask.lora.scale, ask.lora.steps, ask.lora.guidance} <= set(sent)


@pytest.mark.parametrize("case", asks("full"), ids=str)
def test_input_images_keep_the_callers_order(case: RouteAsk) -> None:
    sent = list(leaves(build(case).body))
    images = [value for value in sent if value in case.ask.images]
    assert images == list(case.ask.images)


@pytest.mark.parametrize("case", asks("full"), ids=str)
def test_submit_is_built_the_same_every_time(case: RouteAsk) -> None:
    assert build(case) == build(case)


@pytest.mark.parametrize("case", asks("full"), ids=str)
def test_key_is_carried_by_authorize_alone(case: RouteAsk) -> None:
    adapter = case.route.endpoint.adapter
    request = build(case)
    assert adapter.authorize(KEY) == {"Authorization": f"Bearer {KEY}"}
    assert "Authorization" not in request.headers
    assert KEY not in repr((adapter, request))


@pytest.mark.parametrize("case", asks("full"), ids=str)
def test_reprs_of_ask_and_request_hide_prompt_images_and_lora(case: RouteAsk) -> None:
    shown = repr(case.ask) + repr(build(case)) + str(case.ask) + str(build(case))
    assert "PLANTED" not in shown


@pytest.mark.parametrize("adapter", TASK_ADAPTERS.values(), ids=TASK_ADAPTERS)
def test_poll_is_a_bodiless_get_for_the_task(adapter: Adapter) -> None:
    request = adapter.build_poll(VendorTask("qwen-image-max", "task-123"))
    assert request.method == "GET"
    assert request.body is None
    assert "Authorization" not in request.headers
    assert_path(request.path)
    assert request.path.rpartition("/")[2] == "task-123"


@pytest.mark.parametrize("adapter", TASK_ADAPTERS.values(), ids=TASK_ADAPTERS)
def test_poll_escapes_an_id_that_would_change_the_path(adapter: Adapter) -> None:
    plain = adapter.build_poll(VendorTask("m", "x")).path
    odd = adapter.build_poll(VendorTask("m", "a/b?c#d e{f}")).path
    assert odd == plain.removesuffix("x") + "a%2Fb%3Fc%23d%20e%7Bf%7D"


@pytest.mark.parametrize("name", ADAPTERS)
def test_vendor_without_tasks_refuses_to_poll(name: str) -> None:
    adapter = ADAPTERS[name]
    if name in TASK_ADAPTERS:
        assert adapter.build_poll(VendorTask("m", "x"))
        return
    with pytest.raises(NotImplementedError, match=type(adapter).__name__):
        adapter.build_poll(VendorTask("m", "x"))
    with pytest.raises(NotImplementedError, match=type(adapter).__name__):
        adapter.read_poll(answer(200, {}))


@pytest.mark.parametrize("name", ADAPTERS)
def test_reprs_of_answers_hide_links_bytes_and_prompts(name: str) -> None:
    secrets = ("https://", "data:", "base64", "lighthouse", "Signature")
    for sample in responses_of(name):
        for read in readings(ADAPTERS[name], sample.response):
            assert not any(secret in repr(read) for secret in secrets)


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
def test_repr_of_a_failure_hides_words_that_may_quote_the_prompt(adapter: Adapter) -> None:
    body = {"code": "x", "message": PROMPT, "detail": PROMPT, "error": {"message": PROMPT}}
    read = adapter.read_submit(answer(400, body))
    assert isinstance(read, Failed)
    assert PROMPT in (read.failure.message or "")
    assert PROMPT not in repr(read)


PAGES = (
    b"",
    b"<html>Bad Gateway</html>",
    b"\xff\xfe\x00",
    b"[]",
    b"null",
    b'"text"',
    b"{",
    b'{"hello": "world"}',
)


@pytest.mark.parametrize("status", [400, 401, 402, 404, 408, 413, 429, 500, 502, 503, 504, 301, 599])
@pytest.mark.parametrize("page", PAGES, ids=repr)
@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
def test_error_that_is_not_the_vendors_own_is_classed_by_status(
    adapter: Adapter, page: bytes, status: int
) -> None:
    read = adapter.read_submit(answer(status, page))
    assert isinstance(read, Failed)
    assert read.failure.failure_class is class_of_status(status)
    assert read.failure.http_status == status
    assert not read.failure.vendor_body


@pytest.mark.parametrize("page", PAGES, ids=repr)
@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
def test_success_that_cannot_be_understood_is_a_breach_of_contract(adapter: Adapter, page: bytes) -> None:
    for read in readings(adapter, answer(200, page)):
        assert isinstance(read, Failed)
        assert read.failure.failure_class == "vendor_contract"
        assert read.failure.http_status == 200
        assert not read.failure.retryable
