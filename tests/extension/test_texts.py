"""Texts: every key in every language, used as it is meant, and none that nothing uses."""

import json
import re
from pathlib import Path

import pytest

from copilot.core.vocabulary import Silence, Touch
from copilot.web.phrases import WITHDRAWALS

FOLDER = Path(__file__).parents[2] / "extension"
LANGUAGES = ("en", "es", "de", "fr")
KEYS = re.compile(
    r"""\bt\(\s*["'](\w+)["']|data-t(?:-[\w-]+)?="(\w+)"|__MSG_(\w+)__|"(warn_\w+)" *[,:\]]"""
)


def messages(language: str) -> dict[str, str]:
    text = (FOLDER / "_locales" / language / "messages.json").read_text(encoding="utf-8")
    return {key: entry["message"] for key, entry in json.loads(text).items()}


def sources() -> str:
    files = [
        *FOLDER.glob("*.js*"),
        *(
            one
            for folder in ("call", "overlay", "panel", "options", "permission", "privacy", "shared")
            for one in (FOLDER / folder).iterdir()
        ),
    ]
    return "\n".join(one.read_text(encoding="utf-8") for one in files)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_keys_and_blanks(language: str) -> None:
    english, here = messages("en"), messages(language)
    assert here.keys() == english.keys()
    assert here["language"] == language
    for key, text in here.items():
        assert text.strip() == text != ""
        assert sorted(re.findall(r"\$\d", text)) == sorted(re.findall(r"\$\d", english[key])), key


def test_no_page_has_words_of_its_own() -> None:
    for page in FOLDER.glob("*/*.html"):
        text = re.sub(r"<title.*?</title>|<!doctype[^>]*>", "", page.read_text(encoding="utf-8"))
        assert re.sub(r"<[^>]*>|[\s·]", "", text) == "", page
        assert "data-t=" in page.read_text(encoding="utf-8").split("</title>")[0], page


def test_every_key_that_is_used_is_there() -> None:
    used = {next(filter(None, groups)) for groups in KEYS.findall(sources())}
    assert used - messages("en").keys() == set()


def test_every_reason_of_the_server_has_its_words() -> None:
    known = messages("en").keys()
    wanted = {f"silence_{one}" for one in Silence} | {f"silence_{one}_why" for one in Silence}
    wanted |= {f"gone_{one}" for one in WITHDRAWALS} | {f"touch_{one}" for one in Touch}
    assert wanted - known == set()


def test_every_trouble_has_its_words_and_its_remedy() -> None:
    code = (FOLDER / "call" / "trouble.js").read_text(encoding="utf-8")
    union = code.split("@typedef {")[1].split("}")[0]
    codes = {*re.findall(r'"(\w+)"', union), *re.findall(r'AccountError\("(\w+)"', sources())}
    codes |= {"offline", "unreachableSecure"}
    known = messages("en").keys()
    assert {f"trouble_{one}" for one in codes} - known == set()
    assert {f"trouble_{one}_help" for one in codes - {"gone"}} - known == set()
    reasons = set(re.findall(r'(?:end\(|reason: )"(\w+)"', sources()))
    assert {f"ended_{one}" for one in reasons} - known == set()
