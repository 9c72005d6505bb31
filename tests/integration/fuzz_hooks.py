"""What schemathesis is told beside the description: where the fuzzed requests may lead.

It makes up hosts for webhooks and input images. Hosts below `.invalid` are nobody's (RFC 2606), so nothing of
a run leaves the machine. A value that is no link as the API takes them stays as it is. Files of rows have no
schema: whatever it makes up is one, if only to be refused row by row.
"""

import json
import re
from typing import Any

import schemathesis

LINK = re.compile(r"https://[A-Za-z0-9_][A-Za-z0-9._-]*(:[0-9]{1,5})?([/?#][!-~]*)?")
HOST = re.compile(r"https://[^/?#]*")
NOWHERE = "https://host.invalid"


@schemathesis.hook
def map_body(_: schemathesis.HookContext, body: Any) -> Any:
    """A body whose links lead nowhere."""
    return at_home(body)


@schemathesis.serializer("application/jsonl", "application/x-ndjson", "text/csv")
def rows_file(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """A file of rows, which is not empty."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode(errors="replace") or b"{}"


def at_home(value: Any) -> Any:
    """The value, with every link in it to a host that is nobody's, and none longer than links may be."""
    if isinstance(value, dict):
        return {name: at_home(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [at_home(inner) for inner in value]
    if isinstance(value, str) and LINK.fullmatch(value):
        return HOST.sub(NOWHERE, value, count=1)[: max(len(value), len(NOWHERE))]
    return value
