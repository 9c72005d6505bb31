"""`make key TENANT=name`: an API key made with AWS rights, on the running local stack or on one on AWS.

That is how a deployment's first administrator comes by a key (`ADMIN=1`). All else about keys and limits goes
over HTTP. The secret is printed, and nothing else: only its hash is kept.
"""

import argparse
import sys

from botocore.exceptions import BotoCoreError, ClientError

from easel.aws.key_book import DynamoKeyBook
from easel.domain.tenancy import ALL_SCOPES, USUAL_SCOPES, checked_tenant
from easel.errors import RequestError
from easel.runtime import SystemClock
from local.account import deployed
from local.failure import StackError


def main(words: list[str] | None = None) -> int:
    """Make the key that the words ask for; return the exit status."""
    given = _parser().parse_args(words)
    try:
        tenant = checked_tenant(given.tenant)
        scopes = ALL_SCOPES if given.admin else USUAL_SCOPES
        print(_book(given.stack).create(tenant, scopes=scopes)[0])
    except (StackError, RequestError) as error:
        print(f"easel: {error}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        place = given.stack or "the local stack (is `make run` running?)"
        print(f"easel: {place} cannot be asked: {error}", file=sys.stderr)
        return 1
    return 0


def _book(aws_stack: str | None) -> DynamoKeyBook:
    stack = deployed(aws_stack)
    return DynamoKeyBook(stack.client("dynamodb"), stack.outputs["TableName"], SystemClock())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make key", description="Make an API key and print its secret.")
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--stack", help="the name of a stack on AWS; without it the local one")
    parser.add_argument("--admin", action="store_true", help="with every scope, `admin` included")
    return parser


if __name__ == "__main__":
    sys.exit(main())
