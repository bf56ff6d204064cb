"""What the parts of accounts share: the tables, the settings, the clock, and what is open."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from copilot.accounts.passwords import Passwords
from copilot.config.sections import Accounts as AccountSettings
from copilot.store.accounts.database import AccountTables
from copilot.store.log import utc_now


@dataclass(frozen=True)
class Office:
    tables: AccountTables
    settings: AccountSettings = field(default_factory=AccountSettings)
    now: Callable[[], datetime] = utc_now
    passwords: Passwords = field(default_factory=Passwords)
