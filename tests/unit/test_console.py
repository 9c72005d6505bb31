"""The console's function: which files it serves, how, and with what rights."""

import base64
import gzip
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest

from easel.aws import clients
from easel.aws.images import S3Images
from easel.aws.uploads import S3Uploads
from functions.console import handler as console
from tests.template import RESOURCES, ROOT

SITE = ROOT / "functions" / "console" / "site"
FILES = sorted(path.name for path in SITE.iterdir() if path.name != "index.html")
ORIGINS = "https://pictures.s3.eu-west-1.amazonaws.com https://pictures.s3.amazonaws.com"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The handler as it starts where images lie at ORIGINS."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("EASEL_IMAGE_ORIGINS", ORIGINS)
    yield importlib.reload(console)
    monkeypatch.undo()
    importlib.reload(console)


def ask(file: str | None = None, method: str = "GET", **headers: str) -> dict[str, Any]:
    """The answer for a file of the site, or for the page itself."""
    event = {
        "requestContext": {"http": {"method": method}},
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        **({"pathParameters": {"file": file}} if file is not None else {}),
    }
    answer: dict[str, Any] = console.handler(event, None)
    return answer


def body(answer: Mapping[str, Any]) -> bytes:
    return base64.b64decode(answer["body"])


def policy(answer: Mapping[str, Any]) -> dict[str, str]:
    """The Content-Security-Policy by its directives."""
    parts = answer["headers"]["content-security-policy"].split("; ")
    return {name: rest for name, _, rest in (part.partition(" ") for part in parts)}


def test_page_is_served_at_the_root() -> None:
    answer = ask()
    assert answer["statusCode"] == 200
    assert answer["headers"]["content-type"] == "text/html; charset=utf-8"
    assert body(answer) == (SITE / "index.html").read_bytes()


def test_every_file_of_the_site_is_served_as_what_it_is() -> None:
    types = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    assert len(FILES) > 10
    for name in FILES:
        answer = ask(name)
        assert answer["statusCode"] == 200
        assert answer["headers"]["content-type"] == f"{types[Path(name).suffix]}; charset=utf-8"
        assert body(answer) == (SITE / name).read_bytes()


@pytest.mark.parametrize(
    "name",
    ["index.html", "handler.py", "../handler.py", "..%2fhandler.py", "site/app.js", "/etc/passwd", "app.js/"],
)
def test_nothing_else_is_served(name: str) -> None:
    answer = ask(name)
    assert answer["statusCode"] == 404
    assert answer["headers"]["content-type"] == "application/problem+json"


def test_file_that_the_browser_has_is_not_sent_again() -> None:
    tag = ask("app.js")["headers"]["etag"]
    answer = ask("app.js", if_none_match=f'"another", {tag}')
    assert answer["statusCode"] == 304
    assert "body" not in answer
    assert answer["headers"]["etag"] == tag
    assert ask("app.js", if_none_match=ask("api.js")["headers"]["etag"])["statusCode"] == 200


def test_browser_asks_each_time_so_that_a_deployment_is_seen_at_once() -> None:
    tags = set()
    for name in (None, *FILES):
        headers = ask(name)["headers"]
        assert headers["cache-control"] == "no-cache"
        tags.add(headers["etag"])
    assert len(tags) == len(FILES) + 1


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip", "gzip,deflate"])
def test_file_is_compressed_for_who_takes_that(accepted: str) -> None:
    answer = ask("app.js", accept_encoding=accepted)
    assert answer["headers"]["content-encoding"] == "gzip"
    assert gzip.decompress(body(answer)) == (SITE / "app.js").read_bytes()
    assert answer["headers"]["vary"] == "accept-encoding"


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "identity"])
def test_file_is_sent_plain_to_who_takes_nothing_else(accepted: str) -> None:
    answer = ask("app.js", accept_encoding=accepted)
    assert "content-encoding" not in answer["headers"]
    assert body(answer) == (SITE / "app.js").read_bytes()


def test_head_has_the_headers_alone() -> None:
    answer = ask("app.js", "HEAD", accept_encoding="gzip")
    assert answer["body"] == ""
    assert answer["headers"] == ask("app.js", accept_encoding="gzip")["headers"]


def test_page_may_load_its_own_files_and_the_buckets_images_and_nothing_else(site: ModuleType) -> None:
    assert policy(ask()) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": f"'self' data: blob: {ORIGINS}",
        "connect-src": f"'self' {ORIGINS}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }


def test_images_may_come_from_another_s3_endpoint_where_there_is_one(
    site: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    importlib.reload(site)
    assert policy(ask())["connect-src"] == "'self' http://127.0.0.1:4566"


def test_every_file_is_guarded_alike_and_sets_no_cookie() -> None:
    for name in (None, *FILES):
        headers = ask(name)["headers"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "content-security-policy" in headers
        assert "set-cookie" not in headers


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_links_and_forms_lead_to_an_origin_that_the_page_may_use(
    region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    environment = RESOURCES["ConsoleFunction"]["Properties"]["Environment"]["Variables"]
    origins = environment["EASEL_IMAGE_ORIGINS"]["Sub"]
    for name, value in (
        ("ImageBucket", "pictures"),
        ("AWS::Region", region),
        ("AWS::URLSuffix", "amazonaws.com"),
    ):
        origins = origins.replace(f"${{{name}}}", value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    clients.client.cache_clear()
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    s3 = clients.client("s3")
    form = S3Uploads(s3, "pictures").form("k", "image/png", 9, 9)
    addresses = [S3Images(s3, "pictures").signed_url("k"), form.url]
    clients.client.cache_clear()
    assert len(origins.split()) == 2
    for address in addresses:
        assert any(address.startswith(f"{origin}/") for origin in origins.split()), address


def test_function_has_no_rights_no_names_of_things_and_not_the_package() -> None:
    function = RESOURCES["ConsoleFunction"]
    assert "Policies" not in function["Properties"]
    assert set(function["IgnoreGlobals"]) == {"Layers", "Environment"}
    assert set(function["Properties"]["Environment"]["Variables"]) == {"EASEL_IMAGE_ORIGINS"}


def test_page_and_files_are_routed_to_it() -> None:
    events = RESOURCES["ConsoleFunction"]["Properties"]["Events"].values()
    routed = {(event["Properties"]["Method"], event["Properties"]["Path"]) for event in events}
    assert routed == {(method, path) for method in ("GET", "HEAD") for path in ("/", "/console/{file}")}


def test_pages_may_read_and_post_to_the_image_bucket_by_links_and_forms() -> None:
    (rule,) = RESOURCES["ImageBucket"]["Properties"]["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedOrigins"] == ["*"]
    assert rule["AllowedMethods"] == ["GET", "POST"]
