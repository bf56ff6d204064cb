"""The OpenAPI 3.1 description of the API at ``/api/openapi.json``; no page that needs a CDN."""

from litestar import Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from copilot.web.access import ANYBODY


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
