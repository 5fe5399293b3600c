/** What is said to people: errors with their remedy, and what a screen reader hears. */
import { el } from "./dom.js";
import { ServiceError } from "./api.js";
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
  return box(error.what, error.where, error.remedy, close);
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
