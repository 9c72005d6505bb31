"""The sandbox route: who answers for it, what it draws, and that no other route and no other host is met."""

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.catalogue import CATALOGUE
from easel.domain.generation import Generation
from easel.domain.image_bytes import ImageVerifier
from easel.domain.money import Money
from easel.domain.request import GenerationRequest
from easel.domain.sizes import Size
from easel.domain.tenancy import ApiKey
from easel.errors import AddressRefusedError, ForbiddenError, ImageUnavailableError, InvalidRequestError
from easel.openapi.route_rules import route_rules
from easel.ports import Download
from easel.routing import Policy, choose
from easel.sandbox import BASE_URL, HOST, PICTURES, SIZES, WITH_SANDBOX, SandboxTransport, draw
from easel.transport import HttpTransport
from easel.wire import HttpResponse
from tests.fakes.memory import FakeClock
from tests.fakes.scene import Scene

WIDE = Size(1664, 928)
TASK = "1664x928_7_1767225602000"
ROUTE = WITH_SANDBOX.routes["sandbox/picture"]
LORA: Any = {"weights": "owner/name"}


class Elsewhere:
    """The port `Transport`, which remembers what was handed on to it."""

    def __init__(self) -> None:
        self.seen: list[tuple[object, ...]] = []

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Mapping[str, object] | None,
        *,
        timeout_seconds: float,
    ) -> HttpResponse:
        self.seen.append((method, url, headers, body, timeout_seconds))
        return HttpResponse(299)

    @contextmanager
    def download(self, url: str, *, hosts: Sequence[str], timeout_seconds: float) -> Iterator[Download]:
        self.seen.append((url, hosts, timeout_seconds))
        yield Download(1, "text/plain", iter([b"x"]))


def loaded(transport: SandboxTransport, url: str, hosts: Sequence[str] = (HOST,)) -> bytes:
    with transport.download(url, hosts=hosts, timeout_seconds=3) as download:
        data = b"".join(download.chunks)
        assert download.content_length == len(data)
        return data


@pytest.fixture
def elsewhere() -> Elsewhere:
    return Elsewhere()


@pytest.fixture
def transport(elsewhere: Elsewhere) -> SandboxTransport:
    return SandboxTransport(elsewhere, FakeClock())


# ── Who answers ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "url",
    [
        "https://api.mulerouter.ai/pictures",
        f"https://{HOST}.example.com/pictures",
        f"https://example.com/{BASE_URL}/pictures",
        f"http://{HOST}/pictures",
        "",
    ],
)
def test_all_that_is_not_the_sandboxs_is_handed_on_as_it_came(
    transport: SandboxTransport, elsewhere: Elsewhere, url: str
) -> None:
    assert transport.send("POST", url, {"a": "b"}, {"c": 1}, timeout_seconds=2).status == 299
    assert loaded(transport, url) == b"x"
    assert elsewhere.seen == [("POST", url, {"a": "b"}, {"c": 1}, 2), (url, (HOST,), 3)]


def test_what_is_the_sandboxs_never_leaves_the_function(
    transport: SandboxTransport, elsewhere: Elsewhere
) -> None:
    assert transport.send("POST", PICTURES, {}, {"prompt": "x"}, timeout_seconds=1).status == 202
    assert transport.send("GET", f"{PICTURES}/{TASK}", {}, None, timeout_seconds=1).status == 200
    assert transport.send("GET", f"{BASE_URL}/else", {}, None, timeout_seconds=1).status == 404
    assert loaded(transport, f"{PICTURES}/{TASK}") == draw(WIDE, 7)
    assert elsewhere.seen == []


@pytest.mark.parametrize("name", CATALOGUE.endpoints)
def test_vendors_link_to_the_sandbox_is_refused_as_any_other_foreign_one(name: str) -> None:
    transport = SandboxTransport(HttpTransport(), FakeClock())
    with pytest.raises(AddressRefusedError):
        loaded(transport, f"{PICTURES}/{TASK}", CATALOGUE.endpoints[name].result_hosts)


@pytest.mark.parametrize("name", CATALOGUE.endpoints)
def test_link_to_a_vendors_host_is_refused_on_the_sandboxs_route(name: str) -> None:
    transport = SandboxTransport(HttpTransport(), FakeClock())
    url = f"https://{CATALOGUE.endpoints[name].result_hosts[0]}/1.png"
    with pytest.raises(AddressRefusedError):
        loaded(transport, url, ROUTE.endpoint.result_hosts)


