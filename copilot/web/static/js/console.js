// What the console's pages share: moments in local time, what a form has done, and what went wrong.

import { el } from "./dom.js";
import "./forms.js";
import { Listening } from "./listen.js";
import { freshen } from "./session.js";
import { localizeMoments } from "./time.js";

function say(text, bad = false) {
  const place = document.getElementById("told") ?? placeForWords();
  place.textContent = text;
  place.classList.toggle("told-bad", bad);
}

/** Of pages that have none of their own. */
function placeForWords() {
  const place = el("p", { id: "told", class: "notice", role: "status" });
  document.querySelector("main").prepend(place);
  return place;
}

/** The server's own words for what went wrong. */
function reason(xhr) {
  try {
    return JSON.parse(xhr.responseText).detail || `The copilot refused: ${xhr.status}.`;
  } catch {
    return `The copilot refused: ${xhr.status}.`;
  }
}

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  const form = detail.elt.closest?.("form");
  const offline = document.getElementById("offline");
  if (offline) offline.hidden = Boolean(detail.xhr?.status);
  if (!form || !detail.successful) return;
  if (form.dataset.sent) say(form.dataset.sent);
  if ("empty" in form.dataset) {
    form.reset();
    form.querySelector("input:not([type=hidden])")?.focus();
  }
});
document.addEventListener("htmx:responseError", ({ detail }) => {
  const { elt, xhr } = detail;
  if (xhr.status !== 401) return say(reason(xhr), true);
  if (!elt.closest("form")) return location.reload(); // nothing is typed there: to the sign-in
  addEventListener("focus", freshen, { once: true });
  say("Your session is over. Sign in in another tab, come back and send it again: what you typed stays here.", true);
});
document.addEventListener("htmx:sendError", () => say("The copilot does not answer.", true));
document.addEventListener("htmx:afterSwap", localizeMoments);

const button = document.getElementById("listen");
if (button) new Listening(button, (text) => say(text, true));

localizeMoments();
