// Adds copy buttons, and hides rows that do not contain what is typed. Every page works without it.
"use strict";

for (const field of document.querySelectorAll("[data-filter]")) {
  const rows = document.querySelectorAll("#" + field.dataset.filter + " tbody tr");
  field.addEventListener("input", () => {
    for (const row of rows) row.hidden = !row.textContent.includes(field.value.trim());
  });
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
