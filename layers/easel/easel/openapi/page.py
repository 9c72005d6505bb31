"""The description as a page for people: HTML that needs no other file, no network and no key.

What the page says is made here, as text that is escaped; its script only filters and copies.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from easel.openapi.call import JSON
from easel.openapi.schemas import SCHEMAS

TEMPLATE = Path(__file__).with_name("page.html")
POLICY = (
    "default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
RULES = "RouteRules"
PATTERN_SHOWN = 40  # characters; longer ones say nothing to a reader
INLINE = (
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*([^*]+)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"\*([^*\s][^*]*)\*"), r"<em>\1</em>"),
    (re.compile(r"\[([^\]]+)\]\((https://[^)\s\"]+)\)"), r'<a href="\2" rel="noreferrer">\1</a>'),
)
LIMITS = (
    ("minimum", "from"), ("maximum", "to"), ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"), ("minItems", "at least {}"), ("maxItems", "at most {}"),
    ("maxProperties", "at most {}"), ("default", "default"),
)  # fmt: skip


class Page(NamedTuple):
    """The page, and the Content-Security-Policy under which it is shown."""

    html: str
    policy: str


def page(description: Mapping[str, Any]) -> Page:
    """The page of a description."""
    template = TEMPLATE.read_text(encoding="utf-8")
    style, script = (_only(rf"<{tag}>(.*?)</{tag}>", template) for tag in ("style", "script"))
    schemas = {name: one for name, one in description["components"]["schemas"].items() if name != RULES}
    parts = {
        "title": escape(description["info"]["title"]),
        "about": prose(description["info"]["description"]),
        "nav": "".join(_nav(description, schemas)),
        "calls": "".join(_calls(description)) + _rules(description),
        "schemas": "".join(_schema_section(name, one) for name, one in schemas.items()),
    }
    html = re.sub(r"{{(\w+)}}", lambda match: parts[match[1]], template)
    return Page(html, POLICY.format(style=_source(style), script=_source(script)))


def prose(text: str) -> str:
    """Markdown's paragraphs, code, emphasis and links as HTML; whatever else the text holds is text."""
    paragraphs = []
    for paragraph in text.strip().split("\n\n"):
        shown = escape(" ".join(paragraph.split()), quote=False)
        for form, put in INLINE:
            shown = form.sub(put, shown)
        paragraphs.append(f"<p>{shown}</p>")
    return "".join(paragraphs)


