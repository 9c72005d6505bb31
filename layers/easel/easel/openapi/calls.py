"""The calls of the native API, one by one."""

import re

from easel.domain.batch_order import COUNT_MAX, USD, BatchBounds, BatchOrder
from easel.domain.generation import Status
from easel.domain.ids import BATCH_ID, BATCH_PLACE, GENERATION_ID
from easel.domain.rows import BODY_FORMS
from easel.domain.submission import Submission
from easel.domain.tenancy import Scope
from easel.domain.uploads import UploadRequest
from easel.errors import (
    BudgetReachedError,
    ConflictError,
    IdempotencyMismatchError,
    InvalidRequestError,
    NotFoundError,
)
from easel.openapi import account_answers as account
from easel.openapi import answers
from easel.openapi import batch_answers as batches
from easel.openapi.call import ALWAYS, ASKED, FOUND, HTML, KEYED, POSTED, WAITS, Call, Parameter, Told
from easel.openapi.key_calls import KEYS
from easel.steps.read import LIST_DEFAULT, LIST_MAX, WAIT_SECONDS_MAX

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
LIMIT = Parameter(
    "limit",
    "query",
    "How many a page may hold.",
    {"type": "integer", "minimum": 1, "maximum": LIST_MAX, "default": LIST_DEFAULT},
)
PAGE = (
    Parameter("status", "query", "Only those of this status.", {"enum": [one.value for one in Status]}),
    Parameter("model", "query", "Only those of this model.", {"type": "string"}),
    LIMIT,
    Parameter(
        "cursor",
        "query",
        "The `next_cursor` of the page before.",
        {"type": "string", "pattern": f"^{GENERATION_ID.pattern}$"},
    ),
)
BATCH_PAGE = (
    LIMIT,
    Parameter(
        "cursor",
        "query",
        "The `next_cursor` of the page before.",
        {"type": "string", "pattern": f"^{BATCH_PLACE.pattern}$"},
    ),
)
BOUNDS = tuple(
    Parameter(name, "query", f"{about} A JSON body's own comes first.", schema)
    for name, about, schema in (
        ("max_concurrency", "Rows at a time.", {"type": "integer", "minimum": 1, "maximum": COUNT_MAX}),
        (
            "tolerated_failures",
            "Rows that may fail before no further row is started.",
            {"type": "integer", "minimum": 0, "maximum": COUNT_MAX},
        ),
        ("max_cost_usd", "Dollars that all rows may cost.", {"type": "string", "pattern": f"^{USD}$"}),
    )
)
DRY_RUN = Parameter(
    "dry_run",
    "query",
    "Only says what is wrong with the rows, and what they may cost. A JSON body may say so itself.",
    {"type": "boolean", "default": False},
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
                batches.Batch, "It is taken, or was before.", (*WAITS, "Location"), ("Location",), MADE
            ),
            200: Told(batches.BatchPlan, "With `dry_run`: what it would come to."),
        },
        (*ASKED, NotFoundError, IdempotencyMismatchError),
        (*BOUNDS, DRY_RUN), BatchOrder, tuple(BODY_FORMS), idempotent=True,
    ),
    Call(
        "GET", "/v1/batches", "listBatches", "Batches", Scope.BATCH,
        {200: Told(batches.BatchPage, "A page.")},
        (*KEYED, InvalidRequestError), BATCH_PAGE,
    ),
    Call(
        "GET", "/v1/batches/{id}", "getBatch", "Batches", Scope.BATCH,
        {200: Told(batches.Batch, "The batch.", WAITS)},
        FOUND, (BATCH,),
    ),
    Call(
        "POST", "/v1/batches/{id}/cancel", "cancelBatch", "Batches", Scope.BATCH,
        {200: Told(batches.Batch, "No further row is started.", WAITS)},
        (*FOUND, ConflictError), (BATCH,),
    ),
    Call(
        "POST", "/v1/batches/{id}/resume", "resumeBatch", "Batches", Scope.BATCH,
        {202: Told(batches.Batch, "It goes on.", (*WAITS, "Location"), ("Location",))},
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

CALLS = (*GENERATIONS, *BATCHES, *WEBHOOKS, *CATALOGUE, *KEYS, *OPEN)
PATHS = {
    path: re.compile(re.sub(r"{[^}]+}", "[^/]+", re.escape(path).replace(r"\{", "{").replace(r"\}", "}")))
    for path in dict.fromkeys(call.path for call in CALLS)
}


def methods_at(path: str) -> tuple[str, ...]:
    """The methods with which there is a call under this path; none where there is nothing."""
    found = [known for known, form in PATHS.items() if form.fullmatch(path)]
    return tuple(sorted({call.method for call in CALLS if call.path in found}))
