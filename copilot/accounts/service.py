"""All of accounts as one value: what pages, API and the server are given."""

from copilot.accounts.audit import Audit
from copilot.accounts.devices import Devices
from copilot.accounts.joining import Joining
from copilot.accounts.office import Office
from copilot.accounts.oidc import Provider
from copilot.accounts.people import People
from copilot.accounts.presence import Presence
from copilot.accounts.sessions import Sessions
from copilot.accounts.tokens import Tokens


class Accounts:
    """Who may use the copilot.

    Whoever takes something away asks `presence` to check, so that it ends at once.
    """

    def __init__(self, office: Office, required: bool = True) -> None:
        self.office = office
        self.required = required
        """Whether people must sign in; otherwise everybody is the local admin."""
        self.sessions = Sessions(office)
        self.joining = Joining(office, self.sessions)
        self.people = People(office)
        self.tokens = Tokens(office)
        self.devices = Devices(office)
        oidc = office.settings.oidc
        self.provider = Provider(oidc) if oidc.issuer else None
        """Where people may sign in beside their password."""
        self.audit = Audit(office)
        self.presence = Presence(self.sessions.again)
