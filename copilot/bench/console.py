"""How fast the console's pages answer: lists of many calls, and a search of their words."""

import asyncio
import random
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from httpx import ASGITransport, AsyncClient
from rich.table import Table

from copilot.accounts.caller import Caller
from copilot.accounts.office import Office
from copilot.accounts.service import Accounts
from copilot.config import Settings
from copilot.core.events import CallEnded, CallStarted, Entry, Event, Heard
from copilot.core.policy import Policy
from copilot.core.vocabulary import Silence, TurnText
from copilot.errors import UserError
from copilot.evaluate.digest import VERSION
from copilot.evaluate.labels import Use
from copilot.machine import machine
from copilot.ports import NOBODY, Found, Listener, Pinned
from copilot.providers import registry
from copilot.providers.registry import Host
from copilot.providers.scripted import Script, ScriptedListener
from copilot.retrieval.library import Source, drafts_in, published_in, vectors_in
from copilot.retrieval.packs import Pack
from copilot.sidecar.switchboard import Switchboard
from copilot.store.console.rows import Digest, Moment
from copilot.store.forgetful import Forgetful
from copilot.store.log import Store, open_store
from copilot.web.app import create_app
from copilot.web.knowledge.desk import Desk
from copilot.web.knowledge.trying import Trial
from copilot.web.services import Services

LIST_MS, SEARCH_MS = 200, 300
"""What a page of 10,000 calls, and a search of 1,000 calls' words, may take at the server."""
WORDS = 1500
"""Of a transcript: ten minutes of talk."""
MOMENTS = 6
"""Decided inquiries of a call."""
BATCH = 250
ROUNDS = 15


class Empty:
    """Knows nothing: pages about calls ask for no passage."""

    packs: Sequence[Pack] = ()

    def source(self, passage: str) -> Source | None:
        return None

    def pin(self, packs: Sequence[str] = ()) -> Pinned:
        return Pinned((), self)

    async def search(self, query: str, k: int, turns: Sequence[TurnText] = ()) -> Found:
        return Found(())


def run(
    calls: int = 10_000, talked: int = 1000, rounds: int = ROUNDS, seed: int = 1
) -> dict[str, object]:
    """Measure over `calls` past calls, of which `talked` have a transcript."""
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(_measure(Path(folder), calls, talked, rounds, random.Random(seed)))
    return {
        "bench": "console",
        "machine": machine(),
        "calls": calls,
        "transcripts": talked,
        "words": talked * WORDS,
        "pages": rows,
    }


