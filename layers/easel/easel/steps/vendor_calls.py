"""Asking a vendor, for the steps that do: address, key, time-out, and results that come inline."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from easel.catalogue import Catalogue, Endpoint, Route
from easel.domain.ask import Ask
from easel.domain.generation import Generation, ResultRef
from easel.domain.input_images import input_image
from easel.errors import SettingsError
from easel.ports import ImageStore, Transport, VendorKeys
from easel.steps.base import delivered_charge
from easel.vendors.base import Adapter, Finished, InlineImage
from easel.wire import HttpRequest, HttpResponse

LENT_SECONDS = 10 * 60  # longer than any ask is waited for, in which a vendor fetches what it is given


@dataclass(slots=True, eq=False)
class VendorCalls:
    """Carries adapters' requests to the vendors. `base_urls` replaces endpoints' own base URLs.

    `images` gives the bucket, for which most asks have no use: they have no images of ours, and are answered
    with links.
    """

    transport: Transport
    vendor_keys: VendorKeys
    images: Callable[[], ImageStore]
    catalogue: Catalogue
    base_urls: Mapping[str, str]

    def route_of(self, generation: Generation) -> Route:
        """The route of the latest attempt. A route that left the catalogue meanwhile is our fault."""
        name = generation.current_attempt.route
        route = self.catalogue.routes.get(name)
        if route is None:
            raise SettingsError(f"the route {name} is not in the catalogue any more")
        return route

    def send(self, endpoint: Endpoint, request: HttpRequest, timeout_seconds: float) -> HttpResponse:
        """One request, one complete answer. Raises SettingsError without a key, else what Transport does."""
        key = self.vendor_keys.get().get(endpoint.name)
        if not key:
            raise SettingsError(f"there is no key for {endpoint.name}")
        base_url = self.base_urls.get(endpoint.name, endpoint.base_url).rstrip("/")
        headers = {**request.headers, **endpoint.adapter.authorize(key)}
        return self.transport.send(
            request.method, base_url + request.path, headers, request.body, timeout_seconds=timeout_seconds
        )

    def with_inputs(self, ask: Ask, adapter: Adapter) -> Ask:
        """The ask with its images as the vendor takes them: links as they are, ours as data URIs, or as links
        that work for minutes where a data URI would be too long for the vendor."""
        if not ask.images:
            return ask
        ours = self.images().uri("")
        images = [
            self._lent(image.removeprefix(ours), adapter.data_uri_max) if image.startswith(ours) else image
            for image in ask.images
        ]
        return ask._replace(images=tuple(images))

    def _lent(self, key: str, data_uri_max: int | None) -> str:
        content_type, data = input_image(self.images().read(key))
        data_uri = f"data:{content_type};base64,{base64.b64encode(data).decode()}"
        if data_uri_max is None or len(data_uri) <= data_uri_max:
            return data_uri
        return self.images().signed_url(key, LENT_SECONDS)

    def delivered(self, generation: Generation, route: Route, answer: Finished, now: datetime) -> Generation:
        """The generation with its results noted and billed, inline ones put into the bucket first."""
        attempt = generation.current_attempt
        cost = attempt.cost if answer.cost is None else answer.cost
        return generation.finished(
            now,
            self._stage(generation, answer),
            billed=delivered_charge(route, cost, len(answer.images)),
            seed=answer.seed,
            actual_prompt=answer.actual_prompt,
            task_id=answer.task_id or attempt.task_id,
            request_id=answer.request_id or attempt.request_id,
            cost=cost,
            filtered=answer.filtered,
            blind_polls=0,
        )

    def _stage(self, generation: Generation, finished: Finished) -> tuple[ResultRef, ...]:
        """Results as references. Inline ones go to the bucket: they never travel through workflow state."""
        refs = []
        for number, image in enumerate(finished.images):
            if isinstance(image, InlineImage):
                key = f"incoming/{generation.id}/{generation.current_attempt.number}-{number}"
                self.images().put_bytes(key, image.data, "application/octet-stream")
                refs.append(ResultRef(number=number, key=key))
            else:
                refs.append(ResultRef(number=number, url=image.url))
        return tuple(refs)
