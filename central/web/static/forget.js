// Forgets what only those may see who are logged in; what waits to be sent stays.

export async function forgetAll() {
  if (!("caches" in window)) return;
  for (const name of await caches.keys()) {
    if (name.startsWith("shelfwatch-")) await caches.delete(name);
  }
}
