// The page of one camera: asks the server for the state, shows it, sends what is tapped.

import { Edits, ask, base } from "./api.js";
import { byId, capital, findings, html, notice, refresh, sign, twice } from "./elements.js";
import { Stage } from "./stage.js";
import { showCatalog, showHistory, showTest, startAfterwards } from "./after.js";

const POLL_MS = 1500;

let state = null;
let bayNumber = null;
let chosen = null;
let grabbed = null;
let isWorking = false;
let hasBegun = false;

const stage = new Stage({
  edit: (edit, isLast) => edits.send(edit, isLast),
  choose: (slot) => {
    chosen = slot;
    show();
  },
  grab: (key) => {
    grabbed = key;
    showNudge();
  },
});

const edits = new Edits(
  () => state.draft.revision,
  (draft) => {
    notice("");
    state.draft = draft;
    show();
  },
  (error) => {
    notice(error.message);
    refreshState();
  },
);

// Does something that answers with the page's state; what is tapped meanwhile comes after it.
// `body` may be a function, which is asked when its turn comes.
let turns = Promise.resolve();
function act(button, name, body, done = "") {
  button.setAttribute("aria-busy", "true");
  turns = turns.then(() => run(button, name, body, done));
  return turns;
}

async function run(button, name, body, done) {
  isWorking = true;
  const words = button.textContent;
  if (button.dataset.busy) button.textContent = button.dataset.busy;
  show();
  try {
    await edits.idle();
    state = await ask(name, typeof body === "function" ? body() : body);
    notice(done, "green");
  } catch (error) {
    notice(error.message);
    await refreshState();
  } finally {
    if (button.textContent === button.dataset.busy) button.textContent = words;
    button.removeAttribute("aria-busy");
    isWorking = false;
    show();
  }
}

const seen = () => ({ revision: state.draft?.revision ?? 0 });

async function refreshState() {
  try {
    const next = await ask();
    const isOlder = state?.draft && next.draft && next.draft.revision < state.draft.revision;
    if (edits.isBusy || stage.held || isOlder) return;
    if (byId("notice").dataset.lost) {
      delete byId("notice").dataset.lost;
      notice("");
    }
    state = next;
    show();
  } catch (error) {
    notice(error.message);
    byId("notice").dataset.lost = "yes";
  }
}

function show() {
  if (!state) return;
  showLook();
  showPresence();
  const { draft } = state;
  byId("place").hidden = !draft;
  document.body.classList.toggle("has-draft", draft !== null);
  byId("propose").classList.toggle("primary", !state.saved || state.agent.camera === "moved");
  byId("propose").parentElement.hidden = draft !== null;
  if (draft) showDraft(draft);
  showTest(state, act);
  showCatalog(state);
  showHistory(state, act);
  proposeAfterBump();
}

// A camera that was moved is placed again without being asked: saving it is the one tap.
function proposeAfterBump() {
  const isBumped = state.agent.camera === "moved" && state.saved && !state.draft;
  if (!isBumped || hasBegun || isWorking || byId("propose").disabled) return;
  hasBegun = true;
  byId("propose").click();
}

function showLook() {
  const { live } = state;
  const image = byId("live");
  image.hidden = !live.number;
  const src = `${base}/live.jpg?n=${live.number}`;
  if (live.number && !image.src.endsWith(src)) image.src = src;
  const lost = live.fault !== "";
  image.parentElement.classList.toggle("lost", lost);
  const age = live.age_secs === null ? "" : live.age_secs < 3 ? "Now" : `${Math.round(live.age_secs)} s ago`;
  byId("live-age").textContent = lost
    ? `The camera gives no new picture (${age || "none yet"}): ${live.fault}. Your work is kept.`
    : age || "The camera is being started.";
  refresh(byId("gate"), live.findings, () => {
    const list = document.createElement("ul");
    findings(list, live.findings);
    return [...list.children];
  });
  const agent = state.agent;
  byId("agent").textContent = agent.fault
    ? `The agent: ${agent.fault}.`
    : `The agent says of this camera: ${agent.camera ?? "nothing yet"}${agent.detail ? ` (${agent.detail})` : ""}.`;
  byId("propose").disabled = !live.number || lost;
  byId("by-hand").disabled = byId("propose").disabled;
  if (!byId("propose").hasAttribute("aria-busy")) byId("propose").textContent = state.saved ? "Propose again" : "Propose";
}

