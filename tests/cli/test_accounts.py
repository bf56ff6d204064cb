"""``copilot accounts link``: the way in for whoever owns the machine."""

import asyncio
from pathlib import Path

from click.testing import CliRunner, Result

from copilot.accounts.client import Client
from copilot.accounts.office import Office
from copilot.accounts.service import Accounts
from copilot.cli import main
from copilot.store.log import open_store
from tests.tenants import PASSWORD

HERE = Client("127.0.0.1", "")


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--data", str(folder), "accounts", "link", *words])


async def join(folder: Path, secret: str) -> None:
    store = await open_store(f"sqlite:///{folder / 'copilot.sqlite'}")
    joining = Accounts(Office(store.accounts)).joining
    await joining.accept(secret, "root@example.com", "Root", PASSWORD, HERE)
    await store.close()


def test_the_first_admins_link_then_one_for_a_password(tmp_path: Path) -> None:
    first = run(tmp_path).stdout.strip()
    assert first.startswith("http://127.0.0.1:8123/join/cpi_")
    asyncio.run(join(tmp_path, first.rpartition("/")[2]))
    again = run(tmp_path)
    assert again.exit_code == 2
    assert "There is an admin already" in again.stderr
    assert run(tmp_path, "root@example.com").stdout.startswith("http://127.0.0.1:8123/join/cpi_")
    nobody = run(tmp_path, "nobody@example.com")
    assert nobody.exit_code == 2
    assert "nobody has this address" in nobody.stderr
