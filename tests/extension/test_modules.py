"""The extension's own logic, in a page of the extension: no network, no devices, no clock."""

from typing import Any

import pytest

from copilot.bench.chromium import Extension

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def run(extension: Extension, module: str, body: str) -> Any:
    """What a function body gives that knows the module as `it`."""
    page = await extension.page("privacy/privacy.html")
    script = f"async () => {{ const it = await import('/{module}'); {body} }}"
    found = await page.evaluate(script)
    await page.close()
    return found


async def test_pauses_grow_to_a_limit_and_differ(fresh: Extension) -> None:
    body = """return [0, 1, 2, 3, 10, 1e6].map((tried) =>
      [0, 0.5, 1].map((chance) => it.pause(tried, () => chance)));"""
    steps = await run(fresh, "call/backoff.js", body)
    assert steps[0] == [125, 187.5, 250]
    assert [step[2] for step in steps] == [250, 500, 1000, 2000, 4000, 4000]
    assert all(least == most / 2 for least, _, most in steps)


async def test_events_are_the_same_however_they_are_cut(fresh: Extension) -> None:
    body = r"""
      const text = "retry: 1000\n\nid: 1\ndata: {\"a\":1}\n\n: still here\n\n"
        + "data: two\r\ndata:lines\r\n\r\n";
      const ways = [];
      for (let size = 1; size <= text.length; size += 1) {
        const events = new it.Events();
        const found = [];
        for (let at = 0; at < text.length; at += size) {
          found.push(...events.take(text.slice(at, at + size)));
        }
        ways.push(JSON.stringify(found));
      }
      return [...new Set(ways)];"""
    assert await run(fresh, "call/feed.js", body) == ['["{\\"a\\":1}","two\\nlines"]']


async def test_a_journal_takes_everything_once(fresh: Extension) -> None:
    """The data channel and the log say the same, in any order."""
    body = """
      const card = {
        type: "show_card", inquiry: 1, revision: 0, title: "t", text: "x", cites: ["a"],
        support: 80, query: "q",
      };
      const word = (text, start) => ({ words: [{ text, start, end: start + 2 }], partial: "" });
      const events = [
        [2, { type: "heard", tick: 2, customer: word("hello", 0) }],
        [3, card], [4, { ...card, revision: 1, text: "y" }],
        [5, { type: "card_touched", inquiry: 1, how: "used" }],
        [6, { type: "speak", whisper: 1, text: "y" }],
        [7, { type: "whisper_played", whisper: 1, ticks: 3 }],
        [8, { type: "withheld", inquiry: 2, reason: "weak", query: "w" }],
        [9, { type: "withdraw_card", inquiry: 1, reason: "said" }],
        [40, { type: "heard", tick: 40, customer: word("there", 38) }],
        [41, { type: "call_ended", reason: "hang_up" }],
      ];
      const once = it.newJournal();
      for (const [tick, event] of events) it.take(once, event, tick);
      const twice = it.newJournal();
      for (const [tick, event] of events) {
        if (event.type !== "heard") it.take(twice, event);
        it.take(twice, event, tick);
        if (event.type !== "heard") it.take(twice, event);
      }
      const plain = ({ cards, silences, ...rest }) => JSON.stringify([
        rest, silences.length, cards.map((one) => ({ ...one, tick: 0, goneAt: 0 }))]);
      return { same: plain(once) === plain(twice), once, up: it.current(once) ?? null };"""
    found = await run(fresh, "call/journal.js", body)
    assert found["same"]
    assert found["up"] is None
    once = found["once"]
    assert [line["text"] for line in once["lines"]] == ["hello", "there"]
    [card] = once["cards"]
    assert (card["text"], card["touches"], card["gone"], card["spoken"]) == (
        "y",
        ["used"],
        "said",
        True,
    )
    assert (once["whisper"], once["ended"]) == (None, "hang_up")


@pytest.mark.parametrize(
    ("party", "said", "swapped"),
    [
        ("customer", "thank you for calling acme how can i help", True),
        ("customer", "danke für ihren anruf wie kann ich ihnen helfen", True),
        ("customer", "hi i would like to change my address", False),
        ("agent", "thank you for calling acme how can i help", False),
    ],
)
async def test_swapped_roles_are_noticed(
    fresh: Extension, party: str, said: str, swapped: bool
) -> None:
    line = {"party": party, "start": 3, "text": said}
    assert await run(fresh, "call/roles.js", f"return it.seemSwapped([{line}]);") is swapped


async def test_levels_tell_what_is_wrong(fresh: Extension) -> None:
    body = """
      const silent = -Infinity;
      const told = (steps) => {
        const watch = new it.Watch(null);
        let now = 1000;
        const found = [];
        for (const [seconds, tab, microphone] of steps) {
          for (let at = 0; at < seconds * 10; at += 1) {
            watch.hear(tab, microphone, now += 100, false);
          }
          found.push([...watch.warnings, ...(watch.over ? ["over"] : [])].join());
        }
        return found;
      };
      return [
        told([[2, -20, -30]]),
        told([[2.8, silent, -60], [0.4, silent, -60], [1, -20, -60]]),
        told([[4, -20, silent]]),
        told([[5, -20, -30], [29, silent, -30], [2, silent, -30], [95, silent, -30]]),
        told([[5, -20, -30], [200, -70, -30]]),
      ];"""
    assert await run(fresh, "call/watch.js", body) == [
        [""],
        ["", "tabUnheard", ""],
        ["microphoneDead"],
        ["", "", "maybeOver", "maybeOver,over"],
        ["", ""],
    ]


async def test_a_way_on_which_nothing_comes_is_lost_in_three_seconds(fresh: Extension) -> None:
    """And in little more than one after a change of networks."""
    body = """
      const last = (doubts) => {
        const pulse = new it.Pulse(0);
        const found = [];
        for (let now = 0; now < 12_000; now += 500) {
          if (now === doubts) pulse.doubt(now);
          found.push(pulse.beats(Math.min(now, 5000), now));
        }
        return 500 * found.indexOf(false);
      };
      return [last(-1), last(5500), last(4500)];"""
    assert await run(fresh, "call/pulse.js", body) == [8000, 7000, 8000]


async def test_addresses_are_read_as_people_type_them(fresh: Extension) -> None:
    typed = {
        "127.0.0.1:8123": "http://127.0.0.1:8123",
        " localhost:8123/calls ": "http://localhost:8123",
        "copilot.example.com": "https://copilot.example.com",
        "HTTPS://Copilot.example.com/x?y": "https://copilot.example.com",
        "ftp://example.com": "",
        "two words": "",
        "": "",
    }
    found = await run(fresh, "prefs.js", f"return {list(typed)}.map(it.tidy);")
    assert dict(zip(typed, found, strict=True)) == typed