# ── Tasks ─────────────────────────────────────────────────────────────────────────────────────────────


ODD = [
    "",
    "x",
    "1x1_7_1767225602000",
    "1664x1664_7_1767225602000",
    "9999x9999_7_1767225602000",
    "1664x928_2147483648_1767225602000",
    "1664x928_-7_1767225602000",
    "1664x928_7_99999999999999999999",
    "1664x928_7_1767225602000/../x",
    "1664x928_7_1767225602000\n",
    "1664x928_7_176722560200\u0663",  # a digit of another script
    "%31664x928_7_1767225602000",
    "1664x928_7_1767225602000?x=1",
]


@pytest.mark.parametrize("name", ODD)
def test_task_that_was_not_given_out_is_not_known(transport: SandboxTransport, name: str) -> None:
    assert transport.send("GET", f"{PICTURES}/{name}", {}, None, timeout_seconds=1).status == 404
    with pytest.raises(ImageUnavailableError):
        loaded(transport, f"{PICTURES}/{name}")


BODY = st.dictionaries(
    st.sampled_from(["prompt", "size", "seed", "else"]),
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec=None)) | st.lists(st.integers()),
)


@given(body=st.none() | BODY, name=st.text(st.characters(codec=None)))
def test_nothing_that_is_asked_breaks_it(body: dict[str, object] | None, name: str) -> None:
    transport = SandboxTransport(Elsewhere(), FakeClock())
    taken = transport.send("POST", PICTURES, {}, body, timeout_seconds=1)
    assert taken.status in (202, 400)
    if taken.status == 202:
        told = transport.send("GET", f"{PICTURES}/{taken.json()['id']}", {}, None, timeout_seconds=1)
        assert (told.status, told.json()["status"]) == (200, "drawing")
    assert transport.send("GET", f"{BASE_URL}/{name}", {}, None, timeout_seconds=1).status == 404


# ── Pictures ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", SIZES.values(), ids=str)
def test_picture_is_a_whole_png_of_the_size_that_was_asked_for(size: Size) -> None:
    data, verifier = draw(size, 2147483647), ImageVerifier()
    verifier.feed(data)
    facts = verifier.finish()
    assert (facts.content_type, facts.width, facts.height) == ("image/png", size.width, size.height)
    assert len(data) < 64 * 1024
    assert b"placeholder" in data
    rows = zlib.decompress(block(data, b"IDAT"))
    assert len(rows) == (size.width + 1) * size.height
    assert set(rows) == set(range(9)), "white and eight colours"
    assert rows.count(0) > size.height + 3000, "more than filter bytes: the word"


def test_picture_is_the_seeds_and_says_what_it_is_in_white_on_dark() -> None:
    assert draw(WIDE, 7) == draw(WIDE, 7) != draw(WIDE, 8)
    palette = block(draw(WIDE, 7), b"PLTE")
    assert (palette[:3], max(palette[3:]) < 128) == (b"\xff\xff\xff", True)


def block(data: bytes, kind: bytes) -> bytes:
    """What one of its chunks holds."""
    at = data.index(kind)
    (length,) = struct.unpack(">I", data[at - 4 : at])
    return data[at + 4 : at + 4 + length]


# ── The route ─────────────────────────────────────────────────────────────────────────────────────────


def scene() -> Scene:
    """All steps, with the sandbox before a transport that knows no answer."""
    made = Scene(catalogue=WITH_SANDBOX)
    sandbox = SandboxTransport(made.script, made.clock)
    made.submitter.calls.transport = made.persister.transport = sandbox
    return made


def lived(scene: Scene, **fields: Any) -> Generation:
    """A generation of the sandbox's, from its request to its end."""
    made = scene.create(**{"model": "sandbox", "route": None, **fields})
    after = scene.submitter.submit(made.id)
    while after.next == "wait":
        scene.clock.sleep(after.wait_seconds)
        after = scene.poller.poll(made.id)
    assert after.next == "persist"
    scene.keeper.keep(made.id)
    return scene.now(made)


