"""Vectors and speech from the same kind of endpoint: ``[embedder]`` and ``[voice]`` by gateway."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any

import httpx
import numpy as np
from msgspec import Meta, Struct

from copilot.audio.frames import Pcm
from copilot.errors import ConfigError, VectorError
from copilot.ports import Embedder, Vectors, Voice
from copilot.providers.redact import Redactor
from copilot.providers.registry import Host
from copilot.providers.registry import options as read_options

BATCH = 64
"""Texts in one request."""
_RATE = 24_000
"""Of ``pcm`` speech: 16-bit, mono, little-endian (OpenAI's API reference, audio/speech)."""


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of ``[embedder]`` or ``[voice]`` with ``provider = "gateway"``."""

    model: str
    base_url: str
    """An OpenAI-compatible endpoint up to and with ``/v1``."""
    key_env: str = ""
    """The variable that holds the key."""
    voice: str = "alloy"
    """Whose voice it is; of speech only."""
    seconds: Annotated[float, Meta(gt=0, le=60)] = 5.0
    """For an answer."""
    trusted: bool = False
    """In the house: texts are not masked."""


def embedder(options: Mapping[str, object], host: Host) -> Embedder:
    """Vectors of an endpoint; raises ConfigError where it has none for these options."""
    made = _read("embedder", options)
    try:
        return RemoteEmbedder(made, Redactor(host.privacy.egress))
    except VectorError as error:
        raise ConfigError(f"[embedder] {error}") from None


def voice(options: Mapping[str, object], host: Host) -> Voice:
    """Speech of an endpoint."""
    return RemoteVoice(_read("voice", options), Redactor(host.privacy.egress))


class RemoteEmbedder:
    """`copilot.ports.Embedder` over HTTP; what was learned for the embedded model is not used."""

    def __init__(self, options: Options, redactor: Redactor) -> None:
        """Asks for one vector, to learn how long they are; raises VectorError."""
        self._options = options
        self._redactor = redactor
        self._http = httpx.Client(**_client(options))
        self.name = f"gateway:{options.model}"
        self.dim = 0
        self.dim = int(self.embed(["hello"]).shape[1])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors ``[n, dim]``; raises VectorError where the endpoint gives no such thing."""
        rows: list[Sequence[float]] = []
        for start in range(0, len(texts), BATCH):
            given = [_masked(text, self._options, self._redactor) for text in texts[start:][:BATCH]]
            rows += self._ask(given)
        if not rows:
            return np.zeros((0, self.dim), np.float32)
        try:
            made = np.asarray(rows, np.float32)
            length = np.linalg.norm(made, axis=1, keepdims=True)
        except (ValueError, TypeError, np.exceptions.AxisError):
            raise VectorError(f"{self.name}: its vectors are not of one length") from None
        if made.ndim != 2 or (self.dim and made.shape[1] != self.dim) or not length.all():
            raise VectorError(f"{self.name}: its vectors are not of one length")
        unit: Vectors = made / length
        return unit

    def _ask(self, texts: Sequence[str]) -> list[Sequence[float]]:
        body = {"model": self._options.model, "input": list(texts)}
        try:
            answer = self._http.post("/embeddings", json=body)
            answer.raise_for_status()
            found = sorted(answer.json()["data"], key=lambda row: row["index"])
            vectors = [row["embedding"] for row in found]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise VectorError(f"{self.name}: no vectors ({type(error).__name__})") from None
        if len(vectors) != len(texts):
            raise VectorError(f"{self.name}: {len(vectors)} vectors for {len(texts)} texts")
        return vectors


class RemoteVoice:
    """`copilot.ports.Voice` over HTTP."""

    rate = _RATE

    def __init__(self, options: Options, redactor: Redactor) -> None:
        self._options = options
        self._redactor = redactor
        self._http = httpx.AsyncClient(**_client(options))

    async def say(self, text: str) -> AsyncIterator[Pcm]:
        """Sound as it comes; a fault of the endpoint becomes a failure of the whisper."""
        body = {
            "model": self._options.model,
            "voice": self._options.voice,
            "input": _masked(text, self._options, self._redactor),
            "response_format": "pcm",
        }
        odd = b""
        async with self._http.stream("POST", "/audio/speech", json=body) as answer:
            answer.raise_for_status()
            async for chunk in answer.aiter_bytes():
                whole = odd + chunk
                odd = whole[len(whole) // 2 * 2 :]
                samples = np.frombuffer(whole[: len(whole) // 2 * 2], "<i2")
                if len(samples):
                    yield samples.astype(np.float32) / np.float32(32768)

    async def close(self) -> None:
        await self._http.aclose()


def _masked(text: str, options: Options, redactor: Redactor) -> str:
    return text if options.trusted else redactor.clean(text)


def _client(options: Options) -> dict[str, Any]:
    key = os.environ.get(options.key_env, "")
    return {
        "base_url": options.base_url,
        "headers": {"authorization": f"Bearer {key}"} if key else {},
        "timeout": options.seconds,
        "follow_redirects": False,
        "trust_env": False,
    }


def _read(section: str, given: Mapping[str, object]) -> Options:
    made = read_options(section, given, Options)
    if not made.base_url.startswith(("http://", "https://")):
        raise ConfigError(f"[{section}] base_url = {made.base_url!r}: not a URL as https://host/v1")
    if made.key_env and not os.environ.get(made.key_env):
        raise ConfigError(f"[{section}] key_env = {made.key_env!r}: that variable is not set")
    return made
