// What the console's pages share: moments in local time, what a form has done, and what went wrong.

import "./forms.js";
import { Listening } from "./listen.js";
import { localizeMoments } from "./time.js";

const told = () => document.getElementById("told");

function say(text, bad = false) {
  const place = told();
  if (!place) return;
  place.textContent = text;
  place.classList.toggle("told-bad", bad);
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
document.addEventListener("htmx:responseError", ({ detail }) => say(reason(detail.xhr), true));
document.addEventListener("htmx:sendError", () => say("The copilot does not answer.", true));
document.addEventListener("htmx:afterSwap", localizeMoments);

const button = document.getElementById("listen");
if (button) new Listening(button, (text) => say(text, true));

localizeMoments();
