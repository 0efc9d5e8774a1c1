// The page is drawn by the server. This file keeps it live: it takes new HTML for a part of the
// page from /events, changes only what differs, counts the ages and shows cards and pictures.
"use strict";

const body = document.body;
const live = document.getElementById("live");
const spoken = document.getElementById("spoken");
const card = document.getElementById("card");
const viewer = document.getElementById("viewer");
const SILENCE_MS = 15000; // the server says something every 5 s
const LOOK_MS = 2000;

let serverAhead = 0; // ms that the server's clock is ahead of this one

// Changing only what differs

function keyOf(node) {
  return node.nodeType === 1 ? node.getAttribute("data-key") : null;
}

function isSame(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);
}

function syncAttributes(from, to) {
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name)) from.removeAttribute(name);
  }
  for (const { name, value } of [...to.attributes]) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
}

function findFrom(node, wanted) {
  const isKeyed = keyOf(wanted) !== null;
  for (; node; node = node.nextSibling) {
    if (isSame(node, wanted)) return node;
    if (!isKeyed) return null;
  }
  return null;
}

function morph(parent, wanted) {
  let here = parent.firstChild;
  for (const next of [...wanted.childNodes]) {
    const match = findFrom(here, next);
    if (!match) {
      parent.insertBefore(next, here);
      if (keyOf(next) !== null && next.classList) next.classList.add("arriving");
      continue;
    }
    if (match !== here) parent.insertBefore(match, here);
    if (match.nodeType === 1) {
      syncAttributes(match, next);
      if (!match.hasAttribute("data-part")) morph(match, next); // a part is news of its own
    } else if (match.nodeValue !== next.nodeValue) {
      match.nodeValue = next.nodeValue;
    }
    here = match.nextSibling;
  }
  while (here) {
    const gone = here;
    here = here.nextSibling;
    gone.remove();
  }
}

function fragmentOf(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

function openAlerts() {
  const entries = [...document.querySelectorAll(".alert[data-key]")];
  return new Map(entries.map((item) => [keyOf(item), item.getAttribute("data-spoken")]));
}

function showParts(parts) {
  const before = openAlerts();
  for (const [name, html] of Object.entries(parts)) {
    const part = document.querySelector(`[data-part="${CSS.escape(name)}"]`);
    if (part) morph(part, fragmentOf(html));
  }
  tick();
  const fresh = [...openAlerts()].filter(([key]) => !before.has(key)).map(([, words]) => words);
  if (fresh.length) spoken.textContent = `New alert. ${fresh.join(". ")}`;
  const heading = document.querySelector("h1[data-title]");
  if (heading) document.title = heading.getAttribute("data-title");
  if (card.open && card.dataset.slot) loadCard(card.dataset.slot);
}

// Ages

function duration(ms) {
  const secs = Math.max(0, Math.round(ms / 1000));
  if (secs < 60) return `${secs} s`;
  const minutes = Math.floor(secs / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  const days = Math.floor(hours / 24);
  return days === 1 ? "1 day" : `${days} days`;
}

function tick() {
  const now = Date.now() + serverAhead;
  for (const time of document.querySelectorAll("time[datetime]")) {
    const moment = Date.parse(time.dateTime);
    const words = duration(now - moment) + (time.hasAttribute("data-ago") ? " ago" : "");
    if (time.textContent !== words) time.textContent = words;
    if (!time.title) time.title = new Date(moment).toLocaleString();
  }
}

// Live updates

let source = null;
let lastWord = 0;

function setLive(state, words) {
  if (live.dataset.state === state) return;
  live.dataset.state = state;
  live.querySelector(".words").textContent = words;
}

function heard(event) {
  const said = JSON.parse(event.data);
  lastWord = Date.now();
  serverAhead = Date.parse(said.at) - lastWord;
  setLive("live", "live");
  return said;
}

async function leaveIfLoggedOut() {
  const answer = await fetch("/api/me").catch(() => null);
  if (answer && answer.status === 401) location.reload(); // leads to the login, and back here
}

function connect() {
  if (source) source.close();
  lastWord = Date.now();
  source = new EventSource(body.dataset.events);
  source.addEventListener("parts", (event) => {
    showParts(heard(event).parts);
  });
  source.addEventListener("beat", heard);
  source.onerror = () => setLive("lost", "reconnecting; this may be out of date");
}

setInterval(() => {
  tick();
  const isSilent = Date.now() - lastWord > SILENCE_MS;
  if (isSilent || source.readyState === EventSource.CLOSED) {
    setLive("lost", "reconnecting; this may be out of date");
    if (isSilent || Date.now() - lastWord > 2000) {
      connect();
      leaveIfLoggedOut();
    }
  }
}, 1000);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && live.dataset.state === "lost") connect();
});

