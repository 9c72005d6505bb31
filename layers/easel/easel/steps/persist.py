"""Persist: fetch each result, verify the bytes while they pass, keep the image. Constant memory."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, Any

from easel.catalogue import Catalogue, Endpoint
from easel.domain.facts import Tell, ended, kept
from easel.domain.generation import Generation, Image, ResultRef, Status
from easel.domain.image_bytes import ImageFacts, ImageVerifier
from easel.errors import (
    AddressRefusedError,
    AnswerLostError,
    ImageInvalidError,
    ImageUnavailableError,
    NotDeliveredError,
    NothingToKeepError,
    NotSentError,
)
from easel.ports import Clock, GenerationStore, ImageStore, Transport
from easel.steps.base import load
from easel.steps.settle import Settler

RESULT_BYTES_MAX = 64 * 1024 * 1024  # a 2048*2048 PNG is at most 16 MB
SPOOL_BYTES_MAX = 1024 * 1024  # in memory; a larger image is spooled on local disk
LINK_SECONDS = 120.0  # for one result, from the first byte to the last
STEP_SECONDS = 240.0  # for all results, below the function's own 300 s

RESULT_ERRORS = (
    AddressRefusedError,
    AnswerLostError,
    ImageInvalidError,
    ImageUnavailableError,
    NotSentError,
)


@dataclass(slots=True, eq=False)
class Persister:
    """Keeps a finished generation's images. `extra_hosts` may serve results besides the vendors' own."""

    store: GenerationStore
    images: ImageStore
    transport: Transport
    catalogue: Catalogue
    clock: Clock
    tell: Tell
    extra_hosts: tuple[str, ...] = ()

    def persist(self, generation_id: str) -> Generation:
        """The record as it is then: of one whose last image was kept, its end is written along. Raises one of
        RESULT_ERRORS where a result could not be kept; the others are kept by then, and a repeated step
        fetches what is left. Nothing half is ever kept.

        The bytes are put down (those of larger images on local disk) and verified before the first byte
        goes to the bucket, so that an object under a generation's key is a whole image, always.
        """
        generation = load(self.store, generation_id)
        attempt = generation.attempt
        if generation.status is not Status.PERSISTING or attempt is None or attempt.ended_at:
            return generation
        if generation.seconds_left(self.clock.now()) <= 0:
            return generation
        endpoint = self.catalogue.routes[attempt.route].endpoint
        images, left, errors = list(generation.images), [], []
        ends = self.clock.now() + timedelta(seconds=STEP_SECONDS)
        for ref in attempt.results:
            now = self.clock.now()
            seconds = min(LINK_SECONDS, (ends - now).total_seconds(), generation.seconds_left(now))
            try:
                images.append(self._keep(generation, ref, endpoint, seconds))
            except RESULT_ERRORS as error:
                left.append(ref)
                errors.append(error)
        now = self.clock.now()
        ordered = tuple(sorted(images, key=lambda image: image.key))
        if not left:
            whole = generation.kept(now, ordered)
            succeeded = generation.succeeded(now, ordered)
            self.store.save(succeeded)
            self.tell(kept(whole))
            self.tell(ended(whole, succeeded))
            return succeeded
        if len(left) < len(attempt.results):
            self.store.save(generation.partly_kept(now, ordered, tuple(left)))
        # What may go better the next time comes first: the workflow repeats the step by the error's name.
        raise min(errors, key=lambda error: isinstance(error, AddressRefusedError))

    def _keep(self, generation: Generation, ref: ResultRef, endpoint: Endpoint, seconds: float) -> Image:
        with (
            tempfile.SpooledTemporaryFile(SPOOL_BYTES_MAX) as spool,
            self._open(ref, endpoint, seconds) as chunks,
        ):
            facts = spool_verified(chunks, spool)
            spool.seek(0)
            image = Image(
                key=f"{generation.folder}/{ref.number}.{facts.extension}",
                content_type=facts.content_type,
                width=facts.width,
                height=facts.height,
                bytes=facts.bytes,
                sha256=facts.sha256,
            )
            self.images.put(image.key, spool, image, generation.tenant)
            return image

    @contextmanager
    def _open(self, ref: ResultRef, endpoint: Endpoint, seconds: float) -> Iterator[Iterator[bytes]]:
        if ref.key is not None:
            with self.images.open(ref.key) as chunks:
                yield chunks
            return
        if seconds <= 0:
            raise AnswerLostError("the step has no time left for this result")
        if ref.url is None:
            raise ImageUnavailableError("the result has neither a link nor an object")
        hosts = (*endpoint.result_hosts, *self.extra_hosts)
        with self.transport.download(ref.url, hosts=hosts, timeout_seconds=seconds) as download:
            if (download.content_length or 0) > RESULT_BYTES_MAX:
                raise ImageInvalidError(
                    f"the result announces {download.content_length} bytes, too many to keep"
                )
            yield download.chunks


@dataclass(slots=True, eq=False)
class Keeper:
    """Keeps a generation's images, ends it and tells so at once: the workflow would take three more states.
    Both parts know a generation that they are done with, so a run that died in between is made up for.
    """

    persister: Persister
    settler: Settler

    def keep(self, generation_id: str, said: str = "persist") -> dict[str, Any]:
        """The generation as callers see it, which is the workflow's output. Raises what `persist` does;
        NotDeliveredError where the generation ended otherwise: its deadline came, or it was canceled
        meanwhile; and NothingToKeepError where the step before `said` that something else comes next."""
        if said != "persist":
            raise NothingToKeepError(f"{generation_id} has no image to keep: {said} comes next")
        state = self.settler.end(self.persister.persist(generation_id))
        if state["status"] != Status.SUCCEEDED:
            raise NotDeliveredError(f"{generation_id} ended as {state['status']}")
        return dict(state["generation"])


def spool_verified(chunks: Iterator[bytes], spool: IO[bytes]) -> ImageFacts:
    """Write the chunks down while they are verified. Raises ImageInvalidError."""
    verifier, length = ImageVerifier(tail_allowed=True), 0  # paid for, and every decoder ignores a tail
    for chunk in chunks:
        length += len(chunk)
        if length > RESULT_BYTES_MAX:
            raise ImageInvalidError(f"the result is larger than {RESULT_BYTES_MAX} bytes")
        verifier.feed(chunk)
        spool.write(chunk)
    return verifier.finish()
