"""The gallery page: whole, one with its policy, and deaf to whatever its data says."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.gallery import TEMPLATE, GalleryFacts, GalleryPicture, gallery_end, gallery_picture, gallery_start

FACTS: GalleryFacts = {
    "batch": "bat_01JC3W9K7T5M2Q8RXNV4H6YB0D",
    "created_at": "2026-03-12T13:02:11.000Z",
    "ended_at": "2026-03-12T13:09:40.000Z",
    "succeeded": 2,
    "failed": 1,
    "cost": [{"amount": "0.150", "currency": "USD"}],
    "shown": 2,
    "total": 2,
}
PICTURE: GalleryPicture = {
    "custom_id": "row-7",
    "generation": "gen_01JC3W9K7T5M2Q8RXNV4H6YB0E",
    "prompt": "A lighthouse at dusk",
    "negative_prompt": None,
    "model": "qwen-image-max",
    "route": "mulerouter/qwen-image-max",
    "seed": 42,
    "width": 1328,
    "height": 1328,
    "bytes": 1_400_000,
    "cost": {"amount": "0.075", "currency": "USD"},
    "image": "images/gen_01JC3W9K7T5M2Q8RXNV4H6YB0E/0.png",
    "request": {"model": "qwen-image-max", "prompt": "A lighthouse at dusk"},
}
MARKER = "<b Zq7"
HOSTILE = (
    "</script>", "</SCRIPT >", "<script>", "<!--", "<!--<script>", "-->", "]]>", "</title>", MARKER, "\u2028",
    "\u2029", "\ufeff", "\x00", "\ud800", "\"'`", "&lt;", "&amp;", "{{facts}}", "{{pictures}}", "\\u003c",
    "\n",
)  # fmt: skip
# No low surrogates, which with the high one before them would be a character, in JSON as anywhere.
WORDS = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=8), max_size=6).map("".join)
VOID = {"meta", "input"}


class Outline(HTMLParser):
    """Reads a page, insisting that each element that opens closes in its turn."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.standing: list[int] = []  # of elements still open, the number in `tags`
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []  # of each of `tags`, what it says itself
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.texts.append("")
        if tag not in VOID:
            self.standing.append(len(self.tags) - 1)

    def handle_endtag(self, tag: str) -> None:
        assert self.tags[self.standing.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        if self.standing:
            self.texts[self.standing[-1]] += data

    def text(self, tag: str, **attributes: str) -> str:
        """What the only such element says."""
        (found,) = [
            text
            for (name, has), text in zip(self.tags, self.texts, strict=True)
            if name == tag and attributes.items() <= has.items() and ("type" in has) == ("type" in attributes)
        ]
        return found


def page_of(*pictures: GalleryPicture, title: str = "Autumn", facts: GalleryFacts = FACTS) -> str:
    pieces = [gallery_start(title, facts), *(gallery_picture(one) for one in pictures), gallery_end()]
    return b"".join(pieces).decode()


def pictures_in(page: str) -> list[Any]:
    data = Outline(page).text("script", type="application/jsonl")
    return [json.loads(line) for line in data.split("\n") if line]


def policy_of(page: str) -> dict[str, str]:
    (policy,) = [
        str(has["content"])
        for tag, has in Outline(page).tags
        if tag == "meta" and has.get("http-equiv") == "Content-Security-Policy"
    ]
    return dict(part.strip().split(" ", 1) for part in policy.split(";"))


def hash_of(code: str) -> str:
    return f"'sha256-{b64encode(sha256(code.encode()).digest()).decode()}'"


@pytest.mark.parametrize("count", [0, 1, 3])
def test_page_is_well_formed_and_holds_its_pictures_in_order(count: int) -> None:
    pictures = [PICTURE | {"seed": number} for number in range(count)]
    page = page_of(*pictures)
    outline = Outline(page)
    assert outline.standing == []
    assert page.startswith("<!DOCTYPE html>\n<html lang=")
    assert page.endswith("</html>\n")
    assert "{{" not in page
    assert outline.text("title") == "Autumn"
    assert json.loads(outline.text("script", type="application/json")) == FACTS
    assert pictures_in(page) == pictures


def test_pieces_are_the_page_whichever_pictures_come_between() -> None:
    other = PICTURE | {"prompt": "<!-- </script>"}
    whole = page_of(PICTURE, other).encode()
    start, end = gallery_start("Autumn", FACTS), gallery_end()
    assert whole == start + gallery_picture(PICTURE) + gallery_picture(other) + end
    assert gallery_picture(other).count(b"\n") == 1
    assert gallery_picture(other).endswith(b"}\n")


@given(prompt=WORDS, name=WORDS, key=WORDS, title=WORDS)
def test_hostile_words_come_back_as_they_were_and_never_leave_their_element(
    prompt: str, name: str, key: str, title: str
) -> None:
    request = {"prompt": prompt, "metadata": {key: name}}
    picture: GalleryPicture = PICTURE | {"prompt": prompt, "custom_id": name, "request": request}
    facts: GalleryFacts = FACTS | {"batch": name}
    plain, page = Outline(page_of(PICTURE, PICTURE)), page_of(picture, picture, title=title, facts=facts)
    outline = Outline(page)
    assert outline.tags == plain.tags
    assert pictures_in(page) == [picture, picture]
    assert json.loads(outline.text("script", type="application/json")) == facts
    assert outline.text("script") == plain.text("script")
    assert MARKER not in page


def test_title_is_text_and_no_character_of_it_is_fatal() -> None:
    page = page_of(title="</title><script>a()</script> & \ud800 秋")
    assert "<title>&lt;/title&gt;&lt;script&gt;a()&lt;/script&gt; &amp; ? 秋</title>" in page


def test_data_is_plain_ascii_without_a_character_that_means_something_in_html() -> None:
    line = gallery_picture(PICTURE | {"prompt": "".join(HOSTILE) + "秋\U0001f98a"})
    assert line.isascii()
    assert not set(b"<>&") & set(line)


def test_number_that_the_page_could_not_read_is_refused() -> None:
    request = {"guidance_scale": float("nan")}
    with pytest.raises(ValueError, match="not JSON compliant"):
        gallery_picture(PICTURE | {"request": request})


def test_policy_allows_this_script_and_style_and_no_other() -> None:
    page = page_of(PICTURE)
    outline, policy = Outline(page), policy_of(page)
    assert policy["script-src"] == hash_of(outline.text("script"))
    assert policy["style-src"] == hash_of(outline.text("style"))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["img-src"] == "'self' file:"
    assert policy["require-trusted-types-for"] == "'script'"
    first = [tag for tag, _ in outline.tags if tag in ("style", "script", "meta", "img", "link")][:2]
    assert first == ["meta", "meta"], "the policy rules only what comes after it"


def test_page_names_no_other_address() -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    assert not re.findall(r"\w+://|@import|\burl\(|\bfetch\(|XMLHttpRequest|sendBeacon|WebSocket", text)
    loading = {"src", "href", "srcset", "action", "poster", "style"}
    for _, attributes in Outline(page_of(PICTURE)).tags:
        assert not loading & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]


def test_script_makes_text_of_data_never_markup() -> None:
    script = Outline(page_of()).text("script")
    assert not re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(|DOMParser|srcdoc|setAttribute",
        script,
    )
    assert re.findall(r"\.src = (.*?);", script) == ["entry.image"]
    assert script.index("if (!IMAGE.test(entry.image)) return") < script.index(".src =")


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("images/gen_01JC3W9K7T5M2Q8RXNV4H6YB0E/0.png", True),
        ("images/gen_1/12.webp", True),
        ("https://example.com/images/gen_1/0.png", False),
        ("//example.com/images/gen_1/0.png", False),
        ("/images/gen_1/0.png", False),
        ("images/../gen_1/0.png", False),
        ("images/gen_1/0.svg", False),
        ("images/gen_1/0.png?x", False),
        ("javascript:alert(1)", False),
        ("data:image/png;base64,AAAA", False),
        ("", False),
    ],
)
def test_page_shows_pictures_from_its_own_folder_only(address: str, allowed: bool) -> None:
    # This pattern means the same in Python as in the page.
    (pattern,) = re.findall(r"const IMAGE = /(.*)/;", Outline(page_of()).text("script"))
    assert bool(re.search(pattern, address)) is allowed
