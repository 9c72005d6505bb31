"""Calling the command `easel` in this process."""

import json
from typing import Any

from typer.testing import CliRunner, Result

from easel_client.command.app import app


def easel(*words: str, typed: str | None = None, **environment: str) -> Result:
    """What it wrote and its exit status. A bug's traceback is raised here."""
    result = CliRunner(env=environment).invoke(app, list(words), input=typed, prog_name="easel")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.stderr
    return result


def data(result: Result) -> Any:
    """Its standard output, which is one JSON value and nothing else."""
    return json.loads(result.stdout)
