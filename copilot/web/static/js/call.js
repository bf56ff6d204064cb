// The page of a finished call.

import { localizeMoments } from "./time.js";
import { explainMarks, followSound } from "./timeline.js";

localizeMoments();
const sound = document.getElementById("sound");
for (const timeline of document.querySelectorAll("[data-timeline]")) {
  explainMarks(timeline);
  if (sound) followSound(timeline, sound);
}
