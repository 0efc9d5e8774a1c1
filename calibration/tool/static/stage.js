// The three views of a draft: the picture with corners, the bay from its front, the planogram.

import { base } from "./api.js";
import { byId, points, svg } from "./elements.js";

const TOUCH_PX = 22;
const DOT_PX = 8;
const CORNERS = ["Top left", "Top right", "Bottom right", "Bottom left"];
const LONG_NAME = 26;

export class Stage {
  // `actions` has edit(edit, isLast), choose(slot) and grab(handle): what can be nudged now.
  constructor(actions) {
    this.actions = actions;
    this.held = null;
    this.scales = { picture: 1, frontal: 1 };
    this.sizes = {};
    for (const name of ["picture", "frontal"]) {
      new ResizeObserver(() => this.fit(name)).observe(byId(name));
    }
  }

  show(draft, bay, chosen, plan) {
    this.draft = draft;
    this.bay = bay;
    this.chosen = chosen;
    this.showPicture();
    this.showFrontal();
    this.showPlan(plan);
    this.fit("picture");
    this.fit("frontal");
  }

  // How many units of a view make one CSS px: handles are as large as fingers on every screen.
  fit(name) {
    const element = byId(name);
    const box = element.viewBox.baseVal;
    const matrix = element.getScreenCTM();
    if (!box || !matrix?.a) return;
    const units = 1 / matrix.a;
    for (const handle of element.querySelectorAll(".handle")) size(handle, units);
    this.scales[name] = units;
  }

  // The bays with their surroundings: a phone has no room for the rest of the picture.
  viewBox(width, height) {
    const corners = this.draft.bays.flatMap((bay) => bay.corners);
    const room = 0.1 * width;
    const side = (values, size) => {
      const low = Math.max(-0.35 * size, Math.min(...values));
      const high = Math.min(1.35 * size, Math.max(...values));
      const from = Math.min(low - 0.3 * room, Math.max(0, low - room));
      const to = Math.max(high + 0.3 * room, Math.min(size, high + room));
      return [from, to - from];
    };
    const [left, wide] = side(corners.map(([x]) => x), width);
    const [top, tall] = side(corners.map(([, y]) => y), height);
    return [left, top, wide, tall].map((value) => value.toFixed(1)).join(" ");
  }

  showPicture() {
    const root = byId("picture");
    const [width, height] = this.draft.size_px;
    if (!this.held) root.setAttribute("viewBox", this.viewBox(width, height));
    const href = `${base}/picture.jpg?r=${encodeURIComponent(this.draft.taken)}`;
    const layers = this.layers(root, href, width, height);
    layers.shapes.replaceChildren(
      ...this.draft.bays.flatMap((bay) => [
        ...bay.boards.map((board) => svg("polyline", { class: "board", points: points(board.line) })),
        ...bay.slots.map((slot) => this.slot(slot, slot.corners)),
        svg("polyline", { class: `outline ${this.draft.scored ? bay.verdict ?? "" : ""}`, points: points(bay.outline) }),
      ]),
    );
    const wanted = this.draft.mine
      ? this.draft.bays.flatMap((bay) =>
          bay.corners.map((at, corner) => ({
            key: `c${bay.bay}-${corner}`,
            name: `${CORNERS[corner]} corner of bay ${bay.bay}`,
            at,
            isCorner: true,
            edit: ([x, y]) => ({ do: "corner", bay: bay.bay, corner, x, y }),
          })),
        )
      : [];
    this.handles(layers.handles, wanted, "picture");
  }

  showFrontal() {
    const root = byId("frontal");
    const { width, height } = this.bay.frontal;
    root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const shape = this.bay.corners.flat().join("_");
    if (!this.held || !this.frontalHref) {
      this.frontalHref = `${base}/bays/${this.bay.bay}.jpg?r=${encodeURIComponent(`${this.draft.taken}_${shape}`)}`;
    }
    const layers = this.layers(root, this.frontalHref, width, height);
    layers.shapes.replaceChildren(
      ...this.bay.boards.map((board) => svg("polyline", { class: "board", points: points(board.frontal) })),
      ...this.bay.slots.map((slot) => this.slot(slot, slot.frontal)),
      svg("polygon", { class: `outline ${this.draft.scored ? this.bay.verdict ?? "" : ""}`, points: points(this.bay.frontal.corners) }),
    );
    const wanted = [];
    if (this.draft.mine) {
      for (const board of this.bay.boards) {
        const [[, y], [right]] = board.frontal;
        wanted.push({
          key: `b${this.bay.bay}-${board.shelf}`,
          name: `Shelf ${board.shelf} from the bottom, ${board.y_mm} mm up`,
          at: [right, y],
          bar: "across",
          edit: ([, at]) => ({ do: "board", bay: this.bay.bay, shelf: board.shelf, x: right, y: at }),
          nudge: (_x, up) => ({ do: "board", bay: this.bay.bay, shelf: board.shelf, by_mm: -up }),
        });
      }
      const slot = this.bay.slots.find((one) => one.slot === this.chosen);
      if (slot) {
        const middle = (slot.frontal[0][1] + slot.frontal[2][1]) / 2;
        for (const [side, x] of [["left", slot.frontal[0][0]], ["right", slot.frontal[1][0]]]) {
          wanted.push({
            key: `s${slot.slot}-${side}`,
            name: `${side === "left" ? "Left" : "Right"} border of ${slot.name}`,
            at: [x, middle],
            bar: "up",
            edit: ([at]) => ({ do: "border", slot: slot.slot, side, x: at, y: middle }),
            nudge: (right) => ({ do: "border", slot: slot.slot, side, by_mm: right }),
          });
        }
      }
    }
    this.handles(layers.handles, wanted, "frontal");
  }

