"""Identifiers: a prefix and a ULID (https://github.com/ulid/spec), sortable by the time of making."""

import hashlib
import re
import secrets
from datetime import UTC, datetime

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
GENERATION_ID = re.compile(f"gen_{ULID}")
BATCH_ID = re.compile(f"bat_{ULID}")
BATCH_PLACE = re.compile(rf"[0-9]{{8}}T[0-9]{{6}}\.[0-9]{{6}}Z_({BATCH_ID.pattern})")
DELIVERY_ID = re.compile(f"msg_{ULID}")
KEY_ID = re.compile("key_[0-9A-Za-z]{1,26}")  # a ULID, or `local` of the local stack's own


def new_generation_id(now: datetime) -> str:
    """A fresh `gen_` id; ids made in a later millisecond sort after it."""
    return "gen_" + _ulid(now, secrets.randbits(80))


def earliest_generation_id(moment: datetime) -> str:
    """What no generation id made from then on sorts before."""
    return "gen_" + _ulid(moment, 0)


def new_key_id(now: datetime) -> str:
    """A fresh `key_` id of an API key."""
    return "key_" + _ulid(now, secrets.randbits(80))


def new_upload_id(now: datetime) -> str:
    """A fresh `upl_` id of an uploaded input image."""
    return "upl_" + _ulid(now, secrets.randbits(80))


def row_generation_id(created_at: datetime, batch_id: str, row: str) -> str:
    """The one id that a row of a batch has, whoever works on it and however often. `row` is what makes it
    itself: its custom id, or its number."""
    return "gen_" + _ulid(created_at, _digest(batch_id, row) % 2**80)


def batch_id_of(tenant: str, *source: str) -> str:
    """The one id of the batch that comes from this source, so that a source that is told twice is one batch.
    Its ULID is no time but a hash."""
    value = _digest(tenant, *source) % 2**125  # a ULID's first character is at most 7; here at most 3
    return "bat_" + _text(value)


def batch_place(created_at: datetime, batch_id: str) -> str:
    """Where a batch stands among its tenant's, by the time of its making, which its id does not tell."""
    return f"{created_at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}_{batch_id}"


def new_delivery_id(now: datetime) -> str:
    """A fresh `msg_` id of a webhook's delivery that a caller asks for."""
    return "msg_" + _ulid(now, secrets.randbits(80))


def delivery_id_of(generation_id: str, event: str, ended_at: datetime) -> str:
    """The one id of the delivery by which this end of a generation is told first, whoever tells it."""
    return "msg_" + _ulid(ended_at, _digest(generation_id, event) % 2**80)


def generation_bits(generation_id: str) -> int:
    """The 128 bits of a generation's id, for forms in which others write it."""
    bits = 0
    for character in generation_id.removeprefix("gen_"):
        bits = (bits << 5) | ALPHABET.index(character)
    return bits


def generation_id_of(bits: int) -> str:
    """The generation's id of these 128 bits."""
    return "gen_" + _text(bits)


def tenant_mark(name: str) -> str:
    """What stands for a tenant beside what may be read by others than the tenant."""
    return hashlib.sha256(f"tenant {name}".encode()).hexdigest()[:32]


def is_generation_id(text: str) -> bool:
    """Whether the text has the form of a generation's id."""
    return GENERATION_ID.fullmatch(text) is not None


def is_delivery_id(text: str) -> bool:
    """Whether the text has the form of a delivery's id."""
    return DELIVERY_ID.fullmatch(text) is not None


def is_key_id(text: str) -> bool:
    """Whether the text has the form of an API key's id."""
    return KEY_ID.fullmatch(text) is not None


def is_batch_id(text: str) -> bool:
    """Whether the text has the form of a batch's id."""
    return BATCH_ID.fullmatch(text) is not None


def _digest(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest(), "big")


def _ulid(moment: datetime, rest: int) -> str:
    return _text((int(moment.timestamp() * 1000) << 80) | rest)


def _text(value: int) -> str:
    return "".join(ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))
