"""Which tool a question needs, and with what: chosen by the model, bounded by what was said."""

import json
import re
from collections.abc import Mapping, Sequence

from copilot.errors import MindError
from copilot.mind.composer import whole
from copilot.mind.evidence import Evidence
from copilot.mind.fences import Fence, harmless
from copilot.mind.talk import Line
from copilot.mind.tools import Offered, Tools
from copilot.ports import Mind, Prompt
from copilot.providers.redact import digits

MOST_LINES = 40
_RULES = (
    "You decide whether a tool is needed to answer a call-centre agent's question. Answer with one "
    'JSON object and nothing else: {"tool": name, "arguments": {...}}, or {"tool": ""} where none '
    "is needed or an argument was not said. Take arguments only from the question and the call."
)


class LookUp:
    """Asks one tool at most for a question."""

    def __init__(self, mind: Mind | None, tools: Tools) -> None:
        self._mind = mind
        self._tools = tools

    async def evidence(
        self, team_id: str, question: str, said: Sequence[Line], facts: Sequence[str] = ()
    ) -> list[Evidence]:
        """What the tool brought; nothing where none is needed, or nobody can choose one.

        An argument that nobody has said is not sent: what a text talks a model into sending
        somewhere is not what the agent asked.
        """
        if self._mind is None or not self._tools.any_for(team_id):
            return []
        offered = await self._tools.offered(team_id)
        if not offered:
            return []
        lines = [f"{line.party.value}: {harmless(line.text)}" for line in said[-MOST_LINES:]]
        talk = "\n".join([*lines, *map(harmless, facts)])
        try:
            written = await whole(self._mind, _ask(question, talk, offered))
        except MindError:
            return []
        name, arguments = _chosen(written)
        if not name:
            return []
        heard = f"{question}\n{talk}"
        if wrong := [key for key, value in arguments.items() if not spoken_in(value, heard)]:
            told = json.dumps(arguments, ensure_ascii=False, default=str)[:300]
            return [Evidence(name, told, fault=f"nobody has said {wrong[0]}: not asked")]
        return [await self._tools.use(team_id, name, arguments, heard)]


def _ask(question: str, talk: str, offered: Sequence[Offered]) -> Prompt:
    fence = Fence()
    listed = "\n".join(
        json.dumps({"tool": one.source, "does": one.description, "arguments": one.schema})[:2000]
        for one in offered
    )
    parts = (
        fence.put("Tools", listed),
        fence.put("The call so far", talk),
        fence.put("The agent's question", question),
    )
    return Prompt(f"{_RULES}\n{fence.rule}", "\n".join(parts), max_tokens=150)


def _chosen(written: str) -> tuple[str, Mapping[str, object]]:
    """The tool and its arguments; no tool where the answer is not of that shape."""
    begin, end = written.find("{"), written.rfind("}")
    try:
        given = json.loads(written[begin : end + 1])
    except ValueError:
        return "", {}
    if not isinstance(given, dict):
        return "", {}
    name, arguments = given.get("tool"), given.get("arguments", {})
    if not isinstance(name, str) or not isinstance(arguments, dict):
        return "", {}
    return name, arguments


def spoken_in(value: object, heard: str) -> bool:
    """Whether a value stands in what was said, however it was said: seven seven four is 774."""
    match value:
        case bool() | None:
            return True
        case str() | int() | float():
            wanted = _compact(str(value))
            return bool(wanted) and wanted in _compact(heard)
        case list():
            return all(spoken_in(one, heard) for one in value)
        case _:
            return False


def _compact(text: str) -> str:
    words = re.findall(r"[^\W_]+", text.lower())
    return "".join(digits(word) or word for word in words)
