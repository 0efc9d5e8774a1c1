// Takes a photograph, makes it small and new (nothing but its pixels is sent), and shows the
// answer. What this browser cannot read is sent as it is: the server says what is wrong with it.

import { countAges, t } from "./words.js";

const MAX_SIDE_PX = 1024;
const QUALITY = 0.85;
const TIMEOUT_MS = 30000;

const { csrf, query } = document.body.dataset;
const shown = document.getElementById("shown");
const looking = document.getElementById("looking");
const answer = document.getElementById("answer");
let newest = 0; // a second photograph overtakes the answer to the first

async function small(file) {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, MAX_SIDE_PX / Math.max(picture.width, picture.height));
  shown.width = Math.max(1, Math.round(picture.width * scale));
  shown.height = Math.max(1, Math.round(picture.height * scale));
  shown.getContext("2d").drawImage(picture, 0, 0, shown.width, shown.height);
  picture.close();
  shown.hidden = false;
  return new Promise((resolve) => shown.toBlob(resolve, "image/jpeg", QUALITY));
}

function say(words) {
  const p = document.createElement("p");
  p.className = "fault";
  p.setAttribute("role", "alert");
  p.textContent = words;
  answer.replaceChildren(p);
}

async function ask(file) {
  const number = ++newest;
  answer.replaceChildren();
  shown.hidden = true;
  looking.hidden = false;
  const body = (await small(file).catch(() => null)) ?? file;
  try {
    const reply = await fetch(`/where?${query}`, {
      method: "POST",
      headers: { "X-CSRF-Token": csrf, "Content-Type": "application/octet-stream" },
      body,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const isOurs = (reply.headers.get("content-type") ?? "").startsWith("text/html");
    const text = await reply.text();
    if (number !== newest) return;
    if (reply.redirected || reply.status === 401) say(t("where.login"));
    else if (isOurs) answer.innerHTML = text;
    else say(t("where.failed", { why: text.slice(0, 200) || reply.status }));
    countAges();
    answer.querySelector("h2, [role=alert]")?.focus?.();
    answer.scrollIntoView({ block: "start", behavior: "smooth" });
  } catch (error) {
    if (number === newest) say(t("where.offline"));
  } finally {
    if (number === newest) looking.hidden = true;
  }
}

for (const input of document.querySelectorAll("[data-photo]")) {
  input.addEventListener("change", () => {
    if (input.files.length) ask(input.files[0]);
    input.value = "";
  });
}
