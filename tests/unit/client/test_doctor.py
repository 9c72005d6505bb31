"""`easel doctor`: each finding with its verdict and what to do."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from easel_client.profiles import Profile, Profiles, profile_file
from tests.unit.client.command import data, easel
from tests.unit.client.deployment import Deployment, problem
from tests.unit.client.test_keys_command import key
from tests.unit.client.test_models_usage import route


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing answers, nobody waits; and no port of this machine counts."""
    monkeypatch.setattr("easel_client.transport.TRIES_MAX", 1)
    monkeypatch.setenv("EASEL_PORT", "9")


def lay(deployment: Deployment, **fields: Any) -> None:
    """A deployment in good order, but for these."""
    now = format_datetime(datetime.now(UTC) + fields.get("ahead", timedelta()), usegmt=True)
    deployment.answers("GET /healthz", {"status": "ok"}, Date=now)
    deployment.answers("GET /v1/key", fields.get("key", key()))
    models = [{"id": "m", "routes": fields.get("routes", [route("a/m")])}]
    deployment.answers("GET /v1/models", {"data": models, "next_cursor": None})


def found(*words: str) -> dict[str, tuple[str, str, str]]:
    """Verdict, text and advice by subject."""
    findings = data(easel("doctor", "--json", *words))["findings"]
    return {one["subject"]: (one["verdict"], one["text"], one["advice"]) for one in findings}


def test_all_is_well(deployment: Deployment) -> None:
    lay(deployment)
    done = easel("doctor")
    assert done.exit_code == 0
    assert {line.split()[0] for line in done.stdout.splitlines()} == {"ok"}
    told = found()
    assert told["key"][1] == "shop of tenant acme, may generate, read"
    assert told["models"][1] == "1 of 1 are ready, through MuleRouter"
    assert told["checkout"][1].startswith("none in this folder")
    assert deployment.key not in done.output


def test_nothing_is_known_and_nothing_answers() -> None:
    done = easel("doctor")
    assert done.exit_code == 1
    assert "easel login" in found()["deployment"][2]
    Profiles({}, None).having("home", Profile("http://127.0.0.1:9", "k")).write()
    verdict, text, _ = found("--profile", "home")["answers"]
    assert (verdict, text) == ("fail", "Nothing answers at http://127.0.0.1:9.")


@pytest.mark.parametrize(
    ("subject", "verdict", "fields"),
    [
        ("clock", "fail", {"ahead": timedelta(minutes=-7)}),
        ("clock", "warn", {"ahead": timedelta(minutes=1)}),
        ("key", "fail", {"key": (401, problem(401, "unauthorized", "Not known."))}),
        ("key", "fail", {"key": key(scopes=[])}),
        ("key", "warn", {"key": key(expires_at=(datetime.now(UTC) + timedelta(days=2)).isoformat())}),
        ("limit", "warn", {"key": key(used={"usd_per_day": "5.00"})}),
        ("models", "fail", {"routes": [route("a/m", ready=False)]}),
        ("routes", "warn", {"routes": [route("a/m", health={"state": "paused"})]}),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(
    deployment: Deployment, subject: str, verdict: str, fields: dict[str, Any]
) -> None:
    lay(deployment, **fields)
    told = found()[subject]
    assert told[0] == verdict
    assert told[2]
    assert easel("doctor").exit_code == (verdict == "fail")


def test_a_profile_file_that_others_may_read_is_told() -> None:
    Profiles({}, None).having("home", Profile("http://127.0.0.1:9", "k")).write()
    assert found()["profiles"][:2] == ("ok", f"home* in {profile_file()}")
    profile_file().chmod(0o644)
    assert found()["profiles"][0] == "warn"
    profile_file().write_text("[[[")
    assert found()["profiles"][0] == "fail"


def test_a_checkout_and_ports_that_are_taken(
    alone: Path, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(deployment)
    (alone / "local").mkdir()
    (alone / "local" / "__main__.py").touch()
    (alone / "Makefile").touch()
    monkeypatch.setenv("EASEL_PORT", deployment.url.rpartition(":")[2])
    told = found()
    assert told["local stack"][:2] == ("ok", f"answers at {deployment.url}")
    assert told["set-up"][0] == "warn"
    deployment.laid["GET /healthz"].clear()
    deployment.answers("GET /healthz", b"another program")
    told = found()
    assert told[f"port {deployment.url.rpartition(':')[2]}"][0] == "fail"
