"""The page that places a call from the browser, and the sample call that it can play."""

from pathlib import Path

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import File

from copilot.web import phrases
from copilot.web.pages import AnyRequest, page
from copilot.web.services import Given, Services

_MISSING = "The sample call has not been made yet: run 'copilot demo' once."


@get("/try")
async def softphone(request: AnyRequest, services: Given) -> Response[str]:
    """A softphone that needs no extension."""
    has_sample = all(_exists(_sample(services, party)) for party in ("agent", "customer"))
    return await page(
        request,
        "try.html",
        has_sample=has_sample,
        capacity=services.switchboard.capacity,
        phrases=phrases.for_scripts(),
    )


@get("/sample/{name:str}")
async def sample(name: FromPath[str], services: Given) -> File:
    """One party of the sample call as a WAV file."""
    path = _sample(services, name.removesuffix(".wav"))
    if not name.endswith(".wav") or path is None or not path.is_file():
        raise NotFoundException(_MISSING)
    return File(path, media_type="audio/wav", content_disposition_type="inline")


def _sample(services: Services, party: str) -> Path | None:
    return {"agent": services.sample_agent, "customer": services.sample_customer}.get(party)


def _exists(path: Path | None) -> bool:
    return path is not None and path.is_file()
