"""The Python client: small, typed, synchronous.

from easel_client import Easel

Easel().generate("a red fox in snow").save("fox.png")
"""

import builtins
import itertools
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, Unpack
from urllib.parse import quote

from easel_client.answers import FetchImage, Generation, Image, Raw, needed
from easel_client.batches import Batch, BatchPlan, Manifest
from easel_client.catalogue import Model, Plan, Usage
from easel_client.downloads import Downloads
from easel_client.errors import ImageError, InputError
from easel_client.inputs import InputImage, references
from easel_client.keys import Keys
from easel_client.pages import pages
from easel_client.profiles import connection
from easel_client.transport import Answer, Call, Transport
from easel_client.waiting import LIVE_WAIT_SECONDS, WAIT_SECONDS, Patience

MODEL, EDIT_MODEL = "qwen-image-max", "qwen-image-edit-max"
PAGE_ROWS_MAX = 100


class Options(TypedDict, total=False):
    """What a request may say beside its prompt; the API's own fields (`GET /docs` of a deployment). What is
    None is left out."""

    model: str | None
    negative_prompt: str | None
    size: str | None
    n: int | None
    seed: int | None
    prompt_extend: bool | None
    safety_filter: bool | None
    watermark: bool | None
    lora: Mapping[str, Any] | None
    output_format: str | None
    guidance_scale: float | None
    route: str | Iterable[str] | None
    strict: bool | None
    on_unknown: str | None
    deadline_seconds: int | None
    webhook: str | Mapping[str, Any] | None
    metadata: Mapping[str, str] | None


