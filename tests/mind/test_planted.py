"""Errors that the public set has not: units, ordinals, bounds, rates, exceptions, swaps."""

import time

import numpy as np
import pytest

from copilot.core.vocabulary import Passage
from copilot.mind.grounding import Source
from copilot.ports import Embedder

KETTLE = Passage(
    "p1",
    "How long is the warranty?",
    (
        "The warranty on the Aurora kettle is 2 years from the day of delivery. Returns are "
        "accepted within 30 days. The kettle holds 1.5 litres and weighs 900 grams. A refund "
        "is paid within 14 working days after the parcel has arrived. Repairs are free during"
        " the first year, after that they cost 20 pounds."
    ),
    "",
    90,
    "Aurora kettle",
)
PARCEL = Passage(
    "p2",
    "Parcel delivery",
    (
        "Standard delivery takes 3 to 5 working days and costs 4.99 pounds. Express delivery "
        "takes 1 day and costs 12 pounds. Orders placed before 3 pm are sent the same day, "
        "unless it is a public holiday. Parcels are delivered by Northline to the door, and "
        "by Swiftpost to lockers. The third attempt is the last."
    ),
    "",
    90,
    "Parcel delivery",
)
CARD = Passage(
    "p3",
    "Gold card fees",
    (
        "The Gold card costs 60 euros a year and the Silver card costs 25 euros a year. "
        "Withdrawals abroad are charged 2 percent. Customers over 65 do not pay the annual "
        "fee. You can cancel the card at any time without a fee. The card cannot be used "
        "without the PIN. The offer ends on the first of March 2027."
    ),
    "",
    90,
    "Gold card",
)
ROOMS = Passage(
    "p4",
    "Meeting room rules",
    (
        "Guests must leave the room by 10 pm. Food is allowed in the lobby but not in the "
        "meeting rooms. Anna Keller approves bookings of more than four hours, and Tom Reed "
        "approves all others. Breakfast is served every day except Sunday. At least two "
        "people must be present. Children under 12 must be accompanied by an adult."
    ),
    "",
    90,
    "Meeting rooms",
)
WRONG = [
    (KETTLE, "The warranty on the Aurora kettle is 2 months from the day of delivery."),
    (KETTLE, "Returns are accepted within 30 weeks."),
    (KETTLE, "The kettle holds 1.5 millilitres."),
    (KETTLE, "The kettle weighs 900 kilograms."),
    (KETTLE, "A refund is paid within 14 hours after the parcel has arrived."),
    (KETTLE, "Repairs cost 20 euros after the first year."),
    (KETTLE, "Repairs are free during the second year."),
    (KETTLE, "The warranty runs for two weeks from delivery."),
    (KETTLE, "The kettle weighs 1.5 grams and holds 900 litres."),
    (PARCEL, "The second attempt is the last."),
    (PARCEL, "Standard delivery costs 12 pounds."),
    (PARCEL, "Orders placed after 3 pm are sent the same day."),
    (PARCEL, "Orders placed before 3 am are sent the same day."),
    (PARCEL, "Orders are sent the same day even if it is a public holiday."),
    (PARCEL, "Express delivery takes 1 week."),
    (PARCEL, "Express delivery costs 12 percent."),
    (PARCEL, "Standard delivery takes 3 to 5 working hours."),
    (CARD, "The Gold card costs 25 euros a year."),
    (CARD, "The Silver card costs 60 euros a year."),
    (CARD, "The Gold card costs 60 euros a month."),
    (CARD, "Withdrawals abroad are charged 2 euros."),
    (CARD, "Customers under 65 do not pay the annual fee."),
    (CARD, "You can cancel the card at any time with a fee."),
    (CARD, "The card can be used without the PIN."),
    (CARD, "The card works fine with no PIN."),
    (CARD, "The offer ends on the second of March 2027."),
    (CARD, "The offer ends on the first of March 2028."),
    (CARD, "The offer ends on the last day of May."),
    (CARD, "Customers over 65 pay the annual fee."),
    (ROOMS, "Food is allowed in the meeting rooms."),
    (ROOMS, "Breakfast is served every day including Sunday."),
    (ROOMS, "Breakfast is served only on Sunday."),
    (ROOMS, "At most two people must be present."),
    (ROOMS, "Children over 12 must be accompanied by an adult."),
    (ROOMS, "Guests must leave the room by 10 am."),
    (ROOMS, "Anna Keller approves bookings of fewer than four hours."),
    (ROOMS, "Guests may stay in the room after 10 pm."),
]
UNSEEN = [
    (KETTLE, "A refund is paid within 14 working days before the parcel has arrived."),
    (PARCEL, "Express delivery takes 3 to 5 working days."),
    (PARCEL, "Parcels are delivered by Swiftpost to the door."),
    (PARCEL, "Northline delivers to lockers."),
    (CARD, "The offer begins on the first of March 2027."),
    (ROOMS, "Tom Reed approves bookings of more than four hours."),
]
"""What the check does not see yet: who does what to whom, and order by words alone."""
RIGHT = [
    (KETTLE, "The Aurora kettle has a warranty of two years from the delivery."),
    (KETTLE, "You can return it within 30 days."),
    (KETTLE, "It holds 1.5 litres."),
    (KETTLE, "It weighs 900 grams."),
    (KETTLE, "You get your refund within 14 working days once the parcel has arrived."),
    (KETTLE, "Repairs are free in the first year."),
    (PARCEL, "Express takes one day and costs 12 pounds."),
    (PARCEL, "Standard delivery costs 4.99 and takes three to five working days."),
    (PARCEL, "If you order before 3 pm, it is sent the same day, except on public holidays."),
    (PARCEL, "Northline brings parcels to the door."),
    (PARCEL, "There are three attempts, the third is the last."),
    (CARD, "The Gold card is 60 euros per year, the Silver card 25."),
    (CARD, "The Gold card costs 60 euros annually."),
    (CARD, "There is a charge of 2 percent on withdrawals abroad."),
    (CARD, "Customers over 65 don't pay the annual fee."),
    (CARD, "There's no fee for cancelling the card, you can do it at any time."),
    (CARD, "You need the PIN to use the card."),
    (CARD, "The offer ends on March 1, 2027."),
    (ROOMS, "Food is not allowed in the meeting rooms."),
    (ROOMS, "Food is allowed in the lobby."),
    (ROOMS, "Bookings of more than four hours are approved by Anna Keller."),
    (ROOMS, "Breakfast is served daily except on Sunday."),
    (ROOMS, "There must be at least two people."),
    (ROOMS, "An adult must accompany children under 12."),
    (ROOMS, "Guests must leave by 10 in the evening."),
]


