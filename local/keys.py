"""`make key TENANT=name`: an API key made with AWS rights, on the running local stack or on one on AWS.

That is how a deployment's first administrator comes by a key (`ADMIN=1`). All else about keys and limits goes
over HTTP. The secret is printed, and nothing else: only its hash is kept.
"""

import argparse
import sys

from easel.aws.key_book import DynamoKeyBook
from easel.domain.tenancy import ALL_SCOPES, USUAL_SCOPES, checked_tenant
from easel.runtime import SystemClock
from local.account import deployed, exit_status


def main(words: list[str] | None = None) -> int:
    """Make the key that the words ask for; return the exit status."""
    given = _parser().parse_args(words)
    return exit_status(given.stack, lambda: _make(given))


def _make(given: argparse.Namespace) -> int:
    tenant = checked_tenant(given.tenant)
    stack = deployed(given.stack)
    book = DynamoKeyBook(stack.client("dynamodb"), stack.outputs["TableName"], SystemClock())
    print(book.create(tenant, scopes=ALL_SCOPES if given.admin else USUAL_SCOPES)[0])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make key", description="Make an API key and print its secret.")
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--stack", help="the name of a stack on AWS; without it the local one")
    parser.add_argument("--admin", action="store_true", help="with every scope, `admin` included")
    return parser


if __name__ == "__main__":
    sys.exit(main())
