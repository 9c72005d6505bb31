"""Keys and tenants over HTTP, as an administrator asks."""

from collections.abc import Mapping
from typing import Any

import pytest

from easel.domain.tenancy import ALL_SCOPES, ApiKey
from tests.fakes.scene import TENANT
from tests.unit.doors.calls import Answer, Api

ASK = {"model": "qwen-image-max", "prompt": "PLANTED-PROMPT", "route": "mulerouter/qwen-image-max"}
NO_LIMITS = {"concurrency": None, "per_minute": None, "usd_per_day": None, "usd_per_month": None}


class Office:
    """The API, called by an administrator whose key is in the book."""

    def __init__(self) -> None:
        self.api = Api()
        self.book, self.clock = self.api.scene.key_book, self.api.scene.clock
        self.secret, self.key = self.book.create(TENANT, scopes=ALL_SCOPES)
        self.api.keys.find = self.book.find  # type: ignore[method-assign]

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        answer = self.api.call(method, path, body=body, **({"key": self.secret} | more))
        assert answer.status >= 400 or answer.headers["cache-control"] == "no-store"
        return answer

    def make(self, **said: Any) -> tuple[str, str]:
        """A new key of tenant acme: its secret and its id."""
        made = self.ask("POST", "/v1/keys", {"tenant": "acme"} | said)
        assert made.status == 201, made.body
        return made.body["secret"], made.body["id"]

    def found(self, secret: str) -> ApiKey:
        key = self.book.find(secret)
        assert key is not None
        return key

    def works(self, *secrets: str) -> list[bool]:
        return [self.ask("GET", "/v1/key", key=one).status == 200 for one in secrets]


@pytest.fixture
def office() -> Office:
    """The API with a book of keys."""
    return Office()


def fields(answer: Answer) -> Mapping[str, str]:
    """What is said of each field that is wrong."""
    assert (answer.status, answer.body["code"]) == (422, "invalid_request"), answer.text
    return {error["field"]: error["message"] for error in answer.body["errors"]}
