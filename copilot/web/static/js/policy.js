// The policy page: more rows where they are wanted, and a line to listen to.

import { byId } from "./dom.js";

/** A blank row that is begun gets another one behind it. */
for (const rows of document.querySelectorAll("[data-rows]")) {
  rows.addEventListener("input", ({ target }) => {
    const row = target.closest("[data-blank]");
    if (!row) return;
    row.removeAttribute("data-blank");
    const next = row.cloneNode(true);
    const number = rows.querySelectorAll("fieldset").length;
    next.dataset.blank = "";
    for (const field of next.querySelectorAll("input, textarea, select")) {
      field.name = field.name.replace(/:\d+$/, `:${number}`);
      if (field.type === "checkbox") field.checked = false;
      else if (field.tagName === "SELECT") field.selectedIndex = 0;
      else field.value = "";
    }
    next.querySelector("legend").textContent = next.querySelector("legend").textContent.replace(/\d+/, number + 1);
    rows.append(next);
  });
}

const player = new Audio();
byId("say").addEventListener("click", async () => {
  const told = byId("said");
  told.textContent = "";
  const response = await fetch(`/policy/voice?text=${encodeURIComponent(byId("sample").value)}`).catch(() => null);
  if (!response?.ok) {
    const problem = await response?.json().catch(() => null);
    told.textContent = problem?.detail ?? "The copilot does not answer.";
    return;
  }
  URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(await response.blob());
  await player.play();
});
