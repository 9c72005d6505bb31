"""The linters' verdict is part of the tests, so that whatever runs the tests sees it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TOOLS = {
    "formatting": (sys.executable, "-m", "ruff", "format", "--check", "."),
    "style": (sys.executable, "-m", "ruff", "check", "."),
    "types": (sys.executable, "-m", "mypy"),
    "template": (sys.executable, "-m", "samcli", "validate", "--lint"),
    "template, with what is only a hint or an experiment": (
        *(str(Path(sys.executable).with_name("cfn-lint")), "template.yaml", "--include-checks", "I"),
        *("--include-experimental", "--non-zero-exit-code", "informational"),
    ),
    "template's security": ("tests/checkov/check.sh",),
}
LIMIT_SECONDS = 300.0


@pytest.mark.parametrize("subject", TOOLS)
def test_the_linters_find_nothing(subject: str) -> None:
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}
    result = subprocess.run(
        TOOLS[subject],
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LIMIT_SECONDS,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def layer_requirements(layer: str) -> set[str]:
    """What a layer carries, each with its version."""
    return set((REPOSITORY / "layers" / layer / "requirements.txt").read_text().splitlines())


@pytest.mark.parametrize("layer", ["easel", "mcp"])
def test_the_layers_requirements_are_those_of_the_lock_file(layer: str) -> None:
    lock = (REPOSITORY / "requirements.lock").read_text().splitlines()
    locked = {line.partition(" ;")[0] for line in lock}  # some are for certain platforms only
    assert layer_requirements(layer)
    assert layer_requirements(layer) <= locked


def test_the_second_layer_carries_nothing_that_the_first_has() -> None:
    assert not layer_requirements("easel") & layer_requirements("mcp")


@pytest.mark.parametrize("file", ["requirements.lock", "tests/checkov/requirements.txt"])
def test_a_lock_file_pins_everything_and_names_no_registry(file: str) -> None:
    lines = (REPOSITORY / file).read_text().splitlines()
    assert all("==" in line and "://" not in line and not line.startswith("-") for line in lines)
