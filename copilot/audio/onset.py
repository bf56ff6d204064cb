"""Notices that a party begins to speak, within 40 ms and by loudness alone; pure."""

import math

from copilot.audio.frames import Pcm
from copilot.audio.loudness import rms

LOUD_DB = -46.0
"""What is softer is nobody close to the microphone, dB of full scale."""
OVER_DB = 12.0
"""How much louder than the background a sound must be."""
PIECES = 2
"""Pieces of 10 ms in a row that it lasts: a click is shorter."""
_RISE_DB = 0.06
"""How fast the background may rise with each piece, 6 dB a second: music becomes background."""
_SILENCE_DB = -70.0


class Onset:
    """One party's sound, packet by packet."""

    def __init__(self) -> None:
        self._background = _SILENCE_DB
        self._loud = 0

    def hear(self, packet: Pcm) -> bool:
        """Whether the party has been loud long enough to speak, with this packet of 20 ms."""
        half = packet.size // 2
        for piece in (packet[:half], packet[half:]):
            level = 20 * math.log10(max(rms(piece), 1e-4))
            loud = level > max(LOUD_DB, self._background + OVER_DB)
            self._loud = self._loud + 1 if loud else 0
            self._background = min(level, self._background + _RISE_DB)
        return self._loud >= PIECES
