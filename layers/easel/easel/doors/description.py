"""The HTTP API's calls that say what there is: the description for programs, and the page for people."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from easel.catalogue import Catalogue
from easel.doors.http_input import header
from easel.openapi.description import description
from easel.openapi.page import Page, page

KEPT_SECONDS = 300  # by whoever reads it; a deployment may bring another


@dataclass(frozen=True, slots=True)
class Document:
    """A text that is the same for everybody, as it is answered."""

    content_type: str
    text: str
    policy: str | None = None

    @property
    def etag(self) -> str:
        """Names the text by its content."""
        return f'"{hashlib.sha256(self.text.encode()).hexdigest()[:32]}"'

    @property
    def headers(self) -> dict[str, str | list[str]]:
        """What its answers' headers say."""
        told: dict[str, str | list[str]] = {
            "Cache-Control": f"public, max-age={KEPT_SECONDS}",
            "ETag": self.etag,
            "X-Content-Type-Options": "nosniff",
        }
        if self.policy is not None:
            told["Content-Security-Policy"] = self.policy
            told["Referrer-Policy"] = "no-referrer"
        return told


@dataclass(frozen=True, slots=True)
class DescriptionDoor:
    """Says what the API is."""

    catalogue: Catalogue

    def add_calls(self, app: APIGatewayHttpResolver) -> None:
        """The calls. Each document is made when it is first asked for, and kept."""

        @cache
        def described() -> Document:
            text = json.dumps(description(self.catalogue), ensure_ascii=False)
            return Document("application/json", text)

        @cache
        def shown() -> Document:
            made: Page = page(description(self.catalogue))
            return Document("text/html; charset=utf-8", made.html, made.policy)

        @app.get("/openapi.json")
        def openapi() -> Response[str]:
            return answer(app, described())

        @app.get("/docs")
        def docs() -> Response[str]:
            return answer(app, shown())


def answer(app: APIGatewayHttpResolver, document: Document) -> Response[str]:
    """The document, or 304 where the reader has it already."""
    known = [one.strip().removeprefix("W/") for one in (header(app, "if-none-match") or "").split(",")]
    if document.etag in known or "*" in known:
        return Response(304, document.content_type, "", headers=document.headers)
    return Response(200, document.content_type, document.text, headers=document.headers)
