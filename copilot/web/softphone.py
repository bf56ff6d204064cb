"""The page that places a call from the browser, and the sample call that it can play."""

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import File

from copilot.accounts.roles import Scope
from copilot.core.vocabulary import Party
from copilot.web import phrases
from copilot.web.access import Me, Needs
from copilot.web.doors import Shelf
from copilot.web.pages import AnyRequest, page
from copilot.web.services import Given


@get("/try", guards=[Needs(Scope.CALLS_PLACE)], include_in_schema=False)
async def softphone(
    request: AnyRequest, services: Given, caller: Me, shelf: Shelf
) -> Response[str]:
    """A softphone that needs no extension."""
    return await page(
        request,
        "try.html",
        has_sample=services.sample is not None,
        packs=shelf.packs,
        team=await services.console.desk.of(caller.team_id),
        sample_packs=services.sample.packs if services.sample else (),
        phrases=phrases.for_scripts(),
    )


@get("/sample/{name:str}", guards=[Needs(Scope.CALLS_PLACE)], include_in_schema=False)
async def sample(name: FromPath[str], services: Given) -> File:
    """One party of the sample call as a WAV file, made now if it was not yet."""
    party = {f"{one}.wav": one for one in Party}.get(name)
    if party is None or services.sample is None:
        raise NotFoundException(f"There is no recording {name!r}.")
    path = await services.sample.recording(party)
    headers = {"Cache-Control": "private, max-age=3600"}
    return File(path, media_type="audio/wav", content_disposition_type="inline", headers=headers)
