// Ticks of 80 ms as people read them, and moments in the reader's own time zone.

export const TICKS_PER_SECOND = 12.5;

/** @param {number} tick */
export function clock(tick) {
  const seconds = Math.floor(tick / TICKS_PER_SECOND);
  const two = (n) => String(n).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

/** Rewrites every server-written UTC moment on the page. */
export function localizeMoments() {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  for (const time of document.querySelectorAll("time[data-moment]")) {
    time.title = time.textContent;
    time.textContent = format.format(new Date(time.dateTime));
  }
}
