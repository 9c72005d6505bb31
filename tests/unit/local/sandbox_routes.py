"""Every way to buy from the sandbox, asynchronous and synchronous, in one form for the tests of faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.sandbox.server import SandboxServer
from tests.unit.local.sandbox_caller import Caller, Reply, fetch, ledger

DASHSCOPE = "/api/v1/services/aigc"
LORA = "https://example.com/style.safetensors"
ENDED = frozenset({"completed", "succeeded", "failed", "SUCCEEDED", "FAILED"})


@dataclass(frozen=True)
class Route:
    """One way to buy: how it is asked, and where its answers hold what the tests look at.

    `poll_path` is None where the submit's own answer brings the picture.
    """

    endpoint: str
    path: str
    body: Callable[[str], dict[str, Any]]
    links: Callable[[Any], list[str]]
    error: Callable[[Any], str]
    poll_path: str | None = None
    task_id: Callable[[Any], str] = str
    word: Callable[[Any], str] = str
    failure: Callable[[Any], object] = str
    headers: Mapping[str, str] = field(default_factory=dict)


def _sync_links(body: Any) -> list[str]:
    return [part["image"] for choice in body["output"]["choices"] for part in choice["message"]["content"]]


ROUTES: Mapping[str, Route] = {
    "mulerouter": Route(
        endpoint="mulerouter",
        path="/vendors/alibaba/v1/qwen-image-max/generation",
        body=lambda prompt: {"prompt": prompt},
        links=lambda body: list(body["images"]),
        error=lambda body: str(body["detail"]),
        poll_path="/vendors/alibaba/v1/qwen-image-max/generation/",
        task_id=lambda body: str(body["task_info"]["id"]),
        word=lambda body: str(body["task_info"]["status"]),
        failure=lambda body: body["task_info"]["error"]["code"],
    ),
    "pixeldojo": Route(  # with a LoRA, which makes several images
        endpoint="pixeldojo",
        path="/api/v1/models/qwen-image-max/run",
        body=lambda prompt: {"prompt": prompt, "lora_weights": LORA, "numberOfImages": 2},
        links=lambda body: list(body["output"]["images"]),
        error=lambda body: str(body["error"]["message"]),
        poll_path="/api/v1/jobs/",
        task_id=lambda body: str(body["jobId"]),
        word=lambda body: str(body["status"]),
        failure=lambda body: body["error"],
    ),
    "dashscope-async": Route(
        endpoint="dashscope-cn",
        path=f"{DASHSCOPE}/text2image/image-synthesis",
        body=lambda prompt: {"model": "qwen-image-plus", "input": {"prompt": prompt}},
        links=lambda body: [result["url"] for result in body["output"]["results"]],
        error=lambda body: str(body["message"]),
        poll_path="/api/v1/tasks/",
        task_id=lambda body: str(body["output"]["task_id"]),
        word=lambda body: str(body["output"]["task_status"]),
        failure=lambda body: body["output"]["code"],
        headers={"X_DashScope_Async": "enable"},
    ),
    "dashscope-sync": Route(
        endpoint="dashscope-intl",
        path=f"{DASHSCOPE}/multimodal-generation/generation",
        body=lambda prompt: {
            "model": "qwen-image-max",
            "input": {"messages": [{"role": "user", "content": [{"text": prompt}]}]},
        },
        links=_sync_links,
        error=lambda body: str(body["message"]),
    ),
    "aimlapi": Route(
        endpoint="aimlapi",
        path="/v1/images/generations",
        body=lambda prompt: {
            "model": "alibaba/qwen-image",
            "prompt": prompt,
            "num_images": 2,
            "image_size": "square",
        },
        links=lambda body: [image["url"] for image in body["images"]],
        error=lambda body: str(body["message"]),
    ),
}
POLLED = [name for name, route in ROUTES.items() if route.poll_path]
SYNC = [name for name, route in ROUTES.items() if not route.poll_path]
ONE_OF_EACH = ["pixeldojo", "aimlapi"]  # both make several images


class Shop:
    """Buys on one route of a sandbox."""

    def __init__(self, sandbox: SandboxServer, name: str) -> None:
        self.route = ROUTES[name]
        self.sandbox, self.caller = sandbox, Caller(sandbox, self.route.endpoint)

    def submit(self, prompt: str) -> Reply:
        """The answer to one submit."""
        return self.caller.post(self.route.path, self.route.body(prompt), **self.route.headers)

    def poll(self, submitted: Reply) -> Reply:
        """The answer to one poll."""
        return self.caller.get(f"{self.route.poll_path}{self.route.task_id(submitted.json)}")

    def finish(self, submitted: Reply) -> Any:
        """The last body: the submit's own, or that of the poll which finds the task at its end."""
        assert submitted.status in (200, 201, 202), submitted.body
        if self.route.poll_path is None:
            return submitted.json
        return self.caller.settle(lambda: self.poll(submitted), lambda body: self.route.word(body) in ENDED)

    def buy(self, prompt: str) -> list[str]:
        """The links of a bought prompt."""
        return self.route.links(self.finish(self.submit(prompt)))

    @property
    def row(self) -> Any:
        """The ledger's row of the last job that was taken."""
        return ledger(self.sandbox)["tasks"][-1]

    @property
    def billed(self) -> int:
        """The images that the endpoint has billed."""
        return int(ledger(self.sandbox)["totals"][self.route.endpoint]["images"])


def submits(sandbox: SandboxServer) -> list[dict[str, Any]]:
    """The log of submits."""
    rows = fetch(f"{sandbox.url}/_sandbox/submits").json["submits"]
    assert isinstance(rows, list)
    return rows


def control(sandbox: SandboxServer, method: str, call: str, body: object = None) -> Reply:
    """A call of the control API."""
    data = None if body is None else json.dumps(body).encode()
    headers = {} if body is None else {"Content-Type": "application/json"}
    return fetch(f"{sandbox.url}/_sandbox/{call}", method, data, headers)
