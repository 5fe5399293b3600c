/** A form made of the features of a table model: fill in a row, and see what is predicted. */
import { call, path } from "./api.js";
import { classBars } from "./bars.js";
import { button, el, field, select } from "./dom.js";
import { live } from "./live.js";
import { announce, inWords } from "./messages.js";
import { stored } from "./store.js";
import { number, t } from "./words.js";

const MOST_SHARES = 8; // classes whose probability is shown
const DAY = 86400000; // milliseconds
const INTERVALS = 0.9; // the share of cases in which an interval holds the truth

/** Build the form of a model; its row survives a reload. */
export function rowForm(model, errors) {
  const kept = stored(`row.${model.name}`, {});
  const answers = el("div", { class: "answers" });
  const show = (found) => answers.replaceChildren(...model.targets.map((target) => answer(target, found)), notesOf(found));
  const ask = live(() => predicted(model, rowOf(model, kept.value)),
    (found) => {
      show(found);
      announce(model.targets.map((target) => answerText(target, found)).join("; "));
    }, (error) => {
      answers.replaceChildren();
      errors.show(error);
    }, { pause: 300 });
  const changed = () => {
    kept.save();
    errors.clear();
    ask();
  };
  const fields = featuresOf(model).map((feature) => featureField(feature, kept.value, changed));
  const form = el("form", { class: "row-form" }, el("div", { class: "fields" }, fields),
    el("div", { class: "row" }, el("button", { type: "submit", class: "button main" }, t("row.predict")),
      button(t("row.typical"), () => fill(model, form, kept, changed)),
      button(t("row.clear"), () => clear(form, kept, changed), "quiet")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  if (Object.keys(kept.value).length) ask();
  return el("div", { class: "split" }, form, el("div", { class: "card result" }, el("h4", {}, t("row.answers")), el("p", { class: "hint" }, t("row.hint")), answers));
}

/** What the service adds to its answers, as of a value that it does not know. */
export function notesOf(found) {
  return el("ul", { class: "notes" }, (found.notes ?? []).map((note) => el("li", { class: "hint" }, inWords(note))));
}

function clear(form, kept, changed) {
  for (const name of Object.keys(kept.value)) delete kept.value[name];
  form.querySelectorAll("input, select").forEach((input) => {
    input.value = "";
  });
  changed();
}

/** Fill in what is usual, where the service tells it. */
function fill(model, form, kept, changed) {
  for (const feature of featuresOf(model)) {
    const value = asTyped(feature, feature.typical ?? feature.values?.[0] ?? "");
    kept.value[feature.name] = form.querySelector(`[data-feature="${CSS.escape(feature.name)}"]`).value = String(value);
  }
  changed();
}

/** Ask with intervals; models that have none are asked without. */
async function predicted(model, row) {
  const ask = (how) => call("POST", `${path("models", model.name)}/predict`, { rows: [row], ...how });
  const found = await ask({ intervals: INTERVALS }).catch((error) => {
    if (error.status !== 422) throw error;
    return ask({});
  });
  return mostlyEmpty(row) ? withoutIntervals(found) : found;
}

function mostlyEmpty(row) {
  const values = Object.values(row);
  return 2 * values.filter((value) => value !== null).length < values.length;
}

/** Intervals were measured on whole rows: of a row that is mostly empty they would promise what was never seen. */
function withoutIntervals({ intervals, ...found }) {
  const had = Object.values(intervals?.[0] ?? {}).some((one) => typeof one?.low === "number");
  return had ? { ...found, notes: [...(found.notes ?? []), t("row.no-interval")] } : found;
}

/** What was filled in; a field left empty is a missing value. */
function rowOf(model, values) {
  return Object.fromEntries(featuresOf(model).map(({ name, kind }) => {
    const value = values[name] ?? "";
    if (value === "") return [name, null];
    return [name, kind === "number" ? Number(value) : kind === "boolean" ? value === "true" : value];
  }));
}

/** The columns of a row; of a model with tasks, the task is one. */
function featuresOf(model) {
  const task = model.task_column ? [{ name: model.task_column, kind: "category", values: model.tasks ?? [] }] : [];
  return [...task, ...model.features];
}

/** A number of the service as its field holds it: times come as days since 1970, yes or no as 1 or 0. */
function asTyped({ kind }, value) {
  if (typeof value !== "number") return value;
  if (kind === "time") return new Date(DAY * value).toISOString().slice(0, 10);
  return kind === "boolean" ? String(value >= 0.5) : Number(value.toPrecision(6));
}

function featureField(feature, values, changed) {
  const value = values[feature.name] ?? "";
  const input = featureInput(feature, value);
  input.dataset.feature = feature.name;
  input.addEventListener(input.tagName === "SELECT" ? "change" : "input", () => {
    values[feature.name] = input.value;
    changed();
  });
  const ranged = feature.low !== undefined && feature.low !== null && feature.high !== undefined && feature.high !== null;
  const hint = ranged ? t("row.range", { low: shown(asTyped(feature, feature.low)), high: shown(asTyped(feature, feature.high)) }) : null;
  return field(feature.name, input, hint);
}

function shown(value) {
  return typeof value === "number" ? number(value, { useGrouping: false }) : String(value);
}

function featureInput(feature, value) {
  if (feature.values?.length) {
    const own = value !== "" && !feature.values.map(String).includes(value) ? [[value, value]] : [];
    return select([["", t("row.unknown")], ...feature.values.map((one) => [String(one), String(one)]), ...own], value);
  }
  if (feature.kind === "number") return el("input", { type: "number", step: "any", inputmode: "decimal", value, placeholder: t("row.unknown") });
  if (feature.kind === "boolean") {
    return select([["", t("row.unknown")], ["true", t("row.yes")], ["false", t("row.no")]], value);
  }
  if (feature.kind === "time") return el("input", { type: "date", value });
  return el("input", { value, placeholder: t("row.unknown"), autocomplete: "off" });
}

/** One target's answer out of {predictions, probabilities, intervals}. */
export function answer(target, found) {
  const shares = found.probabilities?.[0]?.[target.name];
  const value = found.predictions[0][target.name];
  const parts = [el("h5", {}, target.name), el("p", { class: "value" }, answerValue(target, found))];
  if (shares) parts.push(shareList(shares, String(value)));
  return el("div", { class: "answer" }, parts);
}

/** Of many classes the most probable ones, in the order of the classes. */
function shareList(shares, best) {
  const least = Object.values(shares).sort((one, other) => other - one)[MOST_SHARES - 1] ?? 0;
  const shown = Object.keys(shares).filter((name) => shares[name] >= least).slice(0, MOST_SHARES);
  const bars = classBars({ withNone: false });
  bars.show(shown, { class: best, none: false, probabilities: shares });
  return bars.node;
}

function answerValue(target, found) {
  const value = found.predictions[0][target.name];
  const interval = found.intervals?.[0]?.[target.name];
  const text = typeof value === "number" ? number(value) : String(value);
  if (interval?.low === undefined || interval.low === null) return text;
  return `${text} (${t("row.interval", { low: number(interval.low), high: number(interval.high) })})`;
}

function answerText(target, found) {
  return `${target.name}: ${answerValue(target, found)}`;
}
