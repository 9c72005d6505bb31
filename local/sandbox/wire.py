"""One HTTP request as a dialect sees it, and its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Request:
    """`path` is what follows the endpoint's prefix, without the query; header names are in lower case.

    `base_url` is scheme and authority as the caller wrote them (the Host header): links are made from it.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    base_url: str

    @property
    def key(self) -> str | None:
        """The bearer key, or None if there is none."""
        scheme, _, key = self.headers.get("authorization", "").partition(" ")
        return key.strip() or None if scheme.lower() == "bearer" else None

    @property
    def is_json(self) -> bool:
        """Whether the body is announced as JSON."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


@dataclass(frozen=True)
class Answer:
    """Status, body and headers beside Content-Length, which the server adds."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


def json_answer(status: int, body: object, *headers: tuple[str, str]) -> Answer:
    """`body` as JSON in UTF-8 (escaped, so that lone surrogates in an echoed prompt survive)."""
    return Answer(status, json.dumps(body).encode("ascii"), headers=headers)


def read_object(request: Request) -> dict[str, Any] | None:
    """The request's JSON object, or None: not announced as JSON, malformed, NaN or Infinity, no object."""
    if not request.is_json:
        return None
    try:
        body = json.loads(request.body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is not JSON")
