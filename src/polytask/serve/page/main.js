/** Starts the page: its tabs, its language, and the part that the address names. */
import { onToken } from "./api.js";
import { button, el } from "./dom.js";
import { mountDraw } from "./draw.js";
import { errorPlace } from "./messages.js";
import { mountModels } from "./models.js";
import { onFull } from "./store.js";
import { mountTable } from "./table.js";
import { mountTexts } from "./texts.js";
import { askToken } from "./token.js";
import { loadRefusals } from "./refusals.js";
import { language, loadWords, setLanguage, t } from "./words.js";

const PARTS = { draw: mountDraw, table: mountTable, texts: mountTexts, models: mountModels };

async function start() {
  await Promise.all([loadWords(), loadRefusals()]);
  onToken(askToken);
  addEventListener("hashchange", show);
  build();
}

/** Build everything in the language taken; what people typed is kept in the store. */
function build() {
  document.title = t("title");
  const other = language() === "en" ? "zh" : "en";
  const change = button(t("language.other"), () => turnTo(other), "quiet", { lang: other === "zh" ? "zh-Hans" : "en" });
  document.getElementById("language").replaceChildren(change);
  const tabs = document.getElementById("tabs");
  tabs.setAttribute("aria-label", t("tabs"));
  tabs.replaceChildren(...Object.keys(PARTS).map(tab));
  const errors = errorPlace();
  document.getElementById("messages").replaceChildren(errors.node);
  onFull(() => errors.node.replaceChildren(el("p", { class: "error" }, t("error.full"))));
  document.getElementById("panels").replaceChildren(...Object.keys(PARTS).map(panel));
  show();
}

function turnTo(name) {
  setLanguage(name);
  build();
  document.querySelector("#language button").focus();
}

function tab(name) {
  const link = el(
    "a",
    { role: "tab", id: `tab-${name}`, href: `#${name}`, "aria-controls": name + "-panel" },
    t(`tab.${name}`),
  );
  link.addEventListener("keydown", (event) => moveOn(event, name));
  return link;
}

/** Arrow keys, Home and End move between tabs. */
function moveOn(event, name) {
  const names = Object.keys(PARTS);
  const at = names.indexOf(name);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1 + names.length, Home: 0, End: names.length - 1 }[event.key];
  if (event.key === " ") location.hash = name;
  if (to === undefined && event.key !== " ") return;
  event.preventDefault();
  if (to === undefined) return;
  const next = names[to % names.length];
  location.hash = next;
  document.getElementById(`tab-${next}`).focus();
}

function panel(name) {
  return el("section", { role: "tabpanel", id: `${name}-panel`, "aria-labelledby": `tab-${name}`, hidden: true });
}

/** Show the part that the address names; each is built when it is first seen. */
function show() {
  const [name, ...rest] = location.hash.slice(1).split("/");
  const shown = name in PARTS ? name : "draw";
  for (const one of Object.keys(PARTS)) {
    const link = document.getElementById(`tab-${one}`);
    link.setAttribute("aria-selected", String(one === shown));
    link.tabIndex = one === shown ? 0 : -1;
    document.getElementById(`${one}-panel`).hidden = one !== shown;
  }
  const place = document.getElementById(`${shown}-panel`);
  if (!place.childElementCount || shown === "models") PARTS[shown](place, rest.map(decoded).join("/"));
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

start();
