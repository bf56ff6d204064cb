// The page without a window that holds the call: overlay and side panel come and go, it stays.

import "./ext.js";
import { Desk } from "./call/desk.js";

/** After a call the page stays so long, for its last view to be read. */
const LINGER_MS = 30_000;
/** What the page of a call before is told, and goes. */
const IDLE = { phase: "idle" };

/** @typedef {ReturnType<typeof ext.connect>} Wire */

/** With the tab of each: only the call's own tab is told of the call. @type {Map<Wire, number | undefined>} */
const overlays = new Map();
/** @type {Set<Wire>} */
const panels = new Set();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let lingering;

/** @param {object} message */
const toAll = (message) => {
  for (const [end, tabId] of overlays) if (tabId === desk.call?.tabId) end.post(message);
  toPanels(message);
};
/** @param {object} message */
const toPanels = (message) => { for (const end of panels) end.post(message); };

const desk = new Desk({
  view: (view) => toAll({ what: "view", view }),
  levels: (levels) => toAll({ what: "levels", levels }),
  entries: (batch) => toPanels({ what: "entries", batch }),
  journal: () => toPanels({ what: "journal", journal: desk.journal }),
  customer: () => toPanels({ what: "customer", customer: desk.customer.view() }),
  over: () => { lingering = setTimeout(() => window.close(), LINGER_MS); },
});
Object.assign(globalThis, { desk });

ext.onConnect(["overlay", "panel"], (name, end, tabId) => (name === "panel" ? meetPanel(end) : meetOverlay(end, tabId)));

/** @param {Wire} end */
function meetPanel(end) {
  panels.add(end);
  end.post({ what: "journal", journal: desk.journal });
  end.post({ what: "customer", customer: desk.customer.view() });
  end.post({ what: "view", view: desk.view() });
  return {
    hear: (/** @type {any} */ { act, more }) => desk.act(act, more),
    gone: () => panels.delete(end),
  };
}

/** @param {Wire} end @param {number | undefined} tabId */
function meetOverlay(end, tabId) {
  overlays.set(end, tabId);
  const here = () => tabId === desk.call?.tabId;
  end.post({ what: "view", view: here() ? desk.view() : IDLE });
  return {
    hear: (/** @type {any} */ { act, more }) => { if (here()) desk.act(act, more); },
    gone: () => overlays.delete(end),
  };
}

ext.onMessage("desk", async (message, { own }) => {
  if (!own) return undefined;
  switch (message.what) {
    case "start":
      clearTimeout(lingering);
      for (const [end, tabId] of overlays) if (tabId !== message.call.tabId) end.post({ what: "view", view: IDLE });
      void desk.start(message.call);
      return true;
    case "act": return desk.act(message.act, message.more);
    case "end": return desk.end(message.reason);
    case "customer": return desk.customer.addressed(message.customer);
    case "prefer": return desk.prefer(message.prefs);
    case "microphone": return (await navigator.permissions.query({ name: "microphone" })).state;
    case "view": return desk.view();
  }
  return undefined;
});
