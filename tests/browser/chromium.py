"""Which Chromium the browser tests drive, and how it is started. As a program: says which, or fails."""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Nothing that Chromium would do by itself: no look-ups, no updates, no first-run pages.
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def executable(playwright: Playwright) -> str:
    """The path of `EASEL_CHROMIUM`, of one on PATH, or of Playwright's own. Raises FileNotFoundError."""
    own = playwright.chromium.executable_path
    named = os.environ.get("EASEL_CHROMIUM")
    for path in (named, *map(shutil.which, NAMES), own):
        if path and Path(path).exists():
            return path
    raise FileNotFoundError("there is no Chromium; tests/browser/setup.sh gets one")


def launch(playwright: Playwright) -> Browser:
    """A headless browser. As root, as in a container, Chromium refuses to start with its sandbox."""
    rights = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=executable(playwright), args=[*QUIET, *rights])


def main() -> int:
    """Print the path; 1 where there is none."""
    with sync_playwright() as playwright:
        try:
            print(executable(playwright))
        except FileNotFoundError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
