// What people do about alerts. Each action is kept until the server has answered it, sent in
// order and under one id, so that nothing is lost and nothing done twice.

import { clock, t } from "./words.js";

const body = document.body;
const notes = document.getElementById("notes");
const PREFIX = "shelfwatch.action.";
const RECENT = "shelfwatch.recent";
const BATCH = 50;
const RETRY_MS = 5000;
const TIMEOUT_MS = 20000;
const TAP_GUARD_MS = 500; // a second tap must not hit what has moved under the thumb
const NOTE_MS = 8000;

const inFlight = new Set();
let isSending = false;
let isLoggedOut = false;
let batchSize = BATCH;
let lastTap = -Infinity;
let count = 0;
let retry = null;

// Kept actions, the oldest first: one entry each, so that two tabs cannot overwrite each other

function keys() {
  return Object.keys(localStorage)
    .filter((key) => key.startsWith(PREFIX))
    .sort();
}

function kept() {
  return keys()
    .map((key) => ({ key, ...JSON.parse(localStorage.getItem(key)) }))
    .filter((entry) => entry.by === body.dataset.user);
}

function keep(entry) {
  const order = `${String(Date.now()).padStart(15, "0")}.${String(count++).padStart(6, "0")}`;
  localStorage.setItem(`${PREFIX}${order}.${entry.action}`, JSON.stringify(entry));
}

function recent() {
  const limit = clock.now() - Number(body.dataset.undoSecs) * 1000;
  const all = JSON.parse(localStorage.getItem(RECENT) || "[]");
  return all.filter((one) => Date.parse(one.at) > limit && one.by === body.dataset.user);
}

function remember(entries) {
  localStorage.setItem(RECENT, JSON.stringify(entries.slice(-200)));
}

function forget(action) {
  remember(recent().filter((one) => one.action !== action));
}

// crypto.randomUUID is not there on plain http, which is what a store's network often has.
function newActionId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function itemOf(alert) {
  return document.querySelector(`[data-alert="${CSS.escape(alert)}"]`);
}

// What a person sees of it

export function decorate(item, waiting = kept(), done = recent()) {
  const { alert, by } = item.dataset;
  const undone = new Set(waiting.map((entry) => entry.undoes));
  const last = waiting
    .filter((entry) => entry.alert === alert && entry.kind !== "undo" && !undone.has(entry.action))
    .at(-1);
  const isLate = last && (last.late || isLoggedOut);
  item.toggleAttribute("data-mine", by !== "" && by === body.dataset.user);
  item.toggleAttribute("data-undo", done.some((one) => one.alert === alert));
  item.toggleAttribute("data-pending", Boolean(last));
  const pending = item.querySelector(".pending");
  pending.hidden = !isLate;
  pending.textContent = isLate ? t("pending", { action: last.label }) : "";
}

export function decorateAll() {
  const [waiting, done] = [kept(), recent()];
  for (const item of document.querySelectorAll("[data-alert]")) decorate(item, waiting, done);
}

export function unsent() {
  return kept().length;
}

function note(words, { undo, isFault } = {}) {
  const line = document.createElement("p");
  line.className = isFault ? "note fault" : "note";
  const text = document.createElement("span");
  text.textContent = words;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = undo ? undo.label : t("dismiss");
  button.addEventListener("click", () => {
    line.remove();
    if (undo) takeBack(undo.entry);
  });
  line.append(text, button);
  for (const old of notes.querySelectorAll(".note:not(.fault)")) old.remove();
  notes.append(line);
  const isGone = undo && undo.entry.kind === "wrong_alarm"; // its alert shows no button any more
  const ms = isGone ? Number(body.dataset.undoSecs) * 1000 : NOTE_MS;
  if (!isFault) setTimeout(() => line.remove(), ms);
  while (notes.children.length > 6) notes.firstElementChild.remove();
}

// Doing and taking back

function act(item, button) {
  const kind = button.dataset.act;
  const { alert, name } = item.dataset;
  if (kind === "undo") {
    const last = recent().filter((one) => one.alert === alert).at(-1);
    if (last) takeBack(last);
    return;
  }
  const entry = {
    action: newActionId(),
    alert,
    kind,
    at: new Date(clock.now()).toISOString(),
    by: body.dataset.user,
    name,
    label: button.textContent,
  };
  keep(entry);
  remember([...recent(), entry]);
  const undo = item.querySelector('[data-act="undo"]').textContent;
  note(t("said", { action: entry.label, name }), { undo: { label: undo, entry } });
  decorate(item);
  flush();
}

