"""Secrets as the database keeps them: sealed, so that a copy of it signs nobody's messages.

AES-256-GCM (NIST SP 800-38D) under a key made of the installation's own, which lies beside the
database at most in a file that only the service's user may read.
"""

import base64
import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_MARK = "sealed:"
_PURPOSE = b"secrets of webhooks"
_NONCE = 12


class Unreadable(Exception):
    """Sealed under another key, for another place, or damaged."""


class Seal:
    """Closes and opens secrets; each belongs to one place and opens for no other."""

    def __init__(self, key: bytes) -> None:
        """`key`: the installation's; what it is used for otherwise has nothing to do with this."""
        self._cipher = AESGCM(hmac.new(key, _PURPOSE, hashlib.sha256).digest())

    def close(self, secret: str, place: str) -> str:
        nonce = secrets.token_bytes(_NONCE)
        sealed = self._cipher.encrypt(nonce, secret.encode(), place.encode())
        return _MARK + base64.b64encode(nonce + sealed).decode()

    def open(self, kept: str, place: str) -> str:
        """The secret; one that was never sealed as it is. Raises Unreadable."""
        if not is_sealed(kept):
            return kept
        try:
            raw = base64.b64decode(kept.removeprefix(_MARK))
            return self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], place.encode()).decode()
        except (InvalidTag, ValueError):
            raise Unreadable from None


def is_sealed(kept: str) -> bool:
    return kept.startswith(_MARK)
