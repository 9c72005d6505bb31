"""Identifiers: a prefix and a ULID (https://github.com/ulid/spec), sortable by the time of making."""

import re
import secrets
from datetime import datetime

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GENERATION_ID = re.compile(r"gen_[0-7][0-9A-HJKMNP-TV-Z]{25}")


def new_generation_id(now: datetime) -> str:
    """A fresh `gen_` id; ids made in a later millisecond sort after it."""
    value = (int(now.timestamp() * 1000) << 80) | secrets.randbits(80)
    return "gen_" + "".join(ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))


def is_generation_id(text: str) -> bool:
    """Whether the text has the form of a generation's id."""
    return GENERATION_ID.fullmatch(text) is not None
