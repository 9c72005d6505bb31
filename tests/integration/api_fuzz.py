"""The API fuzzed by schemathesis, by the description that it serves itself, with every check that there is.

`make soak` runs it at length against a local stack of its own; shorter runs are tests.
"""

import argparse
import secrets
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from easel.aws.key_book import DynamoKeyBook
from easel.runtime import SystemClock
from local.stack import LocalStack
from tests.integration.conftest import stack_settings

PHASES = ("examples", "coverage", "fuzzing", "stateful")
NO_DATABASE = ("--generation-database", "none")
HOOKS = Path(__file__).with_name("fuzz_hooks.py")
# The phase of set cases has some 500 that make a generation: too many for a stack that is shared.
FEWER_GENERATIONS = """
[[operations]]
include-operation-id = "createGeneration"
phases.coverage.enabled = false
"""


@dataclass(frozen=True)
class Fuzzing:
    """What a run came to. `told` is the program's own report."""

    clean: bool
    told: str


def fuzz(
    url: str,
    key: str,
    folder: Path,
    *,
    examples: int,
    seed: int | None = None,
    limit_seconds: float = 300.0,
    few_generations: bool = False,
) -> Fuzzing:
    """Call every operation in every phase, `examples` times in each that takes a number.

    Without a seed it is always the same. What is found, and a run that could not go to its end, is not clean.
    """
    settings = f'hooks = "{HOOKS}"\n' + (FEWER_GENERATIONS if few_generations else "")
    config = folder / "schemathesis.toml"
    config.write_text(settings, encoding="utf-8")
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", f"{url}/openapi.json",
        "--header", f"Authorization: Bearer {key}", "--checks", "all", "--phases", ",".join(PHASES),
        "--max-examples", str(examples), "--request-timeout", "40", "--no-color",
        *(("--generation-deterministic",) if seed is None else ("--seed", str(seed), *NO_DATABASE)),
        "--continue-on-failure",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=limit_seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        told = error.stdout.decode() if isinstance(error.stdout, bytes) else error.stdout or ""
        return Fuzzing(clean=False, told=f"{told}\nnot over after {limit_seconds:.0f} s")
    return Fuzzing(clean=done.returncode == 0, told=done.stdout)


def fuzzing_key(stack: LocalStack) -> str:
    """A key that does not administer: made-up changes of keys and limits would be of those that others use
    on the stack, this run's included. The fuzzing in memory has that scope, too."""
    book = DynamoKeyBook(stack.aws.client("dynamodb"), stack.outputs["TableName"], SystemClock())
    return book.create("fuzz")[0]


def main() -> int:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description="The API fuzzed on a local stack.")
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(10**6), help="another each time unless named"
    )
    parser.add_argument("--limit-seconds", type=float, default=3600.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data, work = Path(folder, "data"), Path(folder, "work")
        data.mkdir()
        work.mkdir()
        with LocalStack(stack_settings(data)) as stack:
            found = fuzz(
                stack.url, fuzzing_key(stack), work,
                examples=given.examples, seed=given.seed, limit_seconds=given.limit_seconds,
            )  # fmt: skip
    print(found.told)
    return 0 if found.clean else 1


if __name__ == "__main__":
    sys.exit(main())
