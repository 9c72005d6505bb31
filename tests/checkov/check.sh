#!/bin/sh
# Runs Checkov's checks of the template (what is excepted, and why: .checkov.yaml and the template itself). Its pins are
# not those of the project, so it has an environment of its own, made once. Nothing is asked of the network when it runs.
set -u
cd "$(dirname "$0")/../.." || exit 1

REQUIREMENTS=tests/checkov/requirements.txt
PLACE=.venv/checkov
LOG=.venv/checkov.log

fingerprint() {
    { cat "$REQUIREMENTS" tests/checkov/check.sh; pwd; } | cksum
}

install() {
    .venv/bin/python -m venv --clear "$PLACE" || return 1
    pip="$PLACE/bin/python -m pip install --quiet --disable-pip-version-check --no-deps"
    # uv takes six seconds, and pip most of a minute.
    { $pip uv==0.13.8 && "$PLACE/bin/uv" pip install --python "$PLACE/bin/python" --no-deps -r "$REQUIREMENTS"; } ||
        $pip -r "$REQUIREMENTS"
}

if [ "$(cat "$PLACE/easel-stamp" 2>/dev/null)" != "$(fingerprint)" ]; then
    echo "Getting Checkov for the checks of the template (once; takes some seconds)"
    if ! install >"$LOG" 2>&1; then
        echo "easel: Checkov could not be installed: $(grep -i error "$LOG" | tail -n 1) (all that was said: $LOG)" >&2
        exit 1
    fi
    fingerprint >"$PLACE/easel-stamp"
fi
export CKV_SKIP_PACKAGE_UPDATE_CHECK=true BC_SKIP_MAPPING=TRUE
exec "$PLACE/bin/checkov" --config-file .checkov.yaml