@pytest.mark.parametrize(("passage", "sentence"), WRONG)
def test_an_error_is_found(passage: Passage, sentence: str, embedder: Embedder) -> None:
    assert any(one.fault for one in Source([passage], embedder.embed).judge(sentence))


@pytest.mark.parametrize(("passage", "sentence"), UNSEEN)
@pytest.mark.xfail(reason="told in docs/mind.md", strict=True)
def test_an_error_is_not_found_yet(passage: Passage, sentence: str, embedder: Embedder) -> None:
    assert any(one.fault for one in Source([passage], embedder.embed).judge(sentence))


@pytest.mark.parametrize(("passage", "sentence"), RIGHT)
def test_the_same_in_other_words_is_kept(
    passage: Passage, sentence: str, embedder: Embedder
) -> None:
    assert not [one for one in Source([passage], embedder.embed).judge(sentence) if one.fault]


FIBRE = Passage(
    "q1",
    "Broadband contract",
    (
        "Fibre 100 costs 29 dollars a month and Fibre 500 costs 45 dollars a month. The "
        "contract runs for 24 months. The router is sent within 2 days and is free. Moving "
        "house is possible once a year. Cancel at least 30 days before the contract ends, "
        "otherwise it goes on for 12 months. Support is open every day except on Christmas."
    ),
    "",
    90,
    "Broadband",
)
TRAVEL = Passage(
    "q2",
    "Travel insurance",
    (
        "Medical costs are covered up to 50000 euros, luggage up to 2000 euros. Claims must "
        "be sent within 10 days of the accident. Travellers older than 70 pay a supplement of"
        " 15 percent. Winter sports are covered, but not racing. The cover starts on the "
        "second day after booking. It is valid in Europe and in Turkey, but not in Russia."
    ),
    "",
    90,
    "Travel insurance",
)
LATER = [
    (FIBRE, "Fibre 100 costs 45 dollars a month."),
    (FIBRE, "Fibre 500 costs 45 dollars a year."),
    (FIBRE, "The contract runs for 24 weeks."),
    (FIBRE, "The router is sent within 2 hours."),
    (FIBRE, "Moving house is possible twice a year."),
    (FIBRE, "Cancel at most 30 days before the contract ends."),
    (FIBRE, "Cancel at least 30 weeks before the contract ends."),
    (FIBRE, "Support is open on Christmas."),
    (FIBRE, "Support is closed every day except on Christmas."),
    (FIBRE, "Otherwise it goes on for 12 days."),
    (TRAVEL, "Luggage is covered up to 50000 euros."),
    (TRAVEL, "Medical costs are covered from 50000 euros."),
    (TRAVEL, "Claims must be sent after 10 days."),
    (TRAVEL, "Claims must be sent within 10 months of the accident."),
    (TRAVEL, "Travellers younger than 70 pay a supplement of 15 percent."),
    (TRAVEL, "Travellers older than 70 pay a supplement of 15 euros."),
    (TRAVEL, "Racing is covered."),
    (TRAVEL, "The cover starts on the third day after booking."),
    (TRAVEL, "It is valid in Russia."),
    (TRAVEL, "Winter sports including racing are covered."),
]
"""Written once the check was as it is, and nothing fitted on them."""


@pytest.mark.parametrize(
    "unit", ["after ", "1 ", "is not ", "except the ", "a b, c d ", "the first "]
)
def test_a_long_passage_takes_time_by_its_length_alone(unit: str) -> None:
    def spent(letters: int) -> float:
        passage = Passage("p", "", (unit * letters)[:letters], "", 90)
        since = time.thread_time()
        Source([passage], lambda texts: np.ones((len(texts), 1), np.float32))
        return time.thread_time() - since

    assert min(spent(16_000) for _ in range(2)) < 8 * min(spent(4_000) for _ in range(3)) + 0.05


def test_most_of_what_nothing_was_fitted_on_is_found(embedder: Embedder) -> None:
    sources = {id(one): Source([one], embedder.embed) for one in (FIBRE, TRAVEL)}
    verdicts = [sources[id(passage)].judge(sentence) for passage, sentence in LATER]
    assert sum(any(one.fault for one in found) for found in verdicts) >= 14
