"""What a call of the native API is: what it takes, answers and refuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from easel.domain.tenancy import Scope
from easel.errors import (
    ForbiddenError,
    InternalError,
    InvalidRequestError,
    LimitReachedError,
    MalformedRequestError,
    NotFoundError,
    RequestError,
    UnauthorizedError,
    UnsupportedMediaError,
)
from easel.openapi.words import WORDS, Words

Schema = dict[str, Any]
JSON, HTML = "application/json", "text/html"
ALWAYS = (InternalError,)
KEYED = (UnauthorizedError, ForbiddenError, *ALWAYS)
FOUND = (*KEYED, NotFoundError)
POSTED = (*KEYED, MalformedRequestError, UnsupportedMediaError, InvalidRequestError)
ASKED = (*POSTED, LimitReachedError)
PRIVATE = ("Cache-Control",)
WAITS = ("Cache-Control", "Retry-After")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One that stands in the path, the query or a header."""

    name: str
    where: str
    about: str
    schema: Schema
    example: Any = None


@dataclass(frozen=True, slots=True)
class Told:
    """One answer of a call. Of `headers`, those in `sure` are always there. `links` are calls that go on from
    it: operation id, and the parameter that is taken out of the answer."""

    model: type[BaseModel] | tuple[type[BaseModel], ...] | None
    about: str
    headers: tuple[str, ...] = PRIVATE
    sure: tuple[str, ...] = ()
    links: tuple[tuple[str, str, str], ...] = ()
    content_type: str = JSON


@dataclass(frozen=True, slots=True)
class Call:
    """One operation. `scope` is what its key must allow; without one any key will do, or none (`OPEN`)."""

    method: str
    path: str
    id: str
    tag: str
    scope: Scope | None
    told: Mapping[int, Told]
    refusals: Sequence[type[RequestError]]
    parameters: tuple[Parameter, ...] = ()
    body: type[BaseModel] | None = None
    body_files: Sequence[str] = ()  # media types of files that may stand in its place
    body_needed: bool = True
    idempotent: bool = False
    words: Words = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", WORDS[self.id])
