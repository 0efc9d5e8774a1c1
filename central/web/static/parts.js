// Takes new HTML for parts of the page and changes only what differs.

import { place } from "./order.js";

const ITEM = /^(alert|heading)-/;
const PLAN = /^plan-/;

function keyOf(node) {
  return node.nodeType === 1 ? node.getAttribute("data-key") : null;
}

function isSame(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);
}

function isKept(node, name) {
  return name === "open" && node.nodeName === "DETAILS"; // what the reader has unfolded
}

function syncAttributes(from, to) {
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !isKept(from, name)) from.removeAttribute(name);
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

export function morph(parent, wanted) {
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

export function fragmentOf(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

function find(name) {
  return document.querySelector(`[data-part="${CSS.escape(name)}"]`);
}

function takeWhole(name, html, list) {
  const next = fragmentOf(html).firstElementChild;
  const here = find(name);
  if (!here) {
    if (name.startsWith("alert-")) next.classList.add("arriving");
    if (list.id === "list") place(next);
    else list.append(next);
    return next;
  }
  if (list.id !== "list") {
    here.replaceWith(next);
    return next;
  }
  syncAttributes(here, next);
  morph(here, next);
  place(here);
  return here;
}

// Parts by name; null is one that is gone. With `isAll`, what is not named is gone as well.
// Returns the alerts that have come or changed, and the names of those that have come.
export function take(parts, isAll) {
  const list = document.getElementById("list");
  const plans = document.getElementById("plans");
  const changed = [];
  const fresh = [];
  if (isAll) {
    for (const part of document.querySelectorAll("#list > [data-part], #plans > [data-part]")) {
      if (!(part.dataset.part in parts)) part.remove();
    }
  }
  for (const [name, html] of Object.entries(parts)) {
    if (html === null) {
      if (ITEM.test(name) || PLAN.test(name)) find(name)?.remove();
    } else if (ITEM.test(name)) {
      const isFresh = !find(name);
      const item = takeWhole(name, html, list);
      if (!name.startsWith("alert-")) continue;
      changed.push(item);
      if (isFresh) fresh.push(item);
    } else if (PLAN.test(name)) {
      takeWhole(name, html, plans);
    } else {
      const part = find(name);
      if (part) morph(part, fragmentOf(html));
    }
  }
  return { changed, fresh };
}

// The parts that are shown, for a start without a connection.
export function shown() {
  const parts = {};
  for (const part of document.querySelectorAll("#list > [data-part], #plans > [data-part]")) {
    parts[part.dataset.part] = part.outerHTML;
  }
  for (const name of ["summary", "quiet", "closed"]) parts[name] = find(name).innerHTML;
  return parts;
}
