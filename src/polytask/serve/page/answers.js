/** Answers to several items at once. */
import { save } from "./api.js";
import { classBars, predictionText } from "./bars.js";
import { button, el } from "./dom.js";
import { notesOf } from "./row_form.js";
import { counted, number, t } from "./words.js";

const MOST_SHOWN = 20; // rows of a table; all are in the file

/** Few-shot predictions beside what they are about. */
export function predictionList(looks, predictions, classes) {
  return el("ul", { class: "predictions" }, predictions.map((prediction, i) => {
    const bars = classBars();
    bars.show(classes, prediction);
    return el("li", {}, el("details", {}, el("summary", {}, looks[i], " ", el("strong", {}, predictionText(prediction))), bars.node));
  }));
}

/** The first rows of a table's predictions, and all of them as a file. */
export function tableAnswers(model, file, found) {
  const names = model.targets.map((target) => target.name);
  const head = el("tr", {}, el("th", { scope: "col" }, t("row.number")), names.map((name) => el("th", { scope: "col" }, name)));
  const rows = found.predictions.slice(0, MOST_SHOWN).map((row, i) =>
    el("tr", {}, el("th", { scope: "row" }, number(i + 1)), names.map((name) => el("td", {}, shown(row[name])))));
  const whole = button(t("models.save"), () => save(asCsv(names, found.predictions), file.replace(/\.[^.]*$/, "") + "-predictions.csv"));
  return el("div", {},
    el("p", {}, counted("rows", found.predictions.length)),
    notesOf(found),
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": t("row.answers") }, el("table", {}, el("thead", {}, head), el("tbody", {}, rows))),
    el("div", { class: "row" }, whole));
}

function shown(value) {
  return typeof value === "number" ? number(value) : String(value ?? "–");
}

function asCsv(names, rows) {
  const cell = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const lines = [names, ...rows.map((row) => names.map((name) => row[name]))];
  const text = lines.map((line) => line.map((value) => cell(String(value ?? ""))).join(",")).join("\n");
  return new Blob([`${text}\n`], { type: "text/csv" });
}
