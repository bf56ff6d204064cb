"""Signing in: cookies, CSRF, fixation, redirects, limits, expiry, and what ends a session."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx import AsyncClient
from litestar import Litestar

from copilot.accounts.roles import Role
from copilot.store.log import Store
from copilot.web.services import Services
from tests.tenants import PASSWORD, Hands, Tenants, make_accounts, make_tenants
from tests.web.accounts import HERE, PAGE, Browse, session_of, sign_in, submit, token_in
from tests.website import make_services


@pytest.fixture
def now() -> Hands:
    return Hands()


@pytest.fixture
async def tenants(store: Store, now: Hands) -> Tenants:
    return await make_tenants(make_accounts(store, now=now))


@pytest.fixture
def services(store: Store, tmp_path: Path, tenants: Tenants) -> Services:
    return make_services(store, tmp_path, accounts=tenants.accounts)


@pytest.fixture
async def client(app: Litestar, browse: Browse) -> AsyncIterator[AsyncClient]:
    async with browse(app, HERE) as opened:
        yield opened


async def status(client: AsyncClient) -> int:
    return (await client.get("/auth/me")).status_code


async def test_a_page_leads_to_the_sign_in_and_back(client: AsyncClient, tenants: Tenants) -> None:
    away = await client.get("/people?told=roles", headers=PAGE)
    assert away.status_code == 303
    assert away.headers["location"] == "/sign-in?next=%2Fpeople%3Ftold%3Droles"
    page = await client.get(away.headers["location"], headers=PAGE)
    assert 'name="next" value="/people?told=roles"' in page.text
    back = await submit(
        client, "/sign-in", email=tenants.emails["admin"], password=PASSWORD, next="/people"
    )
    assert (back.status_code, back.headers["location"]) == (303, "/people")
    people = await client.get("/people", headers=PAGE)
    assert "People of default" in people.text
    again = await client.get("/sign-in?next=/try", headers=PAGE)
    assert (again.status_code, again.headers["location"]) == (303, "/try")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_the_sessions_cookie(
    app: Litestar, browse: Browse, tenants: Tenants, scheme: str
) -> None:
    async with browse(app, f"{scheme}://127.0.0.1:8123") as client:
        answer = await sign_in(client, tenants, "agent")
    [cookie] = [
        one for one in answer.headers.get_list("set-cookie") if "visit" not in one.split("=")[0]
    ]
    name, _, rest = cookie.partition("=")
    parts = {part.strip().lower() for part in rest.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/"} <= parts
    assert not any(part.startswith("domain") for part in parts)
    assert name == ("__Host-copilot" if scheme == "https" else "copilot")
    assert ("secure" in parts) is (scheme == "https")


@pytest.mark.parametrize("who", ["agent", "nobody"])
async def test_a_wrong_password_says_the_same_for_everybody(
    client: AsyncClient, tenants: Tenants, who: str
) -> None:
    email = tenants.emails.get(who, "nobody@example.com")
    answer = await submit(client, "/sign-in", email=email, password="something else")
    assert answer.status_code == 401
    assert "The address or the password is wrong." in answer.text
    assert f'value="{email}"' in answer.text
    assert session_of(client) == ""


async def test_a_session_that_was_planted_is_not_taken_over(
    client: AsyncClient, tenants: Tenants, browse: Browse, app: Litestar
) -> None:
    """Session fixation: neither an invented secret nor another's session becomes somebody's."""
    client.cookies.set("copilot", "cps_planted-by-somebody-else", domain="127.0.0.1")
    await sign_in(client, tenants, "agent")
    mine = session_of(client)
    assert mine not in ("", "cps_planted-by-somebody-else")
    async with browse(app, HERE) as thief:
        thief.cookies.set("copilot", "cps_planted-by-somebody-else")
        assert await status(thief) == 401
    await client.get("/account", headers=PAGE)
    async with browse(app, HERE) as other:
        await sign_in(other, tenants, "agent")
        assert session_of(other) != mine


async def test_signing_in_again_ends_the_session_before(
    client: AsyncClient, tenants: Tenants, browse: Browse, app: Litestar
) -> None:
    await sign_in(client, tenants, "agent")
    before = session_of(client)
    page = await client.get("/account", headers=PAGE)
    fields = {"csrf": token_in(page.text), "email": tenants.emails["admin"], "password": PASSWORD}
    answer = await client.post("/sign-in", data=fields)
    assert answer.status_code == 303
    assert (await client.get("/auth/me")).json()["email"] == tenants.emails["admin"]
    async with browse(app, HERE) as old:
        old.cookies.set("copilot", before)
        assert await status(old) == 401


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/%0d%0aSet-Cookie:x\r\ny",
        " //evil.example",
        "",
        "people",
    ],
)
async def test_no_sign_in_leads_elsewhere(client: AsyncClient, tenants: Tenants, to: str) -> None:
    answer = await submit(
        client, "/sign-in", email=tenants.emails["agent"], password=PASSWORD, next=to
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize("csrf", ["", "wrong", "0" * 64])
@pytest.mark.parametrize(
    "path",
    ["/sign-out", "/people/invitations", "/account/tokens", "/account/password", "/pair", "/calls"],
)
async def test_a_form_of_another_site_changes_nothing(
    client: AsyncClient, tenants: Tenants, path: str, csrf: str
) -> None:
    """Also without an Origin, which a browser might leave out."""
    await sign_in(client, tenants, "admin")
    answer = await client.post(path, data={"csrf": csrf, "email": "eve@evil.example"})
    assert answer.status_code == 403
    assert "out of date" in answer.json()["detail"]
    assert await status(client) == 200


async def test_what_is_typed_outlives_its_session(
    client: AsyncClient, tenants: Tenants, app: Litestar, browse: Browse
) -> None:
    """Sign in elsewhere, come back, look at it, send it: nothing is typed again."""
    await sign_in(client, tenants, "admin")
    mine = {**PAGE, "Origin": HERE}
    typed = {"csrf": token_in((await client.get("/settings", headers=PAGE)).text)}
    typed |= {"consent": "ask", "consent_text": 'We <b>listen</b> "in"', "calls_days": "30"}
    await submit(client, "/sign-out", "/account")
    late = await client.post("/settings", data=typed, headers=mine)
    assert late.status_code == 401
    assert "Your session is over" in late.text
    assert "We &lt;b&gt;listen&lt;/b&gt;" in late.text
    assert token_in(late.text) == ""
    await sign_in(client, tenants, "admin")
    stale = await client.post("/settings", data=typed, headers=mine)
    assert stale.status_code == 403
    assert "Send it again?" in stale.text
    again = {**typed, "csrf": token_in(stale.text)}
    assert (await client.post("/settings", data=again, headers=mine)).status_code == 303
    settings = (await client.get("/api/v1/settings")).json()
    assert settings["consent_text"] == 'We <b>listen</b> "in"'


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ({}, {"consent_text": "hello"}),
        ({"Origin": HERE}, {"current": "a", "password": "old secret sentence"}),
        ({"Origin": HERE}, {"csrf": "wrong"}),
    ],
)
async def test_no_form_is_kept_of_nobody_knows_whom_or_with_a_password(
    client: AsyncClient, tenants: Tenants, headers: dict[str, str], fields: dict[str, str]
) -> None:
    await sign_in(client, tenants, "admin")
    answer = await client.post("/settings", data=fields, headers={**PAGE, **headers})
    assert answer.status_code == 403
    assert "Send it again" not in answer.text
    assert "secret" not in answer.text


async def test_a_token_of_another_session_is_none(
    client: AsyncClient, tenants: Tenants, browse: Browse, app: Litestar
) -> None:
    await sign_in(client, tenants, "admin")
    async with browse(app, HERE) as eve:
        await sign_in(eve, tenants, "agent")
        stolen = token_in((await eve.get("/account", headers=PAGE)).text)
    assert (await client.post("/sign-out", data={"csrf": stolen})).status_code == 403


async def test_the_sign_in_form_is_bound_to_the_browser(
    client: AsyncClient, tenants: Tenants, browse: Browse, app: Litestar
) -> None:
    """Otherwise a site could sign somebody in as the attacker (login CSRF)."""
    fields = {"email": tenants.emails["agent"], "password": PASSWORD}
    assert (await client.post("/sign-in", data=fields)).status_code == 403
    async with browse(app, HERE) as eve:
        hers = token_in((await eve.get("/sign-in", headers=PAGE)).text)
    await client.get("/sign-in", headers=PAGE)
    assert (await client.post("/sign-in", data={**fields, "csrf": hers})).status_code == 403


async def test_a_header_does_instead_of_the_field(client: AsyncClient, tenants: Tenants) -> None:
    await sign_in(client, tenants, "admin")
    token = token_in((await client.get("/account", headers=PAGE)).text)
    body = {"email": "new@example.com", "roles": ["agent"]}
    assert (await client.post("/api/v1/invitations", json=body)).status_code == 403
    headers = {"X-CSRF-Token": token}
    assert (await client.post("/api/v1/invitations", json=body, headers=headers)).status_code == 201


async def test_signing_out_ends_the_session_itself(
    client: AsyncClient, tenants: Tenants, browse: Browse, app: Litestar
) -> None:
    await sign_in(client, tenants, "agent")
    secret = session_of(client)
    answer = await submit(client, "/sign-out", "/account")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert session_of(client) == ""
    async with browse(app, HERE) as kept:
        kept.cookies.set("copilot", secret)
        assert await status(kept) == 401


async def test_a_session_ends_when_it_is_idle(
    client: AsyncClient, tenants: Tenants, now: Hands
) -> None:
    await sign_in(client, tenants, "agent")
    for _ in range(3):
        now.forward(minutes=479)
        assert await status(client) == 200
    now.forward(minutes=480)
    assert await status(client) == 401


async def test_a_session_ends_after_all(client: AsyncClient, tenants: Tenants, now: Hands) -> None:
    await sign_in(client, tenants, "agent")
    for _ in range(167 // 7):
        now.forward(hours=7)
        assert await status(client) == 200
    now.forward(hours=7)
    assert await status(client) == 401


async def test_a_new_password_ends_all_but_this(
    client: AsyncClient, tenants: Tenants, browse: Browse, app: Litestar
) -> None:
    await sign_in(client, tenants, "agent")
    before = session_of(client)
    async with browse(app, HERE) as phone:
        await sign_in(phone, tenants, "agent")
        answer = await submit(
            client,
            "/account/password",
            "/account",
            current=PASSWORD,
            password="another sentence of words",
        )
        assert answer.status_code == 303
        assert await status(client) == 200
        assert session_of(client) != before
        assert await status(phone) == 401
    wrong = await submit(
        client, "/account/password", "/account", current=PASSWORD, password="whatever else it is"
    )
    assert wrong.status_code == 400
    assert "The current password is wrong." in wrong.text


async def test_another_team_is_another_session(
    client: AsyncClient, tenants: Tenants, browse: Browse, app: Litestar
) -> None:
    await sign_in(client, tenants, "root")
    before = session_of(client)
    answer = await submit(client, "/account/team", "/account", team=tenants.teams["other"])
    assert (answer.status_code, answer.headers["location"]) == (303, "/account?told=team")
    assert session_of(client) != before
    assert (await client.get("/auth/me")).json()["team"] == "other"
    async with browse(app, HERE) as old:
        old.cookies.set("copilot", before)
        assert await status(old) == 401


async def test_a_team_that_one_is_not_in_is_not_there(
    client: AsyncClient, tenants: Tenants
) -> None:
    await sign_in(client, tenants, "admin")
    answer = await submit(client, "/account/team", "/account", team=tenants.teams["other"])
    assert answer.status_code == 404
    assert (await client.get("/auth/me")).json()["team"] == "default"


async def test_guessing_is_slowed_down(client: AsyncClient, tenants: Tenants) -> None:
    for _ in range(10):
        answer = await submit(client, "/sign-in", email=tenants.emails["agent"], password="guess")
        assert answer.status_code == 401
    right = await sign_in(client, tenants, "agent")
    assert right.status_code == 429
    assert "Try again in 15 min" in right.text
    assert (await sign_in(client, tenants, "admin")).status_code == 303


@pytest.mark.parametrize(
    ("path", "limit"), [("/sign-in", 60), ("/auth/device", 60), ("/auth/token", 300)]
)
async def test_one_address_asks_only_so_often(client: AsyncClient, path: str, limit: int) -> None:
    answers = [(await client.post(path)).status_code for _ in range(limit + 1)]
    assert 429 not in answers[:limit]
    assert answers[limit] == 429


async def test_an_invitation_makes_an_account_once(
    client: AsyncClient, tenants: Tenants, browse: Browse, app: Litestar
) -> None:
    await sign_in(client, tenants, "admin")
    made = await submit(
        client, "/people/invitations", "/people", email="ann@example.com", role=Role.SUPERVISOR
    )
    link = made.text.split('id="once" readonly value="')[1].split('"')[0]
    assert link.startswith(f"{HERE}/join/cpi_")
    async with browse(app, HERE) as ann:
        shown = await ann.get(link, headers=PAGE)
        assert "ann@example.com" in shown.text
        assert "as supervisor" in shown.text
        short = await submit(ann, link, name="Ann", password="short")
        assert short.status_code == 400
        assert "use 12 or more" in short.text
        joined = await submit(ann, link, name="Ann", password=PASSWORD, email="eve@evil.example")
        assert (joined.status_code, joined.headers["location"]) == (303, "/")
        me = (await ann.get("/auth/me")).json()
        assert (me["email"], me["roles"]) == ("ann@example.com", ["supervisor"])
    async with browse(app, HERE) as late:
        again = await late.get(link, headers=PAGE)
        assert again.status_code == 404
        assert "has been used" in again.text


async def test_a_forgotten_password_is_chosen_anew(
    client: AsyncClient, tenants: Tenants, browse: Browse, app: Litestar
) -> None:
    await sign_in(client, tenants, "admin")
    agent, root = await tenants.who("agent"), await tenants.who("root")
    before = await tenants.session("agent")
    made = await submit(client, f"/people/{agent.person_id}/password-link", "/people")
    link = made.text.split('id="once" readonly value="')[1].split('"')[0]
    async with browse(app, HERE) as ann:
        assert "Choose a new password" in (await ann.get(link, headers=PAGE)).text
        weak = await submit(ann, link, password="short")
        assert (weak.status_code, "use 12 or more" in weak.text) == (400, True)
        answer = await submit(ann, link, password="another sentence of words")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert (await ann.get("/auth/me")).json()["email"] == tenants.emails["agent"]
    async with browse(app, HERE) as late:
        assert (await late.get(link, headers=PAGE)).status_code == 404
        late.cookies.set("copilot", before)
        assert await status(late) == 401
        old = await sign_in(late, tenants, "agent")
        assert old.status_code == 401
    refused = await submit(client, f"/people/{root.person_id}/password-link", "/people")
    assert refused.status_code == 400
    assert "ask an operator" in refused.text


async def test_names_become_no_markup(client: AsyncClient, tenants: Tenants) -> None:
    nasty = "<script>alert(1)</script>"
    await sign_in(client, tenants, "root")
    answer = await submit(client, "/teams", name=nasty)
    assert answer.status_code == 303
    for path in ("/teams", "/audit", "/account"):
        page = (await client.get(path, headers=PAGE)).text
        assert nasty not in page
    assert "&lt;script&gt;" in (await client.get("/teams", headers=PAGE)).text
