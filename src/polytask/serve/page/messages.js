/** What is said to people: errors with their remedy, and what a screen reader hears. */
import { el } from "./dom.js";
import { ServiceError } from "./api.js";
import { said } from "./refusals.js";
import { t } from "./words.js";

const QUIET = 900; // milliseconds without a change before a result is read out
let waiting = null;

/** Let a screen reader say something, once what changes has come to rest. */
export function announce(text, { atOnce = false } = {}) {
  clearTimeout(waiting);
  const say = () => {
    document.getElementById("announcer").textContent = text;
  };
  waiting = setTimeout(say, atOnce ? 50 : QUIET);
}

/** A place for one error at a time. */
export function errorPlace() {
  const place = el("div", { class: "errors", role: "alert" });
  return {
    node: place,
    clear: () => place.replaceChildren(),
    show: (error) => place.replaceChildren(errorBox(error, () => place.replaceChildren())),
  };
}

function errorBox(error, close) {
  if (!(error instanceof ServiceError)) {
    console.error(error);
    return box(t("error.page"), "", t("error.page.remedy"), close);
  }
  const what = said(error.what);
  if (what !== null) return box(what, error.where, inWords(error.remedy), close);
  return box(t("error.refused"), error.where, english(`${error.what} ${error.remedy}`), close);
}

/** What the service says: in the language of the page, or marked as the English that it is. */
export function inWords(sentence) {
  return said(sentence) ?? english(sentence);
}

function english(text) {
  return el("span", { lang: "en" }, text);
}

function box(what, where, remedy, close) {
  return el(
    "div",
    { class: "error" },
    el("p", {}, el("strong", {}, what), where ? ` (${where})` : "", " ", remedy),
    el("button", { type: "button", class: "button quiet", onclick: close }, t("close")),
  );
}

/** Run something that may be refused: errors are shown at the place, and the button waits meanwhile. */
export async function attempt(place, action, pressed = null) {
  place.clear();
  pressed?.setAttribute("aria-busy", "true");
  try {
    return await action();
  } catch (error) {
    place.show(error);
    return undefined;
  } finally {
    pressed?.removeAttribute("aria-busy");
  }
}