  showPlan(plan) {
    const root = byId("planogram");
    if (!plan) return;
    root.setAttribute("viewBox", `${-0.02 * plan.width} ${-0.02 * plan.height} ${1.04 * plan.width} ${1.04 * plan.height}`);
    const doubtful = new Set(this.bay.slots.filter((slot) => slot.doubtful).map((slot) => slot.slot));
    const text = plan.width / 34;
    root.replaceChildren(
      ...plan.slots.flatMap((slot) => {
        const [x, up, width, height] = slot.box;
        const y = plan.height - up - height;
        const classes = ["plan-slot", doubtful.has(slot.slot) ? "doubtful" : "", slot.slot === this.chosen ? "chosen" : ""];
        const letters = Math.max(2, Math.floor(width / (text * 0.56)));
        const name = slot.name.length > letters ? `${slot.name.slice(0, letters - 1)}…` : slot.name;
        return [
          svg("rect", { class: classes.join(" "), x, y, width, height, onclick: () => this.actions.choose(slot.slot) }, svg("title", {}, `${slot.name}, ${slot.place}`)),
          ...Array.from({ length: slot.wide - 1 }, (_, n) => {
            const at = x + (width * (n + 1)) / slot.wide;
            return svg("line", { class: "facing", x1: at, x2: at, y1: y, y2: y + height });
          }),
          svg("text", { class: "plan-text", x: x + text * 0.3, y: y + height / 2 + text * 0.35, "font-size": text }, name),
        ];
      }),
    );
  }

  layers(root, href, width, height) {
    let image = root.querySelector("image");
    if (!image) {
      image = svg("image", { preserveAspectRatio: "none" });
      root.replaceChildren(image, svg("g", { class: "shapes" }), svg("g", { class: "handles" }));
    }
    image.setAttribute("width", width);
    image.setAttribute("height", height);
    if (image.getAttribute("href") !== href) image.setAttribute("href", href);
    return { shapes: root.querySelector(".shapes"), handles: root.querySelector(".handles") };
  }

  slot(slot, corners) {
    const classes = ["slot", slot.doubtful ? "doubtful" : "", slot.slot === this.chosen ? "chosen" : ""];
    const name = slot.name.length > LONG_NAME ? `${slot.name.slice(0, LONG_NAME)}…` : slot.name;
    const choose = () => this.actions.choose(slot.slot);
    return svg("polygon", { class: classes.join(" "), points: points(corners), onclick: choose }, svg("title", {}, `${name}, ${slot.place}`));
  }

  // Handles are kept between drawings, so that a drag and the focus go on.
  handles(group, wanted, view) {
    const known = new Map([...group.children].map((element) => [element.dataset.key, element]));
    for (const handle of wanted) {
      let element = known.get(handle.key);
      known.delete(handle.key);
      if (!element) {
        element = this.newHandle(handle, view);
        group.append(element);
      }
      element.handle = handle;
      element.setAttribute("aria-label", `${handle.name}; arrow keys move it`);
      if (this.held?.element !== element) place(element, handle.at);
      size(element, this.scales[view]);
    }
    for (const element of known.values()) element.remove();
  }

