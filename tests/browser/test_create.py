"""Create: from the sign-in to the picture, and what goes wrong on the way, as a person meets it."""

import io
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect

from local.stack import LocalStack
from tests.browser.conftest import PATIENCE_MILLISECONDS, PHONE, Console
from tests.integration.easel_caller import EaselCaller

PRICE = re.compile(r"^\$0\.\d{2,4}$")
NO_PRICE = "\N{EN DASH}"
ENDS_MILLISECONDS = 60_000  # for what a sandbox vendor draws


@pytest.fixture
def key(caller: EaselCaller, request: pytest.FixtureRequest) -> str:
    """A key of a tenant of the test's own."""
    tenant = re.sub(r"\W", "-", request.node.name)[:60]
    made = caller.call("POST", "/v1/keys", {"tenant": tenant, "name": "studio"})
    assert made.status == 201, made.body
    return str(made.body["secret"])


def prompt(page: Page) -> Locator:
    return page.get_by_label("Prompt", exact=True)


def generate(page: Page, words: str) -> None:
    prompt(page).fill(words)
    page.get_by_role("button", name="Generate").click()


def only(page: Page, route: str) -> None:
    """Chooses this one route: how the routes fare is every test's doing."""
    page.get_by_role("radio", name="My order").check()
    page.get_by_role("checkbox", name=route).check()
    for other in page.locator(f".route input:checked:not([data-key='{route}'])").all():
        other.uncheck()


def picture(page: Page) -> Locator:
    """The picture, when it is there."""
    found = page.locator(".stage[data-state=done] .stage-picture img[data-state=here]")
    expect(found).to_be_visible(timeout=ENDS_MILLISECONDS)
    return found


def png(width: int, height: int) -> FilePayload:
    """A file as it is chosen: noise, so that it is as large as a photo."""
    data = io.BytesIO()
    Image.effect_noise((width, height), 90).save(data, "PNG")
    return {"name": "photo.png", "mimeType": "image/png", "buffer": data.getvalue()}


def test_wrong_key_is_told_and_a_right_one_opens_the_console(console: Console, stack: LocalStack) -> None:
    page = console("", key=None)
    page.get_by_label("API key").fill("ezl_of_nobody")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("Easel does not know this key")
    page.get_by_label("API key").fill(stack.api_key)
    page.keyboard.press("Enter")
    expect(prompt(page)).to_be_visible()
    assert page.evaluate("Object.keys(localStorage)") == []
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    assert page.evaluate("Object.keys(sessionStorage)") == []


def test_picture_is_made_by_keyboard_with_its_price_known_before(console: Console, key: str) -> None:
    page = console(key=key)
    only(page, "mulerouter/qwen-image-max")
    expect(page.locator(".price")).to_have_text("$0.075")
    expect(page.locator(".foretold")).to_contain_text("mulerouter/qwen-image-max")
    page.get_by_label("Model").focus()
    page.keyboard.press("Tab")
    page.keyboard.type("a lighthouse [sandbox: slow-task=4]")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="16:9")).to_be_checked()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("list", name="States")).to_be_visible()
    expect(page.locator("[aria-current=step]")).to_have_text("Being drawn", timeout=ENDS_MILLISECONDS)
    expect(page.locator(".time-words")).to_have_text(re.compile(r"left|Any moment|so far"))
    expect(page.get_by_role("progressbar")).to_be_visible()
    shown = picture(page)
    assert shown.evaluate("(one) => [one.naturalWidth, one.naturalHeight]") == [1664, 928]
    expect(page.locator("#said")).to_have_text("Your picture is there.")
    expect(page.locator(".stage-outcome")).to_contain_text("$0.075")
    with page.expect_download() as saving:
        page.get_by_role("button", name="Download").click()
    assert re.fullmatch(r"a-lighthouse-sandbox-slow-task-4-\w{6}\.png", saving.value.suggested_filename)


def test_generation_is_found_again_after_a_reload_and_by_the_back_button(console: Console, key: str) -> None:
    page = console(key=key)
    generate(page, "the first [sandbox: slow-task=4]")
    page.wait_for_url(re.compile("gen="))
    first = page.url
    page.reload()
    expect(prompt(page)).to_have_value("the first [sandbox: slow-task=4]")
    picture(page)
    generate(page, "the second")
    page.wait_for_url(lambda url: url != first)
    picture(page)
    page.go_back()
    expect(prompt(page)).to_have_value("the first [sandbox: slow-task=4]")
    expect(picture(page)).to_have_attribute("alt", re.compile("the first"))
    assert page.url == first


