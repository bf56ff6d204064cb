"""Signed messages to others' servers: kept until delivered, retried, never sent into the house.

Signed as Standard Webhooks 1.0.0 says (github.com/standard-webhooks/standard-webhooks), whose
schedule of retries this is, too.
"""

import asyncio
import base64
import ipaddress
import logging
import re
import secrets
import socket
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import msgspec
from pydantic import SecretStr
from standardwebhooks import Webhook as Signer

from copilot.config.sections import Webhook
from copilot.errors import ConfigError, SettingError, StoreError
from copilot.mind.sealing import Seal, Unreadable, is_sealed
from copilot.store.mind.database import MindTables
from copilot.store.mind.rows import Delivery, Hook

log = logging.getLogger(__name__)

ENDED, CONFIRMED = "call.ended", "call.confirmed"
EVENTS = (ENDED, CONFIRMED)
"""What a webhook can be told of."""
TEST = "webhook.test"
MOST_HOOKS = 20
"""That the admins of a team can add."""
MOST_LETTERS = 500
"""Of a URL."""
RETRIES = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds after each failed try; after the last the message has failed."""
PATIENCE_S = 15.0
"""For an answer."""
CLAIM_S = 60
"""A try that is not over by then is taken up by whoever comes."""
LOOK_S = 1.0
_ANSWER_BYTES = 64 * 1024
_GONE = 410
_OTHER_KEY = (
    "its secret cannot be read: memory.key is not what it was when the webhook was added; "
    "give it back, or remove the webhook and add it again"
)

Clock = Callable[[], datetime]
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host."""


class Refused(Exception):
    """A place that nothing is sent to."""


class Outcome(NamedTuple):
    """What came of one try."""

    status: int
    told: str = ""

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


