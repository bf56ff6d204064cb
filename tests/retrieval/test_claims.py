"""What two answers to one question contradict each other in, and what they may differ in."""

import pytest

from copilot.retrieval.claims import claims, clash

AGAINST = [
    ("Refunds are made within 14 days.", "A refund takes thirty days.", "day: 14 against 30"),
    ("It takes 3 to 5 working days.", "It takes 5 to 7 days.", "day: 3 and 5 against 5 and 7"),
    ("Breakfast is £12.", "It costs 15 pounds.", "pound: 12 against 15"),
    ("The fee is 2.5 %.", "We charge three percent.", "percent: 2.5 against 3"),
    ("Up to 30kg.", "The limit is 25 kilos.", "kilo: 30 against 25"),
    ("It ends on 5 October 2026.", "It ends on October 12th.", "date: 5 Oct against 12 Oct"),
    ("Until 2026-12-31.", "Until 30 November.", "date: 31 Dec against 30 Nov"),
    ("From 3 pm.", "Check-in is from 14:00.", "time: 15:00 against 14:00"),
    ("Yes, dogs are welcome.", "No, we have no room for dogs.", "yes against no"),
    ("Yes, dogs are welcome in rooms.", "Dogs are not allowed in our rooms.", "denies"),
    ("We accept cash at every desk.", "We don't accept cash at any desk.", "denies"),
    ("The pool is open on Sundays from 9 am.", "The pool is closed on Sundays.", "denies"),
]
TOGETHER = [
    ("Refunds are made within 14 days.", "A refund takes fourteen days."),
    ("From 3 pm.", "From 15:00 on, or earlier for 10 pounds."),
    ("Send it within 14 days.", "Send it within 14 days; the money is back after 5 days more."),
    ("It costs 1,200 points.", "1200 points."),
    ("Yes, but not on Sundays.", "You can do so on weekdays."),
    ("Dogs are welcome.", "Dogs are welcome, but cats are not."),
    ("One of us will call.", "Two of us will call."),
    ("It is open.", ""),
]


@pytest.mark.parametrize(("one", "other", "why"), AGAINST)
def test_answers_that_contradict_each_other(one: str, other: str, why: str) -> None:
    assert why in clash(claims(one), claims(other))
    assert clash(claims(other), claims(one))


@pytest.mark.parametrize(("one", "other"), TOGETHER)
def test_answers_that_can_both_be_true(one: str, other: str) -> None:
    assert clash(claims(one), claims(other)) == ""
    assert clash(claims(other), claims(one)) == ""
