#!/bin/sh
# Sees to it that there is a Chromium for the browser tests: any that is here, else the system's package, else
# Playwright's own download. Any fault is one clear sentence on standard error and exit status 1.
set -u
cd "$(dirname "$0")/../.." || exit 1

LOG=.venv/browser.log

found() {
    .venv/bin/python -m tests.browser.chromium >/dev/null 2>&1
}

of_the_system() { # as in a container: Debian and Ubuntu, as root
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
    export DEBIAN_FRONTEND=noninteractive
    { apt-get -qq update && apt-get -qq install --yes --no-install-recommends chromium fonts-dejavu-core; } >"$LOG" 2>&1
}

of_playwright() {
    timeout 300 .venv/bin/python -m playwright install --only-shell chromium >>"$LOG" 2>&1
}

found && exit 0
echo "Getting a Chromium for the browser tests (once; takes a minute or so)"
{ of_the_system && found; } || { of_playwright && found; } && exit 0
echo "easel: the browser tests need Chromium; install it, or name one in EASEL_CHROMIUM (see $LOG)." >&2
exit 1
