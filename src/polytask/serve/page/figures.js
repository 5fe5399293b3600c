/** Figures of metrics as people read them: shares in percent, the rest in their units. */
import { known, number, percent, t } from "./words.js";

const SHARES = ["accuracy", "balanced_accuracy", "auroc", "f1", "average_precision"];

/** A metric's name in the language of the page. */
export function metricName(metric) {
  return known(`metric.${metric}`, metric);
}

/** What a plot of a metric shows, and which end is better. */
export function plotTitle(metric, higherIsBetter = SHARES.includes(metric)) {
  return t(higherIsBetter ? "plot.higher" : "plot.lower", { metric: metricName(metric) });
}

/** A value of a metric. */
export function figure(metric, value) {
  return SHARES.includes(metric) ? percent(value, 1) : number(value);
}

/** A round value of a metric, as at an axis. */
export function axisNumber(metric, value) {
  return SHARES.includes(metric) ? percent(value) : number(value);
}

/** Rows of an interval plot out of [label, {mean, half_width}] pairs; the first is the main one. */
export function intervalRows(metric, pairs) {
  return pairs
    .map(([label, found], i) => ({ label, found, main: i === 0 }))
    .filter(({ found }) => typeof found?.mean === "number")
    .map(({ label, found, main }) => ({ label, main, mean: found.mean, half: found.half_width, text: withHalf(metric, found) }));
}

function withHalf(metric, { mean, half_width: half }) {
  if (half === null || half === undefined) return figure(metric, mean);
  if (SHARES.includes(metric)) return `${(100 * mean).toFixed(1)} ± ${percent(half, 1)}`;
  return `${number(mean)} ± ${number(half, { maximumSignificantDigits: 2 })}`;
}
