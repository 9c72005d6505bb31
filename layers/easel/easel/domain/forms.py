"""The forms of texts in requests, as patterns that mean the same to Python and to JSON Schema (ECMA-262).

Callers are told the very pattern that their texts are held against. What one engine alone takes for white
space is named, and a class that depends on Unicode's version is not used.
"""

import re
from typing import Any

from pydantic import Field

# What callers are told: a host is a name with a dot, whose last label begins with no digit. One that does is
# an address, which resolvers take in many spellings (`127.1`, `0x7f000001`, `017700000001`). Whether it may
# be asked is decided when it is resolved.
NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,188}\.[A-Za-z_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
# What a record may hold: other hosts were once taken, too.
HOST = r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?"
BEHIND_HOST = r"(:[0-9]{1,5})?([/?#][!-~]*)?"
HTTPS_LINK = rf"https://{NAME}{BEHIND_HOST}"
ANY_HTTPS_LINK = rf"https://{HOST}{BEHIND_HOST}"
LOOPBACK_LINK = r"http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?([/?#][!-~]*)?"
UPLOAD = r"upload:upl_[0-7][0-9A-HJKMNP-TV-Z]{25}"
WEIGHTS_PATH = r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9_.-]+){1,4}"
SIZE = r"[1-9][0-9]{1,4}[*x][1-9][0-9]{1,4}|[1-9][0-9]?:[1-9][0-9]?"
KEPT_IMAGE = (
    r"s3://[a-z0-9.-]{3,63}/(images|inputs|batches/[!-~]{1,100})/gen_[0-7][0-9A-HJKMNP-TV-Z]{25}/[!-~]{1,100}"
)
# U+FFFD is what decoders put in the place of bytes that are no UTF-8.
UNDAMAGED = r"[^\ufffd]*"
VISIBLE = r"[^\s\x1c-\x1f\x85\ufeff\ufffd]"  # one character
VISIBLE_TEXT = UNDAMAGED + VISIBLE + UNDAMAGED
# Base64 of 24 to 64 bytes (Standard Webhooks, Signature scheme).
SECRET = (
    r"whsec_([A-Za-z0-9+/]{4}){8,20}([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
    r"|whsec_([A-Za-z0-9+/]{4}){21}[A-Za-z0-9+/]{2}=="
)
MANIFEST = r"s3://[a-z0-9.-]{3,63}/.*\.([jJ][sS][oO][nN][lL]?|[cC][sS][vV])"
DATA_LINK = r"data:image/[a-z.+-]+;base64,[A-Za-z0-9+/]+={0,2}"


def has_form(text: str, *forms: str) -> bool:
    """Whether the whole text has one of the forms."""
    return any(re.fullmatch(form, text) for form in forms)


def told(*forms: str, **more: str) -> Any:
    """For a field's annotation: what its JSON Schema says of the forms that it takes."""
    return Field(json_schema_extra={"pattern": f"^({'|'.join(forms)})$", **more})


def whole(value: Any) -> Any:
    """Before a strict integer: 7.0 is the integer 7, as JSON Schema has it; what is none stays as it came."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
