/** What a trained model is worth, what it looks at, and its predictions. */
import { call, download, path } from "./api.js";
import { intervalPlot, shareBars } from "./charts.js";
import { button, el } from "./dom.js";
import { axisNumber, figure, intervalRows, metricName, plotTitle } from "./figures.js";
import { attempt, inWords } from "./messages.js";
import { rowForm } from "./row_form.js";
import { taskWorth } from "./task_worth.js";
import { known, number, t } from "./words.js";

const MOST_COLUMNS = 8;

/** Fill a place with the verdict, importance, form and downloads of a model. */
export async function outcome(place, name, errors) {
  const model = await attempt(errors, () => call("GET", path("models", name)));
  if (!model) return;
  const worth = el("div");
  await fillWorth(worth, model, errors);
  place.replaceChildren(
    el("h3", {}, t("outcome.title", { name })),
    worth,
    el("h3", {}, t("outcome.predict")),
    rowForm(model, errors),
    downloads(model, errors),
  );
}

/** Fill a place with what a model is worth, target by target, and what it looks at. */
export async function fillWorth(place, model, errors) {
  const found = await attempt(errors, () => Promise.all([asked(model, "results"), asked(model, "importance")]));
  if (!found) return;
  const [judged, importance] = found;
  place.replaceChildren(
    el("div", { class: "outcomes" },
      (judged?.tasks ?? []).map((task) => taskCard(task, importance?.[task.task])),
      (judged?.targets ?? []).map(taskWorth)),
    (judged?.messages ?? []).length ? notes(judged.messages) : "",
  );
}

/** Whether a model has results, importance, a report; taken as there where the service does not tell. */
export function has(model, what) {
  return model.has?.includes(what) ?? true;
}

/** Where there are none, the rest is still of use. */
async function asked(model, what) {
  if (!has(model, what)) return null;
  return call("GET", path("models", model.name, what)).catch((error) => {
    if ([404, 409].includes(error.status)) return null;
    throw error;
  });
}

/** Buttons to save a model and its report, where it has one. */
export function downloads({ name, ...model }, errors) {
  const get = (what, ending) => (event) =>
    attempt(errors, () => download(path("models", name, what), `${name}${ending}`), event.currentTarget);
  return el("div", { class: "row" },
    button(t("download.model"), get("bundle", ".zip")),
    model.data === "table" && has(model, "report") ? button(t("download.report"), get("report", ".html")) : null);
}

function notes(messages) {
  return el("details", { class: "more" }, el("summary", {}, t("outcome.notes")), el("ul", {}, messages.map((one) => el("li", {}, inWords(one)))));
}

function taskCard(task, importance) {
  const rows = plotRows(task);
  return el(
    "section",
    { class: "card" },
    el("h4", {}, task.task),
    el("p", { class: "said" }, verdictText(task)),
    rows.length > 1 ? intervalPlot(rows, plotTitle(task.metric, task.higher_is_better), (value) => axisNumber(task.metric, value)) : null,
    importance?.length ? importancePart(importance) : null,
  );
}

/** In a sentence: how good, against what one knows without the columns, and whether learning together helped. */
export function verdictText(task) {
  const [ours, constant] = [task.joint?.[task.metric], task.constant?.[task.metric]];
  const said = [];
  if (ours?.mean !== undefined && ours.mean !== null) {
    const values = { metric: metricName(task.metric), ours: figure(task.metric, ours.mean) };
    said.push(constant ? t("verdict.against", { ...values, constant: figure(task.metric, constant.mean) }) : t("verdict.figure", values));
  }
  if (task.better_than_constant === false) said.push(t("verdict.worthless"));
  const compared = Object.keys(task.separate ?? {}).length > 0 || task.verdict === "alone";
  const word = compared ? known(`verdict.${task.verdict.replaceAll(" ", "-")}`, "") : "";
  if (word) said.push(word.replace("{gain}", gainText(task)));
  return said.join(" ");
}

function gainText(task) {
  const gain = task.gain_percent;
  return gain?.mean === undefined || gain.mean === null ? "–" : `${number(Math.abs(gain.mean), { maximumFractionDigits: 1 })} %`;
}

function plotRows(task) {
  const of = (metrics) => metrics?.[task.metric];
  const pairs = [[t("plot.joint"), of(task.joint)], [t("plot.separate"), of(task.separate)], [t("plot.constant"), of(task.constant)]];
  return intervalRows(task.metric, pairs);
}

function importancePart(columns) {
  const shown = [...columns].sort((one, other) => other.importance - one.importance).slice(0, MOST_COLUMNS);
  const rows = shown.map((one) => ({ label: one.column, value: one.importance, text: number(one.importance, { maximumFractionDigits: 2 }) }));
  return el("div", {}, el("h5", {}, t("importance.title")), shareBars(rows), el("p", { class: "hint" }, t("importance.hint")));
}
