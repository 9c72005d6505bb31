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
`webhook`), and may have limits: of requests a minute, of generations at a time, and of money. A limit
that is reached answers 429, or 402 for money, and says which one and whose.

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
        f"Of `rows`, or of a file in the deployment's inbox bucket. Each row is a request. {KEY} What is "
        "wrong with a row is said in the batch's errors; the others run.",
    ),
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
        "A new delivery of the generation's end. 409 before it has ended, and where it has no webhook.",
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
    },
    "resumeBatch": {"a higher cap": {"max_cost_usd": "10.00"}},
    "createUpload": {"a photo": {"content_type": "image/jpeg", "bytes": 2400000}},
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
