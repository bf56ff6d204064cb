"""Random secrets, what is kept of them, and codes that people type."""

import hashlib
import hmac
import secrets

CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so that no code is a word (RFC 8628, section 6.1)."""
_HALF = 4


def new_id() -> str:
    """An id that cannot be guessed."""
    return secrets.token_hex(8)


def new_secret(kind: str) -> str:
    """256 random bits behind a prefix by which a lost one is recognised: ``cpt_…``."""
    return f"cp{kind[0]}_{secrets.token_urlsafe(32)}"


def digest(secret: str) -> str:
    """What is kept of a secret; it is random, so it needs no salt and no slow hash."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def derive(secret: str, purpose: str) -> str:
    """Another secret that does not tell the first."""
    return hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def new_code() -> str:
    """Eight letters as ``WDJB-MJHT``: 34 bits, guessed within ten minutes and a rate limit."""
    letters = "".join(secrets.choice(CODE_LETTERS) for _ in range(2 * _HALF))
    return f"{letters[:_HALF]}-{letters[_HALF:]}"


def read_code(typed: str) -> str:
    """A code as people type it: with or without the hyphen, in any case."""
    letters = "".join(c for c in typed.upper() if c in CODE_LETTERS)
    return f"{letters[:_HALF]}-{letters[_HALF:]}"
