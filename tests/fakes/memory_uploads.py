"""Uploads and links in memory: the ports `Uploads` and `Links`."""

from collections.abc import Mapping

from easel.errors import ImageInvalidError, ImageUnavailableError, NotSentError
from easel.ports import UploadForm
from easel.wire import HttpResponse


class MemoryUploads:
    """The port `Uploads`. `put` is what a caller does with the form."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: list[tuple[str, str, int, int]] = []

    def form(self, key: str, content_type: str, bytes_max: int, seconds: int) -> UploadForm:
        self.asked.append((key, content_type, bytes_max, seconds))
        fields = {"key": key, "Content-Type": content_type, "x-amz-signature": "test"}
        return UploadForm("https://images.example/", fields)

    def put(self, fields: Mapping[str, str], data: bytes) -> None:
        """Post the form with this file."""
        self.objects[fields["key"]] = data

    def read(self, key: str, bytes_max: int) -> bytes:
        if key not in self.objects:
            raise ImageUnavailableError("there is no such upload")
        data = self.objects[key]
        if len(data) > bytes_max:
            raise ImageInvalidError(f"has {len(data)} bytes, at most {bytes_max} are taken")
        return data


class KnownLinks:
    """The port `Links`: gives what was set for a link, and resolves no other."""

    def __init__(self) -> None:
        self.answers: dict[str, HttpResponse | Exception] = {}
        self.asked: list[tuple[str, int, float]] = []

    def serve(self, link: str, data: bytes, status: int = 200, **headers: str) -> None:
        """Have a link answer with these bytes. `content_length="5"` is the header Content-Length."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[link] = HttpResponse(status, {"content-length": str(len(data))} | named, data)

    def head_bytes(self, url: str, most_bytes: int, timeout_seconds: float) -> HttpResponse:
        self.asked.append((url, most_bytes, timeout_seconds))
        answer = self.answers.get(url, NotSentError("the host name does not resolve"))
        if isinstance(answer, Exception):
            raise answer
        return answer._replace(body=answer.body[:most_bytes])
