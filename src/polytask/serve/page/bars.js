/** How probable each class is, with "none of these", as bars that move. */
import { button, el } from "./dom.js";
import { percent, t } from "./words.js";

const PERHAPS = 0.2; // typicality below which "none of these" is not unlikely

/**
 * @param {?(name: string) => void} onteach Called when a person says which class it is; null for bars alone.
 * @param {string} teachKey The text that a screen reader hears on its button, with {name}.
 * @param {boolean} withNone Whether "none of these" is among them.
 */
export function classBars({ onteach = null, teachKey = "teach.as", withNone = true } = {}) {
  const rows = new Map();
  const none = noneRow();
  const list = el("ul", { class: "bars" });
  const show = (names, prediction) => {
    for (const name of rows.keys()) if (!names.includes(name)) rows.delete(name);
    for (const name of names) if (!rows.has(name)) rows.set(name, barRow(name, onteach, teachKey));
    const wanted = [...names.map((name) => rows.get(name).node), ...(names.length && withNone ? [none.node] : [])];
    if (wanted.length !== list.children.length || wanted.some((node, i) => node !== list.children[i])) {
      list.replaceChildren(...wanted);
    }
    for (const [name, row] of rows) row.show(prediction, name);
    none.show(prediction);
    list.classList.toggle("is-none", Boolean(prediction?.none));
  };
  return { node: list, show };
}

function barRow(name, onteach, teachKey) {
  const fill = el("span", { class: "fill" });
  const share = el("span", { class: "share" }, "–");
  const press = onteach && button(t("teach.this"), () => onteach(name), "small", { "aria-label": t(teachKey, { name }) });
  const node = el(
    "li",
    {},
    el("span", { class: "name" }, name),
    el("span", { class: "track", "aria-hidden": "true" }, fill),
    share,
    press,
  );
  return {
    node,
    show: (prediction, one) => {
      const value = prediction ? (prediction.probabilities?.[one] ?? 0) : null;
      fill.style.inlineSize = `${(100 * (value ?? 0)).toFixed(1)}%`;
      share.textContent = value === null ? "–" : percent(value);
      node.classList.toggle("best", Boolean(prediction) && !prediction.none && prediction.class === one);
    },
  };
}

function noneRow() {
  const said = el("span", { class: "why" });
  const node = el("li", { class: "none" }, el("span", { class: "name" }, t("none")), said);
  return {
    node,
    show: (prediction) => {
      node.classList.toggle("best", Boolean(prediction?.none));
      said.textContent = prediction ? noneText(prediction) : "–";
    },
  };
}

function noneText(prediction) {
  const n = Math.max(1, Math.round(100 * prediction.typicality));
  if (prediction.none) return t("none.yes", { n });
  return prediction.typicality < PERHAPS ? t("none.perhaps", { n }) : t("none.no", { n });
}

/** A prediction as a sentence. */
export function predictionText(prediction) {
  if (prediction.none) return t("result.none", { name: prediction.class });
  const share = prediction.probabilities?.[prediction.class];
  return t("result.class", { name: prediction.class, share: share === undefined ? "–" : percent(share) });
}
