"""Every number that a decision of the core depends on, with its unit and meaning."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

Percent = Annotated[int, Meta(ge=0, le=100)]
Whole = Annotated[int, Meta(ge=0)]
Some = Annotated[int, Meta(ge=1)]
"""A number that makes no sense as 0."""


class Rule(StrEnum):
    """What a playbook asks of the agent."""

    CHECK = "check"
    """A step that is ticked once it is done."""
    MUST_SAY = "must_say"
    """Missed, if the call ends without it."""
    MUST_NOT_SAY = "must_not_say"
    """Broken, if one of its phrases is said."""


class Item(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a playbook; it ticks itself from what the agent says."""

    name: Annotated[str, Meta(min_length=1, max_length=120)]
    rule: Rule
    phrases: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=300)], ...],
        Meta(min_length=1, max_length=20),
    ]
    """Ways to say it: of a step or a must the sense is enough, of a must not the very words."""


class Policy(Struct, frozen=True, forbid_unknown_fields=True):
    """A team's rules for when to whisper; stored in the log, so that a replay needs nothing else.

    Times are in ticks of 80 ms, scores and probabilities in percent.
    """

    # floor
    speech_on: Percent = 50
    """Speech probability at which a party is taken to speak."""
    speech_off: Percent = 35
    """Probability under which it has stopped: a hysteresis of 15, as Silero VAD's own."""
    speech_on_ticks: Some = 2
    """Ticks over `speech_on` before speech counts: a click is not a word."""
    pause_ticks: Some = 3
    """Silence that counts as a pause inside a turn."""
    end_of_turn_ticks: Some = 8
    """Silence after which a turn is over."""
    resume_ticks: Whole = 25
    """How long after its end a turn may still go on, if nobody spoke and it stopped at a word that
    asks for more or has its card; 0: a new turn is a new question."""
    backchannel_ticks: Whole = 12
    """The longest "mm-hm" that is not a turn of its own."""

    # inquiry
    min_query_words: Some = 1
    """Content words that a customer's turn needs before it is looked up."""
    query_words: Some = 24
    """How many of the turn's last words make the rolling query."""
    refresh_ticks: Some = 2
    """Shortest time between two searches of one inquiry while the customer speaks."""
    refresh_words: Some = 1
    """New words that make another search worthwhile."""
    reopen_words: Some = 6
    """New content words after a card that make another inquiry within the same turn."""
    lifetime_ticks: Some = 100
    """How long after the end of its turn an inquiry can still bring a card."""
    final_ticks: Whole = 20
    """How long after the end of a turn late words of the recogniser are waited for."""

    # gate
    min_need: Percent = 75
    """Probability of need from which a card is shown; the budget may ask for more."""
    min_support: Percent = 10
    """Probability that the passage is needed, from which it is worth a card."""
    early_need: Percent = 70
    """Probability of need from which a card may be shown while the customer still speaks."""
    early_support: Percent = 70
    """Probability that the passage is needed, from which it may be shown that early."""
    early_words: Some = 2
    """Content words that have been heard before a card may be shown that early."""
    keep_support: Percent = 10
    """Support under which an early card is taken back once its question is whole."""
    stable_searches: Some = 2
    """Searches in a row that must agree on the first passage before a card is shown early."""
    trigger: tuple[str, ...] = ()
    """A team lead's phrases: a turn that holds one is taken to need a card."""
    do_not_trigger: tuple[str, ...] = ()
    """A team lead's phrases: a turn that holds one brings no card."""
    said_share: Percent = 60
    """Share of a line's content words that the agent must have said for it to count as said."""
    saying_share: Percent = 40
    """The same share while the agent is speaking: the line is about to be said."""
    anticipate: bool = False
    """Whether what the duplex model takes the agent to be saying next counts as being said."""
    said_window_ticks: Whole = 375
    """How far back the agent's words are compared with a line: 30 s."""
    told_ticks: Whole = 1500
    """How long a passage that had its card is not shown again: 2 min."""
    cooldown_ticks: Whole = 50
    """Shortest time between two whispers."""
    budget: Whole = 200
    """Unneeded whispers accepted per hour, in hundredths: it sets the probability of need that a
    card takes, and each card spends the chance that nothing was needed."""

    quiet: tuple[tuple[Whole, Whole], ...] = ()
    """Quiet times: from one tick of the call up to another no card is shown."""

    # card
    shadow: bool = False
    """Whether cards are only kept in the log, for people to review, and not shown to the agent."""
    compose: bool = False
    """Whether the background model is asked for a better text of each card."""
    rewrite: bool = False
    """Whether the background model is asked for the question behind words that found too little."""
    rewrite_below: Percent = 60
    """Support of a card under which it is asked all the same."""
    rewrite_seeking: Percent = 20
    """Probability that the words ask for something, under which it is not asked."""
    card_ticks: Some = 500
    """How long an untouched card stays on screen: 40 s."""

    # voice
    voice: bool = False
    """Whether whispers may also be spoken in the agent's earpiece."""
    speak_within_ticks: Whole = 62
    """How long after the end of the customer's turn a line may still be begun aloud: 5 s."""
    min_finished: Percent = 50
    """Probability that the customer has finished, from which a whisper is begun, where the ear can
    tell it."""
    speak_risk: Percent = 30
    """Probability that the customer speaks before a whisper has ended, up to which it is begun."""
    speak_half_ticks: Some = 31
    """After so long in a gap a whisper helps half as much: 2.5 s."""
    speak_worth: Percent = 20
    """What is left of a whisper's help, under which the card is all."""
    word_ticks: Some = 5
    """How long a spoken word takes: 160 words a minute."""
    max_spoken_words: Some = 12
    """The longest line that is spoken where no model shortens it."""
    max_spoken_ticks: Some = 100
    """The longest that a whisper may sound: 8 s; the rest is cut."""
    barge_in_ticks: Some = 8
    """Speech by either party that ends a whisper: longer than a "mm-hm" whose words are not known
    yet. The earpiece itself falls silent at the first sound and goes on where it was no more."""

    # playbook
    playbook: tuple[Item, ...] = ()
    """What the agent is to do and say in a call."""
