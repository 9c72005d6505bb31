"""The description's texts, in Markdown, and its examples of what callers send."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Words(NamedTuple):
    """An operation in a line, and more of it."""

    summary: str
    text: str


TITLE = "Easel"
ABOUT = """\
One API over every vendor of Qwen-Image. A request becomes a *generation* with an id at once; Easel asks
a vendor, verifies the picture, keeps it in your bucket, and only then says `succeeded`.

**Keys.** Send `Authorization: Bearer KEY`. A key has scopes (`generate`, `read`, `batch`, `usage`,
`webhook`; `admin` only where that is said), and may have limits: of requests a minute, of generations
at a time, and of money. A limit that is reached answers 429, or 402 for money, and says which one and
whose. `GET /v1/key` tells a key what it may do.

**Paid once.** A vendor is asked at most once for a picture, unless it certainly did not take the request
or `on_unknown` is `resubmit`. Send an `Idempotency-Key` header with what you post (1 to 255 printable
ASCII characters, best a UUID): the same key with the same body gives the same generation for 24 hours,
with another body 422.

**Errors** are problem documents ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with a stable
`code`; where fields are wrong, `errors` names each of them. Times are in UTC, money is decimal text. Ids
of others are 404, like ids of nothing. A later version may answer further fields.

**Other doors.** Clients of OpenAI Images (`/openai/v1`), MuleRouter (`/mulerouter`), PixelDojo
(`/pixeldojo`), DashScope (`/dashscope`, `/dashscope-cn`), AI/ML API (`/aimlapi`) and of the Model
Context Protocol (`/mcp`) work below those paths as their own documentation says, on the same keys,
limits and generations; they are not described here.
"""
TAGS = {
    "Generations": "Ask for pictures, look at what became of them, cancel.",
    "Batches": "Many generations from one manifest, within a bound on cost and failures.",
    "Webhooks": "Being told when a generation ends, in the Standard Webhooks form.",
    "Models and usage": "What can be asked for, what it costs, how routes fare, what was spent.",
    "Keys and limits": "Who may call, what for, and how much of it.",
    "About": "Without a key.",
}
KEY = "`Idempotency-Key` makes sending it again safe."
WORDS: Mapping[str, Words] = {
    "createGeneration": Words(
        "Ask for pictures",
        "Answers at once with the generation and its id. With `Prefer: wait=N` the answer is held until the "
        f"generation has ended, N seconds at most. {KEY} With `dry_run` nothing is bought or written: it "
        "answers the routes that would be asked, what they honour, the price and the expected time.",
    ),
    "listGenerations": Words(
        "List generations",
        "The tenant's, newest first. A page may hold fewer than `limit`; the last one has no `next_cursor`.",
    ),
    "getGeneration": Words(
        "Look at a generation",
        "One read of a record. Links to images are signed anew. `Retry-After` says when to look again.",
    ),
    "listEvents": Words(
        "What happened to a generation",
        "Every turn, ask, answer and bill, with the reason for each choice of a route.",
    ),
    "cancelGeneration": Words(
        "Cancel a generation",
        "Ends it at any moment; one that was canceled before answers alike. What a vendor was asked for "
        "may still be billed: the receipt's `possibly_billed` says so. 409 where it has ended otherwise.",
    ),
    "createUpload": Words(
        "Get a place for an input image",
        "For images that are too large for a request. POST a multipart form of `fields` and then the "
        "`file` to `url`, then name the image as `upload:ID`.",
    ),
    "createBatch": Words(
        "Make a batch",
        "Of `rows`, of a file in the deployment's inbox bucket, or of a file that is the body itself (CSV "
        f"of 6 MB, lines of JSON of 4.4 MB). Each row is a request. {KEY} What is wrong with a row is said "
        "in the batch's errors; the others run. With `dry_run` nothing is made: it answers what is wrong "
        "with each row in the very same words, and what the others may cost. Budgets, limits and what links "
        "lead to are looked at when a row starts.",
    ),
    "listBatches": Words("List batches", "The tenant's, newest first, each with its counts and cost so far."),
    "getBatch": Words(
        "Look at a batch", "Rows by status and the cost so far; once it has ended, links to its files."
    ),
    "cancelBatch": Words(
        "Cancel a batch",
        "Starts no further row. What vendors were asked for is paid, so it comes to its end and is kept.",
    ),
    "resumeBatch": Words(
        "Resume a batch",
        "Goes on with a stopped or canceled one, with other bounds if the body names them. Nothing that "
        "was started is bought again.",
    ),
    "listDeliveries": Words(
        "What a webhook was told", "Every delivery of the generation's end, and each try."
    ),
    "redeliver": Words(
        "Tell a webhook again",
        "A new delivery of the generation's end, with the `webhook-id` of the first, by which its "
        "receiver knows that it is the same message. 409 before it has ended, and where it has no webhook.",
    ),
    "getWebhookKeys": Words(
        "The tenant's webhook keys",
        "Each delivery is signed with both, unless the request brought a secret of its own.",
    ),
    "listModels": Words(
        "List models", "Every model with its routes: what they take, cost and honour, and how they fare."
    ),
    "getModel": Words("Look at a model", "The same of one model."),
    "getUsage": Words(
        "What was spent",
        "By day, model and route, exact to the sum of the receipts of generations that were made on these"
        " days and have ended. The last 30 days unless `from` and `to` name others.",
    ),
    "getOwnKey": Words(
        "Look at the key that asks",
        "What it may do, its limits and its tenant's, and what is used of them. Every key may ask this, "
        "whatever its scopes. A change is seen after half a minute at most.",
    ),
    "createKey": Words(
        "Make a key",
        "The answer alone tells its secret. An `Idempotency-Key` is refused: a repeat could not be answered "
        "like the first time. Where an answer was lost, revoke the key that `GET /v1/keys` shows.",
    ),
    "listKeys": Words("List keys", "All of them, or a tenant's; each by the first characters of its secret."),
    "changeKey": Words(
        "Change a key",
        "What is left out stays. Functions see it after half a minute at most. 409 where a key would take "
        "the scope `admin` from itself.",
    ),
    "rotateKey": Words(
        "Rotate a key",
        "A new secret, told in this answer alone; the one before works for `overlap_hours` beside it. 409 "
        "while an earlier one still does, unless `overlap_hours` is 0: that ends all earlier secrets, and no "
        "key may do it to itself.",
    ),
    "revokeKey": Words(
        "Revoke a key",
        "None of its secrets works any more, after half a minute at most. What it asked for goes on. 409 for "
        "the key that asks.",
    ),
    "getTenant": Words(
        "Look at a tenant", "What holds for all of its keys together, and for its requests without a key."
    ),
    "changeTenant": Words(
        "Change a tenant",
        "What is left out stays; a webhook is replaced as a whole. Functions see it after half a minute at "
        "most.",
    ),
    "getHealth": Words("Whether it answers", "Looks at nothing else."),
    "getDescription": Words("This description", "OpenAPI 3.1."),
    "getPage": Words("This description, for people", "A page that needs nothing else."),
}

PHOTO = "https://images.example/house.png"
EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "createGeneration": {
        "a picture": {
            "model": "qwen-image-max",
            "prompt": "an owl reading by candlelight",
            "size": "16:9",
            "seed": 7,
        },
        "an edit": {"model": "qwen-image-edit-max", "prompt": "make it night", "images": [PHOTO]},
        "a LoRA": {
            "model": "qwen-image-lora",
            "prompt": "an owl, watercolour",
            "lora": {"weights": "owner/watercolour", "scale": 0.8},
        },
        "two routes, in this order": {
            "model": "qwen-image-max",
            "prompt": "an owl",
            "route": ["dashscope-intl/qwen-image-max", "mulerouter/qwen-image-max"],
            "strict": True,
            "metadata": {"order": "7"},
        },
        "what would be done": {"model": "qwen-image", "prompt": "an owl", "n": 4, "dry_run": True},
    },
    "createBatch": {
        "rows": {
            "rows": [
                {"custom_id": "owl", "model": "qwen-image-max", "prompt": "an owl"},
                {"custom_id": "fox", "model": "qwen-image-max", "prompt": "a fox"},
            ],
            "max_cost_usd": "5.00",
        },
        "a manifest": {"manifest": "s3://easel-inbox/manifests/owls.jsonl", "max_concurrency": 20},
        "what is wrong with it": {"rows": [{"model": "qwen-image-max"}], "dry_run": True},
    },
    "resumeBatch": {"a higher cap": {"max_cost_usd": "10.00"}},
    "createKey": {
        "a shop's": {
            "tenant": "acme",
            "name": "shop",
            "limits": {"per_minute": 60, "usd_per_day": "5.00"},
        },
        "for reading alone": {"tenant": "acme", "scopes": ["read", "usage"], "expires_in_days": 90},
        "for two models": {"tenant": "acme", "models": ["qwen-image-max", "qwen-image-plus"]},
    },
    "changeKey": {"a higher budget, any model": {"limits": {"usd_per_day": "10.00"}, "models": None}},
    "rotateKey": {"with two days to exchange it": {"overlap_hours": 48}},
    "changeTenant": {
        "a budget and a webhook": {
            "limits": {"usd_per_month": "100.00", "concurrency": None},
            "webhook": "https://acme.example/easel",
        }
    },
    "createUpload": {"a photo": {"content_type": "image/jpeg", "bytes": 2400000}},
}
JSON_LINES = """\
{"custom_id": "owl", "model": "qwen-image-max", "prompt": "an owl"}
{"custom_id": "fox", "model": "qwen-image-max", "prompt": "a fox", "size": "16:9"}
"""
FILE_EXAMPLES: Mapping[str, Mapping[str, str]] = {
    "application/jsonl": {"JSON Lines": JSON_LINES},
    "application/x-ndjson": {"NDJSON": JSON_LINES},
    "text/csv": {"CSV": "custom_id,model,prompt\nowl,qwen-image-max,an owl\nfox,qwen-image-max,a fox\n"},
}
HEADERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "Allow": ("The methods that there are.", {"type": "string"}),
    "Cache-Control": ("Whether the answer may be kept.", {"type": "string"}),
    "ETag": ("Names this version.", {"type": "string"}),
    "Location": ("Where it can be looked at.", {"type": "string"}),
    "Preference-Applied": ("The wait that was held to.", {"type": "string", "pattern": "^wait=[0-9]+$"}),
    "RateLimit": ("What is left of the narrowest request rate.", {"type": "string"}),
    "RateLimit-Policy": ("The narrowest request rate.", {"type": "string"}),
    "Retry-After": ("Seconds until it is worth looking or asking again.", {"type": "integer", "minimum": 0}),
    "WWW-Authenticate": ("How to authenticate.", {"type": "string"}),
}