def test_lost_answers_buy_nothing_twice(console: Console, key: str, stack: LocalStack) -> None:
    page = console(key=key)
    lost: list[str] = []

    def lose_two(route: Any) -> None:
        if "idempotency-key" in route.request.headers and len(lost) < 2:
            lost.append(route.request.headers["idempotency-key"])
            route.fetch()  # it arrives, and its answer does not
            route.abort()
        else:
            route.continue_()

    page.route("**/v1/generations", lose_two)
    generate(page, "one fox")
    picture(page)
    assert len(lost) == 2
    assert len(EaselCaller(stack.url, key).call("GET", "/v1/generations").body["data"]) == 1


def test_neither_trying_again_nor_a_reload_buys_twice_while_answers_are_lost(
    console: Console, key: str, stack: LocalStack
) -> None:
    page = console(key=key)
    page.clock.install()
    lost: list[str] = []

    def lose_five(route: Any) -> None:
        if "idempotency-key" in route.request.headers and len(lost) < 5:
            lost.append(route.request.headers["idempotency-key"])
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/v1/generations", lose_five)
    generate(page, "one fox")
    again = page.get_by_role("button", name="Try again")
    in_time(page, again.is_visible)
    expect(page.locator(".refusal")).to_contain_text("may have been taken all the same")
    again.click()
    in_time(page, lambda: len(lost) == 5)
    page.reload()
    page.get_by_role("button", name="Generate").click()
    picture(page)
    assert len(set(lost)) == 1
    assert len(EaselCaller(stack.url, key).call("GET", "/v1/generations").body["data"]) == 1
    generate(page, "one fox")
    page.wait_for_url(re.compile("gen="))
    in_time(page, lambda: len(EaselCaller(stack.url, key).call("GET", "/v1/generations").body["data"]) == 2)


def in_time(page: Page, happened: Callable[[], bool]) -> None:
    """Lets the page's clock run, five seconds at a time, until it has happened."""
    deadline = time.monotonic() + PATIENCE_MILLISECONDS / 1000
    while not happened():
        assert time.monotonic() < deadline
        page.clock.run_for(5000)


def test_dead_link_of_a_picture_is_signed_anew(console: Console, key: str) -> None:
    page = console(key=key)
    killed: list[str] = []

    def kill_one(route: Any) -> None:
        if killed:
            route.continue_()
        else:
            killed.append(route.request.url)
            route.fulfill(status=403, headers={"Access-Control-Allow-Origin": "*"})

    page.route(re.compile("/images/gen_"), kill_one)
    generate(page, "a fox")
    picture(page)
    assert killed


def test_what_is_missing_stays_said_until_it_is_mended(console: Console, key: str) -> None:
    page = console(key=key)
    expect(page.locator(".price")).to_have_text(PRICE)
    missing = page.get_by_role("form").get_by_text("Say what the picture shows.")
    prompt(page).fill("x" * 900)  # a forecast is on its way
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        prompt(page).fill("")
        page.get_by_role("button", name="Generate").click()
    expect(missing).to_be_visible()
    page.wait_for_load_state("networkidle")
    expect(missing).to_be_visible()
    prompt(page).fill("a fox")
    expect(missing).to_be_hidden()


def test_form_offers_what_the_models_routes_can_do(console: Console, key: str) -> None:
    page = console(key=key)
    expect(page.get_by_role("radio", name="16:9")).to_be_visible()
    for name in ("#field-guidance_scale", "#field-n", "#field-lora-weights"):
        expect(page.locator(name)).to_be_hidden()
    page.get_by_text("More settings").click()
    page.get_by_label("Model").select_option("qwen-image")
    for name in ("#field-guidance_scale", "#field-n", "#field-output_format"):
        expect(page.locator(name)).to_be_visible()
    page.get_by_role("radio", name="Own").check()
    expect(page.get_by_text("Each side 512 to 1536, multiples of 32")).to_be_visible()
    only(page, "dashscope-cn/qwen-image")
    expect(page.locator("#field-guidance_scale")).to_be_hidden()
    page.get_by_label("Model").select_option("qwen-image-lora")
    expect(page.get_by_label("Weights", exact=True)).to_be_visible()


def test_what_a_route_cannot_honour_is_told_before_the_click(console: Console, key: str) -> None:
    page = console(key=key)
    prompt(page).fill("x" * 900)
    expect(page.locator(".foretold")).to_contain_text("900 → 800 characters")
    expect(page.locator(".dock")).to_contain_text("1 parameter not honoured")
    page.get_by_text("More settings").click()
    page.get_by_label("Deadline in seconds").fill("5")
    expect(page.get_by_label("Deadline in seconds")).to_have_attribute("aria-invalid", "true")
    expect(page.locator(".price")).to_have_text(NO_PRICE)
    page.get_by_label("Deadline in seconds").fill("")
    prompt(page).fill("")
    page.get_by_role("button", name="Generate").click()
    expect(prompt(page)).to_be_focused()
    expect(page.get_by_role("form").get_by_text("Say what the picture shows.")).to_be_visible()


