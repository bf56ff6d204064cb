// A call as its log tells it: lines, cards and silences, as plain values that can be sent about.

export const TICK_MS = 80;
/** Ticks between two words of a party after which a new line begins, as on the console. */
const LINE_GAP = 12;
/** @type {["agent", "customer"]} */
export const PARTIES = ["agent", "customer"];

/**
 * @typedef {"agent" | "customer"} Party
 * @typedef {{party: Party, start: number, end: number, text: string}} Line
 * @typedef {{inquiry: number, revision: number, title: string, text: string, cites: string[],
 *   support: number, query: string, by: string, tick: number, gone: string, goneAt: number, touches: string[],
 *   spoken: boolean}} Card
 * @typedef {{name: string, rule: "check" | "must_say" | "must_not_say", done: boolean}} Step a line of the playbook
 * @typedef {{tick: number, reason: string, query: string, support: number}} Silence
 * @typedef {{tick: number, lines: Line[], guesses: Record<Party, string>, cards: Card[],
 *   steps: Step[], silences: Silence[], failures: {tick: number, what: string, error: string}[],
 *   whisper: {inquiry: number, text: string} | null, ear: "open" | "soft" | "off", snoozed: number, ended: string}} Journal
 */

/** @returns {Journal} */
export function newJournal() {
  return {
    tick: 0, lines: [], guesses: { agent: "", customer: "" }, cards: [], steps: [], silences: [], failures: [],
    whisper: null, ear: "open", snoozed: 0, ended: "",
  };
}

/**
 * Takes one entry of the log, or one message of the data channel, which says the same earlier.
 * @param {Journal} journal @param {any} event @param {number} [tick]
 */
export function take(journal, event, tick = journal.tick) {
  journal.tick = Math.max(journal.tick, tick);
  switch (event.type) {
    case "call_started": begin(journal, event); break;
    case "heard": hear(journal, event); break;
    case "ticked": tickOff(journal, event); break;
    case "show_card": show(journal, event, tick); break;
    case "withdraw_card": withdraw(journal, event, tick); break;
    case "card_touched": touch(journal, event); break;
    case "withheld": withhold(journal, event, tick); break;
    case "speak": speak(journal, event); break;
    case "whisper_played": case "stop_speaking": hush(journal, event); break;
    case "ear_changed": journal.ear = event.ear; break;
    case "snoozed": journal.snoozed = event.ticks ? tick + event.ticks : 0; break;
    case "failed": fail(journal, event, tick); break;
    case "call_ended": end(journal, event); break;
  }
}

/** The card that is up. @param {Journal} journal @returns {Card | undefined} */
export const current = (journal) => journal.cards.findLast((card) => !card.gone);

/** @param {Journal} journal @param {any} started */
function begin(journal, { policy }) {
  journal.steps = (policy.playbook ?? []).map((/** @type {any} */ { name, rule }) => ({ name, rule, done: false }));
}

/** @param {Journal} journal @param {any} event */
function tickOff(journal, { item }) {
  for (const step of journal.steps) step.done ||= step.name === item;
}

/** @param {Journal} journal @param {any} heard */
function hear(journal, heard) {
  for (const party of PARTIES) {
    const { words = [], partial = "" } = heard[party] ?? {};
    for (const word of words) say(journal, party, word);
    journal.guesses[party] = partial;
  }
}

/** @param {Journal} journal @param {Party} party @param {{text: string, start: number, end: number}} word */
function say(journal, party, { text, start, end: stop }) {
  const last = journal.lines.findLast((line) => line.party === party);
  if (last && start - last.end < LINE_GAP) {
    last.text += ` ${text}`;
    last.end = Math.max(last.end, stop);
    return;
  }
  let place = journal.lines.length;
  while (place > 0 && (journal.lines[place - 1]?.start ?? 0) > start) place -= 1;
  journal.lines.splice(place, 0, { party, start, end: stop, text });
}

/** @param {Journal} journal @param {any} shown @param {number} tick */
function show(journal, shown, tick) {
  const { inquiry, revision, title, text, cites, support, query, by = "" } = shown;
  const card = find(journal, inquiry);
  if (card && card.revision >= revision) return;
  const now = { inquiry, revision, title, text, cites, support, query, by };
  if (card) Object.assign(card, now);
  else journal.cards.push({ ...now, tick, gone: "", goneAt: 0, touches: [], spoken: false });
}

/** @param {Journal} journal @param {any} event @param {number} tick */
function withdraw(journal, { inquiry, reason }, tick) {
  const card = find(journal, inquiry);
  if (!card || card.gone) return;
  card.gone = reason;
  card.goneAt = tick;
}

/** @param {Journal} journal @param {any} event */
function touch(journal, { inquiry, how }) {
  const card = find(journal, inquiry);
  if (card && !card.touches.includes(how)) card.touches.push(how);
}

/** @param {Journal} journal @param {any} held @param {number} tick */
function withhold(journal, { inquiry, reason, query, support = 0 }, tick) {
  const last = journal.silences.at(-1);
  if (last && last.reason === reason && last.query === query) return;
  void inquiry;
  journal.silences.push({ tick, reason, query, support });
}

/** @param {Journal} journal @param {any} event */
function speak(journal, { whisper, text }) {
  journal.whisper = { inquiry: whisper, text };
  const card = find(journal, whisper);
  if (card) card.spoken = true;
}

/** @param {Journal} journal @param {any} event */
function hush(journal, { whisper }) {
  if (journal.whisper?.inquiry === whisper) journal.whisper = null;
}

/** @param {Journal} journal @param {any} event @param {number} tick */
function fail(journal, { what, error }, tick) {
  if (what === "speak") journal.whisper = null;
  journal.failures.push({ tick, what, error });
}

/** @param {Journal} journal @param {any} event */
function end(journal, { reason }) {
  journal.ended = reason;
  journal.whisper = null;
  journal.guesses = { agent: "", customer: "" };
}

/** @param {Journal} journal @param {number} inquiry */
const find = (journal, inquiry) => journal.cards.findLast((card) => card.inquiry === inquiry);
