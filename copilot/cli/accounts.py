"""``copilot accounts``: one-time links for whoever owns the machine."""

import asyncio

import click

from copilot.cli.common import errors
from copilot.cli.stored import open_database
from copilot.config import Settings
from copilot.errors import UserError


@click.group("accounts")
def accounts() -> None:
    """Who may sign in. The rest is done under /people in the browser."""


@accounts.command("link")
@click.argument("email", required=False)
@click.pass_obj
def link(settings: Settings, email: str | None) -> None:
    """Print a one-time link: for EMAIL to choose a new password, or, without EMAIL, for the first
    admin, as long as there is none.
    """
    secret = asyncio.run(_link(settings, email))
    server = settings.server
    errors.print("Works once; behind another name or port only what follows /join counts.")
    click.echo(f"http://{server.host}:{server.port}/join/{secret}")


async def _link(settings: Settings, email: str | None) -> str:
    from copilot.accounts.office import Office
    from copilot.accounts.service import Accounts

    async with open_database(settings) as store:
        joining = Accounts(Office(store.accounts, settings.accounts)).joining
        if email is not None:
            return await joining.password_link_for(email)
        found = await joining.first_link()
    if found is None:
        raise UserError("There is an admin already: name an EMAIL, for a new password.")
    return found