function showPresence() {
  const { draft } = state;
  const lines = [];
  if (draft && !draft.mine) {
    lines.push({ words: `${draft.by} is calibrating this camera (last change ${draft.changed_secs} s ago). You see the work as it is.`, takeOver: true });
  }
  if (draft?.mine && state.others.length) lines.push({ words: `Also here: ${state.others.join(", ")}.` });
  if (draft?.mine && draft.overtaken) {
    lines.push({ words: `Version ${draft.overtaken} was saved by somebody else after you began. Yours is kept as a draft.`, rebase: true });
  }
  if (!draft && state.agent.camera === "moved") {
    lines.push({ words: "The camera was moved. Propose again: it begins from the old calibration, and one tap saves it." });
  }
  if (state.saved_fault) lines.push({ words: `The calibration file cannot be read: ${state.saved_fault}` });
  if (state.saved && state.named_in) {
    lines.push({ words: `The site file does not name this calibration yet. Add "${state.named_in}" to camera ${state.camera}, and start the agent again.` });
  }
  const key = lines.map(({ words, ...rest }) => [words.replace(/\d+ s ago/, ""), rest]);
  refresh(byId("presence"), key, () =>
    lines.map((line) =>
      html(
        "p",
        { class: "note amber" },
        html("span", {}, line.words),
        line.takeOver ? html("button", { onclick: (event) => act(event.target, "take-over", {}) }, "Take over") : null,
        line.rebase ? html("button", { onclick: (event) => act(event.target, "rebase", seen) }, "Go on with mine") : null,
      ),
    ),
  );
}

function showDraft(draft) {
  const numbers = draft.bays.map((bay) => bay.bay);
  if (!numbers.includes(bayNumber)) [bayNumber] = numbers;
  const bay = draft.bays.find((one) => one.bay === bayNumber);
  const plan = state.planogram.bays.find((one) => one.bay === bayNumber);
  refresh(byId("bay"), numbers, () => numbers.map((number) => html("option", { value: number }, String(number))));
  byId("bay").value = bayNumber;
  byId("bay").parentElement.hidden = numbers.length < 2;
  if (chosen && !bay.slots.some((slot) => slot.slot === chosen)) chosen = null;
  showScore(draft);
  stage.show(draft, bay, chosen, plan);
  byId("undo").disabled = !draft.mine || !draft.undo;
  byId("redo").disabled = !draft.mine || !draft.redo;
  byId("undo").title = draft.undo ?? "";
  byId("redo").title = draft.redo ?? "";
  showDoubtful(draft);
  showSlots(bay);
  showNudge();
  const isRed = draft.scored && draft.bays.some((one) => one.verdict === "red" || !one.verdict);
  byId("note-why").textContent = isRed ? "(needed: why is it right although the score is red?)" : "(optional)";
  byId("save").disabled = !draft.mine;
  byId("discard").disabled = !draft.mine;
  byId("again").disabled = !draft.mine || state.live.fault !== "";
}

function showScore(draft) {
  const key = [draft.scored, draft.scoring_fault, draft.missing, draft.bays.map((bay) => [bay.bay, bay.verdict, bay.reason, bay.findings])];
  refresh(byId("score"), key, () => [
    ...draft.bays.map((bay) => {
      const verdict = draft.scored ? bay.verdict ?? "red" : "";
      const words = draft.scored ? draft.scoring_fault || bay.reason : "The score is being worked out.";
      const open = bay.findings.filter((one) => one.verdict !== "green");
      const list = html("ul", { class: "findings" });
      findings(list, open);
      return html(
        "div",
        { class: `note ${verdict}`, "data-bay": bay.bay, "data-verdict": verdict },
        html("p", {}, sign(verdict || "unknown"), " ", html("strong", {}, `Bay ${bay.bay}: ${{ green: "good", amber: "look at it", red: "not good" }[verdict] ?? "…"}`)),
        open.some((one) => words.includes(one.words)) ? null : html("p", {}, capital(words)),
        draft.scored && open.length ? list : null,
      );
    }),
    ...draft.missing.map((one) =>
      html("div", { class: "note red" }, html("strong", {}, `Bay ${one.bay} was not found`), html("p", {}, one.reason), html("p", {}, "Show it to the camera and take a new picture, or place the bays by hand.")),
    ),
  ]);
}

