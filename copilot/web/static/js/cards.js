// The agent's cards: the newest need first, one at a time, with its source one click away.

import { el } from "./dom.js";

const LEAVE_MS = 500;
const MURMURS = 3;

export class Cards {
  /**
   * @param {{cards: HTMLElement, quiet: HTMLElement, murmur: HTMLElement}} places
   * @param {object} words reasons in words
   * @param {(inquiry: number, how: string) => boolean} touch tells the copilot; false where it cannot
   */
  constructor(places, words, touch) {
    this.places = places;
    this.words = words;
    this.touch = touch;
    /** @type {Map<number, object>} Oldest first. */
    this.open = new Map();
    this.element = null;
  }

  /** One message of the data channel. */
  take(event) {
    switch (event.type) {
      case "show_card": this.#show(event); break;
      case "withdraw_card": this.#withdraw(event); break;
      case "withheld": this.#murmur(event); break;
      case "ear_changed": this.#ear(event); break;
    }
  }

  clear() {
    this.open.clear();
    this.#draw();
  }

  get current() {
    return [...this.open.values()].at(-1);
  }

  use() { this.#touch("used"); }

  dismiss() { this.#touch("dismissed"); }

  openSource() {
    this.element?.querySelector("a")?.click();
  }

  #show(card) {
    const known = this.open.get(card.inquiry);
    this.open.set(card.inquiry, { ...known, ...card });
    this.#draw();
  }

  #withdraw({ inquiry, reason }) {
    if (!this.open.has(inquiry)) return;
    const wasCurrent = this.current.inquiry === inquiry;
    this.open.delete(inquiry);
    if (!wasCurrent) return this.#draw();
    const leaving = this.element;
    const why = this.words.withdrawals[reason]?.sentence ?? reason;
    leaving.querySelector(".card-actions").replaceChildren(el("span", { class: "dim" }, why));
    leaving.classList.add("leaving");
    setTimeout(() => { if (this.element === leaving) this.#draw(); }, LEAVE_MS);
  }

  #touch(how) {
    const card = this.current;
    if (!card || card.used) return;
    if (!this.touch(card.inquiry, how)) return;
    if (how === "used") {
      card.used = true;
      this.#draw();
    }
  }

  #draw() {
    const { cards, quiet } = this.places;
    const card = this.current;
    this.element = card ? this.#card(card) : null;
    cards.replaceChildren(...(this.element ? [this.element] : []));
    const waiting = this.open.size - 1;
    if (waiting > 0) {
      const text = waiting === 1 ? "One earlier card is still open." : `${waiting} earlier cards are still open.`;
      cards.append(el("p", { class: "more-cards" }, text));
    }
    quiet.hidden = Boolean(card);
  }

  #card(card) {
    return el("article", { class: "card card-big", "data-inquiry": card.inquiry },
      el("p", { class: "card-line" }, card.text),
      el("p", { class: "card-meta" },
        el("span", { class: "card-title" }, card.by ? `From ${card.by}` : card.title),
        ...(card.by ? [] : [el("span", { class: "support", title: "How likely it is to be of use" }, `${card.support} %`)])),
      ...(card.by ? [] : [el("p", { class: "card-why" }, "Heard: ", el("q", {}, card.query))]),
      el("div", { class: "card-actions" },
        ...(card.used ? [el("span", { class: "dim" }, "Marked as used.")] : this.#buttons()),
        this.#source(card)));
  }

  #buttons() {
    const use = el("button", { class: "button", type: "button" }, "Use ", el("kbd", {}, "U"));
    const dismiss = el("button", { class: "button button-quiet", type: "button" }, "Dismiss ", el("kbd", {}, "D"));
    use.addEventListener("click", () => this.use());
    dismiss.addEventListener("click", () => this.dismiss());
    return [use, dismiss];
  }

  #source({ cites, inquiry }) {
    if (!cites.length) return "";
    const href = `/passages/${encodeURIComponent(cites[0])}`;
    const link = el("a", { class: "button button-quiet", href, target: "_blank", rel: "noopener", title: cites[0] },
      "Source ", el("kbd", {}, "S"));
    link.addEventListener("click", () => this.touch(inquiry, "opened"));
    return link;
  }

  #ear({ ear }) {
    const text = ear === "off"
      ? "Your microphone hears the whispers: the ear is off. Cards go on; use a headset to hear whispers."
      : "Your microphone hears the whispers: they are softer from now on.";
    this.places.murmur.prepend(el("li", { role: "status" }, el("strong", {}, text)));
  }

  #murmur({ reason, query }) {
    const phrase = this.words.silences[reason] ?? { label: reason, sentence: "" };
    const item = el("li", {}, el("strong", {}, `Silent: ${phrase.label}. `), phrase.sentence, " ", el("q", {}, query));
    this.places.murmur.prepend(item);
    while (this.places.murmur.childElementCount > MURMURS) this.places.murmur.lastElementChild.remove();
  }
}
