"""All vendors in one model: they keep books of what they took and billed, and misbehave as they are told."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from easel.catalogue import CATALOGUE, Endpoint
from easel.domain.money import Money
from easel.errors import AnswerLostError, ImageUnavailableError, NotSentError
from easel.ports import Download
from easel.wire import HttpResponse
from tests.fakes.memory import FakeClock
from tests.fakes.pictures import picture

HOSTS = {urlsplit(endpoint.base_url).netloc: endpoint for endpoint in CATALOGUE.endpoints.values()}
PRICES = {
    "mulerouter": Money.of("0.075", "USD"),
    "pixeldojo": Money.of(2, "credits"),
    "dashscope-intl/qwen-image-max": Money.of("0.550443", "CNY"),
    "dashscope-intl/qwen-image": Money.of("0.256873", "CNY"),
    "aimlapi": Money.of(91000, "credits"),
}
# What the vendor says or does when it is asked for an image. Only the first line takes the job.
TAKES = ("take", "take slowly", "take, lose the answer", "take, answer 502", "take, answer nonsense")
REFUSES = ("400", "401", "402", "404", "429", "451", "500", "503")
LEAVES = ("no connection", "lose the ask", "answer 504", "answer 500 in HTML")
ASK_MOODS = (*TAKES, *REFUSES, *LEAVES)
POLL_MOODS = ("done", "working", "failed", "no connection", "lose the ask", "404", "429", "500", "a new word")
LINK_MOODS = ("cut", "html", "gone", "lost")
SYNC_SECONDS, SLOW_SECONDS = 20.0, 200.0


@cache  # bounded by the pictures that one test draws
def drawn(number: int) -> bytes:
    """A picture that is like no other of the test."""
    return picture("png", 16 + number % 40, 8 + number // 40)


@dataclass
class Job:
    """What the vendor took: for whom, what it bills, and the pictures that it drew."""

    id: str
    endpoint: Endpoint
    prompt: str
    price: Money
    pictures: list[bytes]
    state: str = "working"
    cost: Money = field(init=False)

    def __post_init__(self) -> None:
        self.cost = Money(amount=self.price.amount * len(self.pictures), currency=self.price.currency)

    @property
    def billed(self) -> Money:
        """What stands in the vendor's books for it now."""
        voided = self.state == "failed" and self.endpoint.failed_task_cost != "unstated"
        return Money(amount=Decimal(0), currency=self.cost.currency) if voided else self.cost


