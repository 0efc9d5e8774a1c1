// The drawn shelves, the card of a slot, pictures in full, and what the cameras see.

import { isLive, wantShelves } from "./live.js";
import { fragmentOf, morph } from "./parts.js";
import { countAges, t } from "./words.js";

const body = document.body;
const card = document.getElementById("card");
const viewer = document.getElementById("viewer");
const LOOK_MS = 2000;
const wide = window.matchMedia("(min-width: 1000px)");

let wanted = null; // the slot to show as soon as it is drawn

export function chooseTab(tab) {
  body.dataset.tab = tab;
  if (tab === "shelves" || wide.matches) wantShelves();
  for (const link of document.querySelectorAll("[data-tab]")) {
    if (link === body) continue;
    if (link.dataset.tab === tab) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

export async function loadCard(slot) {
  const path = `/card?${body.dataset.query}&slot=${encodeURIComponent(slot)}`;
  const answer = await fetch(path).catch(() => null);
  if (!answer?.ok || (card.open && card.dataset.slot !== slot)) return;
  morph(card, fragmentOf(await answer.text()));
  card.dataset.slot = slot;
  countAges();
  if (!card.open) card.showModal();
}

function openCard(slot) {
  delete card.dataset.slot;
  card.replaceChildren();
  loadCard(slot);
}

export function showWanted() {
  const drawn = wanted && document.querySelector(`.slot[data-key="${CSS.escape(wanted)}"]`);
  if (!drawn) return;
  wanted = null;
  drawn.scrollIntoView({ block: "center", inline: "center", behavior: "smooth" });
  drawn.classList.remove("shown");
  requestAnimationFrame(() => drawn.classList.add("shown"));
  setTimeout(() => drawn.classList.remove("shown"), 4000);
}

function show(slot) {
  wanted = slot;
  if (!wide.matches) {
    history.pushState(null, "", "#shelves");
    chooseTab("shelves");
  }
  showWanted();
}

function openPicture(link) {
  const image = viewer.querySelector("img");
  image.src = link.href;
  image.alt = link.dataset.caption;
  viewer.querySelector("p").textContent = link.dataset.caption;
  viewer.showModal();
}

export function refreshCard() {
  if (card.open && card.dataset.slot && isLive()) loadCard(card.dataset.slot);
}

// A new look replaces the old one when it has arrived.
function follow(figure) {
  let image = figure.querySelector("img");
  const none = figure.querySelector(".none");
  const load = () => {
    if (document.hidden || !figure.offsetParent) return setTimeout(load, LOOK_MS);
    const next = new Image();
    next.onload = () => {
      next.alt = image.alt;
      image.replaceWith(next);
      image = next;
      setTimeout(load, LOOK_MS);
    };
    next.onerror = () => {
      image.hidden = true;
      none.textContent = t("look.none");
      setTimeout(load, LOOK_MS);
    };
    next.src = `${figure.dataset.look}?at=${Date.now()}`;
  };
  load();
}

function tabOf() {
  return location.hash === "#shelves" ? "shelves" : "todo";
}

export function startShelves() {
  document.addEventListener("click", (event) => {
    const picture = event.target.closest("a.picture");
    if (picture) {
      event.preventDefault();
      return openPicture(picture);
    }
    const tab = event.target.closest("a[data-tab]");
    if (tab && tab.dataset.tab !== "more") {
      event.preventDefault();
      const hash = tab.dataset.tab === "shelves" ? "#shelves" : "";
      history.pushState(null, "", location.pathname + location.search + hash);
      chooseTab(tab.dataset.tab);
      return window.scrollTo(0, 0);
    }
    const place = event.target.closest("[data-show]");
    if (place) return show(place.dataset.show);
    const slot = event.target.closest(".slot");
    if (slot) return openCard(slot.dataset.key);
    if (event.target === card || event.target === viewer) event.target.close();
  });
  document.addEventListener("keydown", (event) => {
    const slot = event.target.closest?.(".slot");
    if (slot && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      openCard(slot.dataset.key);
    }
  });
  window.addEventListener("popstate", () => chooseTab(tabOf()));
  wide.addEventListener("change", () => chooseTab(tabOf()));
  chooseTab(tabOf());
  document.querySelectorAll("[data-look]").forEach(follow);
}
