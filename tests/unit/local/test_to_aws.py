"""`make deploy`: asked the first time, by the settings of the stage, never without knowing who deploys."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from local import to_aws
from tests.template import ROOT

CONFIG = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))


def settings(stage: str, config: dict[str, Any]) -> dict[str, Any]:
    """What samconfig.toml says of a stage's deployment, and of all that is done with it."""
    name = to_aws.STAGES[stage]
    return config[name]["global"]["parameters"] | config[name]["deploy"]["parameters"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("stage", to_aws.STAGES)
def test_every_stage_has_settings_and_a_stack_of_its_own(stage: str) -> None:
    known = settings(stage, CONFIG)
    assert known["stack_name"] == f"easel-{stage}"
    assert re.search(f'Stage="?{stage}\\b', str(known["parameter_overrides"]))  # quoted once SAM wrote it
    assert known["confirm_changeset"] is True


def test_first_time_is_asked_until_the_stage_has_a_region() -> None:
    config = {"prod": {"deploy": {"parameters": {"region": "eu-central-1"}}}}
    assert "--guided" in to_aws.command("dev", config)
    assert "--guided" not in to_aws.command("prod", config)
    assert "--guided" not in to_aws.command("dev", config, ["--region", "eu-central-1"])
    assert to_aws.command("dev", config)[-3:-1] == ["--config-env", "default"]
    assert to_aws.command("prod", config, ["--no-execute-changeset"])[-3:] == [
        "--config-env", "prod", "--no-execute-changeset",
    ]  # fmt: skip


def test_nothing_built_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(to_aws, "BUILT", tmp_path / "template.yaml")
    assert to_aws.main([]) == 1
    assert "make build" in capsys.readouterr().err


def test_without_credentials_sam_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "template.yaml").touch()
    monkeypatch.setattr(to_aws, "BUILT", tmp_path / "template.yaml")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("subprocess.call", lambda *_, **__: pytest.fail("it was started"))
    assert to_aws.main(["--stage", "prod"]) == 1
    assert "credentials" in capsys.readouterr().err


def test_without_a_region_sam_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "template.yaml").touch()
    monkeypatch.setattr(to_aws, "BUILT", tmp_path / "template.yaml")
    for name in ("AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setattr("subprocess.call", lambda *_, **__: pytest.fail("it was started"))
    assert to_aws.main([]) == 1
    assert "AWS_DEFAULT_REGION" in capsys.readouterr().err


def test_region_and_profile_that_sam_is_given_hold_for_who_deploys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "template.yaml").touch()
    monkeypatch.setattr(to_aws, "BUILT", tmp_path / "template.yaml")
    for name in ("AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    settings = tmp_path / "config"
    settings.write_text("[profile mine]\naws_access_key_id = a\naws_secret_access_key = b\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(settings))
    started: list[list[str]] = []

    def start(words: list[str], **_: Any) -> int:
        started.append(words)
        return 0

    monkeypatch.setattr("subprocess.call", start)
    with mock_aws():
        assert to_aws.main(["--region", "eu-central-1", "--profile", "mine"]) == 0
    assert started[0][-4:] == ["--region", "eu-central-1", "--profile", "mine"]
    assert "Deploying stage dev as arn:aws:" in capsys.readouterr().out
    assert to_aws.main(["--region", "eu-central-1", "--profile", "yours"]) == 1
    assert "yours" in capsys.readouterr().err


def test_profile_that_there_is_none_of_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "template.yaml").touch()
    monkeypatch.setattr(to_aws, "BUILT", tmp_path / "template.yaml")
    monkeypatch.setenv("AWS_PROFILE", "mistyped")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setattr("subprocess.call", lambda *_, **__: pytest.fail("it was started"))
    assert to_aws.main([]) == 1
    assert "mistyped" in capsys.readouterr().err


def test_stage_that_there_is_none_of_is_refused() -> None:
    with pytest.raises(SystemExit):
        to_aws.main(["--stage", "test"])
