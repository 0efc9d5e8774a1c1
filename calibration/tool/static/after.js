// What comes after a calibration is saved: the test, pictures for the catalogue, the versions.

import { ask, base } from "./api.js";
import { byId, html, notice, refresh, sign, twice } from "./elements.js";

const time = (iso) => new Date(iso).toLocaleTimeString();
const moment = (iso) => new Date(iso).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

export function showTest(state, act) {
  byId("test").hidden = !state.saved;
  const { now, suggested } = state.test;
  const slots = state.planogram.bays.flatMap((bay) => bay.slots);
  refresh(byId("test-slot"), slots.map((slot) => slot.slot), () =>
    slots.map((slot) => html("option", { value: slot.slot, selected: slot.slot === suggested }, `${slot.name} (${slot.place}, ${slot.facings} facings)`)),
  );
  byId("test-begin").hidden = now !== null;
  byId("end-test").hidden = now === null;
  byId("end-test").textContent = now?.stage === "passed" ? "Another test" : "End the test";
  refresh(byId("test-steps"), [now, state.agent.fault], () => (now ? steps(now, state) : []));
}

function steps(now, state) {
  const waiting = html("span", { class: "sign waiting", role: "img", "aria-label": "waiting" }, "…");
  const line = (icon, ...words) => html("li", {}, icon, html("div", {}, ...words));
  const lines = [];
  if (state.agent.fault) lines.push(line(sign("red"), `${state.agent.fault}: nothing can arrive.`));
  if (!now.alert) {
    lines.push(line(waiting, html("b", {}, `Empty ${now.name}`), ` (${now.place}), or cover it, and step out of the picture. Waiting for the alert.`));
    return lines;
  }
  lines.push(line(sign("green"), html("b", {}, "The alert has arrived"), ` at ${time(now.alert.at)}: ${now.alert.words}.`));
  if (now.other_calibration) {
    lines.push(line(sign("amber"), `It was judged with calibration ${now.other_calibration}, not ${state.saved.version}: the agent has not taken this one up.`));
  }
  if (!now.cleared) {
    lines.push(line(waiting, html("b", {}, `Fill ${now.name} again`), " and step out of the picture. Waiting for the alert to clear."));
    return lines;
  }
  lines.push(line(sign("green"), html("b", {}, "It has cleared"), ` at ${time(now.cleared.at)}: ${now.cleared.words}.`));
  if (state.saved.report) {
    lines.push(line(sign("green"), html("a", { href: report(state.saved.version), target: "_blank" }, "The report"), ": print it, or save it as PDF."));
  }
  return lines;
}

const report = (version) => `${base}/reports/${encodeURIComponent(version)}/`;

export function showHistory(state, act) {
  byId("versions").hidden = !state.history.length;
  refresh(byId("history"), state.history, () =>
    state.history.map((one) =>
      html(
        "li",
        {},
        html("span", { class: `chip ${one.score ?? ""}` }, one.score ?? "not scored"),
        html("span", { class: "words" }, html("b", {}, one.version), one.is_current ? " in force" : "", one.at ? `, ${moment(one.at)}` : "", one.by ? ` by ${one.by}` : "", one.note ? `: ${one.note}` : ""),
        one.report ? html("a", { href: report(one.version), target: "_blank", "aria-label": `Report of ${one.version}` }, "Report") : null,
        one.is_current
          ? null
          : html(
              "button",
              {
                "data-sure": "Really go back to it?",
                "aria-label": `Go back to ${one.version}`,
                onclick: (event) => {
                  const button = event.currentTarget;
                  twice(button, () => act(button, "roll-back", { version: one.version }, `${one.version} is in force again, as a new version.`));
                },
              },
              "Go back to it",
            ),
      ),
    ),
  );
}

export function showCatalog(state) {
  byId("catalog").hidden = !state.saved || !state.has_catalog;
}

let crops = [];

function showCrops(answer) {
  crops = answer.crops;
  const now = Date.now();
  byId("crops").replaceChildren(
    ...crops.map((crop, number) =>
      html(
        "li",
        {},
        html(
          "label",
          {},
          html("input", { type: "checkbox", value: number, checked: !crop.doubt }),
          html("img", { src: `${base}/crops/${number}.jpg?t=${now}`, alt: `What stands in ${crop.place}`, loading: "lazy" }),
          html("b", {}, crop.name),
          html("span", { class: "soft" }, crop.slot),
          crop.doubt ? html("span", { class: "doubt" }, crop.doubt) : null,
        ),
      ),
    ),
  );
  const left = byId("left-out");
  left.hidden = !answer.left_out.length;
  left.querySelector("summary").textContent = answer.left_out.length === 1 ? "1 slot gives no picture" : `${answer.left_out.length} slots give no picture`;
  left.querySelector("ul").replaceChildren(...answer.left_out.map((words) => html("li", {}, words)));
  count();
}

const chosen = () => [...byId("crops").querySelectorAll("input:checked")].map((box) => Number(box.value));

function count() {
  const number = chosen().length;
  byId("store").hidden = !crops.length;
  byId("store").disabled = !number;
  byId("store").textContent = `Store ${number} pictures`;
}

async function during(button, run) {
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    await run();
  } catch (error) {
    notice(error.message);
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}

export function startAfterwards(state, act) {
  byId("begin-test").addEventListener("click", (event) => act(event.currentTarget, "test", { slot: byId("test-slot").value }));
  byId("end-test").addEventListener("click", (event) => act(event.currentTarget, "end-test", {}));
  byId("crops").addEventListener("change", count);
  byId("sheet").addEventListener("click", (event) => during(event.currentTarget, async () => showCrops(await ask("sheet", {}))));
  byId("store").addEventListener("click", (event) =>
    during(event.currentTarget, async () => {
      const { words } = await ask("store", { crops: chosen() });
      crops = [];
      byId("crops").replaceChildren();
      byId("left-out").hidden = true;
      byId("store").hidden = true;
      notice(words, "green");
    }),
  );
}