class ModelVendor:
    """The port `Transport`. Moods hold until they are changed."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.ask_mood, self.poll_mood, self.link_mood = "take", "done", "whole"
        self.inline = False
        self.jobs: dict[str, Job] = {}
        self.asks: dict[str, int] = {}

    def of(self, prompt: str) -> list[Job]:
        """What was taken for one prompt."""
        return [job for job in self.jobs.values() if job.prompt == prompt]

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Mapping[str, object] | None,
        *,
        timeout_seconds: float,
    ) -> HttpResponse:
        endpoint = HOSTS[urlsplit(url).netloc]
        if method == "GET":
            return self._poll(self.jobs[url.rpartition("/")[2]])
        sent = json.loads(json.dumps(body))
        prompt = prompt_of(sent)
        self.asks[prompt] = self.asks.get(prompt, 0) + 1
        return self._submit(endpoint, sent, prompt, timeout_seconds)

    def _submit(
        self, endpoint: Endpoint, sent: dict[str, Any], prompt: str, timeout_seconds: float
    ) -> HttpResponse:
        mood = self.ask_mood
        if mood in REFUSES:
            return said(int(mood), refusal(endpoint, int(mood)))
        if mood == "no connection":
            raise NotSentError("refused")
        if mood in LEAVES:
            return self._silence(mood)
        job = self._take(endpoint, sent, prompt)
        sync = is_sync(job)
        self.clock.sleep((SLOW_SECONDS if mood == "take slowly" else SYNC_SECONDS) if sync else 1)
        if mood == "take, lose the answer" or (sync and timeout_seconds < SYNC_SECONDS):
            raise AnswerLostError("the answer is lost")
        if mood == "take, answer 502":
            return said(502, b"<html>")
        if mood == "take, answer nonsense":
            return said(200, {"hello": "world"})
        if sync:
            job.state = "done"
        return said(200, self._words(job))

    def _silence(self, mood: str) -> HttpResponse:
        if mood == "lose the ask":
            raise AnswerLostError("nobody heard it")
        return said(504 if mood == "answer 504" else 500, b"<html>")

    def _take(self, endpoint: Endpoint, sent: dict[str, Any], prompt: str) -> Job:
        images = int(sent.get("num_images", 1))
        model = str(sent.get("model", "")).rpartition("/")[2]
        price = PRICES.get(endpoint.name) or PRICES[f"{endpoint.name}/{model}"]
        number = len(self.jobs)
        pictures = [drawn(number * 2 + one) for one in range(images)]
        job = Job(f"job-{number}", endpoint, prompt, price, pictures)
        self.jobs[job.id] = job
        return job

    def _poll(self, job: Job) -> HttpResponse:
        mood = self.poll_mood
        if mood == "no connection":
            raise NotSentError("refused")
        if mood == "lose the ask":
            raise AnswerLostError("time")
        if mood in ("404", "429", "500"):
            return said(int(mood), refusal(job.endpoint, int(mood)))
        if job.state == "working" and mood in ("done", "failed"):
            job.state = mood
        return said(200, self._words(job, "dreaming" if mood == "a new word" else "working"))

    def _words(self, job: Job, at_work: str = "working") -> dict[str, Any]:
        """The job as its vendor tells it."""
        links = [f"https://{job.endpoint.result_hosts[0]}/{job.id}/{n}" for n in range(len(job.pictures))]
        word = job.state if job.state != "working" else at_work
        speak = {"mulerouter": mule, "pixeldojo": pixel, "aimlapi": aiml}.get(job.endpoint.name, dash)
        told = speak(job, word, links)
        if speak is aiml and self.inline:
            told["data"] = [{"b64_json": base64.b64encode(one).decode()} for one in job.pictures]
        return told

    @contextmanager
    def download(self, url: str, *, hosts: Sequence[str], timeout_seconds: float) -> Iterator[Download]:
        _, job_id, number = urlsplit(url).path.split("/")
        mood, data = self.link_mood, self.jobs[job_id].pictures[int(number)]
        # With several images only the first one's link misbehaves.
        if mood == "gone" and number == "0":
            raise ImageUnavailableError("HTTP 404")
        if mood == "lost" and number == "0":
            raise AnswerLostError("time")
        if mood in ("cut", "html") and number == "0":
            data = data[:-5] if mood == "cut" else b"<html>Not Found</html>"
        yield Download(len(data), "image/png", iter([data[:20], data[20:]]))


def is_sync(job: Job) -> bool:
    """Whether the vendor answers with the picture itself."""
    return job.endpoint.name == "aimlapi" or job.price == PRICES["dashscope-intl/qwen-image-max"]


def said(status: int, body: object) -> HttpResponse:
    """An answer: JSON, or these very bytes."""
    return HttpResponse(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def prompt_of(sent: dict[str, Any]) -> str:
    """The prompt, wherever the vendor's body has it."""
    if "input" not in sent:
        return str(sent["prompt"])
    told = sent["input"]
    return str(told["prompt"] if "prompt" in told else told["messages"][0]["content"][-1]["text"])


def refusal(endpoint: Endpoint, status: int) -> dict[str, Any]:
    """A refusal in the vendor's own form."""
    forms: dict[str, dict[str, Any]] = {
        "mulerouter": {"status": status, "title": "no", "detail": "no", "error_code": 0},
        "pixeldojo": {"error": "no", "message": "no"},
        "aimlapi": {"message": "no", "statusCode": status, "requestId": "r"},
    }
    return forms.get(endpoint.name, {"code": "Refused", "message": "no", "request_id": "r"})


def mule(job: Job, word: str, links: list[str]) -> dict[str, Any]:
    """MuleRouter's task."""
    status = {"working": "processing", "done": "completed"}.get(word, word)
    told: dict[str, Any] = {"task_info": {"id": job.id, "status": status}}
    if word == "done":
        told["images"] = links
    if word == "failed":
        told["task_info"]["error"] = {"code": 3002, "title": "Failed", "detail": "could not draw"}
    return told


def pixel(job: Job, word: str, links: list[str]) -> dict[str, Any]:
    """PixelDojo's job."""
    status = {"working": "processing", "done": "completed"}.get(word, word)
    told: dict[str, Any] = {"jobId": job.id, "status": status, "creditCost": 2}
    if word == "done":
        told["output"] = {"images": links}
    if word == "failed":
        told["error"] = "could not draw"
    return told


def dash(job: Job, word: str, links: list[str]) -> dict[str, Any]:
    """DashScope's answer, synchronous or a task's."""
    if is_sync(job):
        message = {"role": "assistant", "content": [{"image": link} for link in links]}
        return {"output": {"choices": [{"finish_reason": "stop", "message": message}]}, "request_id": "r"}
    status = {"working": "RUNNING", "done": "SUCCEEDED", "failed": "FAILED"}.get(word, word.upper())
    output: dict[str, Any] = {"task_id": job.id, "task_status": status}
    if word == "done":
        output["results"] = [{"url": link} for link in links]
    if word == "failed":
        output |= {"code": "InternalError", "message": "could not draw"}
    return {"output": output, "request_id": "r"}


def aiml(job: Job, _: str, links: list[str]) -> dict[str, Any]:
    """AI/ML API's answer."""
    usage = {"credits_used": int(job.cost.amount)}
    return {"created": 1, "data": [{"url": link} for link in links], "meta": {"usage": usage}}