def test_generation_goes_its_whole_way_for_nothing() -> None:
    stage = scene()
    asked_at = stage.clock.now()
    ended = lived(stage, size="16:9", seed=7)
    (image,) = ended.images
    assert stage.images.objects[image.key] == draw(WIDE, 7)
    assert stage.way(ended) == ["queued", "submitting", "processing", "persisting", "succeeded"]
    attempt = ended.current_attempt
    assert (attempt.route, attempt.quoted, attempt.billed, attempt.possibly_billed) == (
        "sandbox/picture", Money.of(0, "USD"), Money.of(0, "USD"), None,
    )  # fmt: skip
    assert (ended.seed, ended.quoted_usd) == (7, Decimal(0))
    assert 2 <= (stage.clock.now() - asked_at).total_seconds() < 5
    assert [name for name, _ in stage.bus.events] == ["Image Generation Succeeded"]
    assert stage.script.asked == []


def test_prompt_chooses_the_colours_where_there_is_no_seed() -> None:
    seeds = {lived(scene(), prompt=prompt).seed for prompt in ("a fox", "an owl", "an owl")}
    assert len(seeds) == 2


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("model", CATALOGUE.models)
def test_no_request_for_another_model_ends_there_however_cheap_it_is(model: str, policy: Policy) -> None:
    for given_ in ({}, {"images": ["https://example.com/1.png"]}, {"lora": LORA}):
        request = GenerationRequest(model=model, prompt="x", **given_)
        try:
            chosen = choose(request, WITH_SANDBOX, WITH_SANDBOX.endpoints, policy)
        except InvalidRequestError:
            continue
        assert ROUTE not in [choice.route for choice in chosen]
    request = GenerationRequest(model=model, prompt="x", route=["sandbox/picture"])
    with pytest.raises(InvalidRequestError):
        choose(request, WITH_SANDBOX, WITH_SANDBOX.endpoints, policy)


@pytest.mark.parametrize("policy", Policy)
def test_request_for_the_sandbox_ends_nowhere_else(policy: Policy) -> None:
    request = GenerationRequest(model="sandbox", prompt="x")
    (choice,) = choose(request, WITH_SANDBOX, WITH_SANDBOX.endpoints, policy)
    assert choice.route is ROUTE
    request = GenerationRequest(model="sandbox", prompt="x", lora=LORA)
    with pytest.raises(InvalidRequestError) as refused:
        choose(request, WITH_SANDBOX, WITH_SANDBOX.endpoints, policy)
    assert [problem.field for problem in refused.value.problems] == ["lora"]


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        ({"model": "sandbox"}, True),
        ({"model": "sandbox", "route": "sandbox/picture", "size": "16:9"}, True),
        ({"model": "sandbox", "lora": LORA}, False),
        ({"model": "qwen-image", "lora": LORA}, True),
        ({"model": "qwen-image", "route": "sandbox/picture"}, False),
        ({"model": "sandbox", "route": ["sandbox/picture", "pixeldojo/qwen-image-lora"]}, False),
        ({"model": "sandbox", "n": 2}, False),
    ],
)
def test_description_says_of_requests_what_routing_does(body: dict[str, Any], taken: bool) -> None:
    assert jsonschema_rs.is_valid(route_rules(WITH_SANDBOX), {"prompt": "x", **body}) is taken
    request = GenerationRequest(**{"prompt": "x", **body})
    if taken:
        assert choose(request, WITH_SANDBOX, WITH_SANDBOX.endpoints)
        return
    with pytest.raises(InvalidRequestError):
        choose(request, WITH_SANDBOX, WITH_SANDBOX.endpoints)


def test_key_with_models_of_its_own_has_no_placeholders() -> None:
    key = ApiKey(id="key_1", tenant="t", prefix="ezl_", models=("qwen-image",))
    with pytest.raises(ForbiddenError):
        choose(GenerationRequest(model="sandbox", prompt="x"), WITH_SANDBOX, WITH_SANDBOX.endpoints, key=key)


def test_vendors_keep_their_routes_and_the_catalogue_is_theirs_alone() -> None:
    assert "sandbox/picture" not in CATALOGUE.routes
    assert "sandbox" not in CATALOGUE.models
    assert set(WITH_SANDBOX.routes) - set(CATALOGUE.routes) == {"sandbox/picture"}
