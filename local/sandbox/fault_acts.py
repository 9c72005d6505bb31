"""What the faults do: to a submit, to a task, to a poll, to a picture's bytes, to the fetch of a picture."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from local.sandbox.wire import Answer, Manner, Request, Vendor, text_answer

if TYPE_CHECKING:
    from local.sandbox.tasks import Task

HUGE_BYTES = 65 * 2**20  # beyond any image: 64 MiB and a little
PRIVATE_LINK = "http://169.254.169.254/latest/meta-data/"  # where clouds keep the credentials of a machine
FOREIGN_HOST = "https://pictures.example.invalid"  # RFC 2606: a name that nobody ever owns
MESSAGES = {
    429: "Requests rate limit exceeded, please try again later.",
    500: "An internal error has occurred.",
    503: "The service is temporarily unavailable.",
}
PHRASES = {200: "It works", 500: "Internal Server Error", 502: "Bad Gateway", 504: "Gateway Time-out"}

Refuse = Callable[[Vendor, Request], Answer]
Change = Callable[[Answer, float], Answer]


# Instead of an answer, to a submit (no job is taken then) or to a poll.


def hang_up(vendor: Vendor, request: Request) -> Answer:
    """The connection is closed without an answer."""
    return Answer(0, b"", manner=Manner(hang_up="close"))


def reset(vendor: Vendor, request: Request) -> Answer:
    """The connection is reset."""
    return Answer(0, b"", manner=Manner(hang_up="reset"))


def own(status: int, *headers: tuple[str, str]) -> Refuse:
    """A refusal with the vendor's own body."""
    return lambda vendor, request: vendor.refuse(request, status, MESSAGES[status], *headers)


def bare(status: int) -> Refuse:
    """A refusal without any vendor's body."""
    return lambda vendor, request: text_answer(status, PHRASES[status])


def page(status: int) -> Refuse:
    """A proxy's page."""
    return lambda vendor, request: proxy_page(status)


def proxy_page(status: int) -> Answer:
    """What a proxy says in a vendor's place."""
    title = f"{status} {PHRASES[status]}"
    html = f"<html>\r\n<head><title>{title}</title></head>\r\n<body><h1>{title}</h1></body>\r\n</html>\r\n"
    return Answer(status, html.encode("ascii"), "text/html")


# To the answer to a submit whose job was taken.


def lose(answer: Answer, amount: float) -> Answer:
    """The answer is never sent."""
    return Answer(0, b"", manner=replace(_manner(answer), hang_up="close"))


def delay(answer: Answer, amount: float) -> Answer:
    """The answer comes `amount` seconds late."""
    return replace(answer, manner=replace(_manner(answer), before_seconds=amount))


def hide_behind_page(status: int) -> Change:
    """A proxy's page stands in the answer's place."""
    return lambda answer, amount: replace(proxy_page(status), manner=answer.manner)


def empty(answer: Answer, amount: float) -> Answer:
    """The status stays, the body is an object without anything in it."""
    return replace(answer, body=b"{}")


def _manner(answer: Answer) -> Manner:
    """The manner so far: faults add up."""
    return answer.manner or Manner()


# To a task, as it is accepted.


def never_end(task: Task, amount: float) -> None:
    """It runs forever."""
    task.done_at = math.inf


def take(task: Task, amount: float) -> None:
    """It takes `amount` seconds."""
    task.done_at = task.accepted_at + amount
    task.started_at = min(task.started_at, task.done_at)


def fail(kind: str) -> Callable[[Task, float], None]:
    """It fails in the vendor's own words, where the vendor has words for this."""

    def act(task: Task, amount: float) -> None:
        task.failure = task.order.failures.get(kind, task.failure)

    return act


def say_odd_word(task: Task, amount: float) -> None:
    """Its first `amount` polls are answered with a status that nobody knows."""
    task.odd_polls = amount


