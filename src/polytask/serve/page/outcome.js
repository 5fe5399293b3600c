/** What a trained model is worth, what it looks at, and its predictions. */
import { call, download, path } from "./api.js";
import { intervalPlot, shareBars } from "./charts.js";
import { button, el } from "./dom.js";
import { attempt } from "./messages.js";
import { rowForm } from "./row_form.js";
import { known, number, percent, t } from "./words.js";

const SHARES = ["accuracy", "balanced_accuracy", "auroc", "f1", "average_precision"];
const MOST_COLUMNS = 8;

/** Fill a place with the verdict, importance, form and downloads of a model. */
export async function outcome(place, name, errors) {
  const found = await attempt(errors, () =>
    Promise.all([call("GET", path("models", name)), results(name), importances(name)]));
  if (!found) return;
  const [model, judged, importance] = found;
  place.replaceChildren(
    el("h3", {}, t("outcome.title", { name })),
    el("div", { class: "outcomes" }, (judged?.tasks ?? []).map((task) => taskCard(task, importance?.[task.task]))),
    (judged?.messages ?? []).length ? notes(judged.messages) : "",
    el("h3", {}, t("outcome.predict")),
    rowForm(model, errors),
    downloads(name, errors),
  );
}

/** Where there are none, the rest is still of use. */
async function results(name) {
  return call("GET", `${path("models", name)}/results`).catch(missing);
}

async function importances(name) {
  return call("GET", `${path("models", name)}/importance`).catch(missing);
}

function missing(error) {
  if ([404, 409].includes(error.status)) return null;
  throw error;
}

/** Buttons to save a model and its report. */
export function downloads(name, errors, { report = true } = {}) {
  const get = (what, ending) => (event) =>
    attempt(errors, () => download(`${path("models", name)}/${what}`, `${name}${ending}`), event.currentTarget);
  return el("div", { class: "row" },
    button(t("download.model"), get("bundle", ".zip")),
    report ? button(t("download.report"), get("report", ".html")) : null);
}

function notes(messages) {
  return el("details", { class: "more" }, el("summary", {}, t("outcome.notes")), el("ul", {}, messages.map((one) => el("li", {}, one))));
}

function taskCard(task, importance) {
  const rows = plotRows(task);
  return el(
    "section",
    { class: "card" },
    el("h4", {}, task.task),
    el("p", { class: "said" }, verdictText(task)),
    rows.length > 1 ? intervalPlot(rows, plotTitle(task), (value) => axisNumber(task, value)) : null,
    importance?.length ? importancePart(importance) : null,
  );
}

function metricName(task) {
  return known(`metric.${task.metric}`, task.metric);
}

function plotTitle(task) {
  const better = task.higher_is_better ?? SHARES.includes(task.metric);
  return t(better ? "plot.higher" : "plot.lower", { metric: metricName(task) });
}

function figure(task, value) {
  return SHARES.includes(task.metric) ? percent(value, 1) : number(value);
}

function axisNumber(task, value) {
  return SHARES.includes(task.metric) ? percent(value) : number(value);
}

/** In a sentence: how good, against what one knows without the columns, and whether learning together helped. */
export function verdictText(task) {
  const [ours, constant] = [task.joint?.[task.metric], task.constant?.[task.metric]];
  const said = [];
  if (ours?.mean !== undefined && ours.mean !== null) {
    const values = { metric: metricName(task), ours: figure(task, ours.mean) };
    said.push(constant ? t("verdict.against", { ...values, constant: figure(task, constant.mean) }) : t("verdict.figure", values));
  }
  if (task.better_than_constant === false) said.push(t("verdict.worthless"));
  const word = known(`verdict.${(task.verdict ?? "unknown").replaceAll(" ", "-")}`, "");
  if (word) said.push(word.replace("{gain}", gainText(task)));
  return said.join(" ");
}

function gainText(task) {
  const gain = task.gain_percent;
  return gain?.mean === undefined || gain.mean === null ? "–" : `${number(Math.abs(gain.mean), { maximumFractionDigits: 1 })} %`;
}

function plotRows(task) {
  const all = [["plot.joint", task.joint, true], ["plot.separate", task.separate, false], ["plot.constant", task.constant, false]];
  return all
    .map(([key, metrics, main]) => ({ label: t(key), found: metrics?.[task.metric], main }))
    .filter(({ found }) => typeof found?.mean === "number")
    .map(({ label, found, main }) => ({ label, main, mean: found.mean, half: found.half_width, text: withHalf(task, found) }));
}

function withHalf(task, { mean, half_width: half }) {
  if (half === null || half === undefined) return figure(task, mean);
  if (SHARES.includes(task.metric)) return `${(100 * mean).toFixed(1)} ± ${percent(half, 1)}`;
  return `${number(mean)} ± ${number(half, { maximumSignificantDigits: 2 })}`;
}

function importancePart(columns) {
  const shown = [...columns].sort((one, other) => other.importance - one.importance).slice(0, MOST_COLUMNS);
  const rows = shown.map((one) => ({ label: one.column, value: one.importance, text: number(one.importance, { maximumFractionDigits: 2 }) }));
  return el("div", {}, el("h5", {}, t("importance.title")), shareBars(rows), el("p", { class: "hint" }, t("importance.hint")));
}
