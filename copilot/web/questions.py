"""A question that the agent puts to the knowledge of a call, directly."""

from typing import Annotated

from litestar import post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import FromPath, JSONBody, SkipValidation
from msgspec import Meta, Struct

from copilot.core.events import Passage
from copilot.sidecar.switchboard import Switchboard
from copilot.web.doors import Calls
from copilot.web.signalling import PLACES


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked."""

    question: Annotated[str, Meta(min_length=1, max_length=500)]


class Answers(Struct, frozen=True):
    """What was found, best first."""

    passages: tuple[Passage, ...]


@post("/calls/{call_id:str}/questions", status_code=200, guards=[PLACES], include_in_schema=False)
async def ask(
    call_id: FromPath[str],
    data: JSONBody[Question],
    switchboard: NamedDependency[SkipValidation[Switchboard]],
    calls: Calls,
) -> Answers:
    """Search the packs of a call in progress; 504 where they do not answer in time."""
    session = switchboard.call(call_id, calls.owner).session
    try:
        return Answers(await session.look_up(data.question))
    except TimeoutError:
        detail = "the knowledge base does not answer in time: ask again"
        raise HTTPException(status_code=504, detail=detail) from None
