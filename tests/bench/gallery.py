"""The console's gallery with 1,000 generations: the time to its first picture, and long tasks of scrolling.

`python -m tests.bench.gallery` starts a local stack of its own, and prints the figures as JSON.
`python -m tests.bench.gallery URL KEY` measures what is in the gallery of a running one.
"""

import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from easel.aws.table import from_item, generation_key, to_item
from easel.domain.generation import Generation
from easel.domain.ids import new_generation_id
from local.stack import LocalStack
from tests.bench.table import Row
from tests.browser.chromium import launch
from tests.browser.conftest import DESKTOP, KEY_PLACE
from tests.integration.conftest import stack_settings
from tests.integration.easel_caller import EaselCaller

GENERATIONS = 1000
LOADS = 5  # in a fresh browser each, after one that wakes the functions
# A hand on the wheel: px a turn, seconds between turns. At leisure for so many px, then in haste to the end.
LEISURE_PX, LEISURE, HASTE = 12_000, (50, 0.033), (240, 0.02)
PATIENCE_SECONDS = 60.0
# The figure's name, its unit and the most that is wanted.
FIGURES: dict[str, tuple[str, str, float | None]] = {
    "first_picture_ms": ("first picture, median of five", "ms", 1000),
    "first_picture_ms_max": ("first picture, slowest", "ms", None),
    "long_tasks": ("long tasks while scrolling (over 50 ms)", "", 0),
    "long_task_ms_p50": ("half of them took", "ms", None),
    "long_task_ms_max": ("the longest took", "ms", None),
    "frame_ms_p50": ("between two frames, half of them", "ms", 16.7),
    "frame_ms_p99": ("between two frames, 99 of 100", "ms", None),
    "tiles_in_document_max": ("tiles in the document at once", "", None),
}
ASKS: tuple[dict[str, Any], ...] = (
    {"model": "qwen-image-max", "prompt": "a red fox in the snow at dawn", "size": "16:9", "seed": 1},
    {"model": "qwen-image-max", "prompt": "a lighthouse keeper by the window", "size": "3:4", "seed": 2},
    {"model": "qwen-image-max", "prompt": "a paper city at night", "size": "1:1", "seed": 3},
    {"model": "qwen-image-max", "prompt": "a mountain road from above", "size": "9:16", "seed": 4},
    {"model": "qwen-image-max", "prompt": "a still life with quinces", "size": "4:3", "seed": 5},
)
# Told by the page itself. A picture counts when it is decoded and a frame has been drawn with it.
WATCH = """
window.bench = { first: null, long: [], frames: [], before: 0 };
new PerformanceObserver((list) => bench.long.push(...list.getEntries().map((one) => one.duration)))
  .observe({ type: "longtask", buffered: true });
document.addEventListener("load", async ({ target }) => {
  if (bench.first !== null || !target.matches?.(".tile img")) return;
  await target.decode();
  requestAnimationFrame(() => setTimeout(() => { bench.first ??= performance.now(); }));
}, true);
const frame = (now) => {
  if (bench.before) bench.frames.push(now - bench.before);
  bench.before = now;
  requestAnimationFrame(frame);
};
requestAnimationFrame(frame);
"""


def seed(stack: LocalStack, originals: Sequence[str], number: int) -> list[str]:
    """So many generations more: copies of those that were made, each older than the one before, with objects
    of their own. Gives their ids, newest first."""
    dynamodb, s3 = stack.aws.client("dynamodb"), stack.aws.client("s3")
    table, bucket = stack.outputs["TableName"], stack.outputs["ImageBucketName"]
    answers = [dynamodb.get_item(TableName=table, Key=generation_key(one)) for one in originals]
    made = [from_item(answer["Item"]) for answer in answers]
    earliest = min(one.created_at for one in made)
    copies = []
    for place, original in zip(range(number), itertools.cycle(made), strict=False):
        copy = _copy(original, earliest - timedelta(seconds=60 * (place + 1)), place)
        for image, kept in zip(original.images, copy.images, strict=True):
            s3.copy_object(Bucket=bucket, Key=kept.key, CopySource={"Bucket": bucket, "Key": image.key})
        copies.append(copy)
    expires_at = int((datetime.now(UTC) + timedelta(days=1)).timestamp())
    for first in range(0, number, 25):  # the most that BatchWriteItem takes
        puts = [{"PutRequest": {"Item": to_item(one, expires_at)}} for one in copies[first : first + 25]]
        dynamodb.batch_write_item(RequestItems={table: puts})
    return [one.id for one in copies]


