/** Charts drawn by hand: they take the width there is, and say in words what they show. */
import { el, svg } from "./dom.js";
import { number, t } from "./words.js";

const HEIGHT = 120;
const EDGE = { left: 54, right: 10, top: 10, bottom: 22 };

/** Draw anew whenever the width changes. */
function responsive(node, draw) {
  const again = () => node.clientWidth && draw(node.clientWidth);
  new ResizeObserver(again).observe(node);
  return again;
}

/** The loss of a target on held-out rows, over the epochs. */
export function lossChart(target) {
  const place = el("div", { class: "chart" });
  const node = el("figure", {}, el("figcaption", {}, target), place);
  let values = [];
  const again = responsive(place, (width) => place.replaceChildren(lossCurve(target, values, width)));
  return {
    node,
    show: (next) => {
      values = next;
      again();
    },
  };
}

function lossCurve(target, values, width) {
  const said = values.length ? t("loss.said", { target, n: values.length, first: number(values[0]), last: number(values.at(-1)) }) : target;
  const high = Math.max(...values);
  const low = Math.min(...values);
  const x = (i) => EDGE.left + ((width - EDGE.left - EDGE.right) * i) / Math.max(1, values.length - 1);
  const y = (value) => EDGE.top + ((HEIGHT - EDGE.top - EDGE.bottom) * (high - value)) / (high - low || 1);
  const points = values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  return svg("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": said },
    svg("line", { class: "axis", x1: EDGE.left, x2: width - EDGE.right, y1: HEIGHT - EDGE.bottom, y2: HEIGHT - EDGE.bottom }),
    values.length ? [
      svg("text", { class: "tick end", x: EDGE.left - 6, y: y(high) + 4 }, number(high, { maximumSignificantDigits: 3 })),
      high > low ? svg("text", { class: "tick end", x: EDGE.left - 6, y: y(low) + 4 }, number(low, { maximumSignificantDigits: 2 })) : null,
      svg("text", { class: "tick end", x: width - EDGE.right, y: HEIGHT - 6 }, t("loss.epochs", { n: values.length })),
      svg("polyline", { class: "curve", points }),
      svg("circle", { class: "dot", cx: x(values.length - 1), cy: y(values.at(-1)), r: 3.5 }),
    ] : null);
}

/**
 * Means with their intervals on one line of numbers, one below the other.
 * @param {{label: string, mean: number, half: number|null, text: string, main: boolean}[]} rows
 * @param {string} title What is measured.
 * @param {(value: number) => string} written How a number of the axis is written.
 */
export function intervalPlot(rows, title, written = number) {
  const place = el("div", { class: "chart" });
  responsive(place, (width) => place.replaceChildren(intervals(rows, title, written, width)));
  return el("figure", { class: "intervals" }, place, el("figcaption", {}, title));
}

function intervals(rows, title, written, width) {
  const ends = rows.flatMap(({ mean, half }) => [mean - (half ?? 0), mean + (half ?? 0)]);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  const [start, stop] = [10, width - 10];
  const x = (value) => start + ((stop - start) * (value - low + room)) / (high - low + 2 * room);
  const height = rows.length * 44 + 22;
  const said = `${title}. ${rows.map((row) => `${row.label}: ${row.text}`).join("; ")}`;
  return svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": said },
    rows.map((row, i) => intervalRow(row, 44 * i, x, start, stop)),
    svg("line", { class: "axis", x1: start, x2: stop, y1: height - 20, y2: height - 20 }),
    ticks(low, high).map((value) => svg("text", { class: "tick middle", x: x(value), y: height - 5 }, written(value))));
}

function intervalRow(row, top, x, start, stop) {
  const y = top + 31;
  const half = row.half ?? 0;
  return svg("g", { class: row.main ? "main" : "other" },
    svg("text", { class: "label", x: start, y: top + 16 }, row.label),
    svg("text", { class: "label end", x: stop, y: top + 16 }, row.text),
    svg("line", { class: "rail", x1: start, x2: stop, y1: y, y2: y }),
    svg("line", { class: "whisker", x1: x(row.mean - half), x2: x(row.mean + half), y1: y, y2: y }),
    svg("circle", { class: "dot", cx: x(row.mean), cy: y, r: 5 }));
}

/** Up to five round numbers between two. */
export function ticks(low, high) {
  if (!(high > low)) return [low];
  const raw = (high - low) / 4;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((one) => one * size).find((one) => one >= raw);
  const first = Math.ceil(low / step);
  const n = Math.floor(high / step) - first + 1;
  return Array.from({ length: n }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Bars of shares, the longest first. */
export function shareBars(rows) {
  const most = Math.max(...rows.map((row) => row.value), 1e-9);
  return el("ul", { class: "bars plain" }, rows.map(({ label, value, text }) => {
    const fill = el("span", { class: "fill" });
    fill.style.inlineSize = `${Math.max(0, (100 * value) / most).toFixed(1)}%`;
    return el("li", {}, el("span", { class: "name" }, label), el("span", { class: "track", "aria-hidden": "true" }, fill),
      el("span", { class: "share" }, text));
  }));
}
