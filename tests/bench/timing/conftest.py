"""Knowledge for scenes without an index: what a word of the query calls for."""

from collections.abc import Callable, Sequence

import pytest

from copilot.core.vocabulary import Passage, Signals, TurnText
from copilot.ports import Found, Pinned


class Words:
    """Finds the passages whose word is in the query."""

    def __init__(self, known: dict[str, Passage]) -> None:
        self._known = known

    async def search(self, query: str, k: int, turns: Sequence[TurnText] = ()) -> Found:
        found = tuple(one for word, one in self._known.items() if word in query.split())
        return Found(found, Signals(seeking=90))


@pytest.fixture
def knows() -> Callable[..., Pinned]:
    """Knowledge of passages by the word that calls for them."""

    def make(**known: str) -> Pinned:
        passages = {
            word: Passage(f"test/all#{word}", word, say, say, 95) for word, say in known.items()
        }
        return Pinned(("test@0",), Words(passages))

    return make
