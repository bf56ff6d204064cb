"""What is written in figures and signs is said in words, and nothing else is changed."""

import re
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from copilot.providers.spoken import spoken, whole


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("£5", "five pounds"),
        ("£1 or £4.50", "one pound or four pounds fifty"),
        ("£0.99, $3.05", "ninety nine pence, three dollars and five cents"),
        ("€1,250", "one thousand two hundred and fifty euros"),
        ("$1.5bn, £10k", "one point five billion dollars, ten thousand pounds"),
        ("£5-£10", "five pounds to ten pounds"),
        ("10:30", "ten thirty"),
        ("9:05am or 10:00", "nine oh five a m or ten o'clock"),
        ("14:00 and 5pm", "fourteen hundred and five p m"),
        ("open 24/7", "open twenty four seven"),
        ("1/2 price and/or free", "a half price and or free"),
        ("SW1A 2AA", "S W one A two A A"),
        ("a B2B MP3", "a B two B M P three"),
        ("v2.1", "version two point one"),
        ("ISO-27001", "ISO two seven zero zero one"),
        ("50%", "fifty percent"),
        ("50 % off", "fifty percent off"),
        ("0.5%", "zero point five percent"),
        ("21st, 112th and 30th", "twenty first, one hundred and twelfth and thirtieth"),
        ("1999 and 2005", "nineteen ninety nine and two thousand and five"),
        ("in 1900 or 2024", "in nineteen hundred or twenty twenty four"),
        ("order 48213", "order four eight two one three"),
        ("0800 123 456", "zero eight zero zero one two three four five six"),
        ("+44 20 7946 0958", "plus four four two zero seven nine four six zero nine five eight"),
        ("-5 to 20°C", "minus five to twenty degrees C"),
        ("3-5 days, a 30-day trial", "three to five days, a thirty day trial"),
        ("#42", "number forty two"),
        ("R&D", "R and D"),
        ("help@acme.co.uk", "help at acme dot co dot uk"),
        ("see acme.com/returns.", "see acme dot com slash returns."),
        ("5GB at 100mbps", "five gigabytes at one hundred megabits per second"),
        ("1 hr, 10k and 2.5m", "one hour, ten thousand and two point five million"),
        ("12345678901234567890", "one two three four five six seven eight nine zero " * 2),
    ],
)  # fmt: skip
def test_written_and_said(written: str, said: str) -> None:
    assert spoken(written) == said.strip()


@given(st.text(string.ascii_letters + " ,.?!'"))
def test_words_stay_as_they_are(text: str) -> None:
    assert spoken(text).replace(" ", "") == text.replace(" ", "")


@given(st.text("0123456789aBkm £€$%&+@=#/:.,-–½ stth()_"))
@example("£" + "9" * 5000)
@example("1" + ",111" * 100 + "th")
def test_no_figure_and_no_sign_is_left(text: str) -> None:
    said = spoken(text)
    assert not re.search(r"[\d£€$%&+@=#/½_]", said)
    assert spoken(said) == said


@given(st.integers(0, 10**18))
def test_a_whole_number_is_said_by_its_parts(number: int) -> None:
    said = whole(number)
    assert re.fullmatch(r"[a-z ]+", said)
    assert said == spoken(f"{number:,}") or number >= 10**15
