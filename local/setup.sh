#!/bin/sh
# Makes the virtual environment .venv from requirements.lock, once; later calls compare a stamp and return.
# Any fault is one clear sentence on standard error and exit status 1.
set -u
cd "$(dirname "$0")/.." || exit 1

NEEDED_MEGABYTES=1200 # the environment (about 650), the build and some data
STAMP=.venv/easel-stamp

fail() {
    printf 'easel: %s\n' "$1" >&2
    exit 1
}

# The contents that the environment depends on, and where it lies (its scripts hold absolute paths).
fingerprint() {
    { cat pyproject.toml client/pyproject.toml requirements.lock local/setup.sh; pwd; } | cksum
}

suits() { # version in range, and able to make an environment (Debian ships that part separately)
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for name in python3.13 python3.12 python3.11 python3.14 python3 python; do
        if command -v "$name" >/dev/null 2>&1 && suits "$name"; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

explain_missing_python() {
    for name in python3.13 python3.12 python3.11 python3; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            fail "$name cannot make virtual environments; install its venv package (Debian: $name-venv)."
        fi
    done
    found=$(python3 --version 2>&1 || true)
    fail "Python 3.11 or newer is needed on PATH; found ${found:-none}."
}

check_room() {
    free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1024) }')
    if [ "${free:-$NEEDED_MEGABYTES}" -lt "$NEEDED_MEGABYTES" ]; then
        fail "no room on disk: $NEEDED_MEGABYTES MB are needed in $(pwd), $free MB are free."
    fi
}

# One line for every 20 packages, instead of pip's several hundred.
show_progress() {
    awk -v total="$(grep -c == requirements.lock)" '
        /^Collecting / && ++count % 20 == 0 { printf "  %d of %d packages\n", count, total; fflush() }
        /^Installing collected/ { print "  unpacking them"; fflush() }'
}

explain_failed_install() {
    if grep -qi 'no space left' "$1"; then
        fail "no room on disk for the packages in $(pwd)/.venv."
    fi
    if grep -qiE 'connection|timed out|name resolution|max retries|could not find a version|SSLError|proxy' "$1"; then
        fail "the Python package registry is out of reach: $(grep -iE 'error' "$1" | tail -n 1)"
    fi
    fail "installing the packages failed: $(grep -iE 'error' "$1" | tail -n 1) (everything pip said: $1)"
}

install() {
    log=.venv/install.log
    : >"$log"
    export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
    { .venv/bin/python -m pip install --progress-bar off --no-deps --requirement requirements.lock 2>&1 &&
        .venv/bin/python -m pip install --progress-bar off --no-deps --no-build-isolation \
            --editable . --editable ./client 2>&1 &&
        echo easel-installed; } | tee -a "$log" | show_progress
    [ "$(tail -n 1 "$log")" = easel-installed ] || explain_failed_install "$log"
}

if [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(fingerprint)" ] && .venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi
python=$(find_python) || explain_missing_python
check_room
echo "Setting up .venv with $("$python" --version) (once; takes a minute or two)"
# An environment of another Python or folder is made anew; otherwise only the changed packages are installed.
if [ ! -f "$STAMP" ] || ! .venv/bin/python -c '' 2>/dev/null; then
    rm -rf .venv
    log=$("$python" -m venv .venv 2>&1) || fail "the virtual environment could not be made: $(echo "$log" | tail -n 1)"
fi
rm -f "$STAMP"
install
fingerprint >"$STAMP" || fail "no room on disk for $STAMP."
echo "Set up."
