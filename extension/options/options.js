// The options: server and sign-in, consent, microphone, earpiece, keys and sites.

import { account, AccountError, approved, pair, visit } from "../account.js";
import { Earpiece } from "../call/earpiece.js";
import { RuleError, siteOf, together } from "../customers.js";
import { readPolicy, readPrefs, tidy, writePrefs } from "../prefs.js";
import { byId } from "../shared/words.js";

/** Commands in the order of their use. @type {[string, string][]} */
const COMMANDS = [
  ["_execute_action", "commandStart"], ["use", "commandUse"], ["dismiss", "commandDismiss"], ["snooze", "commandSnooze"],
  ["mute", "commandMute"], ["ask", "commandAsk"], ["source", "commandSource"],
];

/** @type {AbortController | null} */
let waiting = null;
const box = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (byId(id));
const list = (/** @type {string} */ id) => /** @type {HTMLSelectElement} */ (byId(id));

// ---- server and sign-in

async function showAccount() {
  const [known, { server, team }] = await Promise.all([account(), readPolicy()]);
  byId("signed").hidden = !known;
  byId("connect").hidden = Boolean(known) || !byId("pairing").hidden;
  byId("managed").hidden = !server;
  if (server) box("server").value = server;
  box("server").readOnly = Boolean(server);
  if (!known) return;
  byId("who").textContent = known.user?.name ?? "";
  byId("where").textContent = [known.user?.team, known.server].filter(Boolean).join(" · ");
  byId("other-team").hidden = !team || known.user?.team === team;
  byId("no-sign-in").hidden = known.refresh !== "";
}

/** @param {string} code @param {string} [detail] */
function trouble(code, detail = "") {
  const place = byId("server-trouble");
  place.replaceChildren();
  if (!code) return;
  const note = document.createElement("p");
  note.className = "note alert";
  const strong = document.createElement("strong");
  strong.textContent = ext.t(`trouble_${code}`);
  note.append(strong, ext.t(`trouble_${code}_help`), detail ? ` ${detail}` : "");
  place.append(note);
}

/** @param {string} place @param {string} key */
function say(place, key) {
  const note = document.createElement("p");
  note.className = "note alert";
  note.textContent = ext.t(key);
  byId(place).replaceChildren(note);
}

async function signIn() {
  trouble("");
  box("go").disabled = true;
  try {
    const server = tidy(box("server").value);
    if (server) box("server").value = server;
    if (!(await visit(server))) await signInAt(server);
  } catch (error) {
    if (!(error instanceof AccountError)) throw error;
    trouble(error.code, error.detail);
  } finally {
    box("go").disabled = false;
    byId("pairing").hidden = true;
    await showAccount();
  }
}

/** Shows the code until it is approved in the console. @param {string} server */
async function signInAt(server) {
  const pairing = await pair(server);
  waiting = new AbortController();
  byId("connect").hidden = true;
  byId("pairing").hidden = false;
  byId("code").textContent = pairing.code;
  byId("open-pair").onclick = () => void ext.openTab(pairing.whole);
  byId("open-pair").focus();
  await approved(pairing, waiting.signal);
}

// ---- consent, microphone, earpiece

async function showPrefs() {
  const [prefs, policy] = await Promise.all([readPrefs(), readPolicy()]);
  for (const choice of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("[name=consent]"))) {
    choice.checked = choice.value === prefs.consent;
    choice.disabled = Boolean(policy.consent);
  }
  byId("consent-managed").hidden = !policy.consent;
  box("headset").checked = prefs.headset;
  box("ear-on").checked = prefs.ear.on;
  box("duck").checked = prefs.ear.duck;
  box("loudness").value = String(prefs.ear.loudness);
  byId("ear-set").hidden = !prefs.ear.on;
  await showDevices(prefs);
}

/** @param {import("../call/desk.js").Prefs} prefs */
async function showDevices(prefs) {
  const { state } = await navigator.permissions.query({ name: /** @type {any} */ ("microphone") });
  byId("microphone-ask").hidden = state === "granted";
  byId("microphone-set").hidden = state !== "granted";
  const devices = await navigator.mediaDevices.enumerateDevices();
  fill(list("microphone"), devices.filter((one) => one.kind === "audioinput"), prefs.microphone);
  fill(list("ear"), devices.filter((one) => one.kind === "audiooutput"), prefs.ear.device);
}

/** @param {HTMLSelectElement} select @param {MediaDeviceInfo[]} devices @param {{id: string, label: string} | undefined} chosen */
function fill(select, devices, chosen) {
  const known = devices.filter(({ deviceId, label }) => label && !["default", "communications", ""].includes(deviceId));
  const options = [new Option(ext.t("defaultDevice"), ""), ...known.map(({ deviceId, label }) => new Option(label, deviceId))];
  const found = known.find(({ deviceId, label }) => deviceId === chosen?.id || label === chosen?.label);
  if (chosen?.id && !found) options.push(absent(chosen));
  select.replaceChildren(...options);
  select.value = found?.deviceId ?? chosen?.id ?? "";
}

