"""Saying a given text on the model's own rhythm: which pieces is imposed, not when.

In training a word's pieces stand in successive frames from where its sound begins, PAD fills the
rest, and the frame before a word is EPAD where it would have been PAD. So the model is asked at
every frame whether it would begin a word, and then given ours.
"""

from collections.abc import Sequence

from copilot.engine.edge import Plan
from copilot.engine.errors import EngineError
from copilot.engine.presets import LmConfig
from copilot.engine.prompt import Tokenizer

Word = tuple[int, ...]
"""Its pieces."""

LEAD = 2
"""Frames of PAD before the first word, so that its first sound is not cut; the reference's TTS
waits as long."""

MAX_PAD = 8
"""Frames of PAD after which the next word begins, whatever the model would do (TTS: 6 to 8)."""

CALM = 0.1
"""Wish below which the model has nothing more to say."""

CALM_FRAMES = 4
"""So many calm frames end a text of which all words are said."""

TAIL = 12
"""Frames after the last word, at most: 1 s."""


def words(text: str, tokenizer: Tokenizer, config: LmConfig) -> tuple[Word, ...]:
    """Pieces word by word, as in training; numbers and signs must be spelled out before.

    What the vocabulary cannot spell has no sound and is left out: its piece is also a PAD's or
    EPAD's. Raises EngineError where there is nothing to say.
    """
    silent = (config.existing_text_padding_id, config.existing_text_end_padding_id)
    spelled = (tokenizer.encode(word) for word in text.split())
    found = (tuple(piece for piece in pieces if piece not in silent) for pieces in spelled)
    kept = tuple(word for word in found if word)
    if not kept:
        raise EngineError(f"a text to be said: {text!r} has no word; give one or more")
    return kept


class Script:
    """Words that wait to be said; before each tick `plan`, after it `written`."""

    def __init__(self, words: Sequence[Word], config: LmConfig, *, max_pad: int = MAX_PAD) -> None:
        self.pad = config.existing_text_padding_id
        self.epad = config.existing_text_end_padding_id
        self.max_pad = max_pad
        self._waiting = [list(word) for word in words]
        self._pieces: list[int] = []
        """Of the word that is next or being written."""
        self._amid = False
        """Some of its pieces are written."""
        self._lead = LEAD
        self._pads = 0
        """Frames since the last piece."""
        self._calm = 0
        self.begun = 0
        """Words of which a piece has been written."""

    @property
    def plan(self) -> Plan:
        """The next text where the model would take PAD, EPAD or a piece."""
        if self._pieces:
            return (self._pieces[0],) * 3
        if self._lead or not self._waiting:
            return (self.pad,) * 3
        late = self._pads >= self.max_pad
        return (self.epad if late else self.pad, self.epad, self._waiting[0][0])

    def written(self, text: int, wish: float) -> None:
        """What was written by the plan, and the model's wish in that frame."""
        if not self._pieces and self._may_begin and text == self._waiting[0][0]:
            self._pieces = self._waiting.pop(0)
        if self._pieces and text == self._pieces[0]:
            self.begun += not self._amid
            del self._pieces[0]
            self._amid = bool(self._pieces)
            self._pads = self._calm = 0
            return
        if text == self.epad and self._may_begin:
            self._pieces = self._waiting.pop(0)
        self._lead = max(0, self._lead - 1)
        self._pads += 1
        self._calm = self._calm + 1 if wish < CALM else 0

    @property
    def _may_begin(self) -> bool:
        return bool(self._waiting) and not self._lead

    @property
    def over(self) -> bool:
        """All is said, and the model has fallen silent or had its time."""
        if self._waiting or self._pieces:
            return False
        return self._calm >= CALM_FRAMES or self._pads >= TAIL