function showDoubtful(draft) {
  const doubtful = draft.bays
    .flatMap((bay) => bay.slots.map((slot) => ({ ...slot, bay: bay.bay })))
    .filter((slot) => slot.doubtful)
    .sort((a, b) => a.confidence - b.confidence);
  const key = doubtful.map((slot) => [slot.slot, slot.confidence, slot.reason, draft.mine]);
  refresh(byId("doubtful"), key, () =>
    doubtful.length
      ? doubtful.map((slot) =>
          html(
            "li",
            {},
            html(
              "button",
              { class: "which", onclick: () => choose(slot.bay, slot.slot) },
              html("b", {}, `${slot.name} · ${Math.round(slot.confidence * 100)} %`),
              html("span", {}, `${slot.place}: ${slot.reason}`),
            ),
            html("button", { disabled: !draft.mine, "aria-label": `${slot.name} is right`, onclick: () => check([slot.slot]) }, "Right"),
          ),
        )
      : [html("li", { class: "soft" }, "Every slot that is visible is sure.")],
  );
  byId("all-right").hidden = doubtful.length < 2 || !draft.mine;
  byId("all-right").onclick = () => check(doubtful.map((slot) => slot.slot));
}

function choose(bay, slot) {
  bayNumber = bay;
  chosen = slot;
  view("frontal");
  show();
}

function check(slots) {
  edits.send({ do: "check", slots }, true);
}

function showSlots(bay) {
  const select = byId("slot");
  refresh(select, bay.slots.map((slot) => slot.slot), () => [
    html("option", { value: "" }, "None"),
    ...bay.slots.map((slot) => html("option", { value: slot.slot }, `${slot.slot} ${slot.name}`)),
  ]);
  select.value = chosen ?? "";
  const slot = bay.slots.find((one) => one.slot === chosen);
  byId("slot-words").textContent = slot
    ? `${slot.name}, ${slot.place}: ${slot.facings} facings planned${slot.seen === null ? "" : `, ${slot.seen} seen`}. ` +
      (slot.confidence === null ? "" : `${Math.round(slot.confidence * 100)} % sure${slot.reason ? `: ${slot.reason}` : ""}. `) +
      "Its borders can be dragged in the view from the front."
    : "Choose one to move its borders.";
}

function showNudge() {
  const element = grabbed && document.querySelector(`.handle[data-key="${grabbed}"]`);
  byId("nudge").hidden = !element;
  if (!element) return;
  const { handle } = element;
  byId("nudge-name").textContent = handle.name;
  for (const button of byId("nudge").querySelectorAll("button")) {
    const isAcross = button.dataset.x !== "0";
    button.disabled = (handle.bar === "across" && isAcross) || (handle.bar === "up" && !isAcross);
  }
}

function view(name) {
  byId("stage").dataset.view = name;
  for (const button of byId("views").children) button.setAttribute("aria-pressed", String(button.dataset.view === name));
  for (const one of ["picture", "frontal"]) stage.fit(one);
}

byId("propose").dataset.busy = "Looking for the bays…";
byId("again").dataset.busy = "Looking for the bays…";
byId("save").dataset.busy = "Saving…";
for (const id of ["propose", "again"]) {
  byId(id).addEventListener("click", async (event) => {
    await act(event.currentTarget, "propose", {});
    if (state?.draft) byId("place").scrollIntoView({ block: "start" });
  });
}
byId("by-hand").addEventListener("click", (event) => act(event.currentTarget, "propose", { by_hand: true }));
byId("undo").addEventListener("click", (event) => act(event.currentTarget, "undo", seen));
byId("redo").addEventListener("click", (event) => act(event.currentTarget, "redo", seen));
byId("save").addEventListener("click", async (event) => {
  const before = state.saved?.version;
  await act(event.currentTarget, "save", () => ({ ...seen(), note: byId("note").value }));
  if (state.saved && state.saved.version !== before && !state.draft) {
    byId("note").value = "";
    notice(`Saved as ${state.saved.version}. The agent uses it from its next look on.`, "green");
  }
});
byId("discard").addEventListener("click", (event) => {
  const button = event.currentTarget;
  twice(button, () => act(button, "discard", seen, "Thrown away. The calibration in force has not changed."));
});
byId("views").addEventListener("click", (event) => event.target.dataset.view && view(event.target.dataset.view));
byId("bay").addEventListener("change", (event) => {
  bayNumber = Number(event.target.value);
  chosen = null;
  show();
});
byId("slot").addEventListener("change", (event) => {
  chosen = event.target.value || null;
  show();
});
byId("nudge").addEventListener("click", (event) => {
  const { x, y } = event.target.dataset;
  if (x !== undefined) stage.nudge(grabbed, Number(x), Number(y));
});
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || event.target.matches("input")) return;
  event.preventDefault();
  const button = byId(event.shiftKey ? "redo" : "undo");
  if (!button.disabled && !button.closest("[hidden]")) button.click();
});

startAfterwards(() => state, act);
await refreshState();
setInterval(() => {
  if (!isWorking && !document.hidden) refreshState();
}, POLL_MS);
