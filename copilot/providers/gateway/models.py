"""Models behind routes, by pydantic-ai: the one place that knows providers' protocols."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

import httpx2
from pydantic_ai import direct, exceptions
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    PartDeltaEvent,
    PartStartEvent,
    SystemPromptPart,
    TextPart,
    TextPartDelta,
    UserPromptPart,
)
from pydantic_ai.models import Model, infer_model
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.profiles import merge_profile
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers import Provider, infer_provider_class
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.settings import ModelSettings

from copilot.errors import ConfigError
from copilot.ports import Prompt
from copilot.providers.bounded import Bounded
from copilot.providers.gateway.settings import Route

_RETRY = "retry-after"
_LETTERS_PER_TOKEN = 4
"""Where a provider does not tell its usage."""
LETTERS = 20
"""That a token may have, on the average of an answer: a server that says more does not count."""
MOST_BYTES = 1024 * 1024
"""Of an answer with all that a provider wraps it in, which is about 300 bytes a token."""
_FINAL = frozenset({400, 401, 402, 403, 404, 405, 410, 422})
"""Answers that the same request would get again."""


class RouteFault(Exception):
    """A route did not answer as it should."""

    def __init__(self, told: str, wait: float = 0.0, final: bool = False) -> None:
        super().__init__(told)
        self.wait = wait
        """Seconds that the provider asks to wait."""
        self.final = final
        """Whether the same request would fail again: a wrong key, a model that is not there."""


class RouteModel:
    """The model at the end of one route."""

    def __init__(self, route: Route, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self.route = route
        self.used = 0
        """Tokens of the latest answer, in and out."""
        # Neither redirects nor proxies of the environment: nothing but the route is contacted.
        self._http = httpx2.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            timeout=max(route.timeout, 30.0),
            transport=Bounded(transport or httpx2.AsyncHTTPTransport(), MOST_BYTES),
        )
        self._model = _model(route, self._http)

    @property
    def url(self) -> str:
        return self._model.base_url or ""

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        """The answer's text as it comes; raises RouteFault, whose text holds nothing of it."""
        messages: list[ModelMessage] = [
            ModelRequest(parts=[SystemPromptPart(prompt.rules), UserPromptPart(prompt.matter)])
        ]
        settings = ModelSettings(
            max_tokens=prompt.max_tokens,
            temperature=0.0,
            timeout=self.route.timeout,
            max_retries=0,  # the gateway itself goes to the next route
        )
        said = len(prompt.rules) + len(prompt.matter)
        most = said + LETTERS * prompt.max_tokens
        try:
            async with direct.model_request_stream(
                self._model, messages, model_settings=settings
            ) as stream:
                async with aclosing(_texts(stream)) as texts:
                    async for text in texts:
                        said += len(text)
                        if said > most:
                            raise RouteFault("an answer longer than it may be")
                        yield text
                usage = stream.usage
                self.used = usage.total_tokens or said // _LETTERS_PER_TOKEN
        except (RouteFault, GeneratorExit):
            raise
        except exceptions.ModelHTTPError as error:
            raise _refused(error) from None
        except Exception as error:  # whatever a provider's library makes of what it was sent
            raise RouteFault(f"{type(error).__name__}") from error

    async def close(self) -> None:
        await self._http.aclose()


async def _texts(stream: Any) -> AsyncGenerator[str, None]:
    async for event in stream:
        # Many may lie ready in one packet; the calls of this loop go on between them.
        await asyncio.sleep(0)
        match event:
            case PartStartEvent(part=TextPart(content=text)) if text:
                yield text
            case PartDeltaEvent(delta=TextPartDelta(content_delta=text)) if text:
                yield text


def _refused(error: exceptions.ModelHTTPError) -> RouteFault:
    status = error.status_code
    if status == 429:
        return RouteFault("429 too many requests", wait=_wait(error))
    return RouteFault(f"HTTP {status}", final=status in _FINAL)


def _wait(error: exceptions.ModelHTTPError) -> float:
    """What the provider asks for, a second where it does not say."""
    response = getattr(error.__cause__, "response", None)
    headers = getattr(response, "headers", {}) or {}
    try:
        return max(float(headers.get(_RETRY, 1.0)), 0.1)
    except ValueError:
        return 1.0


def _model(route: Route, http: httpx2.AsyncClient) -> Model:
    """Raises ConfigError for a provider that there is not, or that does not take the key so."""
    try:
        if route.base_url:
            from openai import AsyncOpenAI

            client = AsyncOpenAI(
                base_url=route.base_url,
                api_key=route.secret or "none",
                http_client=http,
            )
            provider = OpenAICompatibleProvider("compatible", openai_client=client)
            # A stream without a reason for its end is one that broke off.
            profile = OpenAIModelProfile(openai_chat_streaming_requires_finish_reason=True)
            return OpenAIChatModel(
                route.model,
                provider=provider,
                profile=merge_profile(provider.model_profile(route.model), profile),
            )
        return infer_model(route.model, lambda name: _provider(name, route, http))
    except (exceptions.UserError, ImportError, ValueError, TypeError) as error:
        told = str(error).splitlines()[0]
        raise ConfigError(
            f"mind.routes: {route.label!r} cannot be used: {told}; for a provider of its own "
            "install pip install 'copilot[native]', else give base_url"
        ) from None


def _provider(name: str, route: Route, http: httpx2.AsyncClient) -> Provider[Any]:
    made: Any = infer_provider_class(name)
    if not route.secret:
        raise ValueError("it needs a key; set key_env")
    return made(api_key=route.secret, http_client=http)  # type: ignore[no-any-return]


_CANNED = (
    b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{"content":"yes"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


async def warm_up() -> None:
    """An answer and a refusal that come from nobody: the libraries build their tables at the first
    of each, which would hold up a call's loop for more than a tick."""
    told = {"content-type": "text/event-stream"}
    for canned in (
        httpx2.Response(200, headers=told, content=_CANNED),
        httpx2.Response(500, json={"error": {"message": "no"}}),
    ):
        transport = httpx2.MockTransport(lambda _, canned=canned: canned)
        model = RouteModel(Route("warm", "http://warm.invalid/v1"), transport)
        with suppress(RouteFault):
            async with aclosing(model.stream(Prompt("rules", "matter"))) as texts:
                async for _ in texts:
                    pass
        await model.close()
