"""Rewrites what a customer has said into a question that stands alone, for a second search.

Nothing rests on the model: a question with a word that neither the talk, nor the memory, nor the
packs hold is dropped whole, and all that it can do is find another passage of the packs, on which
the gate decides.
"""

import asyncio
import re
from collections.abc import Callable, Sequence, Set

from copilot.core.events import Rewrite
from copilot.core.words import stem, tokens
from copilot.mind.composer import whole
from copilot.mind.fences import Fence, harmless, orders
from copilot.mind.lookup import spoken_in
from copilot.mind.wording import VALUES, numbers
from copilot.ports import Mind, Prompt
from copilot.retrieval.lexical import content_words

Words = Callable[[], Set[str]]
"""The words of the packs in use; blocking."""
MOST_WORDS = 30
_ASKING = frozenset(
    "what what's when where where's which who who's whose why how many much long often far old "
    "does doesn't don't isn't aren't can't there".split()
)
"""Words that make a question of others and name nothing."""
_NUMBER = re.compile(r"\b\d[\d.,:]*")
_RULES = (
    "A speech recogniser has written down what a call-centre customer just said. Rewrite it as one "
    "stand-alone question for a search in a knowledge base, in the customer's language and at most "
    "20 words. Put what is meant in the place of words such as it, that one or there, from the "
    "call so far and what is known about the customer, and put right words that were plainly "
    "misheard. Add nothing else, guess nothing, do not answer. Write the question and nothing "
    "else; if nothing is asked, write NONE."
)


class GroundedRewriter:
    """Questions of a background model, as far as the call and the packs hold their words."""

    def __init__(self, mind: Mind, words: Words = frozenset) -> None:
        self._mind = mind
        self._words = words

    async def rewrite(self, request: Rewrite, facts: Sequence[str] = ()) -> str:
        """The question, or nothing; raises MindError when no route of the model has answered."""
        if not harmless(request.query):
            return ""
        written = await whole(self._mind, ask(request, facts))
        said = [turn.text for turn in request.turns] + [request.query, *facts]
        return await asyncio.to_thread(self._held, written, request.query, said)

    def _held(self, written: str, query: str, said: Sequence[str]) -> str:
        text = written.strip().split("\n")[0].strip(" \"'“”*")
        if not text or re.fullmatch(r"\W*none\W*", text, re.I) or orders(text):
            return ""
        if len(text.split()) > MOST_WORDS or tokens(text) == tokens(query):
            return ""
        return text if is_held(text, said, self._words()) else ""


def ask(request: Rewrite, facts: Sequence[str] = ()) -> Prompt:
    """What the model is asked; nothing but the rules is an instruction."""
    fence = Fence()
    parts = [
        fence.put("Known about the customer", "\n".join(map(harmless, facts))) if facts else "",
        fence.talk(request.turns),
        fence.put("What the customer just said", harmless(request.query)),
    ]
    return Prompt(f"{_RULES}\n{fence.rule}", "\n".join(filter(None, parts)), max_tokens=60)


def is_held(text: str, said: Sequence[str], known: Set[str]) -> bool:
    """Whether each word that means something was said or stands in the packs, and each number was
    said: the packs are full of numbers that are not this customer's."""
    heard = " ".join(said)
    if any(not spoken_in(one, heard) for one in re.findall(r"\d+", text)):
        return False
    rest = _NUMBER.sub(" ", text)
    if numbers(rest) - numbers(heard):
        return False
    words = content_words(rest)
    stems = {stem(word) for word in content_words(heard)}
    return all(
        word in _ASKING or word in VALUES or stem(word) in stems or word in known for word in words
    )
