"""The calls of the native API, one by one: what each takes, answers and refuses."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from easel.domain.batch_order import BatchBounds, BatchOrder
from easel.domain.generation import Status
from easel.domain.ids import BATCH_ID, GENERATION_ID
from easel.domain.input_images import UploadRequest
from easel.domain.request import Submission
from easel.domain.tenancy import Scope
from easel.errors import (
    BudgetReachedError,
    ConflictError,
    ForbiddenError,
    IdempotencyMismatchError,
    InternalError,
    InvalidRequestError,
    LimitReachedError,
    MalformedRequestError,
    NotFoundError,
    RequestError,
    UnauthorizedError,
    UnsupportedMediaError,
)
from easel.openapi import account_answers as account
from easel.openapi import answers
from easel.openapi.words import WORDS, Words
from easel.steps.read import LIST_DEFAULT, LIST_MAX, WAIT_SECONDS_MAX

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
    """One operation. `scope` is what its key must allow; without one it needs no key."""

    method: str
    path: str
    id: str
    tag: str
    scope: Scope | None
    told: Mapping[int, Told]
    refusals: Sequence[type[RequestError]]
    parameters: tuple[Parameter, ...] = ()
    body: type[BaseModel] | None = None
    body_needed: bool = True
    idempotent: bool = False
    words: Words = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", WORDS[self.id])


GENERATION = Parameter(
    "id", "path", "The generation's id.", {"type": "string", "pattern": f"^{GENERATION_ID.pattern}$"}
)
BATCH = Parameter("id", "path", "The batch's id.", {"type": "string", "pattern": f"^{BATCH_ID.pattern}$"})
WAIT = Parameter(
    "wait",
    "query",
    "Holds the answer until the generation has ended or so many seconds are over.",
    {"type": "integer", "minimum": 0, "maximum": WAIT_SECONDS_MAX, "default": 0},
)
PREFER = Parameter(
    "Prefer",
    "header",
    f"`wait=N` holds the answer until the generation has ended or N seconds are over, {WAIT_SECONDS_MAX} at "
    "most (RFC 7240). Other preferences are left alone.",
    {"type": "string"},
)
IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "header",
    "Makes it safe to send the request again: the same key with the same body is the same request for 24 "
    "hours, with another body it is refused. In quotes or bare.",
    {"type": "string", "minLength": 1, "maxLength": 257, "pattern": r'^("[ !#-~]{1,255}"|[!#-~]{1,255})$'},
    "8e03978e-40d5-43dd-bc93-6894a57f9324",
)
PAGE = (
    Parameter("status", "query", "Only those of this status.", {"enum": [one.value for one in Status]}),
    Parameter("model", "query", "Only those of this model.", {"type": "string"}),
    Parameter(
        "limit",
        "query",
        "How many a page may hold.",
        {"type": "integer", "minimum": 1, "maximum": LIST_MAX, "default": LIST_DEFAULT},
    ),
    Parameter(
        "cursor",
        "query",
        "The `next_cursor` of the page before.",
        {"type": "string", "pattern": f"^{GENERATION_ID.pattern}$"},
    ),
)
DAYS = tuple(
    Parameter(name, "query", about, {"type": "string", "format": "date"})
    for name, about in (
        ("from", "The first day, in UTC."),
        ("to", "The last day, in UTC; today unless named."),
        ("cursor", "The `next_cursor` of the page before; a page has a year at most, the latest first."),
    )
)
MODEL = Parameter("model", "path", "The model's name.", {"type": "string", "minLength": 1}, "qwen-image-max")

TAKEN = (
    ("getGeneration", "id", "$response.body#/id"),
    ("listEvents", "id", "$response.body#/id"),
    ("cancelGeneration", "id", "$response.body#/id"),
    ("listDeliveries", "id", "$response.body#/id"),
    ("redeliver", "id", "$response.body#/id"),
)
MADE = tuple((name, "id", "$response.body#/id") for name in ("getBatch", "cancelBatch", "resumeBatch"))
RATES = ("RateLimit", "RateLimit-Policy")

GENERATIONS = (
    Call(
        "POST", "/v1/generations", "createGeneration", "Generations", Scope.GENERATE,
        {
            202: Told(
                answers.Generation, "It is taken.", (*WAITS, "Location", "Preference-Applied", *RATES),
                ("Location", "Retry-After"), TAKEN,
            ),
            200: Told(
                (answers.Generation, account.Plan),
                "It has ended already: it was waited for, or the Idempotency-Key came before. "
                "With `dry_run`: the plan.",
                ("Cache-Control", "Location", "Preference-Applied", *RATES),
            ),
        },
        (*ASKED, BudgetReachedError, ConflictError, IdempotencyMismatchError),
        (PREFER,), Submission, idempotent=True,
    ),
    Call(
        "GET", "/v1/generations", "listGenerations", "Generations", Scope.READ,
        {200: Told(answers.GenerationPage, "A page.")},
        (*KEYED, InvalidRequestError), PAGE,
    ),
    Call(
        "GET", "/v1/generations/{id}", "getGeneration", "Generations", Scope.READ,
        {200: Told(answers.Generation, "The generation, with fresh links.", WAITS)},
        (*FOUND, InvalidRequestError), (GENERATION, WAIT),
    ),
    Call(
        "GET", "/v1/generations/{id}/events", "listEvents", "Generations", Scope.READ,
        {200: Told(answers.EventLog, "The attempt log.")},
        FOUND, (GENERATION,),
    ),
    Call(
        "POST", "/v1/generations/{id}/cancel", "cancelGeneration", "Generations", Scope.GENERATE,
        {200: Told(answers.Generation, "It is canceled.", WAITS)},
        (*FOUND, ConflictError), (GENERATION,),
    ),
    Call(
        "POST", "/v1/uploads", "createUpload", "Generations", Scope.GENERATE,
        {201: Told(account.Upload, "A place for the image.")},
        POSTED, (), UploadRequest,
    ),
)  # fmt: skip

BATCHES = (
    Call(
        "POST", "/v1/batches", "createBatch", "Batches", Scope.BATCH,
        {
            202: Told(
                account.Batch, "It is taken, or was before.", (*WAITS, "Location"), ("Location",), MADE
            )
        },
        (*ASKED, NotFoundError, IdempotencyMismatchError), (), BatchOrder, idempotent=True,
    ),
    Call(
        "GET", "/v1/batches/{id}", "getBatch", "Batches", Scope.BATCH,
        {200: Told(account.Batch, "The batch.", WAITS)},
        FOUND, (BATCH,),
    ),
    Call(
        "POST", "/v1/batches/{id}/cancel", "cancelBatch", "Batches", Scope.BATCH,
        {200: Told(account.Batch, "No further row is started.", WAITS)},
        (*FOUND, ConflictError), (BATCH,),
    ),
    Call(
        "POST", "/v1/batches/{id}/resume", "resumeBatch", "Batches", Scope.BATCH,
        {202: Told(account.Batch, "It goes on.", (*WAITS, "Location"), ("Location",))},
        (*POSTED, NotFoundError, ConflictError), (BATCH,), BatchBounds, body_needed=False,
    ),
)  # fmt: skip

WEBHOOKS = (
    Call(
        "GET", "/v1/generations/{id}/deliveries", "listDeliveries", "Webhooks", Scope.READ,
        {200: Told(account.DeliveryList, "Every delivery.")},
        FOUND, (GENERATION,),
    ),
    Call(
        "POST", "/v1/generations/{id}/deliveries", "redeliver", "Webhooks", Scope.WEBHOOK,
        {202: Told(account.Delivery, "It is told again.")},
        (*FOUND, ConflictError), (GENERATION,),
    ),
    Call(
        "GET", "/v1/webhook-secret", "getWebhookKeys", "Webhooks", Scope.WEBHOOK,
        {200: Told(account.WebhookKeys, "The keys.")}, KEYED,
    ),
)  # fmt: skip

CATALOGUE = (
    Call(
        "GET", "/v1/models", "listModels", "Models and usage", Scope.READ,
        {
            200: Told(
                account.ModelList, "Every model.", (),
                links=(("getModel", "model", "$response.body#/data/0/id"),),
            )
        },
        KEYED,
    ),
    Call(
        "GET", "/v1/models/{model}", "getModel", "Models and usage", Scope.READ,
        {200: Told(account.Model, "The model.", ())}, FOUND, (MODEL,),
    ),
    Call(
        "GET", "/v1/usage", "getUsage", "Models and usage", Scope.USAGE,
        {200: Told(account.Usage, "What was spent.")}, (*KEYED, InvalidRequestError), DAYS,
    ),
)  # fmt: skip

OPEN = (
    Call(
        "GET", "/healthz", "getHealth", "About", None,
        {200: Told(account.Alive, "It answers.", ())}, ALWAYS,
    ),
    Call(
        "GET", "/openapi.json", "getDescription", "About", None,
        {200: Told(None, "This description.", ("Cache-Control", "ETag")),
         304: Told(None, "It is as it was.", ("Cache-Control", "ETag"), content_type="")},
        ALWAYS,
    ),
    Call(
        "GET", "/docs", "getPage", "About", None,
        {200: Told(None, "The page.", ("Cache-Control", "ETag"), content_type=HTML),
         304: Told(None, "It is as it was.", ("Cache-Control", "ETag"), content_type="")},
        ALWAYS,
    ),
)  # fmt: skip

CALLS = (*GENERATIONS, *BATCHES, *WEBHOOKS, *CATALOGUE, *OPEN)
PATHS = {
    path: re.compile(re.sub(r"{[^}]+}", "[^/]+", re.escape(path).replace(r"\{", "{").replace(r"\}", "}")))
    for path in dict.fromkeys(call.path for call in CALLS)
}


def methods_at(path: str) -> tuple[str, ...]:
    """The methods with which there is a call under this path; none where there is nothing."""
    found = [known for known, form in PATHS.items() if form.fullmatch(path)]
    return tuple(sorted({call.method for call in CALLS if call.path in found}))