  newHandle(handle, view) {
    const shape = handle.isCorner ? svg("circle", { class: "dot" }) : svg("rect", { class: `bar ${handle.bar}` });
    const element = svg(
      "g",
      { class: "handle", tabindex: 0, role: "button", "data-key": handle.key },
      svg("circle", { class: "target" }),
      svg("circle", { class: "ring", fill: "none" }),
      shape,
    );
    element.addEventListener("pointerdown", (event) => this.grab(event, element, view));
    element.addEventListener("pointermove", (event) => this.drag(event, element, view));
    element.addEventListener("pointerup", (event) => this.drop(event, element, view));
    element.addEventListener("pointercancel", (event) => this.drop(event, element, view));
    element.addEventListener("focus", () => this.actions.grab(element.handle.key));
    element.addEventListener("keydown", (event) => this.key(event, element.handle));
    return element;
  }

  grab(event, element, view) {
    if (event.button) return;
    event.preventDefault();
    element.focus({ preventScroll: true });
    element.setPointerCapture(event.pointerId);
    const [x, y] = this.at(event, view);
    this.held = { element, gesture: newGesture(), off: [element.handle.at[0] - x, element.handle.at[1] - y], moved: false };
    element.classList.add("held");
  }

  drag(event, element, view) {
    if (this.held?.element !== element) return;
    const at = this.goal(event, view, element.handle);
    this.held.moved = true;
    element.handle.at = at; // from where arrow keys go on, before the answer has come
    place(element, at);
    if (view === "picture") this.loupe(at, event);
    this.actions.edit({ ...element.handle.edit(at), gesture: this.held.gesture }, false);
  }

  drop(event, element, view) {
    if (this.held?.element !== element) return;
    const { moved, gesture } = this.held;
    const at = this.goal(event, view, element.handle);
    this.held = null;
    element.classList.remove("held");
    byId("loupe").setAttribute("hidden", "");
    if (moved) this.actions.edit({ ...element.handle.edit(at), gesture }, true);
  }

  goal(event, view, handle) {
    const [x, y] = this.at(event, view);
    const [dx, dy] = this.held.off;
    const goal = [x + dx, y + dy];
    if (handle.bar === "across") goal[0] = handle.at[0];
    if (handle.bar === "up") goal[1] = handle.at[1];
    return goal.map((value) => Math.round(value * 10) / 10);
  }

  at(event, view) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(byId(view).getScreenCTM().inverse());
    return [point.x, point.y];
  }

  key(event, handle) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.nudge(handle.key, ...way, event.shiftKey ? 10 : 1);
  }

  // Moves a handle by px of the picture, or by mm on the bay.
  nudge(key, x, y, step = 1) {
    const element = document.querySelector(`.handle[data-key="${key}"]`);
    const handle = element?.handle;
    if (!handle || (handle.bar === "across" && !y) || (handle.bar === "up" && !x)) return;
    const gesture = this.nudged?.key === key ? this.nudged.gesture : newGesture();
    this.nudged = { key, gesture };
    const at = [handle.at[0] + x * step, handle.at[1] + y * step];
    const edit = handle.nudge ? handle.nudge(x * step, y * step) : handle.edit(at);
    handle.at = handle.nudge ? handle.at : at;
    this.actions.edit({ ...edit, gesture }, true);
  }

  // What is under the finger, larger.
  loupe(at, event) {
    const loupe = byId("loupe");
    const [width] = this.draft.size_px;
    const reach = Math.max(26, width / 30);
    loupe.removeAttribute("hidden");
    loupe.setAttribute("viewBox", `${at[0] - reach} ${at[1] - reach} ${2 * reach} ${2 * reach}`);
    const box = byId("picture").getBoundingClientRect();
    loupe.classList.toggle("right", event.clientX < box.left + box.width / 2);
    const image = byId("picture").querySelector("image").cloneNode();
    const line = (x1, y1, x2, y2) => svg("line", { class: "loupe-line", x1, y1, x2, y2 });
    loupe.replaceChildren(
      image,
      line(at[0] - reach, at[1], at[0] + reach, at[1]),
      line(at[0], at[1] - reach, at[0], at[1] + reach),
    );
  }
}

function place(element, [x, y]) {
  element.setAttribute("transform", `translate(${x} ${y})`);
}

function size(element, units) {
  const [target, ring, shape] = element.children;
  target.setAttribute("r", TOUCH_PX * units);
  ring.setAttribute("r", 15 * units);
  if (shape.tagName === "circle") {
    shape.setAttribute("r", DOT_PX * units);
    return;
  }
  const [long, short] = [13 * units, 4 * units];
  const isAcross = shape.classList.contains("across");
  shape.setAttribute("x", isAcross ? -long : -short);
  shape.setAttribute("y", isAcross ? -short : -long);
  shape.setAttribute("width", 2 * (isAcross ? long : short));
  shape.setAttribute("height", 2 * (isAcross ? short : long));
  shape.setAttribute("rx", short);
}

let gestures = 0;
const newGesture = () => `${Date.now().toString(36)}-${(gestures += 1)}`;
