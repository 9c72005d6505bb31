"""Faults that can be ordered from the sandbox vendors: the table of them, and the two ways to order them.

**In a prompt**, for that prompt's job alone, anywhere in its text:

    a lighthouse [sandbox: lost-answer]
    a lighthouse [sandbox: busy=2, slow-task=3]
    a lighthouse [sandbox: submit-503 at=mulerouter] [sandbox: corrupt=1 at=aimlapi]

Names are parted by spaces or commas, a number follows `=`. `at=ENDPOINT` limits a bracket to one endpoint.
What the table does not have draws a 400 in the vendor's own form that names it; so does a fault of polling
at an endpoint that answers at once. Faults of links do nothing where a picture travels inside the answer.

**By chance**, for a share of all submits whose prompts order nothing themselves, through the control API:

    POST /_sandbox/faults {"share": 0.2, "faults": ["lost-answer", "slow-task=3"], "seed": 1}

Each such submit gets at most one of the faults. Whether, is drawn from the seed and the number of the
submit; which, comes off a shuffled deck, so that each fault has its turn. `"endpoints": [...]` limits the
plan. GET shows the table and the plan, DELETE ends the plan.

The number is, by the fault's unit: `submits`, how many submits of the same prompt at the same endpoint the
fault strikes, before it goes well (left out: all; a fault that came by chance strikes its own submit once);
`polls`, how many polls of the task; `images`, how many of its images, the first ones (left out: all);
`fetches`, how many GETs of each link; `seconds`.

What is billed is what the vendor's rule makes of it: an answer that is lost, late or unreadable changes
nothing about the job that was taken; a failed task is free (DashScope, AI/ML API), refunded (PixelDojo) or
as `mulerouter.FAILED_IS_BILLED` says; images that a task does not deliver are not billed, those that are
damaged or cannot be fetched are. AI/ML API does not fail a moderated job, it delivers and bills a black
picture. What a test can prove it with: control.py, `ledger` and `submits`.

A new fault is a row in `KINDS` and, if nothing there does it yet, a function in fault_acts.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from local.sandbox import fault_acts as acts
from local.sandbox.wire import Answer, Request, Vendor

if TYPE_CHECKING:
    from local.sandbox.tasks import Task

DIRECTIVE = re.compile(r"\[\s*sandbox\b(?P<colon>\s*:)?(?P<words>[^\]]*)(?P<end>\]?)", re.IGNORECASE)
MOST_SECONDS = 3600.0


@dataclass(frozen=True)
class Kind:
    """A row of the table: exactly one of the acts is set, by the place where the fault strikes.

    `amount` is the number where none is given; `polled`: makes sense only where a task is polled.
    """

    name: str
    does: str
    unit: str
    amount: float
    polled: bool = False
    before_submit: Callable[[Vendor, Request], Answer] | None = None
    after_submit: Callable[[Answer, float], Answer] | None = None
    on_task: Callable[[Task, float], None] | None = None
    on_poll: Callable[[Vendor, Request], Answer] | None = None
    spoil_picture: Callable[[bytes], bytes] | None = None
    on_fetch: Callable[[acts.Fetch], Answer] | None = None


@dataclass(frozen=True)
class Fault:
    """A kind with its number, as it was ordered in `text`."""

    kind: Kind
    amount: float
    text: str


class FaultError(ValueError):
    """An order of a fault that cannot be met."""


def _refusing(
    name: str, does: str, act: Callable[[Vendor, Request], Answer], amount: float = math.inf
) -> Kind:
    return Kind(name, does + "; no job is taken", "submits", amount, before_submit=act)


def _answering(name: str, does: str, act: Callable[[Answer, float], Answer]) -> Kind:
    return Kind(name, "the job is taken, " + does, "submits", math.inf, after_submit=act)


def _task(
    name: str, does: str, act: Callable[[Task, float], None], unit: str = "", amount: float = 0
) -> Kind:
    return Kind(name, does, unit, amount, polled=unit == "polls", on_task=act)


def _poll(name: str, does: str, act: Callable[[Vendor, Request], Answer]) -> Kind:
    return Kind(name, does, "polls", 2, polled=True, on_poll=act)


def _picture(name: str, does: str, act: Callable[[bytes], bytes]) -> Kind:
    return Kind(name, does, "images", math.inf, spoil_picture=act)


def _fetch(
    name: str,
    does: str,
    act: Callable[[acts.Fetch], Answer],
    unit: str = "images",
    amount: float = math.inf,
) -> Kind:
    return Kind(name, does, unit, amount, on_fetch=act)


_ROWS = (
    _refusing("reset-before", "the connection is reset", acts.reset),
    _refusing("submit-429", "429 in the vendor's form, without Retry-After", acts.own(429)),
    _refusing("submit-429-wait", "429 with Retry-After: 2", acts.own(429, ("Retry-After", "2"))),
    _refusing("busy", "429 in the vendor's form, for a burst", acts.own(429), 3),
    _refusing("submit-500", "500 in the vendor's form", acts.own(500)),
    _refusing("submit-503", "503 in the vendor's form", acts.own(503)),
    _refusing("submit-500-bare", "500 without the vendor's body", acts.bare(500)),
    _refusing("submit-502", "502 with a proxy's page", acts.page(502)),
    _refusing("submit-504", "504 with a proxy's page", acts.page(504)),
    _answering("lost-answer", "the connection is closed without an answer", acts.lose),
    _answering("submit-502-taken", "502 with a proxy's page", acts.hide_behind_page(502)),
    _answering("submit-504-taken", "504 with a proxy's page", acts.hide_behind_page(504)),
    _answering("submit-html", "200 with a page in place of the answer", acts.hide_behind_page(200)),
    _answering("submit-no-id", "the vendor's success status with {}", acts.empty),
    Kind("slow-submit", "the job is taken, its answer comes late", "seconds", 5, after_submit=acts.delay),
    _task("stuck", "the task never ends; a call that waits for it is closed in the end", acts.never_end),
    _task("slow-task", "the task takes this long", acts.take, "seconds", 10),
    _task("fail-transient", "the task fails by the vendor's fault", acts.fail("transient")),
    _task("fail-moderation", "the task fails by its content", acts.fail("moderation")),
    _task("fail-validation", "the task fails by its parameters", acts.fail("validation")),
    _task("unknown-word", "polls name a status that no document lists", acts.say_odd_word, "polls", 2),
    _task("vanish", "after so many polls the task is unknown", acts.vanish, "polls", 1),
    _poll("poll-429", "polls are answered 429 in the vendor's form", acts.own(429)),
    _poll("poll-500", "polls are answered 500 in the vendor's form", acts.own(500)),
    _poll("poll-502", "polls are answered 502 with a proxy's page", acts.page(502)),
    _poll("poll-503", "polls are answered 503 in the vendor's form", acts.own(503)),
    _poll("poll-504", "polls are answered 504 with a proxy's page", acts.page(504)),
    _poll("lost-poll", "polls end in a closed connection", acts.hang_up),
    _task("short", "so many images fewer than asked, but one at least", acts.shorten, "images", 1),
    _task("no-images", "the task succeeds without an image", acts.deliver_nothing),
    _task("foreign-host", "links name a host that no vendor has", acts.name_foreign_host),
    _task("inline", "data URIs stand where links are expected", acts.send_inline),
    _picture("corrupt", "bytes in the image's middle are damaged", acts.damage),
    _picture("cut", "a whole HTTP body that ends before the image does", acts.cut_off),
    _picture("html", "an error page under status 200 and the image's type", acts.replace_by_page),
    _fetch("truncated", "the connection ends before the announced length", acts.truncate),
    _fetch("flaky-link", "fetches are truncated, then it goes well", acts.truncate_at_first, "fetches", 1),
    _fetch("slow-link", "the image trickles in", acts.trickle, "seconds", 5),
    _fetch("huge", "65 MiB are announced and sent", acts.inflate(announced=True)),
    _fetch("huge-stream", "65 MiB are sent without a length", acts.inflate(announced=False)),
    _fetch("expired-link", "403 as the vendor's storage answers", acts.expire),
    _fetch("redirect", "302 to another path of the sandbox, which serves the image", acts.move),
    _fetch("redirect-private", "302 to 169.254.169.254", acts.move_to_private),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ROWS}


def read_prompt(prompt: str, endpoint: str, endpoints: Iterable[str], *, polled: bool) -> tuple[Fault, ...]:
    """The faults that a prompt orders at `endpoint`. Raises FaultError."""
    faults: list[Fault] = []
    for directive in DIRECTIVE.finditer(prompt):
        if not directive["colon"] or not directive["end"]:
            raise FaultError("a directive is written [sandbox: NAME NAME=NUMBER]")
        words = directive["words"].replace(",", " ").split()
        places = [word.removeprefix("at=") for word in words if word.startswith("at=")]
        if unknown := set(places) - set(endpoints):
            raise FaultError(f"no endpoint {min(unknown)[:80]!r}; there are {', '.join(endpoints)}")
        ordered = [read_fault(word) for word in words if not word.startswith("at=")]
        if not ordered:
            raise FaultError("a directive names at least one fault; there are " + ", ".join(KINDS))
        if not places or endpoint in places:
            faults += ordered
    if not polled and (astray := [fault.text for fault in faults if fault.kind.polled]):
        raise FaultError(f"{astray[0]} needs a task that is polled, and this call answers at once")
    return tuple(faults)


def read_fault(word: str) -> Fault:
    """`name` or `name=number`. Raises FaultError."""
    name, given, number = word.partition("=")
    kind = KINDS.get(name)
    if kind is None:
        raise FaultError(f"no fault {name[:80]!r}; there are {', '.join(KINDS)}")
    return Fault(kind, _amount(kind, number) if given else kind.amount, word)


def _amount(kind: Kind, number: str) -> float:
    if not kind.unit:
        raise FaultError(f"{kind.name} takes no number")
    pattern = r"[0-9]{1,4}(\.[0-9]{1,6})?" if kind.unit == "seconds" else r"[0-9]{1,6}"
    if not re.fullmatch(pattern, number) or (kind.unit == "seconds" and float(number) > MOST_SECONDS):
        limit = f" from 0 to {MOST_SECONDS:.0f}" if kind.unit == "seconds" else ""
        raise FaultError(f"{kind.name} takes a number of {kind.unit}{limit}")
    return float(number)


def once(fault: Fault) -> Fault:
    """The fault as chance orders it: for its own submit, whatever number of submits it was given."""
    return replace(fault, amount=math.inf) if fault.kind.unit == "submits" else fault
