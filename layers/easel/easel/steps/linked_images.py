"""Images behind links: looked at before a vendor is asked, where they can be reached from here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urljoin

from easel.domain.addresses import closed
from easel.domain.input_images import START_BYTES, check_start
from easel.errors import (
    AddressRefusedError,
    AnswerLostError,
    FieldProblem,
    ImageInvalidError,
    NotSentError,
)
from easel.ports import Clock, Links
from easel.wire import HttpResponse

LINK_SECONDS = 3.0  # for one link
LINKS_SECONDS = 5.0  # for all of a request
REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class LinkedImages:
    """Looks at the first bytes of links. What is certainly wrong is refused.

    What cannot be told is left to the vendor: a host that does not answer here in time, or with an error or
    a redirect to another public one over TLS, may answer there; of an image that says its size late, or is
    broken further on, no more is read.
    """

    links: Links
    clock: Clock

    def problems(self, links: Mapping[int, str]) -> list[FieldProblem]:
        """What is wrong with a request's links, each by its number among the images."""
        ends = self.clock.now() + timedelta(seconds=LINKS_SECONDS)
        problems = []
        for number, link in links.items():
            left = (ends - self.clock.now()).total_seconds()
            if left <= 0:
                break
            try:
                self._check(link, min(LINK_SECONDS, left))
            except AddressRefusedError as error:
                problems.append(FieldProblem(f"images.{number}", f"cannot be fetched: {error}"))
            except ImageInvalidError as error:
                problems.append(FieldProblem(f"images.{number}", str(error)))
        return problems

    def _check(self, link: str, seconds: float) -> None:
        try:
            answer = self.links.head_bytes(link, START_BYTES, seconds)
        except (NotSentError, AnswerLostError):
            return
        if answer.status in REDIRECTS:
            if why := _closed_redirect(link, answer.headers.get("location", "")):
                raise AddressRefusedError(f"it redirects to where it must not: that {why}")
        elif answer.status == 200 and answer.headers.get("content-encoding", "identity") == "identity":
            check_start(answer.body, announced_length(answer))


def _closed_redirect(link: str, location: str) -> str | None:
    try:
        return closed(urljoin(link, location))
    except ValueError:
        return "is not a URL"


def announced_length(answer: HttpResponse) -> int | None:
    """The body's length in bytes, where the answer says it."""
    text = answer.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
