// The copilot over the page: one card at a time, nothing of it readable or reachable by the page.

(() => {
  const HOST = "call-copilot";
  const LEAVE_MS = 1400;
  const FLOOR_DB = -60;
  /** What the agent did to a card needs no explanation. */
  const OWN = ["dismissed", "snoozed"];
  /** How far Shift and an arrow move it, px. */
  const STEP = 24;
  /** Keys that work while the overlay has the focus. @type {Record<string, string>} */
  const KEYS = { u: "use", d: "dismiss", o: "source", s: "snooze", m: "mute", a: "panel" };

  if (!ext.alive()) return;
  if (document.querySelector(HOST)) return;

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
  let moved = { right: 16, bottom: 16, small: false };

  /** @param {string} what @param {object} [more] */
  const act = (what, more) => {
    if (what === "panel" || what === "options") void ext.send({ to: "worker", what });
    else if (what === "after") void ext.send({ to: "worker", what, call: view?.callId });
    else wire.post({ act: what, more });
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

  const wire = ext.connect("overlay", ({ what, ...more }) => {
    if (what === "view") show(more.view);
    if (what === "levels") level(more.levels);
  }, leave);

  function leave() {
    clearInterval(aging);
    removeEventListener("resize", settle);
    host.remove();
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
    ear.hidden = over || !now.ear.on;
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
    cards.replaceChildren(card ? copilotCard.draw(card, { act, keys: true }) : quiet(now));
    if (card && before?.card?.inquiry !== card.inquiry) said.textContent = `${ext.t("newCard")} ${card.text}`;
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
    box.classList.toggle("small", small);
    moved.small = small;
    settle();
    keep();
    (small ? grow : shrink).focus();
  }

  /** Keeps all of it on the screen, also after the window has shrunk or the page was zoomed. */
  function settle() {
    const { width, height } = box.getBoundingClientRect();
    const right = Math.max(8, Math.min(moved.right, innerWidth - width - 8));
    const bottom = Math.max(8, Math.min(moved.bottom, innerHeight - height - 8));
    box.style.right = `${right}px`;
    box.style.bottom = `${bottom}px`;
  }

  const keep = () => void ext.send({ to: "worker", what: "place", place: moved });

  bar.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || (event.target instanceof Element && event.target.closest("button:not(.grow)"))) return;
    const from = { x: event.clientX, y: event.clientY, ...moved };
    let far = false;
    /** @param {PointerEvent} now */
    const move = (now) => {
      const [x, y] = [now.clientX - from.x, now.clientY - from.y];
      far ||= Math.hypot(x, y) > 4;
      if (!far) return;
      moved = { ...moved, right: from.right - x, bottom: from.bottom - y };
      settle();
    };
    const drop = () => {
      removeEventListener("pointermove", move, true);
      const { right, bottom } = box.getBoundingClientRect();
      moved = { ...moved, right: innerWidth - right, bottom: innerHeight - bottom };
      if (!far) return;
      keep();
      // what was dragged is not clicked as well
      const stop = (/** @type {Event} */ click) => click.stopPropagation();
      box.addEventListener("click", stop, { capture: true, once: true });
      setTimeout(() => box.removeEventListener("click", stop, true));
    };
    addEventListener("pointermove", move, true);
    addEventListener("pointerup", drop, { once: true, capture: true });
  });

  /** @param {KeyboardEvent} event */
  function nudge(event) {
    event.preventDefault();
    const sideways = { ArrowLeft: STEP, ArrowRight: -STEP }[event.key] ?? 0;
    const up = { ArrowUp: STEP, ArrowDown: -STEP }[event.key] ?? 0;
    moved = { ...moved, right: moved.right + sideways, bottom: moved.bottom + up };
    settle();
    keep();
  }

  addEventListener("resize", settle);
  new ResizeObserver(settle).observe(box);
  box.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.shiftKey && event.key.startsWith("Arrow")) return nudge(event);
    const what = KEYS[event.key.toLowerCase()];
    if (!what || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    act(what);
  });
  const aging = setInterval(() => {
    const place = root.querySelector(".age");
    if (place && view?.card) place.textContent = copilotCard.age(performance.now() - shownAt);
  }, 1000);

  void ext.send({ to: "worker", what: "placeOf" }).then((place) => {
    if (place) moved = place;
    box.classList.toggle("small", moved.small);
    settle();
  });
  document.documentElement.append(host);
})();
