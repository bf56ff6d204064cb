// What the agent has chosen, under what the organisation has.

import "./ext.js";
import { together } from "./customers.js";

/** @type {import("./call/desk.js").Prefs} */
export const DEFAULTS = {
  consent: "ask",
  packs: "",
  headset: false,
  customers: [],
  ear: { on: false, loudness: 0.7, duck: true },
};

/** @returns {Promise<{server?: string, team?: string, consent?: "ask" | "announced", customers: string[]}>} */
export async function readPolicy() {
  const [server, team, consent, customers = []] = await Promise.all(
    ["server", "team", "consent", "customers"].map((key) => ext.load("managed", key).catch(() => undefined)));
  return { server: server && tidy(server), team, consent, customers };
}

/** @returns {Promise<import("./call/desk.js").Prefs>} */
export async function readPrefs() {
  const [own = {}, policy] = [await ext.load("local", "prefs"), await readPolicy()];
  const customers = together(policy.customers, own.customers ?? []);
  const chosen = { ...DEFAULTS, ...own, ear: { ...DEFAULTS.ear, ...own.ear }, customers };
  return policy.consent ? { ...chosen, consent: policy.consent } : chosen;
}

/** @param {Partial<import("./call/desk.js").Prefs>} changed */
export async function writePrefs(changed) {
  const own = (await ext.load("local", "prefs")) ?? {};
  await ext.save("local", "prefs", { ...own, ...changed });
}

/** The origin of an address, empty where there is none that a site could have. @param {string | undefined} url */
export function originOf(url) {
  if (!url || !URL.canParse(url)) return "";
  const { origin, protocol } = new URL(url);
  return protocol === "http:" || protocol === "https:" ? origin : "";
}

/** A server's address as one types it, without what follows its name. @param {string} typed */
export function tidy(typed) {
  const text = typed.trim();
  if (!text || /\s/.test(text)) return "";
  const local = /^(localhost|127\.|\[::1\])/.test(text);
  const whole = /^[a-z]+:\/\//i.test(text) ? text : `${local ? "http" : "https"}://${text}`;
  return originOf(whole);
}
