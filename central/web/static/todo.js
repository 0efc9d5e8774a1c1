// The page is drawn by the server; this keeps it live, lets people act, and keeps it for later.

import { decorate, flush, startActions } from "./actions.js";
import { keepSoon, lastShown, startKeeping } from "./kept.js";
import { startLive } from "./live.js";
import { offerAisles, startOrder } from "./order.js";
import { take } from "./parts.js";
import { refreshCard, showWanted, startShelves } from "./shelves.js";
import { countAges, t } from "./words.js";

const spoken = document.getElementById("spoken");

function taken(parts, isAll) {
  const { changed, fresh } = take(parts, isAll);
  changed.forEach((item) => decorate(item));
  offerAisles();
  countAges();
  showWanted();
  const heading = document.querySelector("h1[data-title]");
  if (heading) document.title = heading.dataset.title;
  if (fresh.length && !isAll) {
    const what = fresh.slice(0, 3).map((item) => item.dataset.spoken);
    spoken.textContent = t("new", { what: what.join(". ") });
  }
  if (Object.keys(parts).length) {
    keepSoon();
    refreshCard();
  }
  flush();
}

startOrder();
startShelves();
startActions();
countAges();
setInterval(countAges, 1000);
const kept = await lastShown().catch(() => null);
startLive(taken, kept);
startKeeping().catch((error) => console.warn("not kept for later:", error));
