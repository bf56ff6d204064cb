"""Builds the running service from its settings, and takes it down again in order."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing, contextmanager
from functools import partial
from typing import NamedTuple

from copilot import __version__
from copilot.accounts.caller import Caller
from copilot.accounts.office import Office
from copilot.accounts.service import Accounts
from copilot.config import Settings
from copilot.console.console import speaks
from copilot.console.rules import Rules
from copilot.core.policy import Policy
from copilot.errors import ConfigError
from copilot.mind.background import Background
from copilot.mind.memory import Memory, key_in
from copilot.mind.sealing import Seal
from copilot.mind.tools import Tools
from copilot.mind.webhooks import Webhooks
from copilot.ports import DenseIndex, Embedder, Listener, Mind, Telling, Voice, Warming
from copilot.providers import registry
from copilot.providers.chroma import ChromaIndex, InUse, open_chroma
from copilot.providers.discreet import DiscreetListener
from copilot.providers.redact import Redactor
from copilot.providers.registry import Host
from copilot.retrieval import publishing
from copilot.retrieval.indexing import Indexer, Progress
from copilot.retrieval.library import (
    Follower,
    Library,
    drafts_in,
    open_library,
    published_in,
    vectors_in,
)
from copilot.retrieval.packs import Pack, load_packs
from copilot.sidecar.peer import use_interface
from copilot.sidecar.switchboard import Switchboard
from copilot.store.forgetful import Forgetful
from copilot.store.log import Store, open_store, utc_now
from copilot.web.jobs import Jobs
from copilot.web.knowledge.desk import Desk
from copilot.web.knowledge.trying import Trial
from copilot.web.sample import Sample
from copilot.web.services import Gauge, Services

log = logging.getLogger(__name__)


class Senses(NamedTuple):
    """What hears, knows and speaks; shared by all calls."""

    library: Library
    follower: Follower
    """Takes over what is published; to be run where calls come and go."""
    listener: Listener
    voice: Voice | None
    embedder: Embedder


@asynccontextmanager
async def senses(
    settings: Settings,
    progress: Progress | None = None,
    lockstep: bool = False,
    voice: bool | None = None,
) -> AsyncIterator[Senses]:
    """Packs indexed, ear and voice ready; raises UserError for what the user can put right.

    `lockstep`: the ear waits for its words, for recordings that are heard faster than real time.
    `voice`: whether anything will be spoken; by itself what the settings' policy says.
    """
    settings.make_data()
    cache = settings.data / "cache"
    async with AsyncExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(1, "start"))
        library, embedder, index = await _shelves(settings, progress, stack, pool)
        vectors = stack.enter_context(closing(vectors_in(settings)))
        indexer = Indexer(embedder, index, vectors, workers=1)
        packs = settings.knowledge.packs
        aside = drafts_in(settings).names
        follower = Follower(library, published_in(settings), packs, indexer, aside)
        stack.callback(follower.close)
        models = settings.data / "models"
        host = Host(cache, library.sentences, lockstep, models, settings.persona)
        run = partial(asyncio.get_running_loop().run_in_executor, pool)
        listener = await run(registry.listener, settings.ear, host)
        stack.push_async_callback(listener.close)
        aloud = settings.policy.voice if voice is None else voice
        spoken = host._replace(listener=listener)
        mouth = registry.voice(settings.voice, spoken) if aloud else None
        if mouth is not None:
            stack.push_async_callback(mouth.close)
            if isinstance(mouth, Warming):
                await mouth.warm()
        heard = listener
        if settings.privacy.log:
            heard = DiscreetListener(listener, Redactor(settings.privacy.log))
        yield Senses(library, follower, heard, mouth, embedder)


def index(settings: Settings, progress: Progress | None = None) -> str:
    """Publish what is due and index what is new; a line a pack.

    Raises PackFaults with every fault found: then nothing is published.
    """
    knowledge, published = settings.knowledge, published_in(settings)
    with _indexing(settings, progress) as indexer:
        aside = drafts_in(settings).names()
        done = publishing.bring_up(knowledge.path, knowledge.packs, published, indexer, aside=aside)
    return "\n".join(map(str, done))


def publish(settings: Settings, names: Sequence[str], progress: Progress | None = None) -> str:
    """Publish the drafts of the named packs, of those in use when none is named; a line a pack."""
    knowledge, published = settings.knowledge, published_in(settings)
    aside = drafts_in(settings).names()
    if names:
        console = [name for name in names if name in aside]
        others = [name for name in names if name not in aside]
        packs = load_packs(drafts_in(settings).place, console) if console else ()
        packs += load_packs(knowledge.path, others) if others else ()
    else:
        packs = publishing.drafts(knowledge.path, knowledge.packs, published, aside=aside)
    with _indexing(settings, progress) as indexer:
        done = publishing.publish(packs, published, indexer, asked=True)
        indexer.tidy([outcome.pack for outcome in done])
    return "\n".join(map(str, done))


def roll_back(
    settings: Settings, name: str, version: str | None, progress: Progress | None = None
) -> Pack:
    """Switch the pack to another published version, the one before unless it is named."""
    published = published_in(settings)
    publishing.target(name, version, published)  # a mistake is told before models are loaded
    with _indexing(settings, progress) as indexer:
        return publishing.roll_back(name, version, published, indexer)


@contextmanager
def _indexing(settings: Settings, progress: Progress | None) -> Iterator[Indexer]:
    """What indexing needs; without the index while a running service holds it, for it follows."""
    settings.make_data()
    embedder = registry.embedder(settings.embedder, Host(settings.data / "cache"))
    with ExitStack() as stack:
        made: ChromaIndex | None = None
        try:
            made = open_chroma(settings.chroma.url, settings.data / "chroma")
            stack.callback(made.close)
        except InUse:
            if not published_in(settings).attended():
                raise
        vectors = stack.enter_context(closing(vectors_in(settings)))
        yield Indexer(embedder, made, vectors, progress)


@asynccontextmanager
async def services(
    settings: Settings, progress: Progress | None = None, sample: Sample | None = None
) -> AsyncIterator[Services]:
    """Everything that the web application needs, calls included."""
    for key in ("compose", "rewrite"):
        if getattr(settings.policy, key) and not registry.minded(settings.mind):
            raise ConfigError(
                f"policy.{key} = true: no background model is configured; "
                "add [[mind.routes]] or leave it out"
            )
    _check_media_host(settings.server.media_host)
    sign_in = settings.sign_in
    settings.make_data()
    async with AsyncExitStack() as stack:
        store = await open_store(settings.database_url, grace=settings.server.resume_seconds)
        stack.push_async_callback(store.close)
        sounding = settings.policy.voice or await speaks(store)
        made = await stack.enter_async_context(senses(settings, progress, voice=sounding))
        use_interface(settings.server.media_host)
        library = made.library
        host = Host(settings.data / "cache", privacy=settings.privacy)
        mind = await asyncio.to_thread(registry.mind, settings.mind, host)
        background = _background(settings, store, mind, made.embedder, library)
        stack.push_async_callback(background.close)
        switchboard = Switchboard(
            settings, made.listener, library, store, Forgetful(), made.voice, background
        )
        stack.push_async_callback(switchboard.close)
        stack.enter_context(published_in(settings).attend())
        stack.push_async_callback(_stop, _start(made.follower))

        background.start()
        accounts = Accounts(Office(store.accounts, settings.accounts), sign_in)
        stack.push_async_callback(_stop, asyncio.create_task(accounts.presence.watch()))

        async def search() -> str:
            await library.retriever().search("are you there", 1)
            return ""

        desk = _desk(settings, accounts, made)
        stack.push_async_callback(desk.jobs.close)
        whole = Services(
            store,
            library,
            switchboard,
            settings,
            __version__,
            accounts,
            desk,
            trial(settings, library, desk.jobs, Rules(store.console, settings.policy)),
            sample,
            checks={"search": search},
            gauges=_gauges(made.listener, mind, background.tools if settings.tools else None),
            origins=frozenset(settings.server.origins),
            background=background,
        )
        stack.callback(whole.console.trials.close)
        stack.push_async_callback(_stop, asyncio.create_task(whole.console.digests.follow()))
        stack.push_async_callback(_stop, asyncio.create_task(whole.console.desk.keep_clean()))
        yield whole


def _desk(settings: Settings, accounts: Accounts, made: Senses) -> Desk:
    """Where knowledge bases are edited."""
    return Desk(
        drafts_in(settings),
        published_in(settings),
        settings.knowledge.path,
        accounts,
        made.embedder,
        partial(vectors_in, settings),
        lambda: made.library.packs,
    )


def trial(settings: Settings, library: Library, jobs: Jobs, rules: Rules) -> Trial:
    """Where knowledge is tried, with an ear of its own that waits for its words."""

    async def policy(caller: Caller) -> Policy:
        return (await rules.terms(caller.team_id, caller.person_id)).policy

    async def ear() -> Listener:
        if settings.ear.provider == "moshi":
            raise ConfigError(
                "a recording cannot be heard here: the duplex engine is busy with calls, and a"
                " second one would not fit beside it; `copilot listen` hears it on another machine"
            )
        cache, models = settings.data / "cache", settings.data / "models"
        host = Host(cache, library.sentences, True, models, settings.persona)
        return await asyncio.to_thread(registry.listener, settings.ear, host)

    return Trial(library, jobs, policy, ear)


@asynccontextmanager
async def shelves(settings: Settings, progress: Progress | None = None) -> AsyncIterator[Library]:
    """The packs in use, indexed and searchable, without ear and voice."""
    settings.make_data()
    async with AsyncExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(1, "start"))
        library, _, _ = await _shelves(settings, progress, stack, pool)
        yield library


async def _shelves(
    settings: Settings, progress: Progress | None, stack: AsyncExitStack, pool: Executor
) -> tuple[Library, Embedder, DenseIndex]:
    """What is searched, made in the pool and closed with the stack."""
    run = partial(asyncio.get_running_loop().run_in_executor, pool)
    host = Host(settings.data / "cache")
    embedder = await run(registry.embedder, settings.embedder, host)
    reranker = await run(registry.reranker, settings.reranker, host)
    index = await run(open_chroma, settings.chroma.url, settings.data / "chroma")
    stack.callback(index.close)
    library = await open_library(settings, embedder, index, progress, reranker)
    stack.callback(library.close)
    return library, embedder, index


def _start(follower: Follower) -> asyncio.Task[None]:
    def told(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.error("packs are no longer followed: restart", exc_info=task.exception())

    task = asyncio.create_task(follower.follow())
    task.add_done_callback(told)
    return task


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def _check_media_host(host: str) -> None:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError as error:
        raise ConfigError(
            f"server.media_host = {host!r}: no address of this machine ({error.strerror}); "
            "name one, or 0.0.0.0 for all"
        ) from None


def _background(
    settings: Settings, store: Store, mind: Mind | None, embedder: Embedder, library: Library
) -> Background:
    """What thinks beside calls; raises ConfigError for webhooks, tools or a key that cannot be."""
    redactor = Redactor(settings.privacy.egress)
    key = key_in(settings.data, settings.memory.key.get_secret_value())
    return Background(
        store,
        mind,
        embedder,
        Memory(store.mind, key, utc_now, settings.memory.days, library.forget),
        Webhooks(store.mind, settings.webhooks, utc_now, seal=Seal(key)),
        Tools(settings.tools, redactor),
        redactor,
        utc_now,
        library.names,
        library.words,
    )


def _gauges(listener: Listener, mind: Mind | None, tools: Tools | None) -> dict[str, Gauge]:
    """What tells how it is; a missing background model is told, and nothing is amiss."""

    def thinks(team_id: str) -> Mapping[str, object]:
        hers = None if mind is None else mind.of(team_id)
        if hers is None:
            return {"configured": False, "told": "no background model is configured"}
        return hers.state() if isinstance(hers, Telling) else {"configured": True}

    made: dict[str, Gauge] = {"mind": thinks}
    if isinstance(listener, Telling):
        heard = listener.state
        made["ear"] = lambda team_id: heard()
    if tools is not None:
        made["tools"] = lambda team_id: {"servers": tools.state(team_id)}
    return made