async def _measure(
    folder: Path, calls: int, talked: int, rounds: int, dice: random.Random
) -> list[dict[str, object]]:
    async with AsyncExitStack() as stack:
        clock = _Clock()
        store = await open_store(f"sqlite:///{folder / 'calls.sqlite'}", clock)
        stack.push_async_callback(store.close)
        vocabulary = [f"{_syllables(dice)}{n}" for n in range(4000)]
        await _fill(store, clock, calls, talked, vocabulary, dice)
        settings, shelf = Settings(data=folder), Empty()
        board = Switchboard(settings, ScriptedListener(Script()), shelf, store, Forgetful())
        stack.push_async_callback(board.close)
        accounts = Accounts(Office(store.accounts), required=False)
        embedder = registry.embedder(settings.embedder, Host(folder / "cache"))
        desk = Desk(
            drafts_in(settings),
            published_in(settings),
            settings.knowledge.path,
            accounts,
            embedder,
            partial(vectors_in, settings),
            lambda: shelf.packs,
        )
        trial = Trial(shelf, desk.jobs, _policy, _ear)
        services = Services(store, shelf, board, settings, "bench", accounts, desk, trial)
        app = create_app(services)
        client = AsyncClient(transport=ASGITransport(cast(Any, app)), base_url="http://127.0.0.1")
        await stack.enter_async_context(client)
        deep = _name(calls // 10)
        common, rare = vocabulary[0], vocabulary[-1]
        when = f"since={(clock.now - timedelta(days=13)):%Y-%m-%d}&until={clock.now:%Y-%m-%d}"
        pages = (
            ("list, first page", "/", LIST_MS),
            ("list, deep page", f"/?before={deep}", LIST_MS),
            ("calls, first page", "/", LIST_MS),
            ("calls, deep page", f"/?before={deep}", LIST_MS),
            ("calls, silent because", "/?silence=weak", LIST_MS),
            ("search, a common word", f"/?q={common}", SEARCH_MS),
            ("search, two words", f"/?q={common}+{vocabulary[5]}", SEARCH_MS),
            ("search, a rare word", f"/?q={rare}", SEARCH_MS),
            ("search, a phrase", f"/?q=%22{common}+{vocabulary[1]}%22", SEARCH_MS),
            ("analytics of 14 days", f"/analytics?{when}", None),
        )
        return [await _time(client, name, path, ms, rounds) for name, path, ms in pages]


async def _policy(caller: Caller) -> Policy:
    return Policy()


async def _ear() -> Listener:
    raise UserError("nothing is heard here")


class _Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


async def _fill(
    store: Store,
    clock: _Clock,
    calls: int,
    talked: int,
    vocabulary: Sequence[str],
    dice: random.Random,
) -> None:
    """Past calls, five minutes apart; the newest ones have been talked in."""
    weights = [1 / (n + 1) for n in range(len(vocabulary))]  # Zipf
    for start in range(0, calls, BATCH):
        numbers = range(start, min(start + BATCH, calls))
        for number in numbers:
            clock.now += timedelta(minutes=5)
            name = _name(number)
            started = CallStarted(name, Policy(), ("parcel@0badcafe",), "bench")
            events: tuple[Event, ...] = (started, Heard(7499), CallEnded("hang_up"))
            log = [Entry(i, 0 if i == 0 else 7499, one) for i, one in enumerate(events)]
            store.append(name, log, NOBODY)
        async with asyncio.timeout(60):
            while store.lag:  # noqa: ASYNC110  # the store tells nobody when all is written
                await asyncio.sleep(0.01)
        digests = []
        for number in numbers:
            spoken = number >= calls - talked
            said = dice.choices(vocabulary, weights, k=WORDS) if spoken else ["hello"]
            digests.append(_digest(_name(number), " ".join(said), dice))
        await store.console.keep_digests(digests)


def _digest(name: str, words: str, dice: random.Random) -> Digest:
    moments = tuple(
        Moment(
            inquiry, 100 * inquiry, "parcel",
            "" if inquiry % 3 else dice.choice(list(Silence)),
            dice.choice([Use.USED, Use.IGNORED, Use.DISMISSED]), "", None,
            dice.choice([True, False, None]), True, dice.randrange(100), dice.randrange(100), True,
            20, dice.randrange(-4000, 3000), "parcel/a#b", "How long?", "how long does it take",
        )
        for inquiry in range(1, MOMENTS + 1)
    )  # fmt: skip
    return Digest(name, VERSION, "skilled", 1, 200, False, words, moments)


async def _time(
    client: AsyncClient, name: str, path: str, target: int | None, rounds: int
) -> dict[str, object]:
    times, size = [], 0
    for _ in range(rounds):
        since = perf_counter()
        answer = await client.get(path, headers={"Accept": "text/html"})
        times.append(1000 * (perf_counter() - since))
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:200]}"
        size = len(answer.content)
    times.sort()
    return {
        "page": name,
        "p50_ms": round(times[len(times) // 2], 1),
        "max_ms": round(times[-1], 1),
        "kib": round(size / 1024),
        "target_ms": target,
    }


def _name(number: int) -> str:
    return f"call-{number:06}"


def _syllables(dice: random.Random) -> str:
    return "".join(dice.choice("bdfgklmnprst") + dice.choice("aeiou") for _ in range(3))


def table(result: dict[str, object]) -> Table:
    """The figures for a terminal."""
    made = Table("page", "p50", "slowest", "size", "target", title=_title(result))
    for column in made.columns[1:]:
        column.justify = "right"
    rows = result["pages"]
    assert isinstance(rows, list)
    for row in rows:
        target = f"{row['target_ms']} ms" if row["target_ms"] else ""
        times = (f"{row[name]:.1f} ms" for name in ("p50_ms", "max_ms"))
        made.add_row(row["page"], *times, f"{row['kib']} KiB", target)
    return made


def _title(result: dict[str, object]) -> str:
    return f"{result['calls']:,} past calls, {result['transcripts']:,} with {WORDS:,} words each"
