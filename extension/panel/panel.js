// The side panel: the whole call, and a question to the knowledge base at any time.

import { newJournal, take } from "../call/journal.js";
import { Events, texts } from "../call/feed.js";
import { access } from "../call/access.js";
import { Trouble } from "../call/trouble.js";
import { asked, bearer } from "../call/whip.js";
import { byId } from "../shared/words.js";
import { changeCustomer, clock, drawCustomer } from "./customer.js";
import { drawAnswer, drawHistory, drawLines, drawSteps } from "./lists.js";

/** @typedef {import("../call/desk.js").View} View */

const FLOOR_DB = -60;
const AGAIN_MS = 1000;
const { el, sign } = copilotCard;

/** @type {ReturnType<typeof ext.connect> | null} */
let wire = null;
/** @type {View | null} */
let view = null;
let journal = newJournal();
/** @type {import("../call/customer.js").Known} */
let customer = { state: "nobody", id: "", facts: [], calls: [], trouble: null };
let drawn = "";
let shownAt = 0;

// ---- the call's page, which comes and goes

async function connect() {
  if (wire || !(await ext.send({ to: "desk", what: "view" }))) return;
  wire = ext.connect("panel", hear, () => void lost());
}

async function lost() {
  wire = null;
  setTimeout(() => void connect(), AGAIN_MS);
  if ((await ext.send({ to: "worker", what: "lost" })) !== "broken" || !view) return;
  showView({ ...view, phase: "ended", card: null, whisper: "", warnings: [], trouble: { code: "broken", detail: "" } });
}

/** @param {any} message */
function hear({ what, ...more }) {
  if (what === "view") showView(more.view);
  if (what === "levels") showLevels(more.levels);
  if (what === "journal") { journal = more.journal; showJournal(); }
  if (what === "customer") { customer = more.customer; showCustomer(); }
  if (what === "entries") {
    const guesses = JSON.stringify(journal.guesses);
    for (const { event, tick } of more.batch) take(journal, event, tick);
    const only = more.batch.every((/** @type {any} */ { event }) => event.type === "heard");
    if (!only) showJournal();
    else if (guesses !== JSON.stringify(journal.guesses) || more.batch.some(hasWords)) showLines();
    showClock();
  }
}

/** @param {string} what @param {object} [more] */
function act(what, more) {
  if (what === "options") void ext.openTab("options/options.html");
  else if (what === "again") void ext.send({ to: "worker", what });
  else if (what === "after") void ext.send({ to: "worker", what, call: view?.callId });
  else wire?.post({ act: what, more });
}

// ---- what is shown

/** @param {View} now */
function showView(now) {
  const before = view;
  view = now;
  const on = ["starting", "live", "reconnecting"].includes(now.phase);
  const [kind, label] = copilotCard.state(now);
  byId("state").className = `state ${kind}`;
  write("state-name", label);
  byId("meters").hidden = !on;
  byId("end").hidden = !on;
  byId("idle").hidden = now.phase !== "idle";
  write("swap", ext.t(now.swapped ? "swapBack" : "swap"));
  icon("snooze", now.snoozedMs > 0 ? "clock" : "clock", now.snoozedMs > 0 ? "unsnooze" : "snooze", on, now.snoozedMs > 0);
  icon("mute", now.ear.muted ? "muted" : "ear", now.ear.muted ? "unmute" : "mute", on && now.ear.on, now.ear.muted);
  const key = copilotCard.notesKey(now);
  if (byId("notes").dataset.key !== key) byId("notes").replaceChildren(...notes(now));
  byId("notes").dataset.key = key;
  const card = now.card ? `${now.card.inquiry}.${now.card.revision}.${now.card.used}` : "";
  if (card !== drawn) byId("now").replaceChildren(...(now.card ? [copilotCard.draw(now.card, { act, keys: false })] : []));
  drawn = card;
  shownAt = performance.now() - (now.card?.ageMs ?? 0);
  byId("caption").hidden = !now.whisper;
  if (now.whisper && now.whisper !== before?.whisper) byId("caption").replaceChildren(sign("ear"), now.whisper);
  showCustomer();
  void showSite(now);
}

/** @param {View} now */
function notes(now) {
  const found = copilotCard.notes(now, act);
  if (now.phase === "consent") found.unshift(el("div", { class: "note" }, el("strong", {}, ext.t("consentAsk")), ext.t("consentHelp"),
    el("div", { class: "row" }, el("button", { type: "button", class: "main", click: () => act("agree") }, ext.t("agree")),
      el("button", { type: "button", click: () => act("end") }, ext.t("notNow")))));
  return found;
}

function showCustomer() {
  drawCustomer(customer, view?.phase === "live" || view?.phase === "reconnecting", act);
}

/** @param {string} id @param {string} name @param {string} label @param {boolean} shown @param {boolean} pressed */
function icon(id, name, label, shown, pressed) {
  const button = byId(id);
  button.hidden = !shown;
  const key = name + label;
  if (button.dataset.key === key) return;
  button.dataset.key = key;
  button.replaceChildren(sign(name));
  button.title = button.ariaLabel = ext.t(label);
  button.ariaPressed = String(pressed);
}