function takeBack(entry) {
  forget(entry.action);
  const waiting = kept().find((one) => one.action === entry.action);
  if (waiting && !inFlight.has(entry.action) && !waiting.late) {
    localStorage.removeItem(waiting.key);
    note(t("undone", { name: entry.name }));
  } else {
    // It may have arrived: the server has to say what has become of it.
    keep({
      ...entry,
      action: newActionId(),
      kind: "undo",
      undoes: entry.action,
      at: new Date(clock.now()).toISOString(),
    });
  }
  const item = itemOf(entry.alert);
  if (item) decorate(item);
  flush();
}

// Sending

function answered(entry, outcome, by) {
  localStorage.removeItem(entry.key);
  const item = itemOf(entry.alert);
  if (outcome === "applied" || outcome === "unchanged") {
    if (entry.kind === "undo") note(t("undone", { name: entry.name }));
  } else {
    forget(entry.action);
    const why = by ? t("outcome.taken.by", { by }) : t(`outcome.${outcome}`);
    note(t("refused", { action: entry.label, name: entry.name, why }), { isFault: true });
  }
  if (item) decorate(item);
}

async function post(entries) {
  const actions = entries.map(({ action, alert, kind, at, undoes }) => ({
    action,
    alert,
    kind,
    at,
    ...(undoes ? { undoes } : {}),
  }));
  return fetch("/api/actions", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": body.dataset.csrf },
    body: JSON.stringify({ actions }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
}

// The page may be older than the session: ask for the token anew. Returns what to do next.
async function askWhoIAm() {
  const answer = await fetch("/api/me", { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (answer.status === 401) return "login";
  const me = await answer.json();
  if (me.name !== body.dataset.user) return "login";
  if (me.csrf === body.dataset.csrf) return "forbidden";
  body.dataset.csrf = me.csrf;
  return "again";
}

// Returns how long to wait until more can be sent; 0: at once.
async function sendSome(entries) {
  const answer = await post(entries);
  if (answer.ok) {
    const { answers } = await answer.json();
    const said = new Map(answers.map((one) => [one.action, one]));
    for (const entry of entries) {
      const { outcome, by } = said.get(entry.action) ?? { outcome: "rejected" };
      answered(entry, outcome, by);
    }
    isLoggedOut = false;
    return 0;
  }
  if (answer.status === 401 || answer.status === 403) {
    const next = answer.status === 401 ? "login" : await askWhoIAm();
    if (next === "again") return 0;
    if (next === "forbidden") {
      for (const entry of entries) answered(entry, "forbidden");
      return 0;
    }
    isLoggedOut = true;
    return RETRY_MS * 6;
  }
  if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) {
    // One that the server cannot take must not keep the others from it.
    if (entries.length === 1) answered(entries[0], "rejected");
    batchSize = 1;
    return 0;
  }
  return 1000 * Number(answer.headers.get("Retry-After") || RETRY_MS / 1000);
}

export async function flush() {
  if (isSending) return;
  isSending = true;
  clearTimeout(retry);
  let waitMs = 0;
  try {
    for (let entries; !waitMs && (entries = kept().slice(0, batchSize)).length; ) {
      for (const { action } of entries) inFlight.add(action);
      waitMs = await sendSome(entries).catch(() => RETRY_MS);
      if (waitMs) markLate(entries);
      inFlight.clear();
    }
    if (!waitMs) batchSize = BATCH;
  } finally {
    isSending = false;
    showUnsent();
  }
  if (waitMs) {
    decorateAll();
    retry = setTimeout(flush, waitMs);
  }
}

// It was tried, so it may have arrived although no answer did.
function markLate(entries) {
  for (const { key, ...entry } of entries) {
    if (localStorage.getItem(key)) localStorage.setItem(key, JSON.stringify({ ...entry, late: true }));
  }
}

function showUnsent() {
  const number = unsent();
  const line = document.getElementById("unsent");
  line.hidden = !number || (!isLoggedOut && !kept().some((one) => one.late));
  const words = isLoggedOut ? t("login") : t("unsent", { count: number });
  if (!line.hidden && line.textContent !== words) line.textContent = words;
  line.toggleAttribute("href", false);
  if (isLoggedOut) line.href = `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
}

export function startActions() {
  document.getElementById("list").addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    if (!button || event.timeStamp - lastTap < TAP_GUARD_MS) return;
    lastTap = event.timeStamp;
    act(button.closest("[data-alert]"), button);
  });
  window.addEventListener("online", flush);
  setInterval(() => {
    for (const item of document.querySelectorAll("[data-undo], [data-pending]")) decorate(item);
  }, 2000);
  decorateAll();
  flush();
}
