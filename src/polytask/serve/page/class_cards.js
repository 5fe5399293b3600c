/** The classes that a model was taught, with their examples; renamed, removed, undone, downloaded here. */
import { download, path } from "./api.js";
import { button, el } from "./dom.js";
import { announce, attempt } from "./messages.js";
import { counted, t } from "./words.js";

const MOST_SHOWN = 6; // examples of a class

/**
 * @param {FewShotSession} session
 * @param {(value: string) => Node} example How an example looks.
 * @param {{show: Function, clear: Function}} errors
 * @param {() => void} onchange Called after a change.
 * @param {{wide?: boolean}} look Whether examples need room, as texts do.
 */
export function classCards(session, example, errors, onchange, { wide = false } = {}) {
  const list = el("ul", { class: wide ? "cards wide" : "cards" });
  const empty = el("p", { class: "muted" }, t("classes.empty"));
  const undo = button(t("undo"), () => step("undone", () => session.undo(), undo), "");
  const bundle = button(t("download.model"), () =>
    attempt(errors, () => download(`${path("models", session.state.name)}/bundle`, `${session.state.name}.zip`), bundle));
  const reset = button(t("reset"), () => step("reset.done", () => session.reset(), reset), "quiet");
  const after = (key, values, focus) => {
    onchange();
    announce(t(key, values), { atOnce: true });
    focus?.();
  };
  const step = async (key, action, pressed, values = {}, focus = null) => {
    if (pressed?.getAttribute("aria-disabled") === "true") return;
    const done = await attempt(errors, async () => (await action(), true), pressed);
    if (done) after(key, values, focus);
  };
  const card = (one) => classCard(one, example, {
    rename: (to, pressed) => step("renamed", () => session.rename(one.name, to), pressed, { name: to }, () => focusOn(list, to)),
    remove: (pressed) => step("removed", () => session.remove(one.name), pressed, { name: one.name }, () => undo.focus()),
    taken: (name) => name !== one.name && session.names.includes(name),
  });
  const show = () => {
    list.replaceChildren(...session.classes.map(card));
    empty.hidden = session.classes.length > 0;
    for (const [one, on] of [[undo, session.canUndo], [bundle, session.ready], [reset, session.canUndo]]) {
      one.setAttribute("aria-disabled", String(!on));
    }
    bundle.hidden = !session.ready;
  };
  return { node: el("div", {}, empty, list, el("div", { class: "row" }, undo, bundle, reset)), show };
}

function focusOn(list, name) {
  [...list.children].find((node) => node.dataset.name === name)?.querySelector("button")?.focus();
}

function classCard(one, example, act) {
  const shown = one.items.slice(-MOST_SHOWN).reverse().map((value) => el("li", {}, example(value)));
  const title = [el("h4", {}, one.name), el("span", { class: "muted" }, counted("examples", one.items.length))];
  const head = el("div", { class: "card-head" }, title);
  const back = () => {
    head.replaceChildren(...title);
    actions.hidden = false;
    rename.focus();
  };
  const edit = () => {
    head.replaceChildren(renameForm(one.name, act, back));
    actions.hidden = true;
    head.querySelector("input").select();
  };
  const rename = button(t("rename"), edit, "small", { "aria-label": t("rename.of", { name: one.name }) });
  const remove = button(t("remove"), () => act.remove(remove), "small quiet", { "aria-label": t("remove.of", { name: one.name }) });
  const actions = el("div", { class: "row" }, rename, remove);
  return el("li", { class: "card", "data-name": one.name }, head, el("ul", { class: "examples" }, shown), actions);
}

function renameForm(name, act, back) {
  const input = el("input", { value: name, "aria-label": t("rename.to", { name }), maxlength: 100, autocomplete: "off" });
  const hint = el("span", { class: "hint", role: "alert" });
  const send = el("button", { type: "submit", class: "button small main" }, t("save"));
  const form = el("form", { class: "rename" }, input, el("div", { class: "row" }, send, button(t("cancel"), back, "small quiet")), hint);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const to = input.value.trim();
    if (!to || to === name) back();
    else if (act.taken(to)) hint.textContent = t("rename.taken", { name: to });
    else act.rename(to, send);
  });
  form.addEventListener("keydown", (event) => event.key === "Escape" && back());
  return form;
}
