"""``copilot mcp``: the running service as a server of tools over standard input and output."""

import asyncio
import os

import click

from copilot.config import Settings
from copilot.errors import UserError

TOKEN = "COPILOT_TOKEN"  # the variable's name


@click.command("mcp")
@click.option("--url", help="Address of the running service; by itself that of the settings.")
@click.pass_obj
def mcp(settings: Settings, url: str | None) -> None:
    """Serve the copilot's tools to a program that speaks the Model Context Protocol over its
    standard input and output. COPILOT_TOKEN has the API token whose rights it gets.
    """
    from copilot.mind.mcplink import relay

    token = os.environ.get(TOKEN, "")
    server = settings.server
    where = (url or f"http://{server.host}:{server.port}").rstrip("/")
    if not where.startswith(("http://", "https://")):
        raise UserError(f"--url = {where!r}: write it as http://host:port")
    if not token and settings.sign_in:
        raise UserError(f"{TOKEN} is not set: make a token under /account in the browser")
    asyncio.run(relay(f"{where}/mcp", token))