class Easel:
    """A deployment of Easel, and a key of it.

    Without arguments the environment says which (EASEL_URL, EASEL_API_KEY, EASEL_PROFILE), else the profile
    file of `easel login`, else the local stack of this folder. Every method raises a kind of EaselError.
    """

    def __init__(
        self, base_url: str | None = None, api_key: str | None = None, *, profile: str | None = None
    ) -> None:
        self.connection = connection(base_url, api_key, profile)
        self._transport = Transport(self.connection.url, self.connection.key, self.connection.source)
        self._downloads = Downloads()

    def generate(
        self,
        prompt: str,
        *,
        wait: bool = True,
        on_update: Callable[[Generation], None] | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> Generation:
        """A picture of the prompt. With `wait` it has succeeded when this returns, else it was only accepted.

        `on_update` is told how it stands, over and over. An error that comes while it goes on all the same
        has its `generation_id`: `wait` picks it up. Another call with the same `idempotency_key` and request
        buys nothing again; an error that leaves open whether it was accepted has that key.
        """
        return self._made({"prompt": prompt}, MODEL, options, wait, on_update, idempotency_key)

    def edit(
        self,
        prompt: str,
        images: InputImage | Iterable[InputImage],
        *,
        wait: bool = True,
        on_update: Callable[[Generation], None] | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> Generation:
        """A picture made of others (paths, bytes, links, images of generations); else like `generate`.

        A file of more than 256 KB is uploaded by each call anew, and is then another request: to repeat one
        by its `idempotency_key`, pass what `upload` gave, both times.
        """
        given = {"prompt": prompt, "images": self.upload(images)}
        return self._made(given, EDIT_MODEL, options, wait, on_update, idempotency_key)

    def upload(self, images: InputImage | Iterable[InputImage]) -> builtins.list[str]:
        """Pictures as `edit` and `plan` may name them over and over: small ones whole, as data URLs, larger
        ones uploaded and kept for 7 days, as `upload:ID`, links as they are."""
        return references(self._transport, images)

    def plan(self, prompt: str, images: Iterable[InputImage] = (), **options: Unpack[Options]) -> Plan:
        """What `generate`, or with images `edit`, would come to: routes, parameters, price and time."""
        links = self.upload(images)
        given = {"prompt": prompt, "dry_run": True, **({"images": links} if links else {})}
        body = _body(given, EDIT_MODEL if links else MODEL, options)
        return Plan.of(self._transport.ask(Call("POST", "/v1/generations", body=body, harmless=True)).body)

    def get(self, generation_id: str) -> Generation:
        """How it stands, with fresh links."""
        return self._generation(self._transport.ask(Call("GET", _path(generation_id))))

    def wait(
        self,
        generation: Generation | str,
        *,
        timeout_seconds: float | None = None,
        on_update: Callable[[Generation], None] | None = None,
    ) -> Generation:
        """Wait for it to succeed, from any process and as often as you like.

        Raises GenerationFailedError where it ended otherwise, StillWorkingError when the time is over.
        """
        known = generation if isinstance(generation, Generation) else None
        generation_id = generation.id if isinstance(generation, Generation) else generation
        hold_seconds = WAIT_SECONDS if on_update is None else LIVE_WAIT_SECONDS
        patience = Patience(generation_id, timeout_seconds, hold_seconds)

        def look(wait: int, within_seconds: float) -> tuple[Generation, Answer]:
            answer = self._transport.ask(Call("GET", _path(generation_id), {"wait": wait}), within_seconds)
            return self._generation(answer), answer

        return patience.until_over(look, known, on_update).checked()

    def list(
        self, *, status: str | None = None, model: str | None = None, limit: int | None = None
    ) -> Iterator[Generation]:
        """Generations, newest first: all, or the first `limit`."""
        query = {"status": status, "model": model, "limit": min(limit or PAGE_ROWS_MAX, PAGE_ROWS_MAX)}
        return itertools.islice(
            (Generation.of(raw, self._loader) for raw in pages(self._transport, "/v1/generations", query)),
            limit,
        )

    def cancel(self, generation_id: str) -> Generation:
        """End it; its receipt says honestly what the vendor may still bill."""
        return self._generation(self._transport.ask(Call("POST", _path(generation_id, "/cancel"))))

    def batch(
        self,
        source: str | Path | Iterable[Mapping[str, Any]],
        *,
        max_concurrency: int | None = None,
        tolerated_failures: int | None = None,
        max_cost_usd: str | None = None,
        idempotency_key: str | None = None,
    ) -> Batch:
        """Start a batch: a .jsonl, .csv or .json file, or rows (each a request). Another call with the same
        `idempotency_key` and rows starts nothing again."""
        bounds = _bounds(max_concurrency, tolerated_failures, max_cost_usd)
        return Batch.of(self._batch(Manifest.of(source), bounds, idempotency_key or new_key()))

    def plan_batch(self, source: str | Path | Iterable[Mapping[str, Any]]) -> BatchPlan:
        """What a batch would come to, row by row."""
        return BatchPlan.of(self._batch(Manifest.of(source), {"dry_run": True}, None))

    def get_batch(self, batch_id: str) -> Batch:
        """How it stands; once it has ended with fresh links to its files."""
        return Batch.of(self._transport.ask(Call("GET", _batch_path(batch_id))).body)

    def wait_batch(
        self,
        batch: Batch | str,
        *,
        timeout_seconds: float | None = None,
        on_update: Callable[[Batch], None] | None = None,
    ) -> Batch:
        """Wait for it to end, however it ends. Raises StillWorkingError when the time is over."""
        known = batch if isinstance(batch, Batch) else None
        batch_id = batch.id if isinstance(batch, Batch) else batch
        patience = Patience(batch_id, timeout_seconds, hold_seconds=0)

        def look(_: int, within_seconds: float) -> tuple[Batch, Answer]:
            answer = self._transport.ask(Call("GET", _batch_path(batch_id)), within_seconds)
            return Batch.of(answer.body), answer

        return patience.until_over(look, known, on_update)

    def batches(self, *, limit: int | None = None) -> Iterator[Batch]:
        """Batches, newest first: all, or the first `limit`."""
        query = {"limit": min(limit or PAGE_ROWS_MAX, PAGE_ROWS_MAX)}
        return itertools.islice(map(Batch.of, pages(self._transport, "/v1/batches", query)), limit)

    def cancel_batch(self, batch_id: str) -> Batch:
        """Start no further row; those that vendors were asked for come to their end."""
        return Batch.of(self._transport.ask(Call("POST", _batch_path(batch_id, "/cancel"))).body)

    def resume_batch(
        self,
        batch_id: str,
        *,
        max_concurrency: int | None = None,
        tolerated_failures: int | None = None,
        max_cost_usd: str | None = None,
    ) -> Batch:
        """Go on with one that was stopped or canceled, with other bounds where they are given. Nothing that
        was started is bought again."""
        bounds = _bounds(max_concurrency, tolerated_failures, max_cost_usd)
        call = Call("POST", _batch_path(batch_id, "/resume"), body=bounds)
        return Batch.of(self._transport.ask(call).body)

    def batch_file(self, batch: Batch, name: str) -> bytes:
        """One of its files: `results.jsonl`, `errors.jsonl`, `manifest.json` or `gallery.html`."""
        if name not in batch.files:
            raise ImageError(f"{batch.id} has no file {name}.", "It is there once the batch has ended.")
        return self._downloads.file(batch.files[name], name)

    def models(self) -> tuple[Model, ...]:
        """The models that the key may use, with their routes."""
        raw = needed(self._transport.ask(Call("GET", "/v1/models")).body, "data")
        return tuple(map(Model.of, raw["data"]))

    def usage(self, since: str | None = None, until: str | None = None) -> Usage:
        """What was spent between two days (`2026-11-21`, UTC), a year at most; else in the last 30 days.

        Raises InputError where the days are the wrong way round."""
        if since and until and since > until:
            raise InputError(f"From {since} to {until} there is no day.", "Give the earlier day first.")
        return Usage.of(self._transport.ask(Call("GET", "/v1/usage", {"from": since, "to": until})).body)

    @property
    def keys(self) -> Keys:
        """Keys and limits, for a key with the scope `admin`."""
        return Keys(self._transport)

    def _made(
        self,
        given: Raw,
        model: str,
        options: Options,
        wait: bool,
        on_update: Callable[[Generation], None] | None,
        idempotency_key: str | None,
    ) -> Generation:
        call = Call(
            "POST",
            "/v1/generations",
            body=_body(given, model, options),
            idempotency_key=idempotency_key or new_key(),
        )
        made = self._generation(self._transport.ask(call))
        return self.wait(made, on_update=on_update) if wait else made

    def _batch(self, manifest: Manifest, bounds: Raw, idempotency_key: str | None) -> Any:
        """What a batch is answered; without a key it is a dry run."""
        if manifest.data is None:
            call = Call("POST", "/v1/batches", body={"rows": manifest.rows, **bounds})
        else:
            query = {name: "true" if value is True else value for name, value in bounds.items()}
            call = Call(
                "POST",
                "/v1/batches",
                query,
                data=manifest.data,
                content_type=manifest.content_type,
            )
        repeating = replace(call, idempotency_key=idempotency_key, harmless=idempotency_key is None)
        return self._transport.ask(repeating).body

    def _generation(self, answer: Answer) -> Generation:
        return Generation.of(answer.body, self._loader)

    def _loader(self, generation_id: str) -> FetchImage:
        def load(image: Image) -> bytes:
            def renewed() -> str:
                return self.get(generation_id).images[image.number - 1].url

            return self._downloads.image(image, renewed)

        return load


def _body(given: Raw, model: str, options: Options) -> dict[str, Any]:
    said: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if "route" in said and not isinstance(said["route"], str):
        said["route"] = list(said["route"])
    return {"model": model, **given, **said}


def _bounds(max_concurrency: int | None, tolerated_failures: int | None, max_cost_usd: str | None) -> Raw:
    bounds = {
        "max_concurrency": max_concurrency,
        "tolerated_failures": tolerated_failures,
        "max_cost_usd": max_cost_usd,
    }
    return {name: value for name, value in bounds.items() if value is not None}


def _path(generation_id: str, more: str = "") -> str:
    return f"/v1/generations/{quote(generation_id, safe='')}{more}"


def _batch_path(batch_id: str, more: str = "") -> str:
    return f"/v1/batches/{quote(batch_id, safe='')}{more}"


def new_key() -> str:
    """An Idempotency-Key that nobody has used."""
    return uuid.uuid4().hex
