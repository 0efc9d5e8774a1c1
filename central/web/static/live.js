// Follows the server: takes parts as they change, and says when nothing can be heard.

import { clock, duration, t } from "./words.js";

const body = document.body;
const line = document.getElementById("live");
const SILENCE_MS = 15000; // the server says something every 5 s
const AGAIN_MS = 2000;

let source = null;
let view = "todo";
let version = body.dataset.version; // of the parts that the page shows
let heardAt = Date.parse(body.dataset.at); // by the server's clock
let lastWord = 0; // by this one
let takeParts = () => {};

export function isLive() {
  return line.dataset.state === "live";
}

export function shownVersion() {
  return { version, at: new Date(heardAt).toISOString() };
}

function say(state, words) {
  line.dataset.state = state;
  const text = line.querySelector(".words");
  if (text.textContent !== words) text.textContent = words;
}

function sayLost() {
  const ageMs = clock.now() - heardAt;
  say("lost", ageMs > 60000 ? t("lost.age", { age: duration(ageMs) }) : t("lost"));
}

function heard(event) {
  const said = JSON.parse(event.data);
  lastWord = Date.now();
  clock.set(said.at);
  heardAt = Date.parse(said.at);
  version = event.lastEventId;
  say("live", t("live"));
  return said;
}

async function leaveIfLoggedOut() {
  const answer = await fetch("/api/me").catch(() => null);
  if (answer && answer.status === 401) location.reload(); // leads to the login, and back here
}

function connect() {
  if (source) source.close();
  lastWord = Date.now();
  const have = encodeURIComponent(version);
  source = new EventSource(`/events?${body.dataset.query}&view=${view}&have=${have}`);
  source.addEventListener("parts", (event) => {
    const said = heard(event);
    takeParts(said.parts, said.all);
  });
  source.addEventListener("beat", (event) => {
    heard(event);
    takeParts({}, false);
  });
  source.onerror = sayLost;
}

// Asks for the drawn shelves as well.
export function wantShelves() {
  if (view === "all") return;
  view = "all";
  if (source) connect();
}

function look() {
  const isSilent = Date.now() - lastWord > SILENCE_MS;
  if (!isSilent && source.readyState !== EventSource.CLOSED) {
    if (!isLive() && source.readyState !== EventSource.OPEN) sayLost();
    return;
  }
  sayLost();
  if (isSilent || Date.now() - lastWord > AGAIN_MS) {
    connect();
    leaveIfLoggedOut();
  }
}

// `kept` is what an earlier page has shown last, where that is newer than this page.
export function startLive(take, kept) {
  takeParts = take;
  if (kept) {
    version = kept.version;
    heardAt = Date.parse(kept.at);
    take(kept.parts, true);
  }
  connect();
  setInterval(look, 1000);
  const wake = () => {
    if (!document.hidden && !isLive()) connect();
  };
  document.addEventListener("visibilitychange", wake);
  window.addEventListener("online", wake);
}
