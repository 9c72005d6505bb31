"""Pages of the console, signed in or not, on a local stack of the browser tests' own."""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from local.stack import LocalStack
from tests.browser.chromium import launch
from tests.integration.conftest import caller, stack  # noqa: F401  (fixtures here, too)

Theme = Literal["light", "dark"]
Console = Callable[..., Page]
DESKTOP, PHONE = (1280, 800), (390, 844)
# On a loaded machine a page may take this long for what a person sees within a second.
PATIENCE_MILLISECONDS = 20_000
KEY_PLACE = "easel.key"  # in the session's storage


@pytest.fixture(scope="package")  # Playwright has an event loop running, which no other test should meet
def browser() -> Iterator[Browser]:
    """One headless Chromium."""
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        running = launch(playwright)
        yield running
        running.close()


class Watched:
    """What a page did that nobody should see: errors on its console, requests to strangers."""

    def __init__(self, page: Page, hosts: set[str]) -> None:
        self.faults: list[str] = []
        self._hosts = hosts
        page.on("pageerror", lambda error: self.faults.append(f"page error: {error}"))
        page.on("console", self._said)
        page.on("request", self._asked)

    def _said(self, message: Any) -> None:
        # An answer of 4xx is said by Chromium itself; the console shows it to its user in words.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(f"console: {message.text}")

    def _asked(self, request: Any) -> None:
        place = request.url.split("/")[2] if "://" in request.url else ""
        if place and place not in self._hosts:
            self.faults.append(f"a request to {place}")


@pytest.fixture
def console(browser: Browser, stack: LocalStack) -> Iterator[Console]:  # noqa: F811
    """Opens pages: `console("#/gallery", theme="dark", size=PHONE)`, signed in unless `key` is None.

    At the test's end every page must have kept quiet: no script error, no request to a third party.
    """
    contexts: list[BrowserContext] = []
    watched: list[Watched] = []
    hosts = {stack.url.split("/")[2], stack.aws.url.split("/")[2]}

    def open_page(
        path: str = "#/create",
        *,
        theme: Theme = "light",
        size: tuple[int, int] = DESKTOP,
        key: str | None = "",
        beside: Page | None = None,
    ) -> Page:
        context = beside.context if beside else _context(browser, theme, size)
        if beside is None:
            contexts.append(context)
        page = context.new_page()
        watched.append(Watched(page, hosts))
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        if key is not None:
            secret = key or stack.api_key
            page.add_init_script(f"sessionStorage.getItem('{KEY_PLACE}') ?? "
                                 f"sessionStorage.setItem('{KEY_PLACE}', '{secret}')")  # fmt: skip
        page.goto(f"{stack.url}/{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [fault for one in watched for fault in one.faults] == []


def _context(browser: Browser, theme: Theme, size: tuple[int, int]) -> BrowserContext:
    width, height = size
    return browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=theme,
        reduced_motion="reduce",
        device_scale_factor=1,
        accept_downloads=True,
    )
