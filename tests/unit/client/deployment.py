"""A deployment as the client meets it over HTTP: it answers what a test lays ready, call by call."""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.fakes.http_server import Exchange
from tests.fakes.pictures import picture

ID = "gen_01K0ABCDEFGHJKMNPQRSTVWXYZ"
BATCH = "bat_01K0ABCDEFGHJKMNPQRSTVWXYZ"
PNG = picture("png")
CREATE, LOOK = "POST /v1/generations", f"GET /v1/generations/{ID}"
IMAGE = "GET /kept/fox.png"
Reply = Callable[[Exchange], None]


@dataclass
class Deployment:
    """What a call is answered is laid down by `answers`; of several answers the last one stays."""

    url: str = ""
    key: str = "ezl_PLANTED-KEY"
    laid: dict[str, list[Reply]] = field(default_factory=lambda: defaultdict(list))
    asked: list[Exchange] = field(default_factory=list)

    def answers(self, call: str, *replies: Any, **headers: str) -> None:
        """What this call (`GET /path`) is answered, one after the other: with a body (200), with a status and
        a body, or by a function."""
        for one in replies:
            self.laid[call].append(one if callable(one) else _reply(one, headers))

    def respond(self, exchange: Exchange) -> None:
        """Answer, and remember."""
        self.asked.append(exchange)
        call = f"{exchange.method} {urlsplit(exchange.path).path}"
        replies = self.laid.get(call)
        if not replies:
            exchange.reply(404, problem(404, "not_found", f"nothing is laid down for {call}"))
            return
        (replies.pop(0) if len(replies) > 1 else replies[0])(exchange)

    def calls(self, call: str) -> list[Exchange]:
        """Every time that it came."""
        return [one for one in self.asked if f"{one.method} {urlsplit(one.path).path}" == call]

    def draws(self, *looks: dict[str, Any], picture: bytes = PNG) -> None:
        """A generation that is taken, looked at as told, and then succeeds; with its picture."""
        self.answers(CREATE, (202, generation("queued")), **{"Retry-After": "0"})
        for look in looks:
            self.answers(LOOK, look, **{"Retry-After": "0"})
        self.answers(LOOK, self.succeeded())
        self.answers(IMAGE, picture)

    def succeeded(self, count: int = 1, **fields: Any) -> dict[str, Any]:
        """The generation at its end, with links to this deployment."""
        images = [image(f"{self.url}{IMAGE.removeprefix('GET ')}?number={n}") for n in range(count)]
        return generation("succeeded", images=images, **fields)


def _reply(one: Any, headers: dict[str, str]) -> Reply:
    status, body = one if isinstance(one, tuple) else (200, one)
    return lambda exchange: exchange.reply(status, body, headers)


def money(amount: str, currency: str = "USD") -> dict[str, str]:
    """An amount."""
    return {"amount": amount, "currency": currency}


def image(url: str, data: bytes = PNG) -> dict[str, Any]:
    """A kept image, by its link."""
    return {
        "url": url,
        "s3_uri": f"s3://images/images/{ID}/0.png",
        "content_type": "image/png",
        "width": 64,
        "height": 48,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def generation(status: str, **fields: Any) -> dict[str, Any]:
    """A generation as Easel answers it, with a field that no client knows yet."""
    over = status in ("succeeded", "failed", "canceled", "expired")
    figures = {
        "quoted": money("0.075"),
        "reserved": None,
        "billed": None,
        "possibly_billed": None,
        "refunded": None,
    }
    if status == "succeeded":
        figures["billed"] = money("0.075")
    asks = [] if status == "queued" else [{"number": 1, "route": "mulerouter/qwen-image-max"}]
    return {
        "id": ID,
        "status": status,
        "model": "qwen-image-max",
        "route": "mulerouter/qwen-image-max",
        "created_at": "2026-11-21T12:00:00.000Z",
        "deadline_at": "2026-11-21T12:10:00.000Z",
        "estimated_completion_at": None if over else "2026-11-21T12:00:06.000Z",
        "ended_at": "2026-11-21T12:00:04.200Z" if over else None,
        "request": {"model": "qwen-image-max", "prompt": "A red fox, in snow!"},
        "parameters": None,
        "images": [],
        "shortfall": 0,
        "seed": None,
        "receipt": {**figures, "usd": figures, "aws_estimate": money("0.0003"), "attempts": asks},
        "error": None,
        "metadata": {},
        "batch": None,
        "mood": "from a newer Easel",
        **fields,
    }


def failure(code: str = "moderation", **fields: Any) -> dict[str, Any]:
    """Why a generation did not succeed."""
    return {
        "code": code,
        "message": "The vendor refused the job.",
        "vendor_code": "3001",
        "vendor_message": None,
        "retryable": False,
        **fields,
    }


def problem(status: int, code: str, detail: str, **fields: Any) -> dict[str, Any]:
    """A refusal (RFC 9457)."""
    return {
        "type": f"urn:easel:problem:{code}",
        "title": "No",
        "status": status,
        "detail": detail,
        "code": code,
        **fields,
    }


def batch(status: str, succeeded: int = 0, total: int = 2, **fields: Any) -> dict[str, Any]:
    """A batch as Easel answers it."""
    over = status in ("completed", "stopped", "canceled", "failed")
    rows = {
        "total": total,
        "queued": total - succeeded,
        "running": 0,
        "succeeded": succeeded,
        "failed": 0,
        "refused": 0,
    }
    return {
        "id": BATCH,
        "status": status,
        "created_at": "2026-11-21T12:00:00.000Z",
        "ended_at": "2026-11-21T12:01:00.000Z" if over else None,
        "estimated_end_at": None,
        "rows": rows,
        "images": succeeded,
        "cost": [money("0.15")] if over else [],
        "possibly_billed": [],
        "stop_reason": None,
        "files": {},
        **fields,
    }
