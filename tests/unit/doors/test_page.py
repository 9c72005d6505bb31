"""The page of the description: whole, safe, and in need of nothing else."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest

from easel.openapi.page import page, prose
from tests.unit.doors.calls import Api
from tests.unit.doors.described import DESCRIPTION

VOID = {"meta", "input", "br", "link"}


class Reader(HTMLParser):
    """The page as a browser takes it: its elements' ids and links, and the text that is shown."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.shown = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.shown += data

    def values(self, name: str) -> list[str]:
        """Of an attribute, wherever it stands."""
        return [value for _, one, value in self.attributes if one == name]


@pytest.fixture(scope="module")
def reader() -> Reader:
    """The page as it is served, read."""
    answer = Api().call("GET", "/docs", key=None)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return Reader(answer.text)


def test_page_is_whole_and_its_anchors_lead_somewhere(reader: Reader) -> None:
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))
    anchors = {value[1:] for value in reader.values("href") if value.startswith("#")}
    assert len(anchors) > 50
    assert anchors <= set(reader.ids)


def test_page_tells_every_call_with_its_parameters_answers_and_examples(reader: Reader) -> None:
    text = reader.shown
    for where in ("paths", "webhooks"):
        for path, methods in DESCRIPTION[where].items():
            for operation in methods.values():
                assert operation["operationId"] in reader.ids
                assert path in text
                assert operation["summary"] in text
                assert all(one["name"] in text for one in operation.get("parameters", []))
    assert "Idempotency-Key" in text
    for name, schema in DESCRIPTION["components"]["schemas"].items():
        if name != "RouteRules":
            assert f"model-{name}" in reader.ids
            assert all(field in text for field in schema.get("properties", {}))
    for route in ("mulerouter/qwen-image-max", "pixeldojo/qwen-image-lora"):
        assert route in text
    assert "possibly_billed" in text
    assert '"prompt": "an owl reading by candlelight"' in text
    assert "-H 'Content-Type: text/csv' \\\n  --data-binary 'custom_id,model,prompt\n" in text


def test_page_loads_nothing_and_runs_nothing_but_its_own_script() -> None:
    answer = Api().call("GET", "/docs", key=None)
    policy = dict(
        part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    for tag in ("style", "script"):
        (code,) = re.findall(rf"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        digest = b64encode(sha256(code.encode()).digest()).decode()
        assert policy[f"{tag}-src"] == f"'sha256-{digest}'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    reader = Reader(answer.text)
    assert not reader.values("src")
    assert not reader.values("style")
    assert not [name for _, name, _ in reader.attributes if name.startswith("on")]
    links = {value for value in reader.values("href") if not value.startswith("#")}
    assert links == {"openapi.json", "https://www.rfc-editor.org/rfc/rfc9457"}
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|innerHTML", answer.text)
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_page_can_be_read_on_a_phone_in_the_dark_and_by_keyboard(reader: Reader) -> None:
    html = page(DESCRIPTION).html
    assert ("meta", "name", "viewport") in reader.attributes
    assert "prefers-color-scheme: dark" in html
    assert "(max-width: 60rem)" in html
    assert "focus-visible" in html
    assert reader.values("lang") == ["en"]
    assert set(reader.values("for")) <= set(reader.ids)


def test_texts_of_the_description_never_become_markup() -> None:
    hostile = "</script><img src=x onerror=alert(1)>"
    operation: dict[str, Any] = DESCRIPTION["paths"]["/healthz"]["get"]
    told = operation | {
        "summary": hostile,
        "description": f"`{hostile}` **{hostile}** [{hostile}](https://x)",
    }
    shown = DESCRIPTION | {"paths": {"/healthz": {"get": told}}}
    reader = Reader(page(shown).html)
    assert "img" not in [tag for tag, _, _ in reader.attributes]
    assert reader.shown.count(hostile) >= 4


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a\nb", "<p>a b</p>"),
        ("a\n\nb", "<p>a</p><p>b</p>"),
        ("`a < b`", "<p><code>a &lt; b</code></p>"),
        ("**a** *b*", "<p><strong>a</strong> <em>b</em></p>"),
        ("2 * 3 * 4", "<p>2 * 3 * 4</p>"),
        ("[a](https://b)", '<p><a href="https://b" rel="noreferrer">a</a></p>'),
        ("[a](javascript:b)", "<p>[a](javascript:b)</p>"),
        ('[a](https://b"onclick=c)', '<p>[a](https://b"onclick=c)</p>'),
        ('"a" & b', '<p>"a" &amp; b</p>'),
    ],
)
def test_prose_is_paragraphs_code_emphasis_and_links(text: str, html: str) -> None:
    assert prose(text) == html
