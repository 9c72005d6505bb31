"""What SnapStart asks of a function for which it is on.

Environments then wake from one picture of memory, taken after init when the version was published: many from
the same one, and days later. What init made and what could be wrong by then is put right here. The rest needs
nothing: ids and keys are drawn from the operating system, credentials are renewed by the wall clock, and what
is remembered for a while (secrets, API keys) is first read by a request.

https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html#snapstart-compatibility and
https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html, read 2026-11.
"""

import os
import random
import ssl
from collections.abc import Callable
from typing import Any

SEED_BYTES = 48  # of OpenSSL's generator: a key of AES-256 and a block


def before_snapshot(act: Callable[[], object]) -> None:
    """Have it done before memory is kept."""
    if hooks := _hooks():
        hooks.register_before_snapshot(act)


def draw_anew_after_snapshot() -> None:
    """Have generators of random numbers seeded on waking: pauses and TLS would draw the same in each copy."""
    if hooks := _hooks():
        hooks.register_after_restore(_seed)


def _hooks() -> Any:
    """The library of Lambda's runtime to which its hooks are told; None where no memory is kept."""
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        return None
    import snapshot_restore_py  # type: ignore[import-untyped]

    return snapshot_restore_py


def _seed() -> None:
    random.seed()
    # OpenSSL seeds itself anew after a fork, which it knows by the process's id; here that stays the same.
    ssl.RAND_add(os.urandom(SEED_BYTES), SEED_BYTES)
