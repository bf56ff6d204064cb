"""Vectors and speech from an endpoint: a real HTTP server that is right, slow or wrong."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest

from copilot.bench.standin import Manner, standin
from copilot.config.sections import Privacy
from copilot.errors import ConfigError, VectorError
from copilot.providers.gateway.others import embedder, voice
from copilot.providers.registry import Host

HOST = Host(Path(), privacy=Privacy())


def vectors(body: str) -> Manner:
    texts = json.loads(body)["input"]
    rows = [{"index": at, "embedding": [3.0, float(len(text))]} for at, text in enumerate(texts)]
    return Manner(body=json.dumps({"data": rows[::-1]}))


async def test_vectors_in_order_of_unit_length_and_without_card_numbers() -> None:
    async with standin(vectors) as server:
        options = {"model": "m", "base_url": server.url}
        made = await asyncio.to_thread(embedder, options, HOST)
        assert (made.name, made.dim) == ("gateway:m", 2)
        texts = ["card 4111 1111 1111 1111", *("x" * n for n in range(1, 100))]
        found = await asyncio.to_thread(made.embed, texts)
        assert found.shape == (100, 2)
        assert np.allclose(np.linalg.norm(found, axis=1), 1)
        assert found[1][1] < found[99][1]
        assert "4111" not in "".join(server.asked)
        assert set(server.paths) == {"/v1/embeddings"}


@pytest.mark.parametrize(
    "body",
    ["<html>", '{"data": []}', '{"data": [{"index": 0, "embedding": []}]}', '{"data": [{}]}', "{}"],
)
async def test_what_are_no_vectors(body: str) -> None:
    async with standin(Manner(body=body)) as server:
        options = {"model": "m", "base_url": server.url}
        with pytest.raises((ConfigError, VectorError), match="gateway:m"):
            await asyncio.to_thread(embedder, options, HOST)


async def test_speech_comes_as_sound() -> None:
    sound = "\x00\x40" * 1200 + "\x00"  # half of full scale, and half a sample
    async with standin(Manner(body=sound)) as server:
        made = voice({"model": "m", "base_url": server.url, "voice": "ash"}, HOST)
        chunks = [chunk async for chunk in made.say("hello")]
        await made.close()
        asked = json.loads(server.asked[0])
    assert np.allclose(np.concatenate(chunks), 0.5)
    assert sum(map(len, chunks)) == 1200
    assert asked == {"model": "m", "voice": "ash", "input": "hello", "response_format": "pcm"}


def test_mistakes_in_settings() -> None:
    for options, told in (
        ({"model": "m", "base_url": "host"}, "not a URL"),
        ({"model": "m", "base_url": "http://x", "key_env": "NO_SUCH_KEY"}, "is not set"),
        ({"base_url": "http://x"}, "missing required field `model`"),
    ):
        with pytest.raises(ConfigError, match=told):
            voice(options, HOST)
