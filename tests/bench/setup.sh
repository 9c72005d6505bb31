#!/bin/sh
# Sees to it that there is valgrind, which counts the instructions of cold starts: Debian's and Ubuntu's package, as
# root. Elsewhere one clear sentence on standard error says what is missing, and the test that counts fails.
set -u
cd "$(dirname "$0")/../.." || exit 1

LOG=.venv/valgrind.log

found() {
    valgrind --version >/dev/null 2>&1
}

of_the_system() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
    export DEBIAN_FRONTEND=noninteractive
    { apt-get -qq update && apt-get -qq install --yes --no-install-recommends valgrind; } >"$LOG" 2>&1
}

found && exit 0
echo "Getting valgrind for the bench of cold starts (once; takes some seconds)"
of_the_system && found && exit 0
echo "easel: cold starts can't be counted without valgrind; install it (Debian: apt-get install valgrind)." >&2
