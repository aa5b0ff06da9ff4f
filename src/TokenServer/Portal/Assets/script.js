// Adds copy buttons, and hides rows that do not contain what is typed. Every page works without it.
"use strict";

for (const field of document.querySelectorAll("[data-filter]")) {
  const rows = document.querySelectorAll("#" + field.dataset.filter + " tbody tr");
  field.addEventListener("input", () => {
    for (const row of rows) row.hidden = !row.textContent.includes(field.value.trim());
  });
}

// Reads a chosen file into a text field; without scripts one pastes it.
for (const place of document.querySelectorAll("[data-upload]")) {
  const label = document.createElement("label");
  const file = document.createElement("input");
  file.type = "file";
  label.append("or choose a file ", file);
  file.addEventListener("change", async () => {
    if (file.files.length > 0) document.getElementById(place.dataset.upload).value = await file.files[0].text();
  });
  place.append(label);
}

// Browsers have navigator.clipboard on HTTPS and on this machine only.
function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done ? Promise.resolve() : Promise.reject(new Error("the browser refused to copy"));
}

for (const command of document.querySelectorAll(".command")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = "Copy";
  button.addEventListener("click", () => {
    copy(command.querySelector("code").textContent).then(
      () => { button.textContent = "Copied"; },
      () => { button.textContent = "Not copied"; });
  });
  command.append(button);
}
