"""What assistants can do: five tools over the steps of the HTTP API, whatever protocol carries the calls."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from easel.catalogue import Catalogue, Route
from easel.domain.generation import Generation, Status
from easel.domain.reading import parse_as, request_of
from easel.domain.tenancy import Caller, Scope
from easel.doors.assistant_arguments import (
    OFFERED,
    AskArguments,
    GetArguments,
    ListArguments,
    ModelsArguments,
    ask_schema,
    plain_schema,
    split,
)
from easel.doors.assistant_results import (
    GenerationList,
    GenerationResult,
    ModelList,
    ModelResult,
    Result,
    generation_result,
    listed_generation,
    route_result,
)
from easel.errors import FieldProblem, InvalidRequestError
from easel.ports import ImageStore, VendorKeys
from easel.routing import offered
from easel.steps.create import Creator
from easel.steps.gate import Gate
from easel.steps.read import Reader
from easel.view import generation_view

EDITING = (*OFFERED[:2], "images", *OFFERED[2:])

MAKES = (
    "Costs money. Gives the images, or after `wait_seconds` the id of a generation that is still at work: "
    "call get_generation with it until it has ended. Do not ask anew for what is at work."
)


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool as an assistant sees it."""

    name: str
    title: str
    description: str
    arguments: dict[str, Any]
    result: type[Result]
    only_reads: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What a call gave: what it means in a sentence, and the result."""

    said: str
    result: Result


@dataclass(frozen=True, slots=True)
class Assistant:
    """The tools, and what they need."""

    creator: Creator
    reader: Reader
    images: ImageStore
    gate: Gate
    vendor_keys: VendorKeys
    catalogue: Catalogue

    def tools(self, authorization: str | None) -> tuple[Tool, ...]:
        """The tools, with the models that this API key may name. Raises UnauthorizedError."""
        offered = self._offered(self.gate.known(authorization))
        drawing = {model: routes for model, routes in offered.items() if any(map(_draws, routes))}
        editing = {model: routes for model, routes in offered.items() if any(map(_edits, routes))}
        return (
            Tool(
                "generate_image", "Generate an image", f"Makes images from words. {MAKES}",
                ask_schema(OFFERED, tuple(drawing)), GenerationResult, only_reads=False,
            ),
            Tool(
                "edit_image", "Edit an image", f"Changes input images as the prompt says. {MAKES}",
                ask_schema(EDITING, tuple(editing)), GenerationResult, only_reads=False,
            ),
            Tool(
                "get_generation", "Look up a generation",
                "How a generation stands: its images with fresh links, or why it failed, and what it cost. "
                "Waits for the end of one that is at work.",
                plain_schema(GetArguments), GenerationResult, only_reads=True,
            ),
            Tool(
                "list_generations", "List generations",
                "Earlier generations, newest first, without their images.",
                plain_schema(ListArguments), GenerationList, only_reads=True,
            ),
            Tool(
                "list_models", "List models",
                "The models that can be used now, with their routes: sizes, prices, limits, parameters.",
                plain_schema(ModelsArguments), ModelList, only_reads=True,
            ),
        )  # fmt: skip

    def call(self, name: str, authorization: str | None, arguments: Mapping[str, Any]) -> Told | None:
        """What the tool of this name gives; None where there is no such tool.

        Raises RequestErrors, as the HTTP API has them.
        """
        match name:
            case "generate_image":
                return self._ask(authorization, arguments, OFFERED)
            case "edit_image":
                return self._ask(authorization, arguments, EDITING)
            case "get_generation":
                return self._get(authorization, arguments)
            case "list_generations":
                return self._list(authorization, arguments)
            case "list_models":
                return self._list_models(authorization, arguments)
            case _:
                return None

    def _ask(self, authorization: str | None, arguments: Mapping[str, Any], fields: tuple[str, ...]) -> Told:
        caller = self.gate.asking(authorization)
        asked, own = split(arguments, fields)
        options = parse_as(AskArguments, json.dumps(own))
        request = request_of(asked)
        if "images" in fields and not request.images:
            problem = FieldProblem("images", "an edit needs an input image; generate_image needs none")
            raise InvalidRequestError("There is no input image.", [problem])
        generation = self.creator.create(caller, request, options.idempotency_key)
        if options.wait_seconds:
            generation = self.reader.get(caller.tenant, generation.id, options.wait_seconds)
        return self._told(generation)

    def _get(self, authorization: str | None, arguments: Mapping[str, Any]) -> Told:
        caller = self.gate.caller(authorization, Scope.READ)
        given = parse_as(GetArguments, json.dumps(dict(arguments)))
        return self._told(self.reader.get(caller.tenant, given.id, given.wait_seconds))

    def _list(self, authorization: str | None, arguments: Mapping[str, Any]) -> Told:
        caller = self.gate.caller(authorization, Scope.READ)
        given = parse_as(ListArguments, json.dumps(dict(arguments)))
        page = self.reader.list(
            caller.tenant, status=given.status, model=given.model, limit=given.limit, cursor=given.cursor
        )
        listed = tuple(listed_generation(generation_view(one, self.images.uri)) for one in page.generations)
        more = " There are more: call again with `cursor`." if page.cursor else ""
        return Told(f"{len(listed)} generations.{more}", GenerationList(data=listed, next_cursor=page.cursor))

    def _list_models(self, authorization: str | None, arguments: Mapping[str, Any]) -> Told:
        caller = self.gate.caller(authorization, Scope.READ)
        wanted = parse_as(ModelsArguments, json.dumps(dict(arguments))).model
        offered = self._offered(caller)
        if wanted is not None and wanted not in offered:
            problem = FieldProblem("model", "is not a model that can be used now", allowed=tuple(offered))
            raise InvalidRequestError(f"There is no model {wanted!r}.", [problem])
        data = tuple(
            ModelResult(id=model, routes=tuple(map(route_result, routes)))
            for model, routes in offered.items()
            if wanted in (None, model)
        )
        return Told(f"{len(data)} models.", ModelList(data=data))

    def _offered(self, caller: Caller) -> Mapping[str, Sequence[Route]]:
        """The models and routes that the deployment has vendor keys for and that the caller's key allows."""
        return offered(self.catalogue, self.vendor_keys.get(), caller.key)

    def _told(self, generation: Generation) -> Told:
        now = self.reader.clock.now()
        view = generation_view(generation, self.images.uri, self.images.signed_url, now)
        return Told(_sentence(generation), generation_result(view))


def _draws(route: Route) -> bool:
    return not route.capabilities.images[0]


def _edits(route: Route) -> bool:
    return bool(route.capabilities.images[1])


def _sentence(generation: Generation) -> str:
    """Where a generation stands, and what to do next."""
    if not generation.terminal:
        return f"{generation.id} is {generation.status}. Call get_generation with this id until it has ended."
    if generation.status is Status.SUCCEEDED:
        links = "The links are signed and work for an hour at most; get_generation signs fresh ones."
        return f"{generation.id} has succeeded. {links}"
    why = f": {generation.error.message}" if generation.error else "."
    return f"{generation.id} has ended as {generation.status}{why}"