def vanish(task: Task, amount: float) -> None:
    """After `amount` polls nobody knows it."""
    task.known_polls = amount


def shorten(task: Task, amount: float) -> None:
    """`amount` images are missing; one stays."""
    task.delivered = max(1, task.delivered - int(amount))


def deliver_nothing(task: Task, amount: float) -> None:
    """It succeeds without an image."""
    task.delivered = 0


def name_foreign_host(task: Task, amount: float) -> None:
    """Its links name a host that no vendor has."""
    task.host = FOREIGN_HOST


def send_inline(task: Task, amount: float) -> None:
    """Its images travel inside the answer."""
    task.inline = True


# To a picture's bytes. Each leaves the first bytes as they are, or makes it no picture at all.


def damage(data: bytes) -> bytes:
    """The middle is overwritten with what a PNG's checksums and a JPEG's syntax both forbid."""
    middle, size = len(data) // 2, min(256, len(data) // 8)
    return data[:middle] + b"\xff\x02" * (size // 2) + data[middle + size // 2 * 2 :]


def cut_off(data: bytes) -> bytes:
    """The last third is missing."""
    return data[: len(data) * 2 // 3]


def replace_by_page(data: bytes) -> bytes:
    """An error page."""
    return proxy_page(500).body


# To the fetch of a picture.


@dataclass(frozen=True)
class Fetch:
    """One GET of a link: `answer` is the picture, `amount` the fault's number, `count` this GET's from 1.

    `moved`: the link was reached through a redirect of the sandbox's own.
    """

    request: Request
    task: Task
    answer: Answer
    amount: float
    count: int
    moved: bool


def truncate(fetch: Fetch) -> Answer:
    """More bytes are announced than come."""
    half = len(fetch.answer.body) // 2
    manner = replace(_manner(fetch.answer), missing_bytes=len(fetch.answer.body) - half)
    return replace(fetch.answer, body=fetch.answer.body[:half], manner=manner)


def truncate_at_first(fetch: Fetch) -> Answer:
    """As `truncate`, for the first `amount` fetches."""
    return truncate(fetch) if fetch.count <= fetch.amount else fetch.answer


def trickle(fetch: Fetch) -> Answer:
    """The body comes in pieces over `amount` seconds."""
    return replace(fetch.answer, manner=replace(_manner(fetch.answer), over_seconds=fetch.amount))


def inflate(*, announced: bool) -> Callable[[Fetch], Answer]:
    """Zeros follow the picture, beyond any limit."""

    def act(fetch: Fetch) -> Answer:
        manner = replace(_manner(fetch.answer), filler_bytes=HUGE_BYTES, announced=announced)
        return replace(fetch.answer, manner=manner)

    return act


def expire(fetch: Fetch) -> Answer:
    """As the vendor's storage answers for a link that is too old."""
    return expired(fetch.task)


def move(fetch: Fetch) -> Answer:
    """The picture lies at another path of the sandbox."""
    if fetch.moved:
        return fetch.answer
    place, _, name = fetch.request.path.rpartition("/")
    query = f"?{fetch.request.query}" if fetch.request.query else ""
    return _found(f"{fetch.request.base_url}/files{place}/moved/{name}{query}")


def move_to_private(fetch: Fetch) -> Answer:
    """The picture is said to lie where only this machine may look."""
    return _found(PRIVATE_LINK)


def _found(link: str) -> Answer:
    return Answer(302, b"", "text/plain", (("Location", link),))


def expired(task: Task) -> Answer:
    """The storage's refusal of an old link: a document at DashScope's (OSS), a text elsewhere."""
    if not task.order.endpoint.startswith("dashscope"):
        return text_answer(403, "Request has expired.")
    document = "<Error>\n  <Code>AccessDenied</Code>\n  <Message>Request has expired.</Message>\n</Error>\n"
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return Answer(403, (head + document).encode("ascii"), "application/xml")
