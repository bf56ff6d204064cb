// The worker: it is woken by clicks, keys and tabs, and keeps nothing in memory.

import "./ext.js";
import { access, meet, signOut } from "./account.js";
import { customerIn } from "./customers.js";
import { originOf, readPrefs } from "./prefs.js";

const DESK = "offscreen.html";
const OVERLAY = ["ext.js", "overlay/style.js", "overlay/card.js", "overlay/place.js", "overlay/overlay.js"];
/** Phases in which a call is on. */
const ON = ["consent", "starting", "live", "reconnecting"];
/** What a script in somebody else's page may ask for; no token is among it. */
const FROM_PAGES = ["source", "after", "panel", "options", "place", "placeOf", "lost", "again"];

/** @typedef {{tabId: number, site: string, phase: string, callId: string, trouble: string}} Current */

/** @returns {Promise<Current | undefined>} */
const currentCall = () => ext.load("session", "call");

/** @param {{what: string, [more: string]: unknown}} message */
const askDesk = (message) => ext.send({ to: "desk", ...message });

void ext.lockStorage();
ext.onInstalled((first) => { if (first) void ext.openTab("options/options.html#welcome"); });
ext.onClicked((tab) => void clicked(tab));
ext.onCommand((command, tab) => void pressed(command, tab));
ext.onTabGone((tabId) => void left(tabId));
ext.onTabLoads((tab, done) => void loads(tab, done));
ext.onSaved((area, keys) => { if (area === "local" && keys.includes("prefs")) void preferred(); });

ext.onMessage("worker", async (message, { tab, own }) => {
  if (!own && !FROM_PAGES.includes(message.what)) return undefined;
  switch (message.what) {
    case "access": return access(message.refused);
    case "streamId": return ext.streamId(message.tabId).then((id) => ({ id }), (error) => ({ error: String(error.message ?? error) }));
    case "phase": return phased(message);
    case "source": return show(`/passages/${encodeURIComponent(message.passage)}`);
    case "after": return show(`/calls/${encodeURIComponent(message.call)}/after`);
    case "panel": return tab && ext.openPanel(tab.windowId);
    case "options": return ext.openTab(`options/options.html${message.part ?? ""}`);
    case "place": return tab && keepPlace(tab, message.place);
    case "placeOf": return tab && placeOf(tab);
    case "lost": return lost(tab);
    case "again": return again(own ? undefined : tab);
    case "microphone": return granted();
    case "signOut": await askDesk({ what: "end", reason: "signedOut" }); return signOut();
    case "view": return (await ext.hasDesk()) ? askDesk({ what: "view" }) : undefined;
  }
  return undefined;
});

/** @param {Tab} tab */
async function clicked(tab) {
  // while the click counts: where no card can be drawn, the panel is what there is to see
  if (!originOf(tab.url)) void ext.openPanel(tab.windowId);
  const call = await currentCall();
  if (call && ON.includes(call.phase) && (await ext.hasDesk())) {
    if (call.tabId !== tab.id) {
      await askDesk({ what: "act", act: "elsewhere" });
      await ext.showTab(call.tabId);
    }
    await overlay(call.tabId);
    return;
  }
  const met = await meet();
  if (met.trouble) return void ext.openTab(`options/options.html#${met.trouble}`);
  await ext.openDesk(DESK);
  if ((await askDesk({ what: "microphone" })) !== "granted") {
    await ext.save("session", "wanted", { ...tab });
    return void ext.openTab("permission/permission.html");
  }
  await begin(tab);
}

/** The microphone was allowed on its page: back to the tab whose call is to be heard. */
async function granted() {
  const tab = await ext.load("session", "wanted");
  await ext.save("session", "wanted", undefined);
  if (!tab) return false;
  await ext.showTab(tab.id);
  await ext.openDesk(DESK);
  await begin(tab);
  return true;
}

/** @param {Tab} tab */
async function begin(tab) {
  const site = originOf(tab.url);
  const unended = await ext.load("local", "unended");
  const resume = unended?.site === site ? unended.callId : "";
  const prefs = await readPrefs();
  await ext.save("session", "call", { tabId: tab.id, site, phase: "starting", callId: "", trouble: "" });
  await askDesk({ what: "start", call: { tabId: tab.id, site, prefs, resume, customer: customerIn(prefs.customers, tab.url) } });
  if (!(await overlay(tab.id)) && !(await ext.hasPanel())) await ext.openTab("panel/panel.html");
}

