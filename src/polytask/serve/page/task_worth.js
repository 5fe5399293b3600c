/** What a model with many tasks is worth for a task that is new, by how many of its rows are known. */
import { intervalPlot } from "./charts.js";
import { el } from "./dom.js";
import { axisNumber, figure, intervalRows, metricName, plotTitle } from "./figures.js";
import { counted, t } from "./words.js";

/** A card for one target: a sentence for each number of known rows, and a plot for the largest. */
export function taskWorth({ target, metric, new_tasks: steps }) {
  const last = steps.at(-1);
  const rows = last ? intervalRows(metric, [[t("plot.adapted"), last.joint], [t("plot.pooled"), last.pooled], [t("plot.own"), last.own]]) : [];
  return el(
    "section",
    { class: "card" },
    el("h4", {}, target),
    el("ul", { class: "said" }, steps.map((step) => el("li", {}, stepText(metric, step)))),
    rows.length > 1 ? intervalPlot(rows, plotTitle(metric), (value) => axisNumber(metric, value)) : null,
  );
}

function stepText(metric, { known_rows: n, joint, pooled, own }) {
  const written = (found) => (typeof found?.mean === "number" ? figure(metric, found.mean) : "–");
  const values = { metric: metricName(metric), joint: written(joint), pooled: written(pooled), own: written(own) };
  return typeof n === "number" ? counted("tasks.known", n, values) : t("tasks.known.part", { n, ...values });
}
