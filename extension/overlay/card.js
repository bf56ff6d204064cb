// A card as the agent sees it, on the page and in the side panel alike: the line to say comes first.

/**
 * @typedef {{act: (act: string, more?: object) => void, keys: boolean}} CardHooks
 * @typedef {import("../call/desk.js").View} View
 */

var copilotCard = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  /** @type {Record<string, string>} */
  const SIGNS = {
    ear: "M6 13V9a6 6 0 0 1 12 0c0 4-4 4-4 8a3 3 0 0 1-5 2M9 9a3 3 0 0 1 6 0",
    muted: "M6 13V9a6 6 0 0 1 12 0c0 4-4 4-4 8a3 3 0 0 1-5 2M3 3l18 18",
    panel: "M4 5h16v14H4zM14 5v14",
    end: "M3 14c5-6 13-6 18 0l-3 3-3-2v-3c-2-.7-4-.7-6 0v3l-3 2z",
    small: "M6 12h12",
    clock: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4l3 2",
  };

  /** Letters of a line to say beyond which it is written smaller, and beyond which it may have to be scrolled. */
  const LONG = 140;
  const SCROLLS = 200;

  /** Nothing is amiss: the copilot asks, or tells what it has done about it. */
  const CALM = ["maybeOver", "echoSoft", "elsewhere"];
  /** What the same again may mend, now or once the agent has seen to it. */
  const AGAIN = ["unreachable", "unreachableSecure", "offline", "full", "blocked", "microphone", "tab", "broken"];

  /**
   * @param {string} tag
   * @param {Record<string, string | boolean | (() => void)>} [given] functions become click handlers
   * @param {...(Node | string | false | null | undefined)} children
   * @returns {HTMLElement}
   */
  const el = (tag, given = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(given)) {
      if (typeof value === "function") made.addEventListener("click", value);
      else if (value !== false) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.filter((child) => child !== false && child !== null && child !== undefined));
    return made;
  };

  /** @param {string} name */
  const sign = (name) => {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", SIGNS[name] ?? "");
    svg.append(path);
    return svg;
  };

  /** @param {number} ms */
  const age = (ms) => {
    const seconds = Math.max(0, Math.round(ms / 1000));
    return seconds < 60 ? ext.t("ageSeconds", seconds) : ext.t("ageMinutes", Math.floor(seconds / 60));
  };

  /**
   * @param {NonNullable<View["card"]>} card
   * @param {CardHooks} hooks
   */
  const draw = (card, { act, keys }) => {
    /** @param {string} label @param {string} key @param {string} what @param {boolean} main */
    const button = (label, key, what, main) => el(
      "button", { type: "button", ...(main ? { class: "main" } : {}), "data-act": what, click: () => act(what, { inquiry: card.inquiry }) },
      ext.t(label), keys && el("kbd", { "aria-hidden": "true" }, key));
    return el("article", { class: "card", "data-inquiry": String(card.inquiry) },
      el("p", { class: card.text.length > LONG ? "line long" : "line", ...(card.text.length > SCROLLS ? { tabindex: "0" } : {}) }, card.text),
      el("p", { class: "meta" },
        el("span", { class: "title" }, card.by ? ext.t("fromSupervisor", card.by) : card.title),
        !card.by && el("span", { class: "support", title: ext.t("supportMeans") }, `${card.support} %`),
        el("span", { class: "age" }, age(card.ageMs))),
      card.query !== "" && el("p", { class: "why" }, ext.t("heard"), " ", el("q", {}, card.query)),
      el("div", { class: "row" },
        ...(card.used ? [el("span", { class: "quiet" }, ext.t("used"))] : [button("use", "U", "use", true), button("dismiss", "D", "dismiss", false)]),
        card.cites.length > 0 && button("source", "O", "source", false)));
  };

  /** What the state is called, how it is marked. @param {View} view @returns {[string, string]} */
  const state = (view) => {
    switch (view.phase) {
      case "live": return view.snoozedMs > 0
        ? ["wait", ext.t("snoozed", Math.ceil(view.snoozedMs / 60_000))]
        : ["live", ext.t("phase_live")];
      case "consent": case "starting": return ["wait", ext.t(`phase_${view.phase}`)];
      case "reconnecting": return ["wait", ext.t("phase_reconnecting")];
      case "ended": return [view.trouble ? "bad" : "", ext.t("phase_ended")];
      default: return ["", ext.t("phase_idle")];
    }
  };

  /** What `notes` depends on: they are drawn only where it has changed. @param {View} view */
  const notesKey = ({ phase, reason, callId, trouble, warnings }) => JSON.stringify([phase, reason, callId, trouble, warnings]);

  /** Everything beside the card that the agent should know, worst first. @param {View} view @param {CardHooks["act"]} act */
  const notes = (view, act) => {
    /** @param {string} text @param {string} help @param {boolean} bad @param {...Node} more */
    const note = (text, help, bad, ...more) => el("div", { class: bad ? "note alert" : "note", "data-note": text },
      el("strong", {}, ext.t(text)), ext.t(help), more.length > 0 && el("div", { class: "row" }, ...more));
    /** @param {string} label @param {string} what */
    const button = (label, what) => el("button", { type: "button", click: () => act(what) }, ext.t(label));
    const found = [];
    const { trouble, phase } = view;
    /** @param {string} code */
    const again = (code) => {
      if (phase !== "ended") return code === "microphone" ? [button("again", "microphone")] : [];
      return AGAIN.includes(code) ? [button("again", "again")] : [];
    };
    if (trouble && phase === "reconnecting") found.push(note(`trouble_${trouble.code}`, "stillWorks", true));
    else if (trouble) {
      const help = ext.t(`trouble_${trouble.code}_help`);
      found.push(el("div", { class: "note alert", "data-note": `trouble_${trouble.code}` },
        el("strong", {}, ext.t(`trouble_${trouble.code}`)), help, " ", trouble.detail && el("span", { class: "why" }, trouble.detail),
        el("div", { class: "row" }, ...again(trouble.code), button("openOptions", "options"))));
    } else if (phase === "ended") found.push(el("div", { class: "note", "data-note": "phase_ended" }, ext.t(`ended_${view.reason}`),
      view.callId !== "" && el("div", { class: "row" }, button("writeUp", "after"))));
    /** @type {Record<string, HTMLElement[]>} */
    const help = {
      elsewhere: [button("end", "end"), button("understood", "here")],
      swapped: [button("swap", "swap"), button("rolesRight", "rightRoles")],
      maybeOver: [button("end", "end"), button("stillOn", "stay")],
      microphoneDead: [button("openOptions", "options")],
      earMissing: [button("openOptions", "options")],
      echoSoft: [button("understood", "seen")],
      echoOff: [button("openOptions", "options"), button("understood", "seen")],
    };
    for (const one of view.warnings) found.push(note(`warn_${one}`, `warn_${one}_help`, !CALM.includes(one), ...(help[one] ?? [])));
    return found;
  };

  return { el, sign, age, draw, state, notes, notesKey };
})();
globalThis.copilotCard = copilotCard;
