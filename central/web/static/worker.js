// The service worker: what was seen last is there without a connection. Network first, so that
// nobody works with an old page while the server can be reached.
"use strict";

const PAGES = "shelfwatch-pages";
const PICTURES = "shelfwatch-pictures";
const MAX_PICTURES = 400;
const PATIENCE_MS = 4000;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

function within(promise, ms) {
  return Promise.race([
    promise,
    new Promise((_, reject) => setTimeout(() => reject(new Error("too slow")), ms)),
  ]);
}

async function networkFirst(event) {
  const { request } = event;
  const cache = await caches.open(PAGES);
  const fromNetwork = fetch(request).then((answer) => {
    if (answer.ok && !answer.redirected) {
      event.waitUntil(cache.put(request, answer.clone()));
    }
    return answer;
  });
  event.waitUntil(fromNetwork.catch(() => {}));
  const known = (await cache.match(request)) ?? (await samePage(cache, request));
  if (!known) return fromNetwork;
  // A proxy whose server is away answers for it, and is no better than silence.
  const answer = within(fromNetwork, PATIENCE_MS).catch(() => known);
  return answer.then((said) => (said.status >= 500 ? known : said));
}

// The start page has no query; the one that was kept names its store.
async function samePage(cache, request) {
  if (request.mode !== "navigate" || new URL(request.url).search) return undefined;
  return cache.match(request, { ignoreSearch: true });
}

async function pictureOnce(event) {
  const cache = await caches.open(PICTURES);
  const known = await cache.match(event.request);
  if (known) return known;
  const answer = await fetch(event.request);
  if (answer.ok) {
    event.waitUntil(cache.put(event.request, answer.clone()).then(() => trim(cache)));
  }
  return answer;
}

async function trim(cache) {
  const requests = await cache.keys();
  for (const request of requests.slice(0, Math.max(0, requests.length - MAX_PICTURES))) {
    await cache.delete(request);
  }
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  const isPage = request.mode === "navigate" && (url.pathname === "/" || url.pathname === "/more");
  if (isPage || url.pathname.startsWith("/static/")) event.respondWith(networkFirst(event));
  else if (url.pathname.startsWith("/evidence/")) event.respondWith(pictureOnce(event));
});
