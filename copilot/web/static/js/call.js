// The page of a finished call.

import { localizeMoments } from "./time.js";
import { explainMarks } from "./timeline.js";

localizeMoments();
for (const timeline of document.querySelectorAll("[data-timeline]")) explainMarks(timeline);
