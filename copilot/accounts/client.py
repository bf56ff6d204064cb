"""The program at the other end, as far as it tells."""

from typing import NamedTuple

_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
"""The first that fits: most claim to be several."""
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)


class Client(NamedTuple):
    """Where a request comes from."""

    address: str
    """Network address."""
    agent: str
    """Its header User-Agent."""

    @property
    def name(self) -> str:
        """``Chrome on Linux``, by which people know their own browsers."""
        browser = next((name for sign, name in _BROWSERS if sign in self.agent), None)
        system = next((name for sign, name in _SYSTEMS if sign in self.agent), None)
        if browser and system:
            return f"{browser} on {system}"
        plain = "".join(c for c in self.agent if c.isprintable())[:80].strip()
        return browser or system or plain or "Unknown program"
