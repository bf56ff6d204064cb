"""Forwards of a batch one by one, in the terms of the fixtures, with all that they computed."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from copilot.engine.edge import SlotInput
from copilot.engine.lm import KEEP, LanguageModel
from copilot.engine.presets import LmConfig
from copilot.engine.rows import Forward, Rows
from copilot.engine.sampling import GREEDY
from copilot.engine.slots import Slots
from copilot.engine.weights import load
from tests.engine.golden import LOGITS, Golden


def model_of(fixture: Golden) -> LanguageModel:
    config = LmConfig.parse(fixture.raw)
    return LanguageModel(config, load(fixture.weights, config))


def rows_of(model: LanguageModel, count: int, window: int | None = None) -> Rows:
    rows = Rows(model, count, window or model.config.context, torch.float32)
    for row in range(count):
        rows.set_sampling(row, GREEDY)
    return rows


@dataclass
class Driver:
    """Steps all rows of a batch and keeps what each forward gave."""

    rows: Rows
    forwards: list[Forward] = field(default_factory=list)
    told: list[Tensor] = field(default_factory=list)

    def step(
        self,
        column: Tensor | None = None,
        following: Tensor | None = None,
        live: Tensor | None = None,
        depth: bool = True,
    ) -> Forward:
        """`column` and `following` [B, rows] override columns p and p + 1, KEEP where not."""
        count = self.rows.position.shape[0]
        given, layout = self.rows.given, self.rows.layout
        given.fill_(KEEP)
        given[:, layout.live] = 1 if live is None else live.long()
        if column is not None:
            given[:, layout.column] = column
        if following is not None:
            given[:, layout.text] = following[:, :1]
            given[:, layout.following] = following[:, 1:]
        forward = self.rows.tick(count, self.rows.cache.places, depth)
        self.forwards.append(forward)
        self.told.append(self.rows.told.clone())
        return forward

    def user(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Overrides that let frame p of the user [B, n] be heard by the delays of the model."""
        config = self.rows.config
        column = torch.full((codes.shape[0], config.rows), KEEP)
        following = column.clone()
        for index, delay in enumerate(config.delays[config.user_row :]):
            (following if delay else column)[:, config.user_row + index] = codes[:, index]
        return column, following

    def all(self, name: str) -> Tensor:
        """One thing of all forwards, stacked along axis 1."""
        return torch.stack([getattr(forward, name) for forward in self.forwards], dim=1)


def check_slots(fixture: Golden, device: torch.device) -> None:
    """Free calls through slots: frame 0 is the free forward of a new slot, frame 1 its first."""
    config = LmConfig.parse(fixture.raw)
    user, wanted = fixture.inputs["user_codes"], fixture.outputs
    model = LanguageModel(config, load(fixture.weights, config, device=device))
    slots = Slots(model, len(user))
    mine = [slots.admit(sampling=GREEDY, speaks=True) for _ in user]
    wish = 1 - wanted["text_logits"].softmax(-1)[..., config.existing_text_padding_id]
    for call in range(1, user.shape[2]):
        heard = {slot: user[row, :, call].tolist() for row, slot in enumerate(mine)}
        said = slots.step({slot: SlotInput(codes, speaks=True) for slot, codes in heard.items()})
        for row, slot in enumerate(mine):
            assert said[slot].own == tuple(wanted["returned"][row, 1:, call].tolist())
            assert said[slot].text == wanted["text_tokens"][row, call]
            assert abs(said[slot].wish - wish[row, call]) < LOGITS