class Webhooks:
    """Sends what is due; several processes may share a database."""

    def __init__(
        self,
        tables: MindTables,
        hooks: Sequence[Webhook],
        now: Clock,
        resolve: Resolve | None = None,
        seal: Seal | None = None,
    ) -> None:
        """`seal` closes the secrets of webhooks that are added; without it they are kept as they
        are. Raises ConfigError for a webhook whose secret or URL cannot be used."""
        self._tables = tables
        self._hooks = {(hook.team, hook.url): hook for hook in hooks}
        self._now = now
        self._seal = seal
        self._resolve = resolve or _resolve
        self._http = httpx.AsyncClient(
            follow_redirects=False, trust_env=False, timeout=httpx.Timeout(PATIENCE_S)
        )
        self._news = asyncio.Event()
        for at, hook in enumerate(hooks):
            _check(at, hook)

    # ---- whom to tell

    def fixed(self, team_id: str) -> list[Webhook]:
        """The team's webhooks of the settings, which the console cannot change."""
        return [hook for (team, _), hook in self._hooks.items() if team == team_id]

    async def added(self, team_id: str) -> list[Hook]:
        """Those that the team's admins have added, the oldest first."""
        return await self._tables.hooks(team_id)

    async def add(self, team_id: str, url: str, events: Sequence[str], by: str) -> Hook:
        """Add one with a new secret; raises SettingError for a place that nothing is sent to.

        It can never be inside the house: that takes the settings file.
        """
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        wanted = " ".join(event for event in EVENTS if event in events)
        hook = Hook(0, team_id, url, secret, wanted, self._now(), by)
        if fault := _url_fault(_as_set(hook)):
            raise SettingError(f"url = {url!r}: {fault}")
        if not wanted:
            raise SettingError("events: choose one at least")
        known = await self._tables.hooks(team_id)
        if url in [one.url for one in await self._wanting(team_id)]:
            raise SettingError(f"url = {url!r}: there is a webhook with it")
        if len(known) >= MOST_HOOKS:
            raise SettingError(f"there are {MOST_HOOKS} webhooks: remove one first")
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._place(_as_set(hook))
        except Refused as error:
            raise SettingError(f"url = {url!r}: {error}") from None
        except TimeoutError:
            raise SettingError(f"url = {url!r}: looking its address up takes too long") from None
        kept = msgspec.structs.replace(hook, secret=self._closed(hook))
        return msgspec.structs.replace(hook, id=await self._tables.add_hook(kept))

    async def remove(self, team_id: str, number: int) -> bool:
        """Take an added one away; what is still to be sent to it fails."""
        return await self._tables.drop_hook(team_id, number)

    async def _wanting(self, team_id: str) -> list[Webhook]:
        return [*self.fixed(team_id), *map(self._opened, await self._tables.hooks(team_id))]

    async def seal_secrets(self) -> int:
        """Seal those that an earlier version has kept as they are; how many those were."""
        if self._seal is None:
            return 0
        plain = [one for one in await self._tables.hooks() if not is_sealed(one.secret)]
        for hook in plain:
            await self._tables.keep_secret(hook, self._closed(hook))
        if plain:
            await self._tables.scour()
        return len(plain)

    def _closed(self, hook: Hook) -> str:
        return self._seal.close(hook.secret, _sealed_for(hook)) if self._seal else hook.secret

    def _opened(self, hook: Hook) -> Webhook:
        """As the settings would have it; without a secret where that cannot be read."""
        try:
            secret = self._seal.open(hook.secret, _sealed_for(hook)) if self._seal else hook.secret
        except Unreadable:
            secret = ""
        return _as_set(msgspec.structs.replace(hook, secret=secret))

    # ---- what they are told

    async def test(self, team_id: str, url: str) -> bool:
        """Send a message that says nothing to one of the team's webhooks; False: there is none."""
        hook = next((one for one in await self._wanting(team_id) if one.url == url), None)
        if hook is None:
            return False
        now = self._now()
        body: dict[str, object] = {"type": TEST, "timestamp": now.isoformat(), "data": {}}
        await self._queue([hook], "", TEST, body)
        return True

    async def announce(
        self, team_id: str, call_id: str, event: str, body: dict[str, object]
    ) -> int:
        """Put a message in the queue for each of the team's webhooks that want it; how many."""
        wanting = [
            hook for hook in await self._wanting(team_id) if not hook.events or event in hook.events
        ]
        await self._queue(wanting, call_id, event, body)
        return len(wanting)

    async def _queue(
        self, hooks: Sequence[Webhook], call_id: str, event: str, body: dict[str, object]
    ) -> None:
        now, text = self._now(), msgspec.json.encode(body).decode()
        message = f"msg_{secrets.token_urlsafe(18)}"
        await self._tables.send(
            [
                Delivery(
                    0, hook.team, call_id, hook.url, message, event, text, "due", 0, 0, "", now, now
                )
                for hook in hooks
            ]
        )
        self._news.set()

    async def replay(self, team_id: str, number: int) -> bool:
        """Send one of the team's messages again, with the same id and body."""
        found = await self._tables.replay(team_id, number, self._now())
        self._news.set()
        return found

    async def run(self) -> None:
        """Send what is due, for as long as the service runs."""
        sealed = False
        while True:
            try:
                if not sealed:
                    await self.seal_secrets()
                    sealed = True
                sent = await self.send_due()
            except StoreError as error:
                log.warning("webhooks wait: %s", error)
                sent = 0
            if not sent:
                self._news.clear()
                try:
                    await asyncio.wait_for(self._news.wait(), LOOK_S)
                except TimeoutError:
                    continue

    async def send_due(self) -> int:
        """Try each message that is due once; how many were tried."""
        due = await self._tables.due(self._now())
        return sum(await asyncio.gather(*map(self._deliver, due)))

    async def close(self) -> None:
        await self._http.aclose()

    async def _deliver(self, delivery: Delivery) -> bool:
        """Try it, unless another process does."""
        until = self._now() + timedelta(seconds=CLAIM_S)
        if not await self._tables.claim(delivery.id, delivery.tries, until):
            return False
        await self._settle(delivery, await self._try(delivery))
        return True

    async def _settle(self, delivery: Delivery, outcome: Outcome) -> None:
        now = self._now()
        if outcome.good:
            state, due = "delivered", now
        elif outcome.status == _GONE or delivery.tries >= len(RETRIES):
            state, due = "failed", now
        else:
            state, due = "due", now + timedelta(seconds=RETRIES[delivery.tries])
        await self._tables.tried(delivery.id, state, outcome.status, outcome.told, due)

    async def _try(self, delivery: Delivery) -> Outcome:
        known = await self._wanting(delivery.team_id)
        hook = next((one for one in known if one.url == delivery.hook), None)
        if hook is None:
            return Outcome(_GONE, "there is no such webhook any more")
        if not hook.secret.get_secret_value():
            return Outcome(0, _OTHER_KEY)
        try:
            async with asyncio.timeout(PATIENCE_S):
                url, host = await self._place(hook)
                return await self._post(delivery, hook, url, host)
        except Refused as error:
            return Outcome(0, str(error))
        except TimeoutError:
            return Outcome(0, f"no answer within {PATIENCE_S:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return Outcome(0, f"{type(error).__name__}: {error}"[:200])

    async def _post(self, delivery: Delivery, hook: Webhook, url: httpx.URL, host: str) -> Outcome:
        # The second is whole: what is sent and what is signed must be the same.
        at = self._now().replace(microsecond=0)
        signed = Signer(hook.secret.get_secret_value()).sign(delivery.message, at, delivery.body)
        headers = {
            "host": host,
            "content-type": "application/json",
            "webhook-id": delivery.message,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signed,
        }
        request = self._http.build_request(
            "POST",
            url,
            content=delivery.body.encode(),
            headers=headers,
            # The certificate is the name's, not the address's.
            extensions={"sni_hostname": _name(hook.url)},
        )
        response = await self._http.send(request, stream=True)
        try:
            told = "" if response.is_success else f"HTTP {response.status_code}"
            if response.is_redirect:
                told = f"HTTP {response.status_code}: redirects are not followed"
            return Outcome(response.status_code, told)
        finally:
            await response.aclose()

    async def _place(self, hook: Webhook) -> tuple[httpx.URL, str]:
        """The URL with the host's address in the place of its name, looked up and checked now: a
        name that turns to another address between check and use (DNS rebinding) gains nothing."""
        parts = urlsplit(hook.url)
        host, port = _name(hook.url), parts.port or (443 if parts.scheme == "https" else 80)
        addresses = await self._resolve(host, port)
        for address in addresses:
            if not hook.private and not _public(address):
                raise Refused(
                    f"{host} is {address}, an address inside the house: "
                    "that takes private = true in the settings' [[webhooks]]"
                )
        if not addresses:
            raise Refused(f"{host} has no address")
        shown = f"[{host}]" if ":" in host else host
        shown += "" if parts.port is None else f":{parts.port}"
        return httpx.URL(hook.url).copy_with(host=addresses[0], port=port), shown


def _sealed_for(hook: Hook) -> str:
    return f"{hook.team_id} {hook.url}"


def _as_set(hook: Hook) -> Webhook:
    """An added webhook as the settings would have it."""
    events = tuple(hook.events.split())
    return Webhook(url=hook.url, secret=SecretStr(hook.secret), team=hook.team_id, events=events)


async def _resolve(host: str, port: int) -> Sequence[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def _name(url: str) -> str:
    """The host as the net has it: xn--bcher-kva for bücher; raises ValueError or InvalidURL."""
    return httpx.URL(url).raw_host.decode("ascii")


def _public(address: str) -> bool:
    """Whether an address is one of the internet: neither this machine, nor its net, nor a tunnel
    to one of those."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None:
            return _public(str(inner))
        if ip in _NAT64:
            return _public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        if ip not in _GLOBAL or ip in _PAPER:
            return False  # what is not handed out yet, or for one house only (fec0::, 64:ff9b:1::)
    return ip.is_global and not ip.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL = ipaddress.IPv6Network("2000::/3")
"""All that is handed out for the internet (IANA, IPv6 Global Unicast Address Assignments)."""
_PAPER = ipaddress.IPv6Network("3fff::/20")
"""For documents (RFC 9637); an older Python takes it for a place."""


def _check(at: int, hook: Webhook) -> None:
    where = f"webhooks[{at}]"
    if fault := _url_fault(hook):
        shown = re.sub(r"//[^/@]*@", "//…@", hook.url)
        raise ConfigError(f"{where}.url = {shown!r}: {fault}")
    try:
        secret = base64.b64decode(hook.secret.get_secret_value().removeprefix("whsec_") + "==")
    except ValueError:
        secret = b""
    if not 24 <= len(secret) <= 64:
        raise ConfigError(
            f"{where}.secret: not a Standard Webhooks secret; "
            "give whsec_ and 24 to 64 bytes in base64"
        )


def _url_fault(hook: Webhook) -> str:
    """Why nothing can be sent there; empty: it can."""
    try:
        parts = urlsplit(hook.url)
        good = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
        good = good and _name(hook.url).isprintable() and " " not in hook.url
    except (ValueError, httpx.InvalidURL):
        good = False
    if not good or parts.username or parts.password or len(hook.url) > MOST_LETTERS:
        return "give a URL as https://host/path"
    if parts.scheme == "http" and not hook.private:
        return "only https leaves the house"
    return ""
