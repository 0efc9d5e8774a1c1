// The order of the alerts: along the walk, or the most urgent first; all aisles, or one.

import { clock } from "./words.js";

const list = document.getElementById("list");
const aisles = document.getElementById("aisle");
const buttons = document.querySelectorAll("[data-order]");
const ANSWERED = new Set(["done", "no_stock"]);

let order = localStorage.getItem("shelfwatch.order") === "urgent" ? "urgent" : "walk";

function urgency(item) {
  if (!item.dataset.alert) return Infinity; // headings are not shown then
  const minutes = Math.max(0, clock.now() - Date.parse(item.dataset.since)) / 60000;
  return Number(item.dataset.rate) * (minutes + 1);
}

function compare(a, b) {
  if (order === "urgent") {
    const last = ANSWERED.has(a.dataset.phase) - ANSWERED.has(b.dataset.phase);
    const difference = last || urgency(b) - urgency(a);
    if (difference) return difference;
  }
  return a.dataset.walk < b.dataset.walk ? -1 : 1;
}

function filter(item) {
  item.hidden = aisles.value !== "" && item.dataset.aisle !== aisles.value;
}

// Puts an item where it belongs, without taking the focus from what is in it.
export function place(item) {
  const others = [...list.children].filter((other) => other !== item);
  const next = others.find((other) => compare(item, other) < 0) ?? null;
  filter(item);
  if (item.parentNode === list && item.nextElementSibling === next) return;
  const focused = item.contains(document.activeElement) ? document.activeElement : null;
  list.insertBefore(item, next);
  focused?.focus({ preventScroll: true });
}

export function offerAisles() {
  const names = [...new Set([...list.querySelectorAll(".heading")].map((h) => h.dataset.aisle))];
  const known = [...aisles.options].slice(1).map((option) => option.value);
  const wanted = names.filter(Boolean);
  if (wanted.join() === known.join()) return;
  const chosen = aisles.value;
  for (const option of [...aisles.options].slice(1)) option.remove();
  for (const name of wanted) aisles.add(new Option(name, name));
  aisles.value = wanted.includes(chosen) ? chosen : "";
  aisles.hidden = wanted.length < 2;
  filterAll();
}

function filterAll() {
  for (const item of list.children) filter(item);
}

export function sort() {
  list.classList.toggle("by-urgency", order === "urgent");
  for (const button of buttons) {
    button.setAttribute("aria-pressed", String(button.dataset.order === order));
  }
  const sorted = [...list.children].sort(compare);
  if (sorted.some((item, index) => list.children[index] !== item)) list.append(...sorted);
}

export function startOrder() {
  for (const button of buttons) {
    button.addEventListener("click", () => {
      order = button.dataset.order;
      localStorage.setItem("shelfwatch.order", order);
      sort();
    });
  }
  aisles.addEventListener("change", filterAll);
  offerAisles();
  sort();
}
