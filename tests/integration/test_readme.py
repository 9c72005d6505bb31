"""Every command and program in the README, run as it is written there, from top to bottom on one local stack.

What a reader's own stack would have is put in: its name, its ports, and `.easel` in the folder.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from local.build import REPOSITORY
from local.stack import STACK, LocalStack
from tests.fakes.pictures import picture
from tests.integration.conftest import stack_settings

BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
RUNNABLE = ("sh", "python")
SECONDS_MAX = 120.0
# Blocks that cannot run here, by their first line: why, or which test does it.
ELSEWHERE = {
    "make run": "test_local_stack.py starts it as a person does",
    "make test": "this is it",
    ".venv/bin/st run http://127.0.0.1:3000/openapi.json -H": "test_schemathesis.py, as long as it takes",
    "make deploy STAGE=dev": "needs an AWS account; test_deploy.py runs it up to its changes",
    "SECRET=$(aws cloudformation": "needs an AWS account; the local stack does it at its start",
    "make key TENANT=default STACK=easel-dev ADMIN=1": "needs an AWS account; test_own_key.py makes keys",
}


@dataclass(frozen=True)
class Block:
    """A fenced block, and the line of the README on which it begins."""

    line: int
    language: str
    text: str

    @property
    def elsewhere(self) -> bool:
        return any(self.text.startswith((f"{first}\n", f"{first} ")) for first in ELSEWHERE)


@dataclass(frozen=True)
class Reader:
    """Somebody with a terminal in a folder, whose variables and functions last from one block to the next."""

    folder: Path
    stack: LocalStack

    def runs(self, block: Block) -> str:
        """What the block printed. Fails where one of its commands does."""
        text = block.text.replace("127.0.0.1:3000", self.stack.url.removeprefix("http://"))
        text = text.replace("http://127.0.0.1:4566", self.stack.aws.url).replace("easel-prod", STACK)
        text = self._shell(text) if block.language == "sh" else text
        program = ["bash", "-euo", "pipefail"] if block.language == "sh" else [sys.executable, "-"]
        done = subprocess.run(
            program, input=text, cwd=self.folder, env=self._environment(), capture_output=True, text=True,
            timeout=SECONDS_MAX, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"README.md:{block.line}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _shell(self, text: str) -> str:
        return (
            "set -a; [ ! -e .variables ] || . ./.variables\n"
            f'make() {{ command make -s -C "{REPOSITORY}" "$@"; }}\n'
            f"{text}\n{{ export -p; declare -f; }} > .variables\n"
        )

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "EASEL_AWS_PORT": self.stack.aws.url.rpartition(":")[2],
        }


def blocks() -> list[Block]:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    found = BLOCK.finditer(text)
    return [Block(text[: one.start()].count("\n") + 1, one["language"], one["text"]) for one in found]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A folder such as the README's reader sits in, with the local stack running."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "photo.png").write_bytes(picture("png", 512, 512))
    (folder / "events").symlink_to(REPOSITORY / "events")
    (folder / ".venv").symlink_to(REPOSITORY / ".venv")
    with LocalStack(replace(stack_settings(folder / ".easel"), sandbox_route=True)) as stack:
        yield Reader(folder, stack)


@pytest.mark.parametrize(
    "block",
    [one for one in blocks() if one.language in RUNNABLE and not one.elsewhere],
    ids=lambda block: f"line {block.line}",
)
def test_what_the_readme_tells_to_run_runs(reader: Reader, block: Block) -> None:
    said = reader.runs(block)
    assert "urn:easel:problem" not in said, said
    assert '{"message":' not in said, said  # API Gateway's own words


def test_every_block_says_what_it_is_and_none_is_excused_in_vain() -> None:
    assert all(block.language for block in blocks() if not block.text.startswith(" ")), "no language"
    for first in ELSEWHERE:
        assert sum(block.elsewhere and block.text.startswith(first) for block in blocks()) == 1, first
