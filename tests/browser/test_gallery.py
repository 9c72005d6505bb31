"""The gallery: the grid, a generation's own page, and the comparison of two."""

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from local.stack import LocalStack
from tests.bench.gallery import ASKS, seed
from tests.browser.conftest import PHONE, Console
from tests.integration.easel_caller import EaselCaller

REPOSITORY = Path(__file__).parents[2]
MANY = 240
SCROLLS_SECONDS = 60  # through all of them, on a loaded machine
DOCUMENT_TILES_MAX = 60  # of a desktop's screen and what is near it
ODD_PROMPT = 'It\'s $5 `or` "nothing" \\ für\nzwei Füchse!'


@dataclass(frozen=True)
class Shop:
    """A tenant with a full gallery. `copies` are newest first, all older than what was made."""

    caller: EaselCaller
    made: list[dict[str, Any]]
    copies: list[str]

    @property
    def ids(self) -> list[str]:
        return [one["id"] for one in reversed(self.made)] + self.copies


def tenant(caller: EaselCaller, name: str) -> EaselCaller:
    """A caller with a key of a tenant's own."""
    made = caller.call("POST", "/v1/keys", {"tenant": name, "name": "studio"})
    assert made.status == 201, made.body
    return EaselCaller(caller.url, made.body["secret"])


@pytest.fixture(scope="module")
def shop(stack: LocalStack, caller: EaselCaller) -> Shop:
    """Some that were really made, and many copies of them that are older."""
    owner = tenant(caller, "gallery-shop")
    asks: list[dict[str, Any]] = [
        *ASKS,
        {"model": "qwen-image-max", "prompt": "what nobody may draw [sandbox: fail-moderation]"},
        {"model": "qwen-image", "prompt": ODD_PROMPT, "size": "4:3", "n": 2, "metadata": {"shelf": "a b"}},
        {"model": "qwen-image-max", "prompt": "a long story " * 70, "negative_prompt": "haste", "seed": 7},
    ]
    ids = [owner.create(ask)["id"] for ask in asks]
    made = [owner.ended(one) for one in ids]
    return Shop(owner, made, seed(stack, ids[: len(ASKS)], MANY))


def tile(page: Page, generation_id: str) -> Locator:
    return page.locator(f".tile[data-id={generation_id}]")


def has_pixels(image: Locator) -> None:
    """The image is there and decoded, not just its element."""
    expect(image).to_have_attribute("data-state", "here")
    assert image.evaluate("(one) => one.complete && one.naturalWidth") > 0


def test_all_are_reached_by_scrolling_and_few_are_in_the_document(console: Console, shop: Shop) -> None:
    page = console("#/gallery", key=shop.caller.key)
    has_pixels(tile(page, shop.ids[0]).locator("img"))
    seen: set[str] = set()
    page.mouse.move(600, 400)
    count = page.get_by_text(f"{len(shop.ids)} in all")
    deadline = time.monotonic() + SCROLLS_SECONDS
    while time.monotonic() < deadline:
        shown = page.locator(".tile").evaluate_all("(all) => all.map((one) => one.dataset.id)")
        assert len(shown) <= DOCUMENT_TILES_MAX
        seen.update(shown)
        if shop.ids[-1] in seen and count.is_visible():
            break
        page.mouse.wheel(0, 700)
        page.wait_for_timeout(30)
    assert seen == set(shop.ids)
    has_pixels(tile(page, shop.ids[-1]).locator("img"))


