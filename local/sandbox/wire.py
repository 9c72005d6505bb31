"""One HTTP request as a dialect sees it, its answer, and what the server asks of a dialect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol

from local.sandbox.submits import Submission


@dataclass(frozen=True)
class Request:
    """`path` is what follows the endpoint's prefix, without the query; header names are in lower case.

    `base_url` is scheme and authority as the caller wrote them (the Host header): links are made from it.
    `submission` is what a submit stands in the log with; no other request needs it.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    base_url: str
    submission: Submission = field(default_factory=Submission)

    @property
    def key(self) -> str | None:
        """The bearer key, or None if there is none."""
        scheme, _, key = self.headers.get("authorization", "").partition(" ")
        return key.strip() or None if scheme.lower() == "bearer" else None

    @property
    def is_json(self) -> bool:
        """Whether the body is announced as JSON."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"

    @cached_property
    def json_object(self) -> dict[str, Any] | None:
        """The JSON object, or None: not announced as JSON, malformed, NaN or Infinity, no object."""
        if not self.is_json:
            return None
        try:
            body = json.loads(self.body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            return None
        return body if isinstance(body, dict) else None


@dataclass(frozen=True)
class Manner:
    """How an answer is sent where it is not simply sent. Whatever is odd about it ends the connection.

    `hang_up` sends nothing: `close` ends the connection in order, `reset` does not. `filler_bytes` zeros
    follow the body; `missing_bytes` are announced beyond what is sent; without `announced` the length is
    left out. `before_seconds` pass before the first byte, `over_seconds` while the body is sent in pieces.
    """

    hang_up: Literal["", "close", "reset"] = ""
    before_seconds: float = 0
    over_seconds: float = 0
    filler_bytes: int = 0
    missing_bytes: int = 0
    announced: bool = True


@dataclass(frozen=True)
class Answer:
    """Status, body and headers beside Content-Length, which the server adds."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    manner: Manner | None = None


@dataclass(frozen=True)
class Ask:
    """What a submit asks for, as far as its faults depend on it. `polled`: its task is asked for later."""

    prompt: str | None
    polled: bool


class Vendor(Protocol):
    """One vendor's dialect."""

    def answer(self, request: Request) -> Answer:
        """The vendor's answer to any request."""

    def ask(self, request: Request) -> Ask | None:
        """What a submit asks for, or None: the request is no submit."""

    def refuse(self, request: Request, status: int, message: str, *headers: tuple[str, str]) -> Answer:
        """A refusal (400, 429, 500 or 503) in the vendor's own form."""


def json_answer(status: int, body: object, *headers: tuple[str, str]) -> Answer:
    """`body` as JSON in UTF-8 (escaped, so that lone surrogates in an echoed prompt survive)."""
    return Answer(status, json.dumps(body).encode("ascii"), headers=headers)


def text_answer(status: int, reason: str) -> Answer:
    """A short ASCII reason as plain text."""
    return Answer(status, reason.encode("ascii"), "text/plain")


def prompt_in(body: Mapping[str, Any] | None) -> str | None:
    """The prompt of a body that holds it under that name, or None."""
    prompt = (body or {}).get("prompt")
    return prompt if isinstance(prompt, str) else None


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is not JSON")
