// What a page's requests show of the session, and what becomes of a page whose session has ended.

/** @returns {Record<string, string>} headers of a request that changes something */
export function csrf() {
  const token = document.querySelector('meta[name="csrf-token"]')?.content;
  return token ? { "X-CSRF-Token": token } : {};
}

/**
 * A stream that the server refuses (the browser closes it then, and does not try again) means that this page may not
 * be seen any more: loading it again leads to the sign-in, or says why not.
 * @param {EventSource} source
 */
export function leaveWhenRefused(source) {
  source.addEventListener("error", async () => {
    if (source.readyState !== EventSource.CLOSED) return;
    const response = await fetch("/auth/me").catch(() => null);
    if (response?.status === 401) location.reload();
  });
}