/** @param {Record<string, number>} levels dB */
function showLevels(levels) {
  for (const party of ["agent", "customer"]) {
    const share = Math.max(0, Math.min(1, 1 - (levels[party] ?? -Infinity) / FLOOR_DB));
    byId(`level-${party}`).style.transform = `scaleX(${share.toFixed(2)})`;
  }
}

/** A text that has not changed is left alone: each setting makes another node. @param {string} id @param {string} text */
function write(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

/** @param {any} entry */
const hasWords = ({ event }) => event.agent?.words?.length || event.customer?.words?.length;

function showClock() {
  write("clock", journal.tick ? clock(journal.tick) : "");
}

function showLines() {
  const said = byId("said");
  const atEnd = said.scrollTop + said.clientHeight > said.scrollHeight - 40;
  drawLines(byId("lines"), journal);
  byId("no-lines").hidden = byId("lines").childElementCount > 0;
  if (atEnd) said.scrollTop = said.scrollHeight;
}

function showJournal() {
  showLines();
  showClock();
  drawHistory(byId("history"), journal);
  drawSteps(byId("steps"), journal);
  byId("steps-part").hidden = journal.steps.length === 0;
  byId("no-history").hidden = byId("history").childElementCount > 0;
}

/** Sites that were allowed may be followed by the call, and need no click after a change of pages. @param {View} now */
async function showSite(now) {
  const asks = now.phase === "live" && now.site !== "" && !(await ext.sites()).includes(now.site);
  byId("site").hidden = !asks;
}

// ---- tabs and keys

const tabs = ["said", "past", "found"];

/** @param {string} chosen @param {boolean} [focus] */
function choose(chosen, focus = false) {
  for (const name of tabs) {
    const tab = byId(`tab-${name}`);
    tab.ariaSelected = String(name === chosen);
    tab.tabIndex = name === chosen ? 0 : -1;
    byId(name).hidden = name !== chosen;
    if (focus && name === chosen) tab.focus();
  }
}

for (const [place, name] of tabs.entries()) {
  byId(`tab-${name}`).addEventListener("click", () => choose(name));
  byId(`tab-${name}`).addEventListener("keydown", ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (step) choose(tabs[(place + step + tabs.length) % tabs.length] ?? name, true);
  });
}
for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-act]"))) {
  button.addEventListener("click", () => act(button.dataset.act ?? ""));
}
byId("allow").addEventListener("click", async () => {
  if (view) await ext.askForSite(view.site);
  if (view) void showSite(view);
});

byId("customer-change").addEventListener("click", () => changeCustomer(true));
byId("customer-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = /** @type {HTMLInputElement} */ (byId("customer-id"));
  if (!name.value.trim()) return;
  act("customer", { id: name.value });
  name.blur();
  changeCustomer(false);
});

// ---- questions

byId("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const box = /** @type {HTMLInputElement} */ (byId("question"));
  const question = box.value.trim();
  if (!question) return;
  choose("found");
  byId("no-answers").hidden = true;
  const answer = el("div", { "aria-live": "polite" }, el("p", {}, ext.t("looking")));
  const item = el("li", { "aria-busy": "true" }, el("p", { class: "soft" }, el("q", {}, question)), answer);
  byId("answers").prepend(item);
  box.value = "";
  const trouble = await ask(question, answer);
  if (trouble) answer.replaceChildren(el("p", { class: "note alert" }, ext.t(trouble)));
  item.removeAttribute("aria-busy");
});

/** Draws the answer as it comes; tells what went wrong. @param {string} question @param {HTMLElement} into */
async function ask(question, into) {
  if (view?.phase !== "live") return "askNoCall";
  const call = view.callId;
  try {
    let response = await asked(access, (found) => put(found, question, call));
    if (response.status === 404) response = await asked(access, (found) => put(found, question, "")); // a call that is not kept
    if (!response.ok || !response.body) return "askFailed";
    const events = new Events();
    /** @type {any[]} */
    const parts = [];
    for await (const text of texts(response.body)) {
      parts.push(...events.take(text).map((data) => JSON.parse(data)));
      drawAnswer(into, parts);
    }
    return parts.some(({ type }) => type === "done") ? "" : "askFailed";
  } catch (error) {
    return `trouble_${error instanceof Trouble ? error.code : "unreachable"}`;
  }
}

/** @param {import("../call/whip.js").Access} given @param {string} question @param {string} call */
function put(given, question, call) {
  return fetch(`${given.server}/api/v1/ask`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream", ...bearer(given) },
    body: JSON.stringify({ question, call }),
    signal: AbortSignal.timeout(30_000),
  });
}

async function focusQuestion() {
  if (!(await ext.load("session", "asking"))) return;
  await ext.save("session", "asking", undefined);
  byId("question").focus();
}

// ---- start

setInterval(() => {
  const age = document.querySelector("#now .age");
  if (age && view?.card) age.textContent = copilotCard.age(performance.now() - shownAt);
}, 1000);

byId("state-name").textContent = ext.t("phase_idle");
ext.onSaved((area, keys) => {
  if (area === "session" && keys.includes("call")) void connect();
  if (area === "session" && keys.includes("asking")) void focusQuestion();
});
void ext.shortcuts().then(({ _execute_action: key }) => {
  byId("start-key").hidden = !key;
  byId("start-key").textContent = key ?? "";
});
void connect();
void focusQuestion();