/** Once more what has just failed, as the agent asks for on its page or in the panel. @param {Tab | undefined} from the page's tab */
async function again(from) {
  const call = await currentCall();
  const tab = call?.trouble ? await ext.tab(call.tabId) : undefined;
  if (tab && (!from || from.id === tab.id)) await clicked(tab);
}

/**
 * An end has lost the call's page: `on` where it was only the end's own page that slept, `broken` where the browser has ended
 * it in a call, which can be taken up again.
 * @param {Tab | undefined} tab the end's, where it is a page
 */
async function lost(tab) {
  const call = await currentCall();
  if (await ext.hasDesk()) return call && ON.includes(call.phase) && (!tab || tab.id === call.tabId) ? "on" : "over";
  if (!call || (!ON.includes(call.phase) && call.trouble !== "broken")) return "over";
  await ext.save("session", "call", { ...call, phase: "ended", trouble: "broken" });
  await badge("ended", "broken");
  return "broken";
}

/** The overlay on the page; pages of the browser's own take none, and the side panel is what is left. @param {number} tabId */
function overlay(tabId) {
  return ext.inject(tabId, OVERLAY);
}

/** Where the overlay was left on this site. @param {Tab} tab */
async function placeOf(tab) {
  return ((await ext.load("local", "places")) ?? {})[originOf(tab.url)];
}

/** @param {string} command @param {Tab | undefined} tab */
async function pressed(command, tab) {
  if (command === "ask") {
    if (tab) void ext.openPanel(tab.windowId);
    return ext.save("session", "asking", true);
  }
  if (await ext.hasDesk()) await askDesk({ what: "act", act: command });
}

/** @param {number} tabId */
async function left(tabId) {
  const call = await currentCall();
  if (call?.tabId === tabId && ON.includes(call.phase)) await askDesk({ what: "end", reason: "tab" });
}

/**
 * A reload brings the overlay back; a page of another site ends the call, unless that site is allowed; another address may name
 * another customer.
 * @param {Tab} tab @param {boolean} done
 */
async function loads(tab, done) {
  const call = await currentCall();
  if (!call || call.tabId !== tab.id || !ON.includes(call.phase)) return;
  const site = originOf(tab.url);
  if (site !== call.site && !(await ext.sites()).includes(site)) return void askDesk({ what: "end", reason: "left" });
  const customer = customerIn((await readPrefs()).customers, tab.url);
  if (customer) await askDesk({ what: "customer", customer });
  if (done) await overlay(tab.id);
}

/** @param {{phase: string, callId: string, trouble: string}} now */
async function phased({ phase, callId, trouble }) {
  const call = await currentCall();
  await ext.save("session", "call", { ...call, phase, callId, trouble });
  const site = call?.site;
  await ext.save("local", "unended", phase === "live" || phase === "reconnecting" ? { callId, site } : undefined);
  await badge(phase, trouble);
}

/** @param {string} phase @param {string} trouble */
async function badge(phase, trouble) {
  const [text, colour] = phase === "live" ? ["●", "#1a7440"] : ON.includes(phase) ? ["…", "#a9541a"] : trouble ? ["!", "#b3261e"] : ["", "#565a65"];
  const over = phase === "ended" || phase === "idle";
  const state = trouble ? `trouble_${trouble}` : over ? "" : `phase_${phase}`;
  await ext.badge(text, colour, ext.t("action") + (state && ` – ${ext.t(state)}`));
}

/** A page of the server's, in a tab of its own. @param {string} path */
async function show(path) {
  const found = await access();
  if (found?.server) await ext.openTab(found.server + path);
}

/** @param {Tab} tab @param {unknown} place */
async function keepPlace(tab, place) {
  const places = (await ext.load("local", "places")) ?? {};
  await ext.save("local", "places", { ...places, [originOf(tab.url)]: place });
}

async function preferred() {
  if (await ext.hasDesk()) await askDesk({ what: "prefer", prefs: await readPrefs() });
}
