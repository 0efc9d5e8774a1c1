// Making elements without markup in strings: what the server says is always text.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const html = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

export const points = (list) => list.map((point) => point.join(",")).join(" ");

const SIGNS = { green: "✓", amber: "!", red: "✕" };
const WORDS = { green: "good", amber: "look at it", red: "not good" };

export const sign = (verdict) =>
  html("span", { class: `sign ${verdict}`, role: "img", "aria-label": WORDS[verdict] ?? verdict }, SIGNS[verdict] ?? "…");

export const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);

export function findings(list, items) {
  list.replaceChildren(
    ...items.map((one) =>
      html(
        "li",
        {},
        sign(one.verdict),
        html("span", {}, capital(one.words)),
        one.advice && one.verdict !== "green" ? html("span", { class: "advice" }, `${capital(one.advice)}.`) : null,
      ),
    ),
  );
}

// Replaces children only when what they show has changed, so that focus stays.
const shown = new WeakMap();
export function refresh(element, key, make) {
  const text = JSON.stringify(key);
  if (shown.get(element) === text) return;
  shown.set(element, text);
  element.replaceChildren(...make());
}

export function notice(words, kind = "red") {
  const line = byId("notice");
  line.hidden = !words;
  line.className = `note ${kind}`;
  line.textContent = words;
  if (words && kind === "red") line.scrollIntoView({ block: "nearest" });
}

// A button that has to be tapped twice for what cannot be taken back.
export function twice(button, run) {
  const words = button.textContent;
  if (button.dataset.asked) {
    delete button.dataset.asked;
    run();
    return;
  }
  button.dataset.asked = "yes";
  button.textContent = button.dataset.sure;
  setTimeout(() => {
    delete button.dataset.asked;
    if (button.textContent === button.dataset.sure) button.textContent = words;
  }, 4000);
}
