"""What a process under measurement talks to, in a process of its own: AWS, a vendor and its result host.

AWS and the vendor speak plain HTTP; the result host and S3 TLS, with a certificate of their own. For who
measures that, AWS speaks TLS as well, on another port. The table holds what was put in it and asks no
conditions: one caller comes at a time.
`python -m tests.bench.stubs FOLDER` serves, and prints the ports.
"""

import json
import ssl
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from botocore import xform_name

from tests.fakes.http_server import Exchange, LocalServer
from tests.fakes.internet import certificate

MIB = 1024 * 1024
HOST = "localhost"  # of result links: it has the certificate, and is set as trusted
POLLS = 3  # that a task takes: it has finished at the last of them
CHUNK_BYTES = 256 * 1024
SIGNATURE = b"\x89PNG\r\n\x1a\n"
Item = dict[str, Any]


def image(length: int) -> bytes:
    """A PNG of exactly so many bytes, in blocks as encoders write them; it is whole, but draws nothing."""
    header = (1664).to_bytes(4, "big") + (928).to_bytes(4, "big") + b"\x08\x02\0\0\0"
    blocks, end = [SIGNATURE, _block(b"IHDR", header)], _block(b"IEND", b"")
    left = length - sum(map(len, blocks)) - len(end)
    while left:
        size = left if left <= 64 * 1024 else min(32 * 1024, left - 1024)
        blocks.append(_block(b"IDAT", (bytes(range(256)) * (size // 256 + 1))[: size - 12]))
        left -= size
    return b"".join([*blocks, end])


def _block(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


class Stub:
    """All services."""

    def __init__(self, folder: Path) -> None:
        pem = certificate(folder, [HOST])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.items: dict[tuple[str, str], Item] = {}
        self.images = {0: image(4096)} | {mib: image(mib * MIB) for mib in (1, 8, 32)}
        self.polls: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.plain = LocalServer(self.answer)
        self.secure = SecureServer(self.images, context)
        self.aws = LocalServer(self.answer, context)

    def answer(self, exchange: Exchange) -> None:
        """By the target header where it is AWS, else by the path."""
        self.plain.asked.clear()  # which would be all requests of a long load
        exchange.connection.setsockopt(6, 1, 1)  # TCP_NODELAY: an answer is a head and a body
        target = exchange.headers.get("x-amz-target", "")
        service, _, operation = target.partition(".")
        if target:
            self.requests[f"{service.partition('_')[0]}.{operation}"] += 1
            exchange.reply(200, getattr(self, xform_name(operation), self._nothing)(exchange.json()))
        elif exchange.path == "/requests":
            exchange.reply(200, dict(self.requests))
            self.requests.clear()
        elif exchange.path == "/v1/images/generations":  # as an OpenAI-like vendor, for a peer
            said = {"created": 1, "data": [{"url": f"https://{HOST}:{self.secure.port}/1"}]}
            exchange.reply(200, said, {"Content-Type": "application/json"})
        else:
            exchange.reply(200, self.task(exchange))

    def task(self, exchange: Exchange) -> dict[str, Any]:
        """MuleRouter's task: taken, under way, and finished at the last poll."""
        if exchange.method == "POST":
            return {"task_info": {"id": f"task-{len(self.polls)}-{id(exchange)}", "status": "pending"}}
        task_id = exchange.path.rpartition("/")[2]
        self.polls[task_id] += 1
        if self.polls[task_id] < POLLS:
            return {"task_info": {"id": task_id, "status": "processing"}}
        link = f"https://{HOST}:{self.secure.port}/1"
        return {"task_info": {"id": task_id, "status": "completed"}, "images": [link]}

    def get_item(self, asked: Item) -> Item:
        item = self.items.get(_key(asked["Key"]))
        return {"Item": item} if item else {}

    def put_item(self, asked: Item) -> Item:
        self.items[_key(asked["Item"])] = asked["Item"]
        return {}

    def transact_write_items(self, asked: Item) -> Item:
        for write in asked["TransactItems"]:
            if "Put" in write:
                self.put_item(write["Put"])
        return {}

    def batch_get_item(self, asked: Item) -> Item:
        found = {
            table: [self.items[_key(key)] for key in keys["Keys"] if _key(key) in self.items]
            for table, keys in asked["RequestItems"].items()
        }
        return {"Responses": found, "UnprocessedKeys": {}}

    def query(self, asked: Item) -> Item:
        """The newest generations, whosever: there is one tenant."""
        names = ("pk", "sk", "list_pk", "list_sk")
        kept = [{one: item[one] for one in names} for (_pk, sk), item in self.items.items() if sk == "gen"]
        return {"Items": kept[::-1][: asked["Limit"]], "Count": min(len(kept), asked["Limit"])}

    def get_secret_value(self, asked: Item) -> Item:
        return {"Name": asked["SecretId"], "SecretString": '{"mulerouter": "secret"}'}

    def start_execution(self, asked: Item) -> Item:
        arn = f"{asked['stateMachineArn'].replace(':stateMachine:', ':execution:')}:{asked['name']}"
        return {"executionArn": arn, "startDate": 1.0}

    def put_events(self, asked: Item) -> Item:
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in asked["Entries"]]}

    def _nothing(self, _asked: Item) -> Item:
        return {}


class SecureServer(LocalServer):
    """The result host (GET /MIB) and S3 (PUT), whose bodies are read and thrown away."""

    def __init__(self, images: Mapping[int, bytes], context: ssl.SSLContext) -> None:
        self._images = images
        super().__init__(lambda _exchange: None, context)

    def _serve(self, connection: Any) -> None:
        connection.settimeout(600)  # valgrind is slow
        with suppress(OSError, ValueError):
            connection.setsockopt(6, 1, 1)
            connection = self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
            with connection, connection.makefile("rb", CHUNK_BYTES) as incoming:
                while first := incoming.readline().split():
                    self._answer(first, connection, incoming)

    def _answer(self, first: list[bytes], connection: Any, incoming: Any) -> None:
        headers = {}
        while line := incoming.readline().strip():
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        if first[0] == b"GET":
            body = self._images[int(first[1].rpartition(b"/")[2])]
            head = f"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode())
            connection.sendall(body)
            return
        if headers.get(b"expect", b"").lower() == b"100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if headers.get(b"transfer-encoding") == b"chunked":
            _drop_chunks(incoming)
        else:
            _drop(incoming, int(headers.get(b"content-length", 0)))
        connection.sendall(b'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: 0\r\n\r\n')


def _drop(incoming: Any, length: int) -> None:
    while length:
        length -= len(incoming.read(min(length, CHUNK_BYTES)))


def _drop_chunks(incoming: Any) -> None:
    while size := int(incoming.readline().partition(b";")[0], 16):
        _drop(incoming, size + 2)
    while incoming.readline().strip():
        pass


def _key(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item.get("sk", {"S": ""})["S"]  # a yardstick's table has one key


@contextmanager
def stubs(folder: Path) -> Iterator[dict[str, str]]:
    """The stubs running beside; gives the environment of a function that talks to nothing else."""
    command = [sys.executable, "-m", "tests.bench.stubs", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        ports = json.loads(process.stdout.readline())
        try:
            yield environment(folder, ports["plain"], ports["secure"]) | {
                "STUB_AWS": f"https://127.0.0.1:{ports['aws']}"
            }
        finally:
            process.stdin.close()  # it ends then


def environment(folder: Path, plain: int, secure: int) -> dict[str, str]:
    """What the template would set, and where AWS is."""
    url, machine = f"http://127.0.0.1:{plain}", "arn:aws:states:eu-west-1:1:stateMachine:easel"
    return {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_LAMBDA_FUNCTION_NAME": "measured",  # so that the init phase makes what it makes on Lambda
        "AWS_ENDPOINT_URL": url, "AWS_ENDPOINT_URL_S3": f"https://127.0.0.1:{secure}",
        "AWS_CA_BUNDLE": str(folder / "server.pem"), "SSL_CERT_FILE": str(folder / "server.pem"),
        "EASEL_TABLE": "easel", "EASEL_IMAGE_BUCKET": "images", "EASEL_INBOX_BUCKET": "inbox",
        "EASEL_VENDOR_KEYS_SECRET": "keys", "EASEL_SIGNING_SECRET": "signing", "EASEL_EVENT_BUS": "easel",
        "EASEL_STATE_MACHINE": machine, "EASEL_BATCH_STATE_MACHINE": machine,
        "EASEL_DELIVER_STATE_MACHINE": machine, "EASEL_DEFAULT_TENANT": "default",
        "EASEL_METRICS_NAMESPACE": "Easel/bench", "EASEL_VENDOR_LIMITS": "catalogue",
        "EASEL_VENDOR_BASE_URLS": json.dumps(
            {"mulerouter": url, "pixeldojo": f"https://{HOST}:{secure}"}  # the latter: a trusted result host
        ),
        "POWERTOOLS_SERVICE_NAME": "easel", "POWERTOOLS_LOG_LEVEL": "INFO", "PYTHONHASHSEED": "0",
        "BOTO_DISABLE_CRT": "true",  # it is in no layer
        "STUB_URL": url, "STUB_RESULTS": f"https://{HOST}:{secure}",
    }  # fmt: skip


def requests_since(url: str) -> dict[str, int]:
    """How often each AWS operation was asked for since the last time."""
    with urlopen(f"{url}/requests") as answer:
        counted: dict[str, int] = json.load(answer)
    return counted


def main() -> None:
    """Serve until standard input ends."""
    sys.setswitchinterval(0.001)
    stub = Stub(Path(sys.argv[1]))
    servers = {"plain": stub.plain, "secure": stub.secure, "aws": stub.aws}
    print(json.dumps({name: server.port for name, server in servers.items()}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
