// Keeps page and list on the phone for a start without a connection. Browsers allow that only
// for https addresses and for this machine itself.

import { shownVersion } from "./live.js";
import { shown } from "./parts.js";

const LIST = "shelfwatch-list";
const PAGES = "shelfwatch-pages";
const KEEP_MS = 4000;

const body = document.body;
const isAllowed = "serviceWorker" in navigator && "caches" in window;
let timer = null;

function where() {
  return `/kept?${body.dataset.query}`;
}

export function keepSoon() {
  if (isAllowed) timer ??= setTimeout(keepNow, KEEP_MS);
}

async function keepNow() {
  clearTimeout(timer);
  timer = null;
  const list = {
    ...shownVersion(),
    user: body.dataset.user,
    language: document.documentElement.lang,
    parts: shown(),
  };
  const cache = await caches.open(LIST);
  await cache.put(where(), new Response(JSON.stringify(list)));
}

// Returns what was shown last, if it is newer than the page itself and of the same person.
export async function lastShown() {
  if (!isAllowed) return null;
  const answer = await (await caches.open(LIST)).match(where());
  if (!answer) return null;
  const list = await answer.json();
  const isMine = list.user === body.dataset.user && list.language === document.documentElement.lang;
  return isMine && list.at > body.dataset.at ? list : null;
}

export async function startKeeping() {
  if (!isAllowed) return;
  await navigator.serviceWorker.register("/static/worker.js", { scope: "/" });
  await navigator.serviceWorker.ready;
  if (!navigator.serviceWorker.controller) {
    // This page has come before its worker: keep it and its files now.
    const files = performance.getEntriesByType("resource").map((entry) => new URL(entry.name));
    const own = files.filter((url) => url.pathname.startsWith("/static/")).map((url) => url.href);
    const page = location.pathname + location.search;
    await (await caches.open(PAGES)).addAll([page, ...new Set(own)]);
  }
  window.addEventListener("pagehide", keepNow);
}
