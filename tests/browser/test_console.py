"""The console as a whole: a walk through all places, tabs beside each other, and what axe finds in them."""

import io
import re
from typing import Any

import pytest
import urllib3
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PHONE, Console, Theme
from tests.integration.easel_caller import EaselCaller

ENDS_MILLISECONDS = 60_000  # for what a sandbox vendor draws
SERIOUS = ("serious", "critical")
LIKENESS_MAX = 12.0  # of 255, in the mean: the browser scales otherwise than Pillow


@pytest.fixture(scope="module")
def made(caller: EaselCaller) -> dict[str, Any]:
    """A generation with its picture, and beside it one that failed, and a batch that has ended."""
    rows = [{"model": "qwen-image-max", "prompt": "a poster"}, {"model": "qwen-image-max", "prompt": 7}]
    batch = caller.call("POST", "/v1/batches", {"rows": rows}).body
    ended = [
        caller.ended(caller.create({"model": "qwen-image-max", "prompt": words, "size": "16:9"})["id"])
        for words in ("a red fox [sandbox: moderation]", "a red fox in snow")
    ]
    return {**ended[-1], "batch": batch["id"]}


def drawn(page: Page, selector: str) -> Image.Image:
    """What the browser really shows there."""
    return Image.open(io.BytesIO(page.locator(selector).screenshot())).convert("RGB")


def kept(generation: dict[str, Any]) -> Image.Image:
    """The image that lies in the bucket."""
    answer = urllib3.request("GET", generation["images"][0]["url"], timeout=20.0, retries=False)
    return Image.open(io.BytesIO(answer.data)).convert("RGB")


def unlikeness(one: Image.Image, other: Image.Image) -> float:
    difference = ImageChops.difference(one.resize((160, 90)), other.resize((160, 90)))
    return sum(ImageStat.Stat(difference).mean) / 3


def test_a_person_makes_finds_and_makes_again_a_picture_and_sees_what_it_cost(
    console: Console, caller: EaselCaller
) -> None:
    page = console("")
    page.get_by_label("Prompt", exact=True).fill("an owl in a walnut tree")
    page.get_by_role("radio", name="16:9").check()
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(".stage[data-state=done] img")).to_be_visible(timeout=ENDS_MILLISECONDS)
    generation = caller.call("GET", f"/v1/generations/{_id(page)}").body
    assert unlikeness(drawn(page, ".stage-picture img"), kept(generation)) < LIKENESS_MAX
    page.get_by_role("link", name="Gallery").first.click()
    page.get_by_role("link", name=re.compile("an owl in a walnut tree")).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("an owl in a walnut tree")
    page.get_by_role("link", name="Use again").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("an owl in a walnut tree")
    expect(page.get_by_role("radio", name="16:9")).to_be_checked()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_contain_text("an owl in a walnut tree")
    page.get_by_role("link", name="Usage").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Usage and health")
    expect(page.get_by_text("mulerouter/qwen-image-max").first).to_be_visible()


def _id(page: Page) -> str:
    found = re.search(r"gen=(gen_\w+)", page.url)
    assert found, page.url
    return found[1]


def test_two_tabs_have_a_session_each(console: Console) -> None:
    first = console("#/create")
    second = console("#/usage", beside=first, key=None)
    expect(second.get_by_label("API key")).to_be_visible()
    prompt = first.get_by_label("Prompt", exact=True)
    prompt.fill("written in the first tab")
    third = console("#/create", beside=first)
    expect(third.get_by_label("Prompt", exact=True)).to_have_value("")
    third.get_by_role("button", name="Sign out").click()
    first.reload()
    expect(prompt).to_have_value("written in the first tab")


def refused(page: Page, words: str) -> None:
    """A request whose key is refused, up to the dialog that asks for another."""
    page.get_by_label("Prompt", exact=True).fill(words)
    page.route("**/v1/generations", refuse_purchases)
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_role("dialog")).to_contain_text("not accepted any more")
    page.unroute("**/v1/generations")


def refuse_purchases(route: Route) -> None:
    if "idempotency-key" in route.request.headers:
        route.fulfill(status=401, json={"title": "No", "code": "unauthorized"})
    else:
        route.continue_()


def sign_in(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")


def new_key(caller: EaselCaller, tenant: str) -> EaselCaller:
    made = caller.call("POST", "/v1/keys", {"tenant": tenant, "name": "studio"})
    return EaselCaller(caller.url, made.body["secret"])


def test_another_tenant_gets_nothing_of_the_one_before(console: Console, caller: EaselCaller) -> None:
    one, other = new_key(caller, "before"), new_key(caller, "after")
    page = console("", key=one.key)
    expect(page.locator(".who")).to_contain_text("before")
    refused(page, "what nobody else may read")
    sign_in(page, other.key)
    expect(page.locator(".who")).to_contain_text("after")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("")
    assert "nobody else" not in page.evaluate("JSON.stringify({...sessionStorage})")
    assert other.call("GET", "/v1/generations").body["data"] == []


def test_what_buys_is_not_repeated_by_itself_under_another_key(console: Console, caller: EaselCaller) -> None:
    one, other = new_key(caller, "same"), new_key(caller, "same")
    page = console("", key=one.key)
    expect(page.locator(".who")).to_contain_text("same")
    refused(page, "a fox")
    sign_in(page, other.key)
    expect(page.locator(".refusal")).to_contain_text("Nothing was asked for under the new key")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a fox")
    assert other.call("GET", "/v1/generations").body["data"] == []
    page.get_by_role("button", name="Generate").click()
    page.wait_for_url(re.compile("gen="))


def test_asking_again_goes_on_where_an_answer_could_not_be_shown(console: Console) -> None:
    page = console("#/usage")
    asked = page.evaluate(
        """async () => {
            addEventListener("unhandledrejection", (event) => event.preventDefault());
            const { poll } = await import("./console/polling.js");
            let asked = 0;
            const ask = async () => ({ body: (asked += 1), headers: new Headers() });
            const poller = poll(ask, () => { if (asked === 1) throw new Error("cannot be drawn"); });
            await new Promise((resolve) => setTimeout(resolve));
            poller.now();
            await new Promise((resolve) => setTimeout(resolve));
            poller.stop();
            return asked;
        }"""
    )
    assert asked == 2


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "place",
    [
        "#/create",
        "#/gallery",
        "#/gallery/{id}",
        "#/compare/{id}/{id}",
        "#/batches",
        "#/batches/{batch}",
        "#/usage",
    ],
)
def test_axe_finds_nothing_serious(console: Console, made: dict[str, Any], place: str, theme: Theme) -> None:
    size = PHONE if theme == "dark" else (1280, 800)
    page = console(place.format(**made), theme=theme, size=size)
    expect(page.get_by_role("heading", level=1)).to_be_attached()
    page.wait_for_load_state("networkidle")
    violations = Axe().run(page).response["violations"]
    serious = [
        f"{one['id']}: {node['html'][:120]}"
        for one in violations
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
    assert serious == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0], "it scrolls sideways"


def test_sign_in_is_without_serious_faults(console: Console) -> None:
    page = console("", key=None)
    expect(page.get_by_label("API key")).to_be_visible()
    assert [one for one in Axe().run(page).response["violations"] if one["impact"] in SERIOUS] == []
