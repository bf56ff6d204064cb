// Asks once for the microphone, which a page without a window cannot; then goes back to the call.

import { byId } from "../shared/words.js";

async function ask() {
  byId("told").replaceChildren();
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    for (const track of stream.getTracks()) track.stop();
  } catch (error) {
    return tell(error instanceof DOMException && error.name === "NotFoundError" ? "permNone" : "permDenied");
  }
  tell("permDone");
  if (await ext.send({ to: "worker", what: "microphone" })) await ext.closeMe();
  return undefined;
}

/** @param {string} key */
function tell(key) {
  const note = document.createElement("p");
  note.className = key === "permDone" ? "note" : "note alert";
  note.textContent = ext.t(key);
  byId("told").replaceChildren(note);
}

byId("allow").addEventListener("click", () => void ask());
