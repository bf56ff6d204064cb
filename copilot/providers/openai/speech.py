"""Asks the endpoint for raw samples and hands them on as they come."""

import os
from collections.abc import AsyncGenerator, Mapping

import httpx
import msgspec
import numpy as np

from copilot.audio.frames import Pcm
from copilot.errors import ConfigError
from copilot.providers import registry

RATE = 24_000
"""Of ``response_format: pcm``: mono, signed 16 bit, little-endian."""
_CONNECT_SECONDS, _READ_SECONDS = 2.0, 5.0
_TOLD = 200
"""Characters of a refusal that are told."""


class Endpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the section ``[voice]``."""

    url: str
    """Where the API begins: ``http://127.0.0.1:8880/v1``."""
    model: str = "tts-1"
    voice: str = "alloy"
    speed: float = 1.1
    """Of speech, 0.25 to 4."""
    key_env: str = ""
    """Name of the environment variable that holds the key; empty: none is sent."""

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"url = {self.url!r}: write http:// or https:// and the host")
        if not 0.25 <= self.speed <= 4:
            raise ValueError(f"speed = {self.speed}: choose 0.25 to 4")


class VoiceError(ConnectionError):
    """The endpoint refused the line, or broke off in the middle of it."""


def speech(options: Mapping[str, object]) -> "Speech":
    """The voice for `options`; raises ConfigError as the package's ``voice`` says."""
    endpoint = registry.options("voice", options, Endpoint)
    key = os.environ.get(endpoint.key_env, "") if endpoint.key_env else ""
    if endpoint.key_env and not key:
        raise ConfigError(f"voice.key_env = {endpoint.key_env!r}: no such environment variable")
    return Speech(endpoint, key)


class Speech:
    """A Voice; any number of lines may be said at once."""

    def __init__(self, endpoint: Endpoint, key: str) -> None:
        self._endpoint = endpoint
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        timeout = httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)
        # the connection stays open between lines: setting up TLS takes longer than a first sound
        self._http = httpx.AsyncClient(headers=headers, timeout=timeout)

    @property
    def rate(self) -> int:
        return RATE

    async def say(self, text: str) -> AsyncGenerator[Pcm, None]:
        """Mono float32 chunks as they come; leaving the loop ends the request.

        Raises VoiceError where the endpoint cannot be reached, refuses or breaks off.
        """
        endpoint = self._endpoint
        url = f"{endpoint.url.rstrip('/')}/audio/speech"
        asked = {
            "model": endpoint.model,
            "voice": endpoint.voice,
            "speed": endpoint.speed,
            "input": text,
            "response_format": "pcm",
        }
        rest = b""
        try:
            async with self._http.stream("POST", url, json=asked) as answer:
                if answer.status_code != httpx.codes.OK:
                    told = (await answer.aread())[:_TOLD].decode("utf-8", "replace")
                    raise VoiceError(f"{url}: refused ({answer.status_code} {told.strip()})")
                async for data in answer.aiter_bytes():
                    data = rest + data
                    whole = len(data) // 2 * 2
                    rest = data[whole:]
                    if whole:
                        samples = np.frombuffer(data[:whole], "<i2").astype(np.float32)
                        yield samples / np.float32(32768)
        except httpx.HTTPError as error:
            raise VoiceError(f"{url}: {type(error).__name__} {error}".rstrip()) from None

    async def close(self) -> None:
        await self._http.aclose()
