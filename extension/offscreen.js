// The page without a window that holds the call: overlay and side panel come and go, it stays.

import "./ext.js";
import { Desk } from "./call/desk.js";

/** After a call the page stays so long, for its last view to be read. */
const LINGER_MS = 30_000;

/** @typedef {ReturnType<typeof ext.connect>} Wire */

/** @type {Set<Wire>} */
const overlays = new Set();
/** @type {Set<Wire>} */
const panels = new Set();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let lingering;

/** @param {object} message */
const toAll = (message) => { for (const end of [...overlays, ...panels]) end.post(message); };
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

ext.onConnect(["overlay", "panel"], (name, end) => {
  const ends = name === "panel" ? panels : overlays;
  ends.add(end);
  if (name === "panel") {
    end.post({ what: "journal", journal: desk.journal });
    end.post({ what: "customer", customer: desk.customer.view() });
  }
  end.post({ what: "view", view: desk.view() });
  return {
    hear: ({ act, more }) => desk.act(act, more),
    gone: () => ends.delete(end),
  };
});

ext.onMessage("desk", async (message) => {
  switch (message.what) {
    case "start":
      clearTimeout(lingering);
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
