// The side panel's part on the customer: who it is, what is remembered, and the calls before.

import { TICK_MS } from "../call/journal.js";
import { byId } from "../shared/words.js";

/**
 * @typedef {import("../call/customer.js").Known} Known
 * @typedef {import("../call/customer.js").Fact} Fact
 * @typedef {import("../call/customer.js").Past} Past
 * @typedef {(what: string, more?: object) => void} Act
 */

const { el } = copilotCard;
let drawn = "";
/** Whose facts these are. */
let whose = "";
/** Whether one of them is being put right, and so must not be drawn anew. */
let editing = false;
/** Whether the agent puts another id in the place of one that is there. */
let changing = false;
/** @type {Known | null} */
let waiting = null;

/** @param {number} tick */
export function clock(tick) {
  const seconds = Math.floor((tick * TICK_MS) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** @param {Known} known @param {boolean} on whether a call is on @param {Act} act */
export function drawCustomer(known, on, act) {
  const shown = on || known.state === "known";
  byId("customer").hidden = !shown;
  const key = JSON.stringify([known, on]);
  if (!shown || key === drawn) return;
  if (editing && known.id === whose) {
    waiting = known;
    return;
  }
  editing = false;
  changing &&= on;
  drawn = key;
  whose = known.id;
  byId("customer-name").textContent = known.id || ext.t(known.state === "known" ? "customerKnown" : "customerNobody");
  byId("customer-much").textContent = known.state === "known" ? much(known) : "";
  const name = /** @type {HTMLInputElement} */ (byId("customer-id"));
  if (document.activeElement !== name) name.value = known.id;
  const named = known.state === "known" || known.id !== "";
  byId("customer-form").hidden = !on || named && !changing;
  byId("customer-change").hidden = !on || !named || changing;
  byId("memory").replaceChildren(...memory(known, on, act));
  byId("memory").ariaBusy = String(known.state === "asking");
}

/** Puts the field for the customer's id there, or takes it away. @param {boolean} on */
export function changeCustomer(on) {
  changing = on;
  byId("customer-form").hidden = !on;
  byId("customer-change").hidden = on;
  if (on) /** @type {HTMLInputElement} */ (byId("customer-id")).select();
}

/** @param {Known} known */
const much = ({ facts, calls }) => (facts.length + calls.length ? ext.t("customerMuch", facts.length, calls.length) : ext.t("customerNew"));

/** @param {Known} known @param {boolean} on @param {Act} act */
function memory({ state, facts, calls, trouble }, on, act) {
  if (state === "asking") return [el("p", { class: "soft" }, ext.t("looking"))];
  const again = el("button", { type: "button", click: () => act("customerAgain") }, ext.t("again"));
  const found = state === "failed" ? [el("div", { class: "note alert" }, el("strong", {}, ext.t("customerFailed")), trouble ? why(trouble) : "", el("div", { class: "row" }, again))] : [];
  if (state === "nobody") found.push(el("p", { class: "soft" }, ext.t("customerNobodyHelp")));
  if (state === "known" && !facts.length && !calls.length) found.push(el("p", { class: "soft" }, ext.t("customerNewHelp")));
  const [last, ...older] = calls;
  if (last) found.push(el("h2", {}, ext.t("lastCall")), past(last));
  if (facts.length) found.push(el("h2", {}, ext.t("facts")), el("ul", { class: "facts" }, ...facts.map((fact) => line(fact, on, act))));
  if (older.length) found.push(el("details", {}, el("summary", {}, ext.t("olderCalls", older.length)), ...older.map(past)));
  return found;
}

/** What the copilot says itself tells more where it has refused. @param {import("../call/view.js").Told} trouble */
const why = ({ code, detail }) => (["gone", "refused"].includes(code) && detail ? detail : ext.t(`trouble_${code}`));

/** @param {Past} call */
function past({ at, summary, reason, outcome, promised, gaps }) {
  /** @param {string} label @param {string[]} items */
  const more = (label, items) => items.length > 0 && el("p", {}, el("b", {}, ext.t(label)), items.join(" · "));
  return el("div", { class: "past" }, el("p", { class: "soft" }, day(at)), el("p", {}, summary),
    more("callReason", reason ? [reason] : []), more("callOutcome", outcome ? [outcome] : []), more("promised", promised), more("leftOpen", gaps));
}

/** @param {Fact} fact @param {boolean} on @param {Act} act */
function line(fact, on, act) {
  const item = el("li", {});
  /** @param {string} label @param {() => void} click @param {string} [said] */
  const button = (label, click, said = label) => el("button", { type: "button", class: "link", "aria-label": `${ext.t(said)}: ${fact.text}`, click }, ext.t(label));
  const source = ext.t(fact.corrected_at ? "factCorrected" : "factFrom", day(fact.at), clock(fact.tick), fact.by);
  const forget = button("factForget", () => {
    const sure = button("factSure", () => act("forget", { fact: fact.id }));
    forget.replaceWith(sure);
    sure.focus();
  });
  item.append(el("p", {}, fact.text), el("p", { class: "soft" }, source),
    ...(on ? [el("p", { class: "row" }, button("factCorrect", () => edit(item, fact, on, act)), forget)] : []));
  return item;
}

/** Puts a field in a fact's place. @param {HTMLElement} item @param {Fact} fact @param {boolean} on @param {Act} act */
function edit(item, fact, on, act) {
  editing = true;
  const field = /** @type {HTMLInputElement} */ (el("input", { type: "text", maxlength: "400", "aria-label": ext.t("factCorrect") }));
  field.value = fact.text;
  const leave = () => {
    editing = false;
    item.replaceWith(line(fact, on, act));
    if (waiting) drawCustomer(waiting, on, act);
    waiting = null;
  };
  const form = el("form", { class: "stack" }, field, el("div", { class: "row" },
    el("button", { class: "main" }, ext.t("save")), el("button", { type: "button", click: leave }, ext.t("cancel"))));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = field.value.trim();
    if (text && text !== fact.text) act("correct", { fact: fact.id, text });
    leave();
  });
  item.replaceChildren(form);
  field.select();
}

/** @param {string} at */
const day = (at) => new Date(at).toLocaleString(ext.language(), { dateStyle: "medium", timeStyle: "short" });
