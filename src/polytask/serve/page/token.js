/** The dialog that asks for the token of the service. */
import { button, el, field } from "./dom.js";
import { t } from "./words.js";

let open = null;

/** Ask for the token; null where it is not given. Several callers share one dialog. */
export function askToken(refused) {
  open ??= shown(refused).finally(() => {
    open = null;
  });
  return open;
}

function shown(refused) {
  const input = el("input", { type: "password", autocomplete: "off", required: true });
  const { promise, resolve } = withResolvers();
  const form = el(
    "form",
    { method: "dialog" },
    el("h2", { id: "token-title" }, t("token.title")),
    el("p", {}, t(refused ? "token.refused" : "token.why")),
    field(t("token.label"), input),
    el("div", { class: "row" },
      el("button", { class: "button main", type: "submit" }, t("token.send")),
      button(t("cancel"), () => dialog.close(), "quiet")),
  );
  const dialog = el("dialog", { "aria-labelledby": "token-title" }, form);
  let given = null;
  form.addEventListener("submit", () => {
    given = input.value.trim() || null;
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    resolve(given);
  });
  document.body.append(dialog);
  dialog.showModal();
  return promise;
}

function withResolvers() {
  let resolve;
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
