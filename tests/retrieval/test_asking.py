"""The form of a question tells questions from small talk, and where the asking begins."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from copilot.retrieval.asking import asks, question

SPOKEN: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "copilot" / "evaluate" / "spoken.yaml").read_text(encoding="utf-8")
)


def share(texts: list[str]) -> float:
    return sum(map(asks, texts)) / len(texts)


def test_spoken_questions_are_told_from_small_talk() -> None:
    asked = [
        text
        for found in (*SPOKEN["plain"].values(), *SPOKEN["asked"].values())
        for text in (found if isinstance(found, list) else [found])
    ]
    near = [text for pack in SPOKEN["near"].values() for text in pack]
    assert share(asked) >= 0.85
    assert share(near) >= 0.95
    assert share(SPOKEN["small_talk"]) <= 0.05


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("it was my birthday why has my tracking not updated", "why has my tracking not updated"),
        ("hello how are you today can i pay by card", "can i pay by card"),
        ("Well, I'd like to know if dogs are allowed.", "i'd like to know if dogs are allowed"),
        ("we land at eight is there a bus", "is there a bus"),
        ("the garden was very dry", "the garden was very dry"),
        ("", ""),
    ],
)
def test_where_the_asking_begins(text: str, found: str) -> None:
    assert question(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "how are you today",
        "can you hear me",
        "that is what i said",
        "did you see the match last night",
        "how can i help you",
        "",
    ],
)
def test_courtesy_asks_nothing(text: str) -> None:
    assert not asks(text)