def test_picture_is_edited_and_a_photo_that_is_too_large_is_made_smaller(console: Console, key: str) -> None:
    page = console(key=key)
    generate(page, "a fox")
    picture(page)
    page.get_by_role("link", name="Edit this picture").click()
    expect(page.get_by_label("Model")).to_have_value("qwen-image-edit-max")
    expect(page.locator(".input-item[data-state=ready]")).to_have_count(1)
    page.locator("#input-files").set_input_files(png(3600, 1200))
    expect(page.get_by_text(re.compile("3600 . 1200 . 3072 . 1024"))).to_be_visible()
    page.locator("#input-files").set_input_files(png(100, 100))
    expect(page.locator(".input-item[data-state=bad]")).to_contain_text("at least 384")
    page.get_by_role("button", name="Remove photo.png").last.click()
    page.get_by_label("Pictures", exact=True).select_option("2")
    only(page, "mulerouter/qwen-image-edit-max")
    expect(page.locator(".price")).to_have_text("$0.15")
    generate(page, "make it night")
    picture(page)
    expect(page.get_by_role("button", name=re.compile("^Picture [12]$"))).to_have_count(2)


def test_picture_that_is_pasted_where_none_is_taken_chooses_a_model_that_edits(
    console: Console, key: str
) -> None:
    page = console(key=key)
    expect(page.locator(".price")).to_have_text(PRICE)
    page.evaluate(
        """async () => {
            const canvas = Object.assign(document.createElement("canvas"), { width: 600, height: 500 });
            const blob = await new Promise((resolve) => canvas.toBlob(resolve));
            const data = new DataTransfer();
            data.items.add(new File([blob], "pasted.png", { type: "image/png" }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        }"""
    )
    expect(page.get_by_label("Model")).to_have_value("qwen-image-edit-max")
    expect(page.locator(".input-item[data-state=ready]")).to_contain_text("pasted.png")


@pytest.mark.parametrize(
    ("fault", "title", "bill"),
    [
        ("fail-moderation", "The vendor refused this prompt", "may still bill"),
        ("lost-answer", "answer was lost", "may still bill"),
        ("fail-validation", "did not accept the request", "may still bill"),
    ],
)
def test_failure_says_what_happened_what_it_cost_and_what_helps(
    console: Console, key: str, fault: str, title: str, bill: str
) -> None:
    page = console(key=key, size=PHONE)
    only(page, "mulerouter/qwen-image-max")
    generate(page, f"a fox [sandbox: {fault}]")
    outcome = page.locator(".stage-outcome")
    expect(outcome).to_contain_text(title, timeout=ENDS_MILLISECONDS)
    expect(outcome).to_contain_text(bill)
    expect(page.get_by_role("button", name="Try again")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]


def test_canceling_asks_first_and_says_what_may_be_billed(console: Console, key: str) -> None:
    page = console(key=key)
    only(page, "mulerouter/qwen-image-max")
    generate(page, "a fox [sandbox: stuck]")
    expect(page.locator("[aria-current=step]")).to_have_text("Being drawn", timeout=ENDS_MILLISECONDS)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".cancel-note")).to_contain_text("may bill it")
    page.get_by_role("button", name="Cancel it").click()
    expect(page.locator(".stage-outcome")).to_contain_text("Canceled")
    expect(page.locator(".stage-outcome")).to_contain_text("may still bill $0.075")


def test_budgets_limits_and_a_revoked_key_are_clear(console: Console, caller: EaselCaller) -> None:
    limits = {"usd_per_day": "0.01"}
    made = caller.call("POST", "/v1/keys", {"tenant": "create-tight", "name": "tight", "limits": limits}).body
    page = console(key=made["secret"])
    page.clock.install()
    generate(page, "a fox")
    expect(page.locator(".refusal")).to_contain_text("A budget is used up")
    expect(page.locator(".refusal").get_by_role("link", name="See usage")).to_be_visible()
    page.route("**/v1/generations", lambda route: route.fulfill(
        status=429, headers={"Retry-After": "90"}, content_type="application/problem+json",
        json={"title": "Too many requests", "status": 429, "code": "limit_reached", "detail": "1 a minute."},
    ))  # fmt: skip
    page.get_by_role("button", name="Generate").click()
    again = page.get_by_role("button", name="Try again")
    expect(again).to_have_attribute("aria-disabled", "true")
    page.clock.run_for(91_000)
    expect(again).to_have_text("Try again")
    expect(again).not_to_have_attribute("aria-disabled", "true")
    page.route(
        "**/v1/generations",
        lambda route: route.fulfill(status=401, json={"title": "No", "code": "unauthorized"}),
    )
    again.click()
    expect(page.get_by_role("dialog")).to_contain_text("not accepted any more")
    expect(prompt(page)).to_have_value("a fox")
