"""A caller of the public HTTP API, and of the sandbox vendors' ledger, over real HTTP."""

import time
from dataclasses import dataclass
from typing import Any

import urllib3

TERMINAL = frozenset({"succeeded", "failed", "canceled", "expired"})
PATIENCE_SECONDS = 180.0  # of a whole burst on a machine of two busy cores


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: status, headers, JSON body."""

    status: int
    headers: Any
    body: Any


@dataclass(frozen=True)
class EaselCaller:
    """Calls the API with a key."""

    url: str
    key: str

    def call(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None
    ) -> Answer:
        """One call; a body that is a string goes out as it is."""
        given = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        data = body if isinstance(body, str) else None
        if data is not None:
            given.setdefault("Content-Type", "application/json")
        response = urllib3.request(
            method, self.url + path, headers=given, timeout=40.0, retries=False,
            **({"body": data} if data is not None else {"json": body} if body is not None else {}),
        )  # fmt: skip
        return Answer(response.status, response.headers, response.json() if response.data else None)

    def create(self, body: dict[str, Any], **headers: str) -> dict[str, Any]:
        """A generation that was accepted."""
        answer = self.call("POST", "/v1/generations", body, headers=headers)
        assert answer.status == 202, answer.body
        generation: dict[str, Any] = answer.body
        return generation

    def ended(self, generation_id: str) -> dict[str, Any]:
        """The generation once it has ended."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self.call("GET", f"/v1/generations/{generation_id}?wait=20")
            assert answer.status == 200, answer.body
            generation: dict[str, Any] = answer.body
            if generation["status"] in TERMINAL:
                return generation
            assert time.monotonic() < deadline, f"{generation_id} is still {generation['status']}"


def sandbox_tasks(sandbox_url: str) -> list[dict[str, Any]]:
    """What the sandbox vendors took, as they received it, oldest first."""
    response = urllib3.request("GET", f"{sandbox_url}/_sandbox/ledger", timeout=10.0, retries=False)
    tasks: list[dict[str, Any]] = response.json()["tasks"]
    return tasks