def test_nothing_moves_when_pictures_come_and_none_is_cut(console: Console, shop: Shop) -> None:
    page = console("#/gallery", key=shop.caller.key, size=PHONE)
    box = tile(page, shop.ids[3]).bounding_box()
    has_pixels(tile(page, shop.ids[3]).locator("img"))
    assert box is not None
    assert tile(page, shop.ids[3]).bounding_box() == box
    image = next(one for one in shop.made if one["id"] == shop.ids[4])["images"][0]
    shape = tile(page, shop.ids[4]).bounding_box()
    assert shape is not None
    assert shape["width"] / shape["height"] == pytest.approx(image["width"] / image["height"], rel=0.03)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def test_the_keyboard_moves_opens_closes_and_selects(console: Console, shop: Shop) -> None:
    page = console("#/gallery", key=shop.caller.key)
    first, third = tile(page, shop.ids[0]).get_by_role("link"), tile(page, shop.ids[2]).get_by_role("link")
    first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(third).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Home")
    expect(first).to_be_focused()
    page.keyboard.press("Control+End")  # the last that is loaded
    expect(page.locator(".tile :focus")).to_be_in_viewport(ratio=1)
    page.keyboard.press("Control+Home")
    page.keyboard.press("Space")
    expect(tile(page, shop.ids[0])).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(tile(page, shop.ids[0])).to_have_attribute("aria-selected", "false")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"#/gallery/{shop.ids[0]}$"))
    expect(page.get_by_role("link", name="Use again")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", level=1)).to_contain_text(shop.made[-2]["request"]["prompt"][:8])
    page.keyboard.press("Escape")
    expect(tile(page, shop.ids[1]).get_by_role("link")).to_be_focused()


def test_going_back_leads_to_where_one_was(console: Console, shop: Shop) -> None:
    page = console("#/gallery", key=shop.caller.key)
    page.mouse.move(600, 400)
    deadline = time.monotonic() + SCROLLS_SECONDS
    while page.evaluate("scrollY") <= 3000 and time.monotonic() < deadline:
        page.mouse.wheel(0, 400)
        page.wait_for_timeout(60)
    page.wait_for_function(AT_REST)
    top = page.evaluate("scrollY")
    assert top > 3000
    name = page.wait_for_function(WHOLLY_SEEN).json_value()
    tile(page, name).get_by_role("link").click()
    expect(page.get_by_role("button", name="Download")).to_be_visible()
    page.go_back()
    expect(tile(page, name).get_by_role("link")).to_be_focused()
    assert abs(page.evaluate("scrollY") - top) <= 1


# A moving picture is hard to hit; where the page stands is noted for the way back.
AT_REST = "() => history.state?.top === scrollY"
WHOLLY_SEEN = """() => [...document.querySelectorAll(".tile:has(img[data-state=here])")].find((one) => {
    const { top, bottom } = one.getBoundingClientRect();
    return top > 100 && bottom < innerHeight;
})?.dataset.id"""


def test_a_dead_link_is_signed_anew_once(console: Console, shop: Shop) -> None:
    page = console("#/healthz", key=shop.caller.key)  # no place: nothing is asked for yet
    dying, gone = shop.ids[3], shop.ids[4]
    asked: list[str] = []
    killed: list[str] = []

    def bucket(route: Route) -> None:
        url = route.request.url
        dead = gone in url or (dying in url and not killed)
        if dying in url:
            killed.append(url)
        route.fulfill(status=403, headers={"Access-Control-Allow-Origin": "*"}) if dead else route.continue_()

    page.route(re.compile("/images/gen_"), bucket)
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.evaluate("location.hash = '#/gallery'")
    has_pixels(tile(page, dying).locator("img"))
    expect(tile(page, gone)).to_contain_text("cannot be loaded")
    assert asked.count(dying) == 1
    assert asked.count(gone) == 1


def test_filters_empty_and_error_states_say_what_is_so(
    console: Console, shop: Shop, caller: EaselCaller
) -> None:
    page = console("#/gallery", key=shop.caller.key)
    page.get_by_label("Status").select_option("failed")
    expect(page.locator(".tile")).to_have_count(1)
    expect(page.locator(".tile")).to_contain_text("Failed")
    expect(page).to_have_url(re.compile(r"\?status=failed$"))
    page.get_by_label("Model").select_option("qwen-image-plus")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    page.reload()
    page.get_by_role("button", name="Show everything").click()
    expect(tile(page, shop.ids[0])).to_be_visible()
    page.route("**/v1/generations*", lambda route: route.abort())
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("cannot be loaded")
    page.unroute("**/v1/generations*")
    page.get_by_role("button", name="Try again").click()
    expect(tile(page, shop.ids[0])).to_be_visible()
    nobody = console("#/gallery", key=tenant(caller, "gallery-nobody").key)
    expect(nobody.get_by_role("heading", name="No pictures yet")).to_be_visible()


def test_one_at_work_is_a_tile_that_becomes_its_picture(console: Console, caller: EaselCaller) -> None:
    owner = tenant(caller, "gallery-live")
    begun = owner.create({"model": "qwen-image-max", "prompt": "a slow snail", "size": "3:4"})
    made, held = begun["id"], [True]

    def hold(route: Route) -> None:
        if not held:
            route.continue_()
        elif made in route.request.url:
            route.fulfill(json=begun)
        else:
            route.fulfill(json={"data": [begun], "next_cursor": None})

    page = console("#/healthz", key=owner.key)  # no place: nothing is asked for yet
    page.context.route(re.compile(r"/v1/generations(/gen_\w+)?(\?|$)"), hold)
    page.evaluate("location.hash = '#/gallery'")
    expect(tile(page, made).get_by_role("link")).to_have_accessible_name(re.compile("a slow snail"))
    expect(tile(page, made).locator("progress")).to_be_visible()
    shape = tile(page, made).bounding_box()
    beside = console(f"#/gallery/{made}", key=owner.key, beside=page)
    expect(beside.locator(".showcase .progress")).to_be_visible()
    held.clear()
    has_pixels(tile(page, made).locator("img"))
    assert tile(page, made).bounding_box() == shape
    has_pixels(beside.locator(".viewer img"))
    expect(beside.get_by_role("button", name="Download")).to_be_visible()


def test_a_page_tells_all_of_a_generation(console: Console, shop: Shop) -> None:
    cut = shop.made[-1]
    page = console(f"#/gallery/{cut['id']}", key=shop.caller.key)
    has_pixels(page.locator(".viewer img"))
    rows = page.locator(".parameters tbody tr")
    expect(rows.filter(has_text="a long story")).to_contain_text("cut from 910 to 800 characters")
    expect(rows.filter(has_text="Negative prompt")).to_contain_text("haste")
    expect(rows.filter(has_text="Seed")).to_contain_text("As asked")
    events = shop.caller.call("GET", cut["links"]["events"]).body["data"]
    expect(page.locator(".timeline li")).to_have_count(len(events))
    image = cut["images"][0]
    for told in (cut["id"], cut["route"], cut["vendor"]["task_id"], image["sha256"], image["s3_uri"]):
        expect(page.locator(".panel")).to_contain_text(told)
    pixels = f"{image['width']} \N{MULTIPLICATION SIGN} {image['height']} px"
    expect(page.locator(".panel")).to_contain_text(pixels)
    expect(page.get_by_role("link", name="Use again")).to_have_attribute("href", f"#/create?from={cut['id']}")
    expect(page.get_by_role("link", name="Edit")).to_have_attribute("href", f"#/create?edit={cut['id']}.0")
    refused = next(one for one in shop.made if one["status"] == "failed")
    page.goto(f"{shop.caller.url}/#/gallery/{refused['id']}")
    expect(page.locator(".panel .note")).to_contain_text(refused["error"]["code"])


def test_zoom_shows_the_pictures_own_pixels_and_pans(console: Console, shop: Shop) -> None:
    made = shop.made[0]
    page = console(f"#/gallery/{made['id']}", key=shop.caller.key)
    image = page.locator(".viewer img")
    has_pixels(image)
    assert (image.bounding_box() or {"width": 0})["width"] < made["images"][0]["width"]
    page.get_by_role("button", name="Own pixels").click()
    box = image.bounding_box()
    assert box is not None
    assert box["width"] == pytest.approx(made["images"][0]["width"], abs=0.5)
    page.locator(".viewer").focus()
    page.keyboard.press("ArrowRight")
    moved = image.bounding_box()
    assert moved is not None
    assert moved["x"] < box["x"]
    page.keyboard.press("0")
    assert (image.bounding_box() or box)["width"] < made["images"][0]["width"]


def test_a_download_is_the_picture_itself_under_a_name_that_tells(console: Console, shop: Shop) -> None:
    many = next(one for one in shop.made if len(one["images"]) == 2)
    page = console(f"#/gallery/{many['id']}", key=shop.caller.key)
    page.get_by_role("button", name="Picture 2").click()
    expect(page.get_by_role("link", name="Edit")).to_have_attribute("href", f"#/create?edit={many['id']}.1")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    suffix = many["images"][1]["content_type"].partition("/")[2].replace("jpeg", "jpg")
    assert download.value.suggested_filename == (
        f"its-5-or-nothing-fur-zwei-fuchse-{many['id'][-6:].lower()}-2.{suffix}"
    )
    data = Path(download.value.path()).read_bytes()
    assert hashlib.sha256(data).hexdigest() == many["images"][1]["sha256"]


@pytest.fixture(scope="module")
def edited(shop: Shop) -> dict[str, Any]:
    """An edit of one that was made."""
    body = {"model": "qwen-image-edit-max", "prompt": ODD_PROMPT, "n": 2, "prompt_extend": False}
    made = shop.caller.create({**body, "images": [shop.made[0]["images"][0]["s3_uri"]]})
    return shop.caller.ended(made["id"])


@pytest.mark.parametrize(
    ("language", "of"),
    [("cURL", "made"), ("Python", "made"), ("CLI", "made"), ("Python", "edited"), ("CLI", "edited")],
)
def test_copied_code_runs_and_asks_for_the_same(
    console: Console, shop: Shop, edited: dict[str, Any], language: str, of: str, tmp_path: Path
) -> None:
    made = next(one for one in shop.made if one["request"]["prompt"] == ODD_PROMPT)
    odd = made if of == "made" else edited
    page = console(f"#/gallery/{odd['id']}", key=shop.caller.key)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.wait_for_load_state("networkidle")  # what comes in above moves what is to be clicked
    chosen = page.get_by_role("radio", name=language)
    page.locator("label").filter(has=chosen).click()
    expect(chosen).to_be_checked()
    page.get_by_role("button", name="Copy code").click()
    expect(page.locator("#toasts")).to_contain_text("Code copied")
    code = page.evaluate("navigator.clipboard.readText()")
    assert shop.caller.key not in code
    before = newest(shop)
    run(code, language, shop.caller.key, tmp_path)
    again = newest(shop)
    assert again["id"] != before["id"]
    asked = dict(shop.caller.ended(again["id"])["request"])
    assert len(asked.pop("images", [])) == (of == "edited")  # kept anew for each generation
    assert asked == {name: value for name, value in odd["request"].items() if name != "images"}
    if language != "cURL":
        assert len(list(tmp_path.glob("its-5-or-nothing-fur-zwei-fuchse*"))) == 2


def newest(shop: Shop) -> dict[str, Any]:
    page: dict[str, Any] = shop.caller.call("GET", "/v1/generations?limit=1").body
    first: dict[str, Any] = page["data"][0]
    return first


def run(code: str, language: str, key: str, folder: Path) -> None:
    """Run it as a person would who pastes it into a terminal, or into a file."""
    bin_folder = Path(sys.executable).parent
    paths = {"PYTHONPATH": str(REPOSITORY / "client"), "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    command = [sys.executable, "-c", code] if language == "Python" else ["sh", "-c", code]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **paths, "EASEL_API_KEY": key, "HOME": str(folder)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    if language == "cURL":
        assert json.loads(done.stdout)["status"] == "succeeded"


def test_two_are_compared_by_one_zoom_a_divider_and_what_differs(console: Console, shop: Shop) -> None:
    page = console("#/gallery", key=shop.caller.key)
    one, other = shop.made[0], shop.made[2]
    for made in (one, other):
        tile(page, made["id"]).get_by_role("link").focus()
        page.keyboard.press("Space")
    page.get_by_role("link", name="Compare").click()
    expect(page).to_have_url(re.compile(f"#/compare/{one['id']}/{other['id']}$"))
    images = page.locator(".viewer img")
    for number in (0, 1):
        has_pixels(images.nth(number))
    table = page.get_by_role("table").first
    expect(table.locator("tr").filter(has_text="Size").first).to_contain_text("16:9")
    expect(page.get_by_text("The same in both")).to_be_visible()
    expect(table).not_to_contain_text("qwen-image-max")
    before = [(images.nth(number).bounding_box() or {"width": 1})["width"] for number in (0, 1)]
    page.locator(".viewer").first.focus()
    page.keyboard.press("+")
    after = [(images.nth(number).bounding_box() or {"width": 1})["width"] for number in (0, 1)]
    assert [new / old for new, old in zip(after, before, strict=True)] == pytest.approx([1.5, 1.5], rel=0.01)
    page.locator("label").filter(has=page.get_by_role("radio", name="Divider")).click()
    divider = page.get_by_role("slider", name="Divider")
    divider.focus()
    page.keyboard.press("End")
    expect(divider).to_have_attribute("aria-valuenow", "100")
    page.keyboard.press("Escape")  # first out of the zoom, then away
    page.keyboard.press("Escape")
    expect(tile(page, shop.ids[0])).to_be_visible()
