// Where the overlay stands: dragged or moved by keys, small or large, above whatever the page puts over itself.

/**
 * @typedef {{right: number, bottom: number, small: boolean}} Place px from the window's edges
 * @typedef {{host: HTMLElement, box: HTMLElement, bar: HTMLElement, keep: (place: Place) => void}} Placed `keep`: for the next time
 */

var copilotPlace = (() => {
  /** How far Shift and an arrow move it, px. */
  const STEP = 24;
  /** A page that throws it out gets it back, and later each time that it does so. */
  const BACK_MS = 200;
  const BACK_MOST_MS = 5000;

  class Standing {
    /** @type {Place} */
    place = { right: 16, bottom: 16, small: false };
    #thrown = 0;
    #insisting = false;
    #over = new AbortController();

    /** @param {Placed} parts */
    constructor({ host, box, bar, keep }) {
      this.host = host;
      this.box = box;
      this.keep = () => keep(this.place);
      const { signal } = this.#over;
      box.popover = "manual";
      bar.addEventListener("pointerdown", (event) => this.#drag(event));
      addEventListener("resize", () => this.settle(), { signal });
      new ResizeObserver(() => this.settle()).observe(box);
      // what comes into the top layer last covers what was there: a page that goes full screen, a dialog
      document.addEventListener("fullscreenchange", () => this.#raise(), { capture: true, signal });
      document.addEventListener("toggle", ({ target, newState }) => {
        if (newState === "open" && !(target instanceof HTMLDetailsElement)) this.#raise();
      }, { capture: true, signal });
      this.thrownOut = new MutationObserver(() => { if (!host.isConnected) this.#back(); });
    }

    /** Onto the page, or back onto it. */
    put() {
      if (this.#over.signal.aborted || this.host.isConnected) return;
      document.documentElement.append(this.host);
      this.thrownOut.disconnect();
      for (const parent of [document, document.documentElement]) this.thrownOut.observe(parent, { childList: true });
      this.#raise();
    }

    leave() {
      this.#over.abort();
      this.thrownOut.disconnect();
      clearTimeout(this.timer);
      this.host.remove();
    }

    /** @param {Place | undefined} place where it was left on this site */
    take(place) {
      if (place) this.place = place;
      this.box.classList.toggle("small", this.place.small && !this.#insisting);
      this.settle();
    }

    /** What the agent should read is not left in a dot; after it the dot is back. @param {boolean} on */
    insist(on) {
      this.#insisting = on;
      this.take(undefined);
    }

    /** @param {boolean} small */
    resize(small) {
      this.#insisting = false;
      this.take({ ...this.place, small });
      this.keep();
    }

    /** Keeps all of it on the screen, also after the window has shrunk or the page was zoomed. */
    settle() {
      const { width, height } = this.box.getBoundingClientRect();
      const right = Math.max(8, Math.min(this.place.right, innerWidth - width - 8));
      const bottom = Math.max(8, Math.min(this.place.bottom, innerHeight - height - 8));
      this.box.style.right = `${right}px`;
      this.box.style.bottom = `${bottom}px`;
    }

    /** @param {KeyboardEvent} event */
    nudge(event) {
      event.preventDefault();
      const sideways = { ArrowLeft: STEP, ArrowRight: -STEP }[event.key] ?? 0;
      const up = { ArrowUp: STEP, ArrowDown: -STEP }[event.key] ?? 0;
      this.place = { ...this.place, right: this.place.right + sideways, bottom: this.place.bottom + up };
      this.settle();
      this.keep();
    }

    /** Above what the page has put into the top layer meanwhile, with the focus where it was. */
    #raise() {
      if (!this.host.isConnected) return;
      const root = /** @type {ShadowRoot} */ (this.box.getRootNode());
      const focused = root.activeElement;
      if (this.box.matches(":popover-open")) this.box.hidePopover();
      this.box.showPopover();
      if (focused instanceof HTMLElement) focused.focus();
      this.settle();
    }

    #back() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.put(), Math.min(BACK_MOST_MS, BACK_MS * 2 ** this.#thrown));
      this.#thrown = Math.min(10, this.#thrown + 1);
    }

    /** @param {PointerEvent} event */
    #drag(event) {
      if (event.button !== 0 || (event.target instanceof Element && event.target.closest("button:not(.grow)"))) return;
      const from = { x: event.clientX, y: event.clientY, ...this.place };
      let far = false;
      /** @param {PointerEvent} now */
      const move = (now) => {
        const [x, y] = [now.clientX - from.x, now.clientY - from.y];
        far ||= Math.hypot(x, y) > 4;
        if (!far) return;
        this.place = { ...this.place, right: from.right - x, bottom: from.bottom - y };
        this.settle();
      };
      const over = new AbortController();
      const drop = () => {
        over.abort();
        if (far) this.#drop();
      };
      addEventListener("pointermove", move, { capture: true, signal: over.signal });
      for (const end of ["pointerup", "pointercancel"]) addEventListener(end, drop, { capture: true, signal: over.signal });
    }

    #drop() {
      const { right, bottom } = this.box.getBoundingClientRect();
      this.place = { ...this.place, right: innerWidth - right, bottom: innerHeight - bottom };
      this.keep();
      // what was dragged is not clicked as well
      const stop = (/** @type {Event} */ click) => click.stopPropagation();
      this.box.addEventListener("click", stop, { capture: true, once: true });
      setTimeout(() => this.box.removeEventListener("click", stop, true));
    }
  }

  /** @param {Placed} parts */
  return (parts) => new Standing(parts);
})();
globalThis.copilotPlace = copilotPlace;
