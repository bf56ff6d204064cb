"""The earpiece's reflex: silent at the first sound of a party, on again when it was nothing.

The core hears in ticks of 80 ms and decides whether a whisper has been cut; this comes before it,
so that no whisper goes on over anybody's first syllable.
"""

from copilot.audio.frames import Pcm
from copilot.audio.onset import Onset
from copilot.core.vocabulary import Party
from copilot.sidecar.earpiece import Earpiece

QUIET = 0.24
"""Silence of both after which the whisper goes on, seconds."""
MOST = 0.9
"""How long it waits for the core to decide, seconds: what is not speech by then is a noise."""


class Reflex:
    """Holds and lets go one earpiece."""

    def __init__(self) -> None:
        self._onsets = {party: Onset() for party in Party}
        self._since: float | None = None
        """When the whisper was held."""
        self._last = 0.0
        """When a party was loud last."""
        self._weary = False
        """A noise held it once already and goes on."""

    def hear(self, party: Party, packet: Pcm, now: float, earpiece: Earpiece | None) -> None:
        """A packet's 20 ms of a party's sound, as it comes."""
        loud = self._onsets[party].hear(packet)
        if loud:
            self._last = now
        if earpiece is None or not earpiece.busy:
            self._since, self._weary = None, False
            return
        quiet = now - self._last > QUIET
        if self._since is None:
            self._weary = self._weary and not quiet
            if loud and not self._weary:
                self._since = now
                earpiece.hold()
        elif quiet or now - self._since > MOST:
            self._weary = not quiet
            self._since = None
            earpiece.resume()
