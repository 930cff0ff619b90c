// Only refreshes the page, which is whole without it.
"use strict";

const EVERY = 30000; // milliseconds between two refreshes, so that ages are shown as they are

async function refresh() {
  const answer = await fetch(location.href, { cache: "no-store" });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const made = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = document.getElementById("main");
  const focused = document.activeElement && document.activeElement.id;
  const scrolled = new Map();
  for (const each of main.querySelectorAll(".scroll")) scrolled.set(each.id, each.scrollLeft);
  main.replaceChildren(...made.getElementById("main").childNodes);
  for (const each of main.querySelectorAll(".scroll")) each.scrollLeft = scrolled.get(each.id) || 0;
  if (focused && focused !== "main") document.getElementById(focused)?.focus({ preventScroll: true });
  document.title = made.title;
}

function lost(hidden) {
  document.getElementById("lost").hidden = hidden;
}

function update() {
  refresh().then(() => lost(true), () => lost(false));
}

const source = new EventSource("stream");
source.addEventListener("observed", update);
source.addEventListener("error", () => lost(false));
source.addEventListener("open", () => lost(true));
setInterval(update, EVERY);
