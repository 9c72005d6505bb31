"""How calls are repeated, bounded and refused."""

import socket
import subprocess
import sys
from typing import Any

import pytest

from easel_client import (
    BudgetError,
    ConflictError,
    Easel,
    EaselError,
    InvalidRequestError,
    KeyRefusedError,
    NotFoundError,
    RateLimitError,
    ScopeError,
    ServerError,
    UnreachableError,
)
from tests.fakes.http_server import Exchange, serving
from tests.unit.client.deployment import CREATE, ID, LOOK, Deployment, generation, problem

OURS = problem(500, "internal", "The fault is ours.", request_id="8f1c2a3b")


@pytest.mark.parametrize(
    "trouble",
    [
        Exchange.reset,
        Exchange.close,
        (500, OURS),
        (503, {"message": "Service Unavailable"}),
        (504, b"<html>"),
    ],
)
def test_a_repeated_request_has_the_same_idempotency_key(deployment: Deployment, trouble: Any) -> None:
    deployment.answers(CREATE, trouble, trouble, (202, generation("queued")))
    assert Easel().generate("a fox", wait=False).id == ID
    keys = {one.headers["idempotency-key"] for one in deployment.calls(CREATE)}
    bodies = {one.body for one in deployment.calls(CREATE)}
    assert (len(deployment.calls(CREATE)), len(keys), len(bodies)) == (3, 1, 1)
    Easel().generate("a fox", wait=False)
    assert deployment.calls(CREATE)[-1].headers["idempotency-key"] not in keys


def test_a_key_that_is_changing_hands_is_asked_about_again(deployment: Deployment) -> None:
    conflict = problem(409, "conflict", "The Idempotency-Key is changing hands right now; try again.")
    deployment.answers(CREATE, Exchange.reset, (409, conflict), (202, generation("queued")))
    assert Easel().generate("a fox", wait=False).id == ID


def test_what_must_not_be_done_twice_is_not_repeated(deployment: Deployment) -> None:
    deployment.answers("POST /v1/keys", Exchange.reset)
    with pytest.raises(UnreachableError):
        Easel().keys.create("acme")
    deployment.answers(f"POST /v1/generations/{ID}/cancel", (503, b""))
    with pytest.raises(ServerError):
        Easel().cancel(ID)
    assert len(deployment.asked) == 2


def test_tries_are_bounded_and_so_are_their_pauses(deployment: Deployment) -> None:
    deployment.answers(LOOK, (503, b""))
    with pytest.raises(ServerError):
        Easel().get(ID)
    assert len(deployment.asked) == 4
    limited = problem(429, "limit_reached", "The tenant may ask 60 times a minute.")
    deployment.answers(CREATE, (429, limited), **{"Retry-After": "34"})
    with pytest.raises(RateLimitError) as caught:
        Easel().generate("a fox")
    assert caught.value.retry_after_seconds == 34
    assert "in 34 s" in caught.value.advice
    assert len(deployment.calls(CREATE)) == 1


def test_a_short_wait_that_easel_asks_for_is_kept(deployment: Deployment) -> None:
    limited = problem(429, "limit_reached", "Too many at a time.")
    deployment.answers(CREATE, (429, limited), **{"Retry-After": "0"})
    deployment.answers(CREATE, (202, generation("queued")))
    assert Easel().generate("a fox", wait=False).id == ID


REFUSALS = {
    400: InvalidRequestError,
    401: KeyRefusedError,
    402: BudgetError,
    403: ScopeError,
    404: NotFoundError,
    409: ConflictError,
    413: InvalidRequestError,
    415: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitError,
    500: ServerError,
}


@pytest.mark.parametrize("status", REFUSALS)
def test_each_refusal_is_a_class_of_its_own_with_what_easel_said(deployment: Deployment, status: int) -> None:
    path = f"POST /v1/generations/{ID}/cancel"
    deployment.answers(path, (status, problem(status, "a_code", "In these words.")))
    with pytest.raises(EaselError) as caught:
        Easel().cancel(ID)
    error: Any = caught.value
    assert type(error) is REFUSALS[status]
    assert (error.status, error.code, error.message) == (status, "a_code", "In these words.")


def test_wrong_fields_are_told_each(deployment: Deployment) -> None:
    errors = [{"field": "model", "message": "is not known", "allowed": ["a", "b"]}]
    deployment.answers(CREATE, (422, problem(422, "invalid_request", "See: model.", errors=errors)))
    with pytest.raises(InvalidRequestError, match=r"model: is not known \(allowed: a, b\)\."):
        Easel().generate("a fox")
    deployment.laid.clear()
    errors.append({"field": "n", "message": "must be 1"})
    deployment.answers(CREATE, (422, problem(422, "invalid_request", "See: model, n.", errors=errors)))
    with pytest.raises(InvalidRequestError) as caught:
        Easel().generate("a fox")
    assert str(caught.value).splitlines() == [
        "See: model, n.",
        "  model: is not known (allowed: a, b)",
        "  n: must be 1",
    ]


def test_a_key_that_is_refused_is_named_by_where_it_comes_from(deployment: Deployment) -> None:
    deployment.answers(LOOK, (401, problem(401, "unauthorized", "The API key is not known.")))
    with pytest.raises(KeyRefusedError, match=f"EASEL_API_KEY, at {deployment.url}"):
        Easel().get(ID)


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (404, {"message": "Not Found"}, ServerError, "not as Easel does"),
        (301, b"", ServerError, "address right"),
        (413, {"message": "Request Too Long"}, InvalidRequestError, r"of \.jsonl 4\.4 MB.*inbox bucket"),
        (502, b"<html>", ServerError, "little later"),
    ],
)
def test_what_stands_before_easel_is_told_apart(
    deployment: Deployment, status: int, body: Any, kind: type[EaselError], words: str
) -> None:
    deployment.answers(LOOK, (status, body), Location="https://elsewhere.example/")
    with pytest.raises(kind, match=words):
        Easel().get(ID)


def test_a_dead_server_is_said_in_a_sentence_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda _: None) as server:
        url = server.url
    with pytest.raises(UnreachableError, match=rf"Nothing answers at {url}\..*easel up") as caught:
        Easel(url, "key").get(ID)
    assert not caught.value.sent

    def no_such_host(*_: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr("socket.getaddrinfo", no_such_host)
    with pytest.raises(UnreachableError, match="easel doctor"):
        Easel("http://no-such-host.invalid", "key").get(ID)


def test_silence_ends_by_a_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("easel_client.transport.READ_SECONDS", 0.1)
    monkeypatch.setattr("easel_client.transport.TRIES_MAX", 2)
    with serving(lambda _: None) as server:
        with pytest.raises(UnreachableError, match="No answer came in time"):
            Easel(server.url, "key").get(ID)
        assert len(server.asked) == 2


def test_a_proxy_of_the_environment_is_used_but_for_this_machine(
    monkeypatch: pytest.MonkeyPatch, deployment: Deployment
) -> None:
    with serving(lambda exchange: exchange.reply(200, generation("queued"))) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert Easel("http://easel.example", "key").get(ID).id == ID
        assert proxy.asked[0].path.startswith("http://easel.example/v1/generations/")
        deployment.answers(LOOK, generation("queued"))
        Easel().get(ID)
        assert len(proxy.asked) == 1


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    heavy = "{'urllib3', 'rich', 'boto3', 'ssl'}"
    probe = f"import sys, easel_client.command.app; print(*({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.split() == []
