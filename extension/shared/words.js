// Puts the texts of the browser's language into a page: `data-t` names the key of an element's text.

import "../ext.js";

/** Attributes that have texts too: `data-t-title` and so on. */
const ATTRIBUTES = ["title", "placeholder", "aria-label"];

document.documentElement.lang = ext.language();
for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-t]"))) {
  element.textContent = ext.t(element.dataset.t ?? "");
}
for (const name of ATTRIBUTES) {
  for (const element of document.querySelectorAll(`[data-t-${name}]`)) {
    element.setAttribute(name, ext.t(element.getAttribute(`data-t-${name}`) ?? ""));
  }
}

/**
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return /** @type {T} */ (found);
}
