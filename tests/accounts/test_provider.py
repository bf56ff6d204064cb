"""Sign-in through an OpenID provider that really answers: who is let in, and who is not."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from httpx import AsyncClient
from joserfc.jwk import RSAKey
from pydantic import SecretStr

from copilot.accounts.oidc import Identity, Journey
from copilot.accounts.oidc import Provider as Client
from copilot.accounts.roles import Role
from copilot.accounts.service import Accounts
from copilot.config.sections import Accounts as AccountSettings
from copilot.config.sections import Oidc
from copilot.errors import SignInError
from copilot.store.accounts.rows import Proof
from copilot.store.log import Store
from tests.accounts.provider import CLIENT_ID, CLIENT_SECRET, Provider, serving
from tests.tenants import HERE, Hands, Tenants, make_accounts, make_tenants

BACK = "http://127.0.0.1:8123/sign-in/oidc/callback"


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with serving() as made:
        yield made


@pytest.fixture
def settings(provider: Provider) -> Oidc:
    secret = SecretStr(CLIENT_SECRET)
    return Oidc(issuer=provider.url, client_id=CLIENT_ID, client_secret=secret, name="Corp")


async def through(client: Client) -> tuple[Journey, dict[str, str]]:
    """The browser goes to the provider and comes back."""
    url, journey = await client.begin(BACK, "/calls")
    async with AsyncClient() as browser:
        answer = await browser.get(url)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(BACK)
    return journey, dict(answer.next_request.url.params)  # type: ignore[union-attr]


async def signed_in(client: Client) -> Identity:
    journey, query = await through(client)
    return await client.finish(journey, BACK, query)


async def test_who_comes_back_is_who_the_provider_says(settings: Oidc, provider: Provider) -> None:
    who = await signed_in(Client(settings))
    assert who == Identity(provider.url, "0815", "ann@example.com", True, "Ann Lee")


async def test_a_code_is_good_once(settings: Oidc) -> None:
    client = Client(settings)
    journey, query = await through(client)
    await client.finish(journey, BACK, query)
    with pytest.raises(SignInError, match="could not sign you in"):
        await client.finish(journey, BACK, query)


async def test_a_key_that_changed_is_asked_for_again(settings: Oidc, provider: Provider) -> None:
    client = Client(settings)
    await signed_in(client)
    provider.key = RSAKey.generate_key(2048, {"kid": "two"}, private=True)
    with pytest.raises(SignInError):  # signed as "one", which is not published any more
        await signed_in(client)


FAULTS: dict[str, Callable[[Provider], Any]] = {
    "another key": lambda p: setattr(p, "signing", RSAKey.generate_key(2048)),
    "another issuer": lambda p: setattr(p, "issuer", "https://elsewhere.example"),
    "another nonce": lambda p: setattr(p, "nonce", "replayed"),
    "another audience": lambda p: setattr(p, "audience", "somebody-elses-client"),
    "out of date": lambda p: p.claims.update(exp=1_000_000_000),
    "nobody": lambda p: p.claims.pop("sub"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_token_that_is_not_right_signs_nobody_in(
    settings: Oidc, provider: Provider, fault: str
) -> None:
    FAULTS[fault](provider)
    with pytest.raises(SignInError, match="could not sign you in"):
        await signed_in(Client(settings))


async def test_a_journey_of_another_window_is_refused(settings: Oidc) -> None:
    client = Client(settings)
    _, query = await through(client)
    other, _ = await through(client)
    with pytest.raises(SignInError, match="another window"):
        await client.finish(other, BACK, query)


async def test_a_verifier_of_somebody_else_is_refused(settings: Oidc) -> None:
    """A code that was stolen is of no use without the browser that it was given to (PKCE)."""
    client = Client(settings)
    journey, query = await through(client)
    other, _ = await through(client)
    thief = Journey(journey.state, journey.nonce, other.verifier, "/")
    with pytest.raises(SignInError):
        await client.finish(thief, BACK, query)


async def test_a_refusal_is_told(settings: Oidc, provider: Provider) -> None:
    provider.refuses = "access_denied"
    with pytest.raises(SignInError, match="did not sign you in \\(access_denied\\)"):
        await signed_in(Client(settings))


async def test_a_provider_that_is_away_is_told(settings: Oidc) -> None:
    away = Client(settings.model_copy(update={"issuer": "http://127.0.0.1:1"}))
    with pytest.raises(SignInError, match=r"Corp at http://127.0.0.1:1 could not sign you in"):
        await away.begin(BACK, "/")


# ---- whom it lets in

ANN = Identity("https://id.example", "0815", "ann@example.com", True, "Ann Lee")


@pytest.fixture
def with_rules(store: Store) -> Callable[..., Accounts]:
    def made(**rules: Any) -> Accounts:
        oidc = Oidc(issuer="https://id.example", client_id="x", join=rules.pop("join", ""))
        return make_accounts(store, AccountSettings(oidc=oidc, **rules), Hands())

    return made


async def test_without_account_and_invitation_nobody_comes_in(tenants: Tenants) -> None:
    with pytest.raises(SignInError, match="Ask an admin for an invitation"):
        await tenants.accounts.joining.accept_from(ANN, HERE)


async def test_an_invitation_of_the_address_is_accepted(tenants: Tenants) -> None:
    accounts = tenants.accounts
    admin = await tenants.who("admin")
    await accounts.people.invite(admin, "Ann@Example.com", [Role.LEAD])
    caller = await tenants.caller(await accounts.joining.accept_from(ANN, HERE))
    assert (caller.name, caller.team, caller.roles) == (
        "Ann Lee",
        "default",
        frozenset({Role.LEAD}),
    )
    assert await accounts.people.invitations(admin) == []
    again = await tenants.caller(await accounts.joining.accept_from(ANN, HERE))
    assert again.person_id == caller.person_id


async def test_an_address_that_is_not_verified_counts_for_nothing(tenants: Tenants) -> None:
    """Otherwise whoever may write an address at the provider would be that person here."""
    unsure = ANN._replace(email=tenants.emails["admin"], verified=False)
    with pytest.raises(SignInError, match="does not say that"):
        await tenants.accounts.joining.accept_from(unsure, HERE)


async def test_an_account_is_linked_once(tenants: Tenants) -> None:
    accounts = tenants.accounts
    admin = await tenants.who("admin")
    first = ANN._replace(email=admin.email)
    linked = await tenants.caller(await accounts.joining.accept_from(first, HERE))
    assert linked.person_id == admin.person_id
    with pytest.raises(SignInError, match="somebody else at the provider"):
        await accounts.joining.accept_from(first._replace(subject="0816"), HERE)


async def test_a_domain_lets_in_as_the_settings_say(with_rules: Callable[..., Accounts]) -> None:
    accounts = with_rules(join="agent", domains=("example.com",))
    await make_tenants(accounts)
    session = await accounts.joining.accept_from(ANN, HERE)
    caller = await accounts.sessions.caller(session, frozenset(Proof), "")
    assert caller is not None
    assert (caller.team, caller.roles) == ("default", frozenset({Role.AGENT}))
    with pytest.raises(SignInError, match=r"only addresses of example\.com"):
        await accounts.joining.accept_from(
            ANN._replace(subject="2", email="eve@evil.example"), HERE
        )


async def test_who_was_removed_does_not_come_back_by_the_provider(
    with_rules: Callable[..., Accounts],
) -> None:
    accounts = with_rules(join="agent", domains=("example.com",))
    tenants = await make_tenants(accounts)
    session = await accounts.joining.accept_from(ANN, HERE)
    they = await tenants.caller(session)
    await accounts.people.remove(await tenants.who("admin"), they.person_id)
    with pytest.raises(SignInError, match="in no team any more"):
        await accounts.joining.accept_from(ANN, HERE)
