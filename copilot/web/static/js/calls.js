// The list of calls, which follows what happens.

import { byId } from "./dom.js";
import { leaveWhenRefused } from "./session.js";
import { localizeMoments } from "./time.js";

const SETTLE_MS = 400;

let timer = 0;

async function refresh() {
  timer = 0;
  const response = await fetch(location.href).catch(() => null);
  if (!response?.ok) return;
  if (response.redirected) {
    location.assign(response.url);
    return;
  }
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  if (fresh.querySelector(".find") && !document.querySelector(".find")) {
    location.reload(); // the first call brings the search with it
    return;
  }
  const focused = document.activeElement?.getAttribute("href");
  byId("calls").replaceWith(fresh.getElementById("calls"));
  localizeMoments();
  if (focused) byId("calls").querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
}

localizeMoments();
const changes = new EventSource("/changes");
const soon = () => { timer ||= setTimeout(refresh, SETTLE_MS); };
changes.onmessage = soon;
changes.onopen = soon; // what has happened since the page was made, or while the stream was broken
leaveWhenRefused(changes);
