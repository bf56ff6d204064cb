"""The OpenAPI 3.1 description of the API at ``/api/openapi.json``; no page that needs a CDN."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litestar import Router
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPIMediaType,
    Operation,
    RequestBody,
    Schema,
    SecurityScheme,
)
from litestar.plugins import ReceiveRoutePlugin
from litestar.routes import BaseRoute, HTTPRoute
from msgspec import Struct

from copilot.web.access import ANYBODY
from copilot.web.problems import PROBLEM


class Problem(Struct, frozen=True, omit_defaults=True):
    """What went wrong, as RFC 9457 says it."""

    type: str
    title: str
    status: int
    detail: str = ""


_ERROR = ResponseSpec(
    Problem,
    generate_examples=False,
    description="What is wrong, and the remedy",
    media_type=PROBLEM,
)
ERRORS: Mapping[Any, ResponseSpec] = dict.fromkeys((400, "4XX", 503), _ERROR)
"""Of every operation, by status or range of them; 400 stands in place of Litestar's own."""


class Errors(ReceiveRoutePlugin):
    """Describes the errors of each operation as `copilot.web.problems` answers them."""

    def receive_route(self, route: BaseRoute) -> None:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                handler.responses = {**ERRORS, **(handler.responses or {})}


@dataclass
class FileSent(Operation):
    """An operation whose body is a file, which its handler reads as it comes."""

    def __post_init__(self) -> None:
        anything = OpenAPIMediaType(schema=Schema())
        self.request_body = RequestBody({"application/octet-stream": anything}, required=True)


def config(version: str) -> OpenAPIConfig:
    """For `create_app`."""
    bearer = SecurityScheme(type="http", scheme="bearer", description="An API token: /account")
    return OpenAPIConfig(
        title="Copilot",
        version=version,
        path="/api",
        openapi_router=Router("/api", route_handlers=[], guards=[ANYBODY], include_in_schema=False),
        render_plugins=[JsonRenderPlugin()],
        components=Components(security_schemes={"token": bearer}),
        security=[{"token": []}],
    )
