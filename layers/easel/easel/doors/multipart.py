"""Forms with files: the parts of a `multipart/form-data` body (RFC 7578), read in memory.

The standard library reads the headers; its reader of whole messages takes bodies as lines of text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message

from easel.errors import MalformedRequestError, UnsupportedMediaError

PARTS_MAX = 100  # of a form; those of an edit are some twenty


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form: its name, and its bytes as they came."""

    name: str
    data: bytes

    @property
    def text(self) -> str:
        """The bytes as text. Raises MalformedRequestError."""
        try:
            return self.data.decode()
        except UnicodeDecodeError as error:
            raise MalformedRequestError("A field of the form is not UTF-8 text.") from error


def parts_of(content_type: str, body: bytes) -> Iterator[Part]:
    """The form's fields, in order. Raises UnsupportedMediaError or MalformedRequestError."""
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/form-data" or not boundary:
        raise UnsupportedMediaError('Send a form, with "Content-Type: multipart/form-data; boundary=...".')
    # What precedes the first boundary and follows the last one means nothing (RFC 2046, 5.1.1).
    delimiter = b"\r\n--" + boundary.encode(errors="surrogateescape")
    _, *sections = (b"\r\n" + body).split(delimiter, PARTS_MAX + 1)
    for section in sections:
        if section.startswith(b"--"):
            return
        head, gap, data = section.partition(b"\r\n\r\n")
        name = message_from_bytes(head.lstrip()).get_param("name", header="content-disposition")
        if not gap or not isinstance(name, str):
            raise MalformedRequestError("A part of the form has no name.")
        yield Part(name, data)
    raise MalformedRequestError(f"The form does not end, or has more than {PARTS_MAX} parts.")
