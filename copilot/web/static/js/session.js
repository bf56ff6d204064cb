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

/** After a sign-in in another tab: this page's forms get the token of the session that there is now. */
export async function freshen() {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!response?.ok) return;
  const there = new DOMParser().parseFromString(await response.text(), "text/html");
  const token = there.querySelector('meta[name="csrf-token"]')?.content;
  if (!token) return;
  document.querySelector('meta[name="csrf-token"]')?.setAttribute("content", token);
  for (const field of document.querySelectorAll("input[name=csrf]")) field.value = token;
}
