// The copilot over the page: one card at a time, nothing of it readable or reachable by the page.

(() => {
  const HOST = "call-copilot";
  const LEAVE_MS = 1400;
  const FLOOR_DB = -60;
  /** What the agent did to a card needs no explanation. */
  const OWN = ["dismissed", "snoozed"];
  /** Keys that work while the overlay has the focus. @type {Record<string, string>} */
  const KEYS = { u: "use", d: "dismiss", o: "source", s: "snooze", m: "mute", a: "panel" };

  if (!ext.alive() || globalThis.copilotOverlay?.wake()) return;
  // of an extension that was updated meanwhile
  for (const old of document.querySelectorAll(`html > ${HOST}`)) old.remove();

  const { el, sign } = copilotCard;
  const host = document.createElement(HOST);
  const root = host.attachShadow({ mode: "closed" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(copilotStyle);
  root.adoptedStyleSheets = [sheet];

  /** @type {View | null} */
  let view = null;
  let drawn = "";
  let shownAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let leaving;
  /** @type {ReturnType<typeof ext.connect> | null} */
  let wire = null;
  /** What can still be said when the extension has been updated, and its texts are gone. */
  const updated = ["trouble_updated", "trouble_updated_help", "understood"].map((key) => ext.t(key));

  /** @param {string} what @param {object} [more] */
  const act = (what, more) => {
    if (what === "panel" || what === "options") void ext.send({ to: "worker", what });
    else if (what === "after") void ext.send({ to: "worker", what, call: view?.callId });
    else if (what === "again") void ext.send({ to: "worker", what });
    else wire?.post({ act: what, more });
  };

  /** @param {string} name @param {string} label @param {() => void} click @param {string} [more] */
  const icon = (name, label, click, more = "") =>
    el("button", { type: "button", class: `icon ${more}`, title: label, "aria-label": label, click }, sign(name));

  const stateName = el("b");
  const state = el("div", { class: "state", role: "status" }, el("span", { class: "sign", "aria-hidden": "true" }), stateName);
  const bars = { agent: el("i"), customer: el("i") };
  const meters = el("div", { class: "meters" },
    el("div", { class: "meter", title: ext.t("agent") }, ext.t("agentShort"), el("i", {}, bars.agent)),
    el("div", { class: "meter", title: ext.t("customer") }, ext.t("customerShort"), el("i", {}, bars.customer)));
  const count = el("em", { hidden: true }, "1");
  const grow = el("button", { type: "button", class: "icon grow", click: () => resize(false) },
    el("span", { class: "sign", "aria-hidden": "true" }), count);
  const ear = icon("ear", ext.t("mute"), () => act("mute"), "earpiece");
  const later = icon("clock", ext.t("snooze"), () => act("snooze"), "snooze");
  const hang = icon("end", ext.t("end"), () => act("end"), "end");
  const shrink = icon("small", ext.t("collapse"), () => resize(true));
  const bar = el("div", { class: "bar" }, state, meters, grow, ear,
    later,
    icon("panel", ext.t("openPanel"), () => act("panel")),
    hang,
    shrink);
  const notes = el("div", { class: "notes", role: "alert" });
  const cards = el("div", { class: "cards" });
  const caption = el("p", { class: "caption", hidden: true });
  const said = el("div", { class: "unseen", "aria-live": "polite" });
  const body = el("div", { class: "body" }, notes, cards, caption);
  const box = el("section", { class: "box", "aria-label": ext.t("name") }, bar, body, said);
  root.append(box);

  const standing = copilotPlace({ host, box, bar, keep: (place) => void ext.send({ to: "worker", what: "place", place }) });

  function connect() {
    wire ??= ext.connect("overlay", ({ what, ...more }) => {
      if (what === "view") show(more.view);
      if (what === "levels") level(more.levels);
    }, () => void lost());
  }

  /** The call's page is gone, or this one was kept by the browser while another was in the tab, which ends wires without a word. */
  async function lost() {
    wire?.close();
    wire = null;
    if (!ext.alive()) return farewell();
    const call = await ext.send({ to: "worker", what: "lost" });
    if (call === "on") connect();
    else if (call === "broken" && view) show({ ...view, phase: "ended", card: null, whisper: "", warnings: [], trouble: { code: "broken", detail: "" } });
    else leave();
  }

  /** @param {PageTransitionEvent} event */
  function shown({ persisted }) {
    if (persisted) void lost();
  }

  function farewell() {
    clearInterval(aging);
    if (!view || view.phase === "ended") return leave();
    const [name, help, understood] = updated;
    bar.replaceChildren(state);
    stateName.textContent = name ?? "";
    box.classList.remove("live", "wait", "small");
    box.classList.add("bad");
    caption.hidden = true;
    cards.replaceChildren();
    notes.replaceChildren(el("div", { class: "note alert" }, help, el("div", { class: "row" }, el("button", { type: "button", click: leave }, understood))));
  }

  function leave() {
    clearInterval(aging);
    removeEventListener("pageshow", shown);
    standing.leave();
    globalThis.copilotOverlay = undefined;
  }

  /** @param {View} now */
  function show(now) {
    const before = view;
    view = now;
    if (now.phase === "idle") return leave();
    const [kind, label] = copilotCard.state(now);
    box.classList.remove("live", "wait", "bad");
    grow.classList.remove("live", "wait", "bad");
    if (kind) { box.classList.add(kind); grow.classList.add(kind); }
    if (stateName.textContent !== label) stateName.textContent = label;
    grow.title = grow.ariaLabel = `${ext.t("expand")} – ${label}`;
    count.hidden = !now.card;
    const over = now.phase === "ended";
    ear.hidden = over || now.phase === "consent" || !now.ear.on;
    later.ariaPressed = String(now.snoozedMs > 0);
    later.title = later.ariaLabel = ext.t(now.snoozedMs > 0 ? "unsnooze" : "snooze");
    if (before?.ear.muted !== now.ear.muted) {
      ear.classList.toggle("muted", now.ear.muted);
      ear.ariaPressed = String(now.ear.muted);
      ear.replaceChildren(sign(now.ear.muted ? "muted" : "ear"));
    }
    later.hidden = now.phase !== "live";
    hang.hidden = over || now.phase === "consent";
    meters.hidden = over || now.phase === "consent";
    drawNotes(now);
    drawCard(now, before);
    caption.hidden = !now.whisper;
    if (now.whisper && now.whisper !== before?.whisper) caption.replaceChildren(sign("ear"), now.whisper);
  }

  /** @param {View} now */
  function drawNotes(now) {
    const key = copilotCard.notesKey(now);
    if (notes.dataset.key === key) return;
    notes.dataset.key = key;
    const found = copilotCard.notes(now, act);
    standing.insist(now.phase === "consent" || now.trouble !== null || now.warnings.length > 0);
    if (now.phase === "consent") found.unshift(consent());
    if (now.phase === "starting" || now.phase === "ended" && !found.length) found.push(el("p", { class: "quiet" }, ext.t(`phase_${now.phase}`)));
    notes.replaceChildren(...found);
  }

  function consent() {
    return el("div", { class: "note", "data-note": "consent" }, el("strong", {}, ext.t("consentAsk")), ext.t("consentHelp"),
      el("div", { class: "row" },
        el("button", { type: "button", class: "main", "data-act": "agree", click: () => act("agree") }, ext.t("agree")),
        el("button", { type: "button", click: () => act("end") }, ext.t("notNow"))));
  }

  /** @param {View} now @param {View | null} before */
  function drawCard(now, before) {
    const { card } = now;
    const key = card ? `${card.inquiry}.${card.revision}.${card.used}` : `none.${now.phase}.${now.snoozedMs > 0}`;
    if (key === drawn) return;
    const gone = !card && before?.card && now.phase === "live" && now.gone && !OWN.includes(now.gone) ? cards.querySelector(".card") : null;
    drawn = key;
    clearTimeout(leaving);
    if (gone) {
      gone.classList.add("leaving");
      gone.querySelector(".row")?.replaceChildren(el("span", { class: "quiet" }, ext.t(`gone_${now.gone}`)));
      leaving = setTimeout(() => cards.replaceChildren(quiet(now)), LEAVE_MS);
      return;
    }
    shownAt = performance.now() - (card?.ageMs ?? 0);
    const made = card ? copilotCard.draw(card, { act, keys: true }) : quiet(now);
    cards.replaceChildren(made);
    if (!card || before?.card?.inquiry === card.inquiry) return;
    made.classList.add("new");
    made.addEventListener("animationend", () => made.classList.remove("new"));
    said.textContent = `${ext.t("newCard")} ${card.text}`;
  }

  /** @param {View} now */
  function quiet(now) {
    if (now.phase !== "live") return el("span", { hidden: true });
    return el("p", { class: "quiet" }, ext.t(now.snoozedMs > 0 ? "quietSnoozed" : "quiet"));
  }

  /** @param {Record<string, number>} levels dB */
  function level(levels) {
    for (const [party, inner] of Object.entries(bars)) {
      const share = Math.max(0, Math.min(1, 1 - (levels[party] ?? -Infinity) / FLOOR_DB));
      inner.style.transform = `scaleX(${share.toFixed(2)})`;
    }
  }

  // ---- place and size

  /** @param {boolean} small */
  function resize(small) {
    standing.resize(small);
    (small ? grow : shrink).focus();
  }

  box.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.shiftKey && event.key.startsWith("Arrow")) return standing.nudge(event);
    const what = KEYS[event.key.toLowerCase()];
    if (!what || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    act(what);
  });
  const aging = setInterval(() => {
    // nothing else tells a page that the extension was updated
    if (!ext.alive()) return farewell();
    const place = root.querySelector(".age");
    if (place && view?.card) place.textContent = copilotCard.age(performance.now() - shownAt);
  }, 1000);

  globalThis.copilotOverlay = {
    wake: () => {
      standing.put();
      connect();
      return true;
    },
  };
  void ext.send({ to: "worker", what: "placeOf" }).then((place) => standing.take(place));
  addEventListener("pageshow", shown);
  connect();
  standing.put();
})();
