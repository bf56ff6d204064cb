// What a call shows of itself, as plain values for the overlay and the side panel.

import { current, TICK_MS } from "./journal.js";

/**
 * @typedef {"idle" | "consent" | "starting" | "live" | "reconnecting" | "ended"} Phase
 * @typedef {{code: string, detail: string}} Told
 * @typedef {{phase: Phase, tabId: number, site: string, callId: string, sinceMs: number, lostMs: number,
 *   reason: string, trouble: Told | null, warnings: string[],
 *   card: (import("./journal.js").Card & {ageMs: number, used: boolean}) | null,
 *   gone: string, whisper: string, snoozedMs: number, swapped: boolean,
 *   ear: {on: boolean, muted: boolean, missing: boolean}}} View
 * @typedef {import("./desk.js").Desk} Desk
 */

/** The card that is up and that the agent has not put aside. @param {Desk} desk */
export function cardOf({ journal, answers }) {
  const card = current(journal);
  return card && answers.get(card.inquiry) !== "dismissed" ? card : undefined;
}

/** @param {Desk} desk */
export const snoozedMs = ({ journal }) => Math.max(0, journal.snoozed - journal.tick) * TICK_MS;

/** @param {Desk} desk @returns {View} */
export function viewOf(desk) {
  const { phase, call, link, ear, journal } = desk;
  const card = phase === "ended" ? undefined : cardOf(desk);
  return {
    phase, tabId: call?.tabId ?? -1, site: call?.site ?? "", callId: link?.id ?? "",
    sinceMs: desk.started, lostMs: phase === "reconnecting" ? link?.lostAt ?? 0 : 0,
    reason: desk.reason, trouble: desk.trouble,
    warnings: [...(desk.elsewhere && phase !== "ended" ? ["elsewhere"] : []), ...(phase === "live" ? warnings(desk) : [])],
    card: card ? { ...card, ageMs: (journal.tick - card.tick) * TICK_MS, used: used(desk, card) } : null,
    gone: gone(desk), whisper: journal.whisper?.text ?? "",
    snoozedMs: snoozedMs(desk), swapped: desk.swapped,
    ear: { on: Boolean(ear?.prefs.on), muted: Boolean(ear?.muted), missing: Boolean(ear?.missing) },
  };
}

/** @param {Desk} desk @param {import("./journal.js").Card} card */
const used = ({ answers }, card) => card.touches.includes("used") || answers.get(card.inquiry) === "used";

/** @param {Desk} desk */
function warnings({ watch, ear, journal, seenEar }) {
  const echo = journal.ear === seenEar ? [] : { open: [], soft: ["echoSoft"], off: ["echoOff"] }[journal.ear];
  return [...(watch?.warnings ?? []), ...(ear?.prefs.on ? [...(ear.missing ? ["earMissing"] : []), ...echo] : [])];
}

/** Why the newest card has gone. @param {Desk} desk */
function gone({ journal, answers }) {
  const card = journal.cards.at(-1);
  return (card && answers.get(card.inquiry) === "dismissed" ? "dismissed" : card?.gone) ?? "";
}
