"""`make deploy STAGE=dev`: deploys what `make build` built to the AWS account of the shell's settings.

The first time `sam deploy --guided` asks for what it needs, and keeps the answers in samconfig.toml. Once the
stage has a region there, nothing is asked but whether to go on with the changes.
"""

import argparse
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.build import REPOSITORY

STAGES = {"dev": "default", "prod": "prod"}  # by the tables of samconfig.toml
BUILT = REPOSITORY / ".aws-sam" / "build" / "template.yaml"


def command(stage: str, config: Mapping[str, Any], more: Sequence[str] = ()) -> list[str]:
    """What is run for a stage, with these settings of all stages."""
    asked = [] if _region(stage, config) or "--region" in more else ["--guided"]
    return [sys.executable, "-m", "samcli", "deploy", "--config-env", STAGES[stage], *asked, *more]


def _region(stage: str, config: Mapping[str, Any]) -> str | None:
    region: str | None = config.get(STAGES[stage], {}).get("deploy", {}).get("parameters", {}).get("region")
    return region


def _of_sam() -> argparse.ArgumentParser:
    """Of the words for `sam deploy` those that say where it deploys to, and as whom."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--region")
    parser.add_argument("--profile")
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Deploy; return the exit status."""
    parser = argparse.ArgumentParser(prog="make deploy", description="Deploy what `make build` built.")
    parser.add_argument("--stage", choices=STAGES, default="dev")
    given, more = parser.parse_known_args(words)
    asked, _ = _of_sam().parse_known_args(more)
    if not BUILT.is_file():
        print("easel: there is nothing built; `make build` does it.", file=sys.stderr)
        return 1
    config = tomllib.loads((REPOSITORY / "samconfig.toml").read_text())
    try:
        session = boto3.Session(profile_name=asked.profile)  # raises where there is no such profile
        region = asked.region or _region(given.stage, config) or session.region_name
        if not region:  # SAM would ask for it, and then not use it for the bucket of the packages
            print("easel: no region; set AWS_DEFAULT_REGION, or one in the AWS profile.", file=sys.stderr)
            return 1
        who = session.client("sts", region_name=region).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        print(f"easel: AWS does not know you: {error}", file=sys.stderr)
        return 1
    print(f"Deploying stage {given.stage} as {who['Arn']}", flush=True)
    os.environ["SAM_CLI_TELEMETRY"] = "0"
    return subprocess.call(command(given.stage, config, more), cwd=REPOSITORY)


if __name__ == "__main__":
    sys.exit(main())
