"""`make screenshots`: the console's four places, light and dark, on a desktop and on a phone.

Those that the README shows lie beside this file; all of them in build/screenshots.
"""

import shutil
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from local.stack import LocalStack
from tests.browser.chromium import launch
from tests.integration.conftest import stack_settings
from tests.integration.easel_caller import EaselCaller

FOLDER = Path("build") / "screenshots"
IN_README = ("create-light", "gallery-dark", "batches-light", "usage-dark")
DESKTOP, PHONE = (1280, 800), (390, 844)
SETTLED_MILLISECONDS = 2_500  # after the network is quiet: pictures are decoded, charts drawn
DEADLINE_SECONDS = 120.0
PICTURES = [
    ("A red fox asleep under a snow-laden spruce, soft dawn light", "16:9", "qwen-image-max"),
    ("An owl reading by candlelight, woodcut", "1:1", "qwen-image-max"),
    ("A glass greenhouse in fog at the edge of a pine forest", "3:4", "qwen-image-plus"),
    ("Blue herons in reeds, woodblock print", "4:3", "qwen-image"),
    ("A lighthouse keeper mending a net, window light, oil on linen", "9:16", "qwen-image-max"),
    ("A tram in the rain at night, reflections on the street", "16:9", "qwen-image-plus"),
    ("A still life with quinces and a pewter jug", "4:3", "qwen-image-max"),
    ("A paper city at night, tiny lanterns", "1:1", "qwen-image"),
]
ROWS = [
    {"custom_id": f"poster-{number}", "prompt": f"A travel poster of island {number}"}
    for number in range(1, 9)
]


def main() -> None:
    """Start a stack, fill it, photograph it."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as data, LocalStack(stack_settings(Path(data))) as stack:
        batch = _filled(stack)
        with sync_playwright() as playwright:
            browser = launch(playwright)
            for theme in ("light", "dark"):
                for name, size in (("", DESKTOP), ("-phone", PHONE)):
                    _photograph(browser, stack, batch, theme, size, name)
            browser.close()
    for name in IN_README:
        shutil.copy(FOLDER / f"{name}.jpg", Path(__file__).with_name("screenshots") / f"{name}.jpg")
    print(f"written to {FOLDER}")


def _filled(stack: LocalStack) -> str:
    """Generations and a batch; its id."""
    caller = EaselCaller(stack.url, stack.api_key)
    for prompt, size, model in PICTURES:
        made = caller.create({"model": model, "prompt": prompt, "size": size})
        caller.ended(made["id"])
    rows = [{"model": "qwen-image-max", "size": "3:4", **row} for row in ROWS]
    rows.append(
        {"custom_id": "poster-9", "model": "qwen-image-max", "prompt": "Another island", "size": "3:5"}
    )
    batch = caller.call("POST", "/v1/batches", {"rows": rows}).body
    deadline = time.monotonic() + DEADLINE_SECONDS
    while caller.call("GET", f"/v1/batches/{batch['id']}").body["ended_at"] is None:
        if time.monotonic() > deadline:
            raise TimeoutError("the batch does not end")
        time.sleep(0.5)
    return str(batch["id"])


def _photograph(
    browser: Browser, stack: LocalStack, batch: str, theme: str, size: tuple[int, int], name: str
) -> None:
    newest = EaselCaller(stack.url, stack.api_key).call("GET", "/v1/generations?limit=30").body["data"]
    shown = next(one for one in newest if one["request"]["prompt"] == PICTURES[0][0])
    other = next(one for one in newest if one["request"]["prompt"] == PICTURES[5][0])
    places = {
        "create": f"#/create?gen={shown['id']}",
        "gallery": "#/gallery",
        "details": f"#/gallery/{shown['id']}",
        "compare": f"#/compare/{shown['id']}/{other['id']}",
        "batches": f"#/batches/{batch}",
        "usage": "#/usage",
    }
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.add_init_script(f"sessionStorage.setItem('easel.key', '{stack.api_key}')")
    for place, path in places.items():
        page.goto(f"{stack.url}/{path}")
        page.reload()  # only the hash changed
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(SETTLED_MILLISECONDS)
        page.screenshot(path=FOLDER / f"{place}-{theme}{name}.jpg", type="jpeg", quality=82)
    context.close()


if __name__ == "__main__":
    main()
