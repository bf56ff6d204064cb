// Files dropped or chosen are sent one after another with their progress; small help in forms.

import { localizeMoments } from "./time.js";

const csrf = document.querySelector('meta[name="csrf-token"]')?.content ?? "";

const drop = document.getElementById("drop");
if (drop) receive(drop);
for (const box of document.querySelectorAll("[data-words]")) countWords(box);
for (const link of document.querySelectorAll("[data-line]")) goToLine(link);
localizeMoments();

function receive(form) {
  const input = form.querySelector('input[type="file"]');
  form.querySelector("[data-send]").hidden = true; // choosing sends at once
  const send = (files) => {
    if (files.length) sendAll(form.dataset.to, [...files], input.accept.split(","));
  };
  input.addEventListener("change", () => {
    send(input.files);
    input.value = "";
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  let inside = 0;
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      if (name === "dragenter") inside += 1;
      form.classList.add("over");
    });
  }
  document.addEventListener("dragleave", () => {
    inside = Math.max(0, inside - 1);
    if (!inside) form.classList.remove("over");
  });
  document.addEventListener("drop", async (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    inside = 0;
    form.classList.remove("over");
    send(await filesOf(event.dataTransfer));
  });
}

// A folder is dropped as one entry: its files are gathered, whatever it is nested in.
async function filesOf(data) {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...data.files];
  const found = [];
  const walk = async (entry) => {
    if (entry.isFile) {
      found.push(await new Promise((done, failed) => entry.file(done, failed)));
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!some.length) return;
      for (const one of some) await walk(one);
    }
  };
  for (const entry of entries) await walk(entry);
  return found.filter((file) => !file.name.startsWith("."));
}

async function sendAll(to, files, kinds) {
  const list = document.getElementById("uploads");
  const rows = files.map((file) => row(list, file));
  for (const [place, file] of files.entries()) {
    const kind = /\.[^.]+$/.exec(file.name)?.[0].toLowerCase();
    if (kinds.includes(kind)) await sendOne(to, file, rows[place]);
    else end(rows[place], false, `left out: ${kind ?? "no ending"} is not read`);
  }
  document.getElementById("files").dispatchEvent(new CustomEvent("uploaded"));
}

function row(list, file) {
  const item = list.appendChild(document.createElement("li"));
  item.className = "upload";
  const name = item.appendChild(document.createElement("span"));
  name.className = "upload-name";
  name.textContent = file.name;
  const bar = item.appendChild(document.createElement("progress"));
  bar.max = 100;
  bar.value = 0;
  bar.setAttribute("aria-label", `Sending ${file.name}`);
  const said = item.appendChild(document.createElement("span"));
  said.textContent = "waiting";
  return { item, bar, said };
}

function end({ item, bar, said }, good, words) {
  item.classList.add(good ? "upload-good" : "upload-bad");
  bar.hidden = true;
  said.textContent = words;
}

function sendOne(to, file, row) {
  const { bar, said } = row;
  return new Promise((done) => {
    const over = (good, words) => {
      end(row, good, words);
      done();
    };
    const request = new XMLHttpRequest();
    request.open("PUT", to + encodeURIComponent(file.name));
    request.setRequestHeader("Accept", "application/json");
    if (csrf) request.setRequestHeader("X-CSRF-Token", csrf);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) bar.value = (100 * event.loaded) / event.total;
      said.textContent = event.loaded < event.total ? "sending" : "reading";
    });
    request.addEventListener("load", () => {
      let told = {};
      try {
        told = JSON.parse(request.responseText);
      } catch {
        // an answer of a proxy in between
      }
      if (request.status >= 400) {
        over(false, told.detail || `was refused (${request.status})`);
        return;
      }
      const passages = `${told.passages} passage${told.passages === 1 ? "" : "s"}`;
      const faults = told.faults.length;
      const problems = `${faults} problem${faults === 1 ? "" : "s"}`;
      const words = faults ? `${passages}, ${problems}: see below` : passages;
      over(!faults, told.replaced ? `${words}, replaced` : words);
    });
    request.addEventListener("error", () => over(false, "the connection broke; add it again"));
    request.send(file);
  });
}

function countWords(box) {
  const most = Number(box.dataset.words);
  const told = document.querySelector(`[data-count="${box.name}"]`);
  const count = () => {
    const words = box.value.split(/\s+/).filter(Boolean).length;
    told.textContent = words ? `${words} of ${most} words.` : `${most} words at most.`;
    told.classList.toggle("bad", words > most);
  };
  box.addEventListener("input", count);
  count();
}

function goToLine(link) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const text = document.getElementById("text");
    const lines = text.value.split("\n");
    const line = Math.min(Number(link.dataset.line), lines.length);
    const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    text.focus();
    text.setSelectionRange(start, start + lines[line - 1].length);
    const height = text.scrollHeight / lines.length;
    text.scrollTop = Math.max(0, (line - 4) * height);
  });
}
