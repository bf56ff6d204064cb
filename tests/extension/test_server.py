"""A server elsewhere: its name and certificate, its CORS, tokens that it does not take any more."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from playwright.async_api import expect

from copilot.bench.chromium import Extension
from tests.extension.conftest import ASKED, Launch, Sidecar
from tests.extension.server import Setup
from tests.extension.test_account import answer, connect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

NAME = "copilot.example.com"
LINE = "You can change the address in the app until the evening before delivery."
ACCESS = "ext.send({ to: 'worker', what: 'access' })"


def certified(folder: Path) -> ssl.SSLContext:
    """With a certificate that nobody has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


@asynccontextmanager
async def secured(folder: Path, port: int) -> AsyncIterator[int]:
    """TLS before a server; its port."""
    context = certified(folder)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, back), pump(there, writer))

    server = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.setup(Setup(spoken=ASKED.spoken, required=True, host=NAME))
async def test_a_whole_call_with_a_server_elsewhere(
    launch: Launch, sidecar: Sidecar, pages: str, tmp_path: Path
) -> None:
    """No permission for its site: what is allowed is what the server's own CORS allows."""
    await sidecar.answers()
    async with secured(tmp_path, sidecar.port) as port:
        rules = f"--host-resolver-rules=MAP {NAME} 127.0.0.1:{port}"
        async with launch(rules) as extension:
            options = await connect(extension, NAME)
            said = options.locator("#server-trouble")
            await expect(said).to_contain_text("the server’s certificate is not trusted")
        async with launch(rules, "--ignore-certificate-errors") as extension:
            options = await connect(extension, f"{NAME}/console/")
            await answer(options, sidecar, "approve")
            await expect(options.locator("#where")).to_contain_text(
                f"https://{NAME}", timeout=15_000
            )
            await options.get_by_label("Callers are told before they reach me").check()
            page = await extension.context.new_page()
            await page.goto(f"{pages}/softphone.html")
            await extension.click(page)
            await extension.phase("live")
            tab = await extension.tab(page)
            await extension.until(tab, LINE)
            await extension.press("use")
            await extension.until(tab, "Marked as used")
            panel = await extension.page("panel/panel.html")
            await panel.get_by_label("Ask the knowledge base").fill("may i change the address?")
            await panel.keyboard.press("Enter")
            await expect(panel.locator("#answers .line")).to_have_text(LINE)
            await options.get_by_role("button", name="Sign out").click()
            await extension.phase("ended")


async def test_a_server_elsewhere_without_tls_is_explained(fresh: Extension) -> None:
    options = await connect(fresh, f"http://{NAME}/calls")
    said = options.locator("#server-trouble")
    await expect(said).to_contain_text("The address must begin with https://")
    await expect(options.get_by_label("Address of your copilot")).to_have_value(f"http://{NAME}")


@pytest.mark.setup(Setup(required=True))
async def test_a_token_that_the_server_does_not_take_is_renewed(
    fresh: Extension, sidecar: Sidecar, pages: str
) -> None:
    """Our clock says that it is good for hours: it was set back meanwhile."""
    await sidecar.answers()
    options = await connect(fresh, sidecar.url)
    await answer(options, sidecar, "approve")
    await expect(options.locator("#who")).to_have_text("agent", timeout=15_000)
    await options.get_by_label("Callers are told before they reach me").check()
    stale = {**(await fresh.load("session", "pass")), "token": "out-of-date", "until": 9e15}
    await fresh.save("session", "pass", stale)
    page = await fresh.context.new_page()
    await page.goto(f"{pages}/softphone.html")
    await fresh.click(page)
    await fresh.phase("live")
    assert (await fresh.load("session", "pass"))["token"] != "out-of-date"
    await fresh.save("session", "pass", stale)
    panel = await fresh.page("panel/panel.html")
    await panel.get_by_label("Ask the knowledge base").fill("may i change the address?")
    await panel.keyboard.press("Enter")
    await expect(panel.locator("#answers .line")).to_be_visible()


@pytest.mark.parametrize(
    ("status", "body", "trouble"),
    [
        (429, {"detail": "too often"}, "unreachable"),
        (503, {"detail": "being restarted"}, "unreachable"),
        (200, {"welcome": "to this hotel"}, "notCopilot"),
        (400, {"error": "invalid_grant"}, "signedOut"),
    ],
)
async def test_only_a_refusal_signs_out(
    fresh: Extension, pages: str, status: int, body: dict[str, Any], trouble: str
) -> None:
    """A server that is busy, or a network that wants a login first, says nothing of the sign-in."""
    known = {"server": pages, "refresh": "good", "user": {}}
    await fresh.save("local", "account", known)
    answers = """([status, body]) => { globalThis.real ??= fetch;
      globalThis.fetch = async () => Response.json(body, { status }); }"""
    await fresh.worker.evaluate(answers, [status, body])
    try:
        page = await fresh.page("privacy/privacy.html")
        assert (await page.evaluate(ACCESS))["trouble"] == trouble
    finally:
        await fresh.worker.evaluate("() => { globalThis.fetch = real; }")
    assert (await fresh.load("local", "account") == known) is (trouble != "signedOut")