/** It keeps its plain name, by which it is found again. @param {{id: string, label: string}} chosen */
function absent({ id, label }) {
  const option = new Option(`${label} (${ext.t("notConnected")})`, id);
  option.dataset.label = label;
  return option;
}

/** @param {HTMLSelectElement} select */
function device(select) {
  const [option] = select.selectedOptions;
  return option?.value ? { id: option.value, label: option.dataset.label ?? option.text } : undefined;
}

async function keep() {
  const consent = /** @type {HTMLInputElement | null} */ (document.querySelector("[name=consent]:checked"))?.value;
  await writePrefs({
    consent: consent === "announced" ? "announced" : "ask",
    headset: box("headset").checked,
    microphone: device(list("microphone")),
    ear: { on: box("ear-on").checked, duck: box("duck").checked, loudness: Number(box("loudness").value), device: device(list("ear")) },
  });
  byId("ear-set").hidden = !box("ear-on").checked;
}

async function testSound() {
  await keep();
  const ear = new Earpiece(() => {}, () => {});
  await ear.use((await readPrefs()).ear);
  byId("tested").textContent = ext.t(ear.missing ? "warn_earMissing" : "testedSound");
  if (!ear.missing) await ear.test();
  setTimeout(() => ear.close(), 1500);
}

// ---- customers

async function showRules() {
  const [{ customers }, policy] = await Promise.all([readPrefs(), readPolicy()]);
  byId("rules").replaceChildren(...customers.map((rule) => {
    const item = document.createElement("li");
    const code = document.createElement("code");
    code.textContent = rule;
    const more = document.createElement(policy.customers.includes(rule) ? "span" : "button");
    more.textContent = ext.t(more instanceof HTMLButtonElement ? "remove" : "managedRule");
    more.className = more instanceof HTMLButtonElement ? "" : "soft";
    more.ariaLabel = `${more.textContent}: ${rule}`;
    if (more instanceof HTMLButtonElement) {
      more.type = "button";
      more.addEventListener("click", async () => { await ownRules((one) => one !== rule); await showRules(); });
    }
    item.append(code, more);
    return item;
  }));
}

/** Keeps those of the agent's own rules that are wanted, and another. @param {(rule: string) => boolean} wanted @param {...string} more */
async function ownRules(wanted, ...more) {
  const { customers } = await readPolicy();
  const own = (await readPrefs()).customers.filter((rule) => !customers.includes(rule) && wanted(rule));
  await writePrefs({ customers: together(customers, [...own, ...more]).filter((rule) => !customers.includes(rule)) });
}

async function addRule() {
  const rule = box("rule").value.trim();
  byId("rule-trouble").replaceChildren();
  try {
    const site = siteOf(rule);
    if (!together((await readPolicy()).customers, [rule]).includes(rule)) return say("rule-trouble", "ruleManaged");
    await ownRules((one) => siteOf(one) !== site, rule);
    box("rule").value = "";
    await showRules();
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    say("rule-trouble", error.code);
  }
}

// ---- keys and sites

async function showKeys() {
  const keys = await ext.shortcuts();
  byId("keys").replaceChildren(...COMMANDS.flatMap(([command, text]) => {
    const name = document.createElement("dt");
    name.textContent = ext.t(text);
    const key = document.createElement("dd");
    const shown = document.createElement(keys[command] ? "kbd" : "span");
    shown.textContent = keys[command] || ext.t("noKey");
    shown.className = keys[command] ? "" : "none";
    key.append(shown);
    return [name, key];
  }));
}

async function showSites() {
  const sites = await ext.sites();
  byId("sites-part").hidden = sites.length === 0;
  byId("sites").replaceChildren(...sites.map((site) => {
    const item = document.createElement("li");
    const leave = document.createElement("button");
    leave.type = "button";
    leave.textContent = ext.t("leaveSite");
    leave.addEventListener("click", async () => { await ext.leaveSite(site); await showSites(); });
    item.append(site, leave);
    return item;
  }));
}

// ---- start

byId("welcome").hidden = location.hash !== "#welcome";
byId("version").textContent = ext.t("version", ext.version());
byId("connect").addEventListener("submit", (event) => { event.preventDefault(); void signIn(); });
byId("cancel").addEventListener("click", () => waiting?.abort());
byId("sign-out").addEventListener("click", async () => {
  await ext.send({ to: "worker", what: "signOut" });
  await showAccount();
});
byId("allow-microphone").addEventListener("click", () => void ext.openTab("permission/permission.html"));
byId("test").addEventListener("click", () => void testSound());
byId("add-rule").addEventListener("submit", (event) => { event.preventDefault(); void addRule(); });
byId("change-keys").addEventListener("click", () => void ext.openTab("chrome://extensions/shortcuts"));
for (const input of document.querySelectorAll("section:not([aria-labelledby=h-server], [aria-labelledby=h-customers]) :is(input, select)")) {
  input.addEventListener("change", () => void keep());
}
navigator.mediaDevices.addEventListener("devicechange", () => void showPrefs());
addEventListener("focus", () => { void showPrefs(); void showKeys(); void showSites(); });
await Promise.all([showAccount(), showPrefs(), showKeys(), showSites(), showRules()]);
document.body.dataset.ready = "";
