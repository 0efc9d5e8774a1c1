// Texts in the reader's language, ages, and the server's clock.

const texts = JSON.parse(document.body.dataset.texts || "{}");

export const clock = {
  aheadMs: Number(localStorage.getItem("shelfwatch.ahead") || 0), // the server's, of this one
  now() {
    return Date.now() + this.aheadMs;
  },
  set(serverTime) {
    this.aheadMs = Date.parse(serverTime) - Date.now();
    localStorage.setItem("shelfwatch.ahead", String(this.aheadMs));
  },
};

export function t(key, values = {}) {
  const text = texts[key] ?? texts[`${key}.${values.count === 1 ? "one" : "other"}`];
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export function duration(ms) {
  const secs = Math.max(0, Math.round(ms / 1000));
  if (secs < 60) return t("secs", { count: secs });
  const minutes = Math.floor(secs / 60);
  if (minutes < 60) return t("minutes", { count: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return t("hours", { hours, minutes: String(minutes % 60).padStart(2, "0") });
  return t("days", { count: Math.floor(hours / 24) });
}

export function countAges() {
  const now = clock.now();
  for (const time of document.querySelectorAll("time[datetime]")) {
    const moment = Date.parse(time.dateTime);
    const age = duration(now - moment);
    const words = time.hasAttribute("data-ago") ? t("ago", { age }) : age;
    if (time.textContent !== words) time.textContent = words;
    if (!time.title) time.title = new Date(moment).toLocaleString(document.documentElement.lang);
  }
}