// Cards and pictures

async function loadCard(slot) {
  const answer = await fetch(`${body.dataset.card}&slot=${encodeURIComponent(slot)}`);
  if (!answer.ok || (card.open && card.dataset.slot !== slot)) return;
  morph(card, fragmentOf(await answer.text()));
  card.dataset.slot = slot;
  tick();
  if (!card.open) card.showModal();
}

function openCard(slot) {
  delete card.dataset.slot;
  card.replaceChildren();
  loadCard(slot);
}

function show(slot) {
  const drawn = document.querySelector(`.slot[data-key="${CSS.escape(slot)}"]`);
  if (!drawn) return;
  drawn.scrollIntoView({ block: "center", behavior: "smooth" });
  drawn.classList.remove("shown");
  requestAnimationFrame(() => drawn.classList.add("shown"));
  setTimeout(() => drawn.classList.remove("shown"), 4000);
}

function openPicture(link) {
  const close = fragmentOf(
    '<form method="dialog"><button class="close" aria-label="Close"><svg viewBox="0 0 24 24" ' +
      'aria-hidden="true"><path d="M6 6l12 12M18 6L6 18"/></svg></button></form>',
  );
  const image = document.createElement("img");
  image.src = link.href;
  image.alt = link.dataset.caption;
  const words = document.createElement("p");
  words.textContent = link.dataset.caption;
  viewer.replaceChildren(close, image, words);
  viewer.showModal();
}

// crypto.randomUUID is not there on plain http, which is what a store's network often has.
function newActionId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function sendDone(button) {
  button.disabled = true;
  button.dataset.action ||= newActionId(); // sent again, it is not done again
  const action = {
    action: button.dataset.action,
    alert: button.dataset.done,
    kind: "done",
    at: new Date(Date.now() + serverAhead).toISOString(),
  };
  const answer = await fetch("/api/actions", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": body.dataset.csrf },
    body: JSON.stringify({ actions: [action] }),
  }).catch(() => null);
  if (answer && answer.ok) {
    const [said] = (await answer.json()).answers;
    spoken.textContent = said.detail;
    return; // the next news shows what has become of it
  }
  button.disabled = false;
  spoken.textContent = button.textContent = "Not saved; try again";
  leaveIfLoggedOut();
}

document.addEventListener("click", (event) => {
  const done = event.target.closest("[data-done]");
  if (done) return sendDone(done);
  const picture = event.target.closest("a.picture");
  if (picture) {
    event.preventDefault();
    return openPicture(picture);
  }
  const place = event.target.closest("[data-show]");
  if (place) return show(place.dataset.show);
  const slot = event.target.closest(".slot");
  if (slot) return openCard(keyOf(slot));
  if (event.target === card || event.target === viewer) event.target.close();
});
document.addEventListener("keydown", (event) => {
  const slot = event.target.closest && event.target.closest(".slot");
  if (slot && (event.key === "Enter" || event.key === " ")) {
    event.preventDefault();
    openCard(keyOf(slot));
  }
});

// Camera looks: a new picture replaces the old one when it has arrived

function follow(figure) {
  let image = figure.querySelector("img");
  const none = figure.querySelector(".none");
  const load = () => {
    if (document.hidden) return setTimeout(load, LOOK_MS);
    const next = new Image();
    next.onload = () => {
      next.alt = image.alt;
      image.replaceWith(next);
      image = next;
      setTimeout(load, LOOK_MS);
    };
    next.onerror = () => {
      image.hidden = true;
      none.textContent = "No picture from its agent at present";
      setTimeout(load, LOOK_MS);
    };
    next.src = `${figure.dataset.look}?at=${Date.now()}`;
  };
  load();
}

document.querySelectorAll("[data-look]").forEach(follow);
tick();
connect();
