// Forms that stay on their page where the server refuses them, so that nothing typed is lost, and that say when they
// are done. Such a form has `data-stays`: what to say then.

import { el } from "./dom.js";
import { freshen } from "./session.js";

const DONE = "copilot-done";
const OVER = new Set([401, 403]);

class Staying {
  constructor(form) {
    this.form = form;
    this.dirty = false;
    this.box = el("div", { class: "notice notice-bad refusal", role: "alert", hidden: true });
    const bar = form.querySelector(".save");
    if (bar) bar.prepend(this.box);
    else form.querySelector("[type=submit]").before(this.box);
    form.addEventListener("input", () => { this.dirty = true; });
    form.addEventListener("submit", (event) => { event.preventDefault(); this.send(event.submitter); });
  }

  async send(submitter) {
    if (this.sending) return;
    this.sending = true;
    this.box.hidden = true;
    const body = new URLSearchParams(new FormData(this.form, submitter));
    const answer = await fetch(this.form.action, { method: "POST", body, headers: { Accept: "application/json" } }).catch(() => null);
    this.sending = false;
    if (answer?.ok) this.#done(answer.url);
    else this.#refused(answer?.status, (await answer?.json().catch(() => null))?.detail);
  }

  #done(url) {
    this.dirty = false;
    sessionStorage.setItem(DONE, this.form.dataset.stays);
    location.assign(url);
  }

  #refused(status, detail) {
    const told = [el("strong", {}, "Nothing was saved. ")];
    if (!status) told.push("The copilot does not answer. What you typed stays here; try again.");
    else if (status === 401) told.push(
      "Your session is over. ", el("a", { href: "/sign-in", target: "_blank", rel: "noopener" }, "Sign in in another tab"),
      ", come back and send it again: what you typed stays here.");
    else told.push(detail || `The copilot refused: ${status}.`);
    if (status === 409) told.push(" ", ...this.#ways());
    if (OVER.has(status)) addEventListener("focus", freshen, { once: true });
    this.box.replaceChildren(el("p", {}, ...told));
    this.box.hidden = false;
    this.box.scrollIntoView({ block: "nearest" });
  }

  /** Out of a form that was filled in over something that is no more. */
  #ways() {
    const look = el("a", { href: location.pathname, target: "_blank", rel: "noopener" }, "See it in a new tab");
    if (!("anyway" in this.form.dataset)) return [look, "."];
    const button = el("button", { class: "button button-quiet button-small", type: "button" }, "Save mine instead");
    button.addEventListener("click", () => {
      this.form.elements.seen.value = "";
      this.send();
    });
    return [look, ", or ", button];
  }
}

/** What the page before has done. */
function tellDone() {
  const text = sessionStorage.getItem(DONE);
  if (!text) return;
  sessionStorage.removeItem(DONE);
  const told = el("p", { class: "notice notice-good", role: "status" });
  document.querySelector("main").prepend(told);
  told.textContent = text;
}

const known = new Map();

function take(root) {
  for (const form of root.querySelectorAll("form[data-stays]")) {
    if (!known.has(form)) known.set(form, new Staying(form));
  }
}

addEventListener("beforeunload", (event) => {
  if ([...known.values()].some(({ form, dirty }) => dirty && form.isConnected)) event.preventDefault();
});
document.addEventListener("htmx:load", ({ detail }) => take(detail.elt));
take(document);
tellDone();
