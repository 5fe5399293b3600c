/** A training that is watched: how far it is, and the losses as they fall. */
import { ServiceError, call, path } from "./api.js";
import { lossChart } from "./charts.js";
import { button, el } from "./dom.js";
import { sleep } from "./live.js";
import { announce, attempt, inWords } from "./messages.js";
import { known, percent, t } from "./words.js";

const PAUSE = 500; // milliseconds between two looks
const OVER = ["done", "failed", "stopped"];

/** Show a job until it is over; then `ondone({job, state, model})`. */
export function trainingView(job, ondone, errors) {
  const bar = el("progress", { max: 1, value: 0, "aria-label": t("job.share") });
  const says = el("p", { class: "muted" });
  const charts = el("div", { class: "charts" });
  const caption = el("p", { class: "hint", hidden: true }, t("loss.caption"));
  const stop = button(t("job.stop"), () => attempt(errors, () => call("DELETE", path("jobs", job)), stop));
  const title = el("h3", {}, t("job.waiting"));
  const node = el("div", { class: "card training" }, title, bar, says, charts, caption, stop);
  const shown = new Map();
  const show = (state) => {
    title.textContent = known(`job.${state.state}`, state.state);
    bar.value = state.share ?? 0;
    says.replaceChildren(percent(state.share ?? 0), ...(state.says ? [" · ", doing(state.says)] : []));
    stop.hidden = OVER.includes(state.state);
    showLosses(charts, shown, state.losses ?? {});
    caption.hidden = !shown.size;
  };
  watch(job, node, show, errors, ondone);
  return node;
}

/** What the service says that it does, or why it does no more. */
function doing(says) {
  const part = /^.* (joint|alone) \((\d+) of (\d+)\)$/.exec(says);
  if (part) return t(part[1] === "joint" ? "says.joint" : "says.alone", { n: part[2], of: part[3] });
  return known(`says.${says.replaceAll(" ", "-")}`, null) ?? inWords(says);
}

async function watch(job, node, show, errors, ondone) {
  let at = "";
  await sleep(0); // until the view is in the page
  while (node.isConnected) {
    const state = await call("GET", path("jobs", job)).catch((error) => error);
    if (state instanceof Error) {
      errors.show(state);
      if (state.status !== 0 && state.status < 500 && state.status !== 429) return show({ state: "failed" });
    } else {
      show(state);
      if (state.state !== at) announce(known(`job.${state.state}`, state.state), { atOnce: true });
      at = state.state;
      if (state.error) errors.show(asError(state.error));
      if (OVER.includes(at)) return ondone({ ...state, job });
    }
    await sleep(PAUSE);
  }
}

function asError(error) {
  return typeof error === "string" ? new ServiceError({ what: error }) : new ServiceError(error);
}

function showLosses(place, shown, losses) {
  for (const [target, values] of Object.entries(losses)) {
    if (!shown.has(target)) {
      const chart = lossChart(target);
      shown.set(target, chart);
      place.append(chart.node);
    }
    shown.get(target).show(values);
  }
}
