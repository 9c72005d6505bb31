"""The console: serves the files below `site` to any browser, itself without a key, a right or a library."""

import base64
import gzip
import hashlib
import os
from pathlib import Path
from typing import Any, NamedTuple

TYPES = {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Where links to images lead; where S3 has another address than AWS's, they have it too.
ORIGINS = os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("EASEL_IMAGE_ORIGINS", "")
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    f"img-src 'self' data: blob: {ORIGINS}; connect-src 'self' {ORIGINS}; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "cache-control": "no-cache",  # asked for anew each time, so that a deployment is seen at once
    "vary": "accept-encoding",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
MISSING = '{"type": "about:blank", "title": "Not Found", "status": 404, "code": "not_found"}'


class File(NamedTuple):
    """A file as it is sent. Its tag is a weak one, since it stands for both bodies (RFC 9110, 8.8.1)."""

    headers: dict[str, str]
    plain: str
    packed: str


def _file(path: Path) -> File:
    body = path.read_bytes()
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**HEADERS, "content-type": f"{TYPES[path.suffix]}; charset=utf-8", "etag": tag}
    plain, packed = (base64.b64encode(one).decode() for one in (body, gzip.compress(body, mtime=0)))
    return File(headers, plain, packed)


# Read when the function starts. A request's path is looked up here, never on the disk; "" is the page itself.
SITE = [path for path in Path(__file__).with_name("site").iterdir() if path.suffix in TYPES]
FILES = {"" if path.name == "index.html" else path.name: _file(path) for path in SITE}


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """One GET or HEAD as API Gateway's payload format 2.0 delivers it; the file, 304 or 404."""
    sent = event.get("headers", {})
    file = FILES.get((event.get("pathParameters") or {}).get("file", ""))
    if file is None:
        return {"statusCode": 404, "headers": {"content-type": "application/problem+json"}, "body": MISSING}
    if file.headers["etag"] in sent.get("if-none-match", ""):
        return {"statusCode": 304, "headers": file.headers}
    packed = "gzip" in sent.get("accept-encoding", "").replace(" ", "").split(",")
    headers = {**file.headers, **({"content-encoding": "gzip"} if packed else {})}
    wanted = event["requestContext"]["http"]["method"] != "HEAD"
    body = (file.packed if packed else file.plain) if wanted else ""
    return {"statusCode": 200, "headers": headers, "isBase64Encoded": True, "body": body}