def _copy(original: Generation, at: datetime, number: int) -> Generation:
    by, new_id = at - original.created_at, new_generation_id(at)
    images = [
        image.model_copy(update={"key": image.key.replace(original.id, new_id)}) for image in original.images
    ]
    prompt = f"{original.request.prompt}, number {number}"
    return original.model_copy(
        update={
            "id": new_id,
            "created_at": at,
            "updated_at": original.updated_at + by,
            "deadline_at": original.deadline_at + by,
            "ended_at": original.ended_at + by if original.ended_at else None,
            "images": tuple(images),
            "request": original.request.model_copy(update={"prompt": prompt}),
        }
    )


def watch(url: str, key: str) -> dict[str, Any]:
    """The figures of a running stack's gallery, in a fresh headless browser."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        try:
            first = [_opened(browser, url, key) for _ in range(LOADS + 1)][1:]
            scrolled = _scrolled(browser, url, key)
        finally:
            browser.close()
    return {
        "first_picture_ms": round(statistics.median(first)),
        "first_picture_ms_max": round(max(first)),
    } | scrolled


def _page(browser: Browser, url: str, key: str) -> Page:
    width, height = DESKTOP
    context = browser.new_context(viewport={"width": width, "height": height}, device_scale_factor=1)
    page = context.new_page()
    page.add_init_script(f"sessionStorage.setItem('{KEY_PLACE}', '{key}'); {WATCH}")
    page.goto(f"{url}/#/gallery")
    ends = time.monotonic() + PATIENCE_SECONDS
    while page.evaluate("bench.first") is None:  # the page's policy allows no wait_for_function
        assert time.monotonic() < ends, "no picture came"
        page.wait_for_timeout(50)
    return page


def _opened(browser: Browser, url: str, key: str) -> float:
    """Milliseconds from the navigation until the first picture is seen. Nothing is in the browser's cache."""
    page = _page(browser, url, key)
    milliseconds: float = page.evaluate("bench.first")
    page.context.close()
    return milliseconds


def _scrolled(browser: Browser, url: str, key: str) -> dict[str, Any]:
    """What the browser's main thread did while all of the gallery was scrolled past, to the end."""
    page = _page(browser, url, key)
    page.wait_for_timeout(1500)  # opening is not scrolling
    page.evaluate("bench.long.length = bench.frames.length = 0")
    page.mouse.move(600, 400)
    tiles, seen, ends = 0, 0, time.monotonic() + PATIENCE_SECONDS
    while not _at_end(page):
        assert time.monotonic() < ends, "the gallery's end was not reached"
        pixels, pause = LEISURE if seen < LEISURE_PX else HASTE
        for _ in range(10):
            page.mouse.wheel(0, pixels)
            time.sleep(pause)
        seen += 10 * pixels
        tiles = max(tiles, page.locator(".tile").count())
    told = page.evaluate("bench")
    long, frames = told["long"], sorted(told["frames"])
    return {
        "scrolled": page.locator(".gallery-count").inner_text(),
        "long_tasks": len(long),
        "long_task_ms_p50": round(statistics.median(long)) if long else None,
        "long_task_ms_max": round(max(long)) if long else None,
        "frame_ms_p50": round(statistics.median(frames), 1),
        "frame_ms_p99": round(frames[int(len(frames) * 0.99)], 1),
        "tiles_in_document_max": tiles,
    }


def _at_end(page: Page) -> bool:
    """Whether everything was loaded and scrolled past."""
    at_end: bool = page.evaluate(
        "scrollY + innerHeight >= document.documentElement.scrollHeight - 2"
        " && document.querySelector('.wall').dataset.complete === 'true'"
    )
    return at_end


def measure() -> dict[str, Any]:
    """A stack of its own, filled; and the figures."""
    with tempfile.TemporaryDirectory() as folder, LocalStack(stack_settings(Path(folder))) as stack:
        caller = EaselCaller(stack.url, stack.api_key)
        originals = [caller.create(ask)["id"] for ask in ASKS]
        for one in originals:
            assert caller.ended(one)["status"] == "succeeded"
        seed(stack, originals, GENERATIONS - len(originals))
        return {"generations": GENERATIONS} | watch(stack.url, stack.api_key)


def rows() -> list[Row]:
    """The figures for the table."""
    shown = measure()
    note = f"{shown['generations']:,} generations"
    return [
        Row(name, shown[key], None, unit, target, note)
        for key, (name, unit, target) in FIGURES.items()
        if shown[key] is not None
    ]


if __name__ == "__main__":
    print(json.dumps(watch(*sys.argv[1:3]) if len(sys.argv) > 2 else measure(), indent=2))
