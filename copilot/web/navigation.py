"""The pages in the order of the menu; a page that joins adds its line here."""

from collections.abc import Set
from typing import NamedTuple

from copilot.accounts.roles import Scope


class Item(NamedTuple):
    """One page in the menu."""

    section: str
    """What its template sets as ``section``."""
    label: str
    path: str
    scope: Scope
    """Who does not have it does not see the line."""


MAIN = (
    Item("calls", "Calls", "/", Scope.CALLS_READ),
    Item("wall", "Live", "/wall", Scope.CALLS_WATCH),
    Item("policy", "Policy", "/policy", Scope.POLICY_READ),
    Item("analytics", "Analytics", "/analytics", Scope.ANALYTICS_READ),
    Item("knowledge", "Knowledge", "/knowledge", Scope.KNOWLEDGE_READ),
    Item("try", "Try it", "/try", Scope.CALLS_PLACE),
)
TEAM = (
    Item("people", "People", "/people", Scope.PEOPLE_READ),
    Item("settings", "Settings", "/settings", Scope.SETTINGS_READ),
    Item("webhooks", "Webhooks", "/webhooks", Scope.SETTINGS_READ),
    Item("memory", "Customer memory", "/memory", Scope.SETTINGS_WRITE),
    Item("audit", "Audit log", "/audit", Scope.AUDIT_READ),
    Item("teams", "Teams", "/teams", Scope.TEAMS_WRITE),
)


class Menu(NamedTuple):
    """What somebody sees of it."""

    main: tuple[Item, ...]
    """Pages for the day's work."""
    team: tuple[Item, ...]
    """Pages about the team itself."""


def menu(scopes: Set[Scope]) -> Menu:
    """The lines that somebody with these scopes can follow."""
    return Menu(
        tuple(item for item in MAIN if item.scope in scopes),
        tuple(item for item in TEAM if item.scope in scopes),
    )