def _nav(description: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    for tag in description["tags"]:
        items = [
            _item(one["operationId"], f"{one['summary']}", f"{method} {path} {one['summary']}")
            for path, method, one in _operations(description, tag["name"])
        ]
        yield f"<section><h2>{escape(tag['name'])}</h2><ul>{''.join(items)}</ul></section>"
    items = [_item(f"model-{name}", name, name) for name in schemas]
    yield f"<section><h2>Models</h2><ul>{''.join(items)}</ul></section>"


def _item(anchor: str, shown: str, words: str) -> str:
    return f'<li data-words="{escape(words.lower())}"><a href="#{escape(anchor)}">{escape(shown)}</a></li>'


def _operations(description: Mapping[str, Any], tag: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for where in ("paths", "webhooks"):
        for path, methods in description[where].items():
            for method, operation in methods.items():
                if tag in operation["tags"]:
                    yield path, method, operation


def _calls(description: Mapping[str, Any]) -> Iterator[str]:
    for tag in description["tags"]:
        yield f"<h2>{escape(tag['name'])}</h2>{prose(tag['description'])}"
        for path, method, operation in _operations(description, tag["name"]):
            yield _call(description, path, method, operation)


def _call(description: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> str:
    scope = operation.get("x-scope")
    any_key = "Needs no key." if "security" in operation else "Needs a key, whatever its scopes."
    needs = f"Needs a key with the scope <code>{scope}</code>." if scope else any_key
    parts = [
        f'<section class="call" id="{operation["operationId"]}"><h3>{escape(operation["summary"])}</h3>',
        f'<p class="path"><span class="method {method}">{method.upper()}</span> {escape(path)}</p>',
        prose(operation["description"]),
        f'<p class="soft">{needs}</p>' if path.startswith("/") else "",
    ]
    given = [_resolved(description, one) for one in operation.get("parameters", [])]
    if key := operation.get("x-idempotency-key"):
        given.append(_resolved(description, key))
    if given:
        fields = [_field(one["name"], one["schema"], one, needed=one.get("required")) for one in given]
        parts.append(f"<h4>Parameters</h4><dl>{''.join(fields)}</dl>")
    parts += _asking(description, path, method, operation)
    parts.append(f"<h4>Answers</h4><dl>{''.join(_answers(description, operation))}</dl></section>")
    return "".join(parts)


def _asking(
    description: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]
) -> Iterator[str]:
    """The body's fields, and how it is called."""
    body = operation.get("requestBody")
    if body is None:
        yield _curl("", path, method, operation, None)
        return
    content = body["content"][JSON]
    optional = "" if body["required"] else " (may be left out)"
    model = content["schema"].get("allOf", [content["schema"]])[0]
    yield f"<h4>Body{optional}</h4><p>{_type(model)}</p>"
    if path.startswith("/"):
        yield f"<details open><summary>Fields</summary>{_fields(_resolved(description, model))}</details>"
    if model is not content["schema"]:
        yield '<p>Some route must take it: see <a href="#routes">what routes take</a>.</p>'
    for name, example in content.get("examples", {}).items():
        yield _curl(name, path, method, operation, example["value"])
    for media, file in body["content"].items():
        for name, example in file["examples"].items() if "schema" not in file else ():
            yield _curl(f"a file of {name}", path, method, operation, example["value"], media)


def _answers(description: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[str]:
    for status, told in operation["responses"].items():
        answer = _resolved(description, told)
        content = answer.get("content", {})
        types = [_type(one["schema"]) if media != "text/html" else "HTML" for media, one in content.items()]
        headers = ", ".join(f"<code>{escape(name)}</code>" for name in answer.get("headers", {}))
        examples = [
            json.dumps(one["value"], indent=2, ensure_ascii=False)
            for media in content.values()
            for one in media.get("examples", {}).values()
        ]
        more = f'<p class="soft">Headers: {headers}</p>' if headers else ""
        if examples:
            shown = "".join(f"<pre><code>{escape(one)}</code></pre>" for one in examples)
            more += f"<details><summary>Example</summary>{shown}</details>"
        yield (
            f"<div><dt><code>{escape(status)}</code> {' or '.join(types)}</dt>"
            f"<dd>{prose(answer['description'])}{more}</dd></div>"
        )


def _resolved(description: Mapping[str, Any], told: Mapping[str, Any]) -> Mapping[str, Any]:
    """A component, where it is referred to."""
    found = told
    if reference := told.get("$ref"):
        _, _, kind, name = reference.split("/")
        found = description["components"][kind][name]
    return found


def _curl(
    name: str, path: str, method: str, operation: Mapping[str, Any], body: Any, media: str = JSON
) -> str:
    verb = "" if method == "get" or body is not None else f"-X {method.upper()} "
    words = [f'curl -s {verb}"$EASEL{path}"']
    if "security" not in operation:
        words.append('-H "Authorization: Bearer $KEY"')
    if body is not None:
        text = body if isinstance(body, str) else json.dumps(body, indent=2, ensure_ascii=False)
        words.append(f"-H 'Content-Type: {media}'")
        words.append(f"--data-binary '{text}'" if media != JSON else f"-d '{text}'")
    shown = " \\\n  ".join(words)
    title = f'<p class="soft">{escape(name)}</p>' if name else ""
    return f'{title}<div class="example"><pre><code>{escape(shown, quote=False)}</code></pre></div>'


def _schema_section(name: str, schema: Mapping[str, Any]) -> str:
    shown = _fields(schema) if "properties" in schema else f"<p>{_type(schema)}</p>"
    about = prose(schema.get("description", ""))
    return f'<section class="schema" id="model-{name}"><h3>{escape(name)}</h3>{about}{shown}</section>'


def _fields(schema: Mapping[str, Any]) -> str:
    needed = schema.get("required", [])
    fields = schema["properties"].items()
    return f"<dl>{''.join(_field(name, one, one, needed=name in needed) for name, one in fields)}</dl>"


def _field(name: str, schema: Mapping[str, Any], about: Mapping[str, Any], *, needed: bool | None) -> str:
    need = ' <span class="need">required</span>' if needed else ""
    where = f" in the {about['in']}" if "in" in about else ""
    text = prose(about["description"]) if about.get("description") else ""
    return (
        f'<div><dt><code>{escape(name)}</code> <span class="type">{_type(schema)}{where}</span>{need}</dt>'
        f"<dd>{text}</dd></div>"
    )


def _type(schema: Mapping[str, Any]) -> str:
    """A schema in a line."""
    if reference := schema.get("$ref"):
        name = reference.removeprefix(SCHEMAS)
        return "" if name == RULES else f'<a href="#model-{name}">{escape(name)}</a>'
    for several, word in (("anyOf", " or "), ("oneOf", " or "), ("allOf", ", ")):
        if several in schema and "properties" not in schema:
            return word.join(filter(None, (_type(one) for one in schema[several]))) + _limits(schema)
    if "enum" in schema:
        return ", ".join(f"<code>{escape(str(one))}</code>" for one in schema["enum"]) + _limits(schema)
    if "const" in schema:
        return f"<code>{escape(json.dumps(schema['const']))}</code>"
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}" + _limits(schema)
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object, name to {_type(schema['additionalProperties'])}" + _limits(schema)
    return escape(str(schema.get("format", kind))) + _limits(schema)


def _limits(schema: Mapping[str, Any]) -> str:
    told = [
        words.format(schema[key]) if "{}" in words else f"{words} {json.dumps(schema[key])}"
        for key, words in LIMITS
        if schema.get(key) not in (None, [])
    ]
    pattern = schema.get("pattern", "")
    shown = f", like <code>{escape(pattern)}</code>" if 0 < len(pattern) <= PATTERN_SHOWN else ""
    return escape("".join(f", {one}" for one in told)) + shown


def _rules(description: Mapping[str, Any]) -> str:
    """What each kind of route takes, as a table."""
    rules = description["components"]["schemas"][RULES]
    rows = []
    for rule in rules["anyOf"]:
        fields = rule["properties"]
        if "model" not in fields:
            continue  # several kinds of routes, each of which has its row
        images = fields["images"]
        taken = f"{images['minItems']} to {images['maxItems']}" if images["maxItems"] else "none"
        lora = "needed" if fields["lora"] != {"type": "null"} else ""
        cells = (rule["title"], fields["n"]["maximum"], taken, lora)
        rows.append("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>")
    head = "".join(f"<th scope=col>{name}</th>" for name in ("Routes", "Images made", "Input images", "LoRA"))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    about = prose(rules["description"])
    return f'<h2 id="routes">What routes take</h2>{about}<div class="scroll">{table}</div>'


def _only(pattern: str, text: str) -> str:
    (found,) = re.findall(pattern, text, re.DOTALL)
    return str(found)


def _source(code: str) -> str:
    """How a Content-Security-Policy allows exactly this code (CSP 3, 2.3.1: hash-source)."""
    return f"'sha256-{b64encode(sha256(code.encode()).digest()).decode()}'"
