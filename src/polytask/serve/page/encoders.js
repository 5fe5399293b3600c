/** Encoders become classifiers: name a class, give its examples, and so on; then a model is made of them. */
import { call, path } from "./api.js";
import { button, el, field, fileDrop } from "./dom.js";
import { dataAddress, namingFiles, photo } from "./files.js";
import { labelledLines } from "./labelled_lines.js";
import { announce, attempt } from "./messages.js";
import { stored } from "./store.js";
import { counted, t } from "./words.js";

const PARTS = { drawings: "draw", texts: "texts" };
const LINES = {
  texts: { field: "text", read: (line) => line },
  vectors: { field: "vector", read: numbersOf },
};
const names = new WeakMap(); // by example: the name of its file
const given = new Map(); // by encoder: the examples that wait for a model; files are too large for the store

/** How an encoder is taught: where there is a part of the page for it, a way there. */
export function encoderForm(model, errors) {
  const part = model.builtin && PARTS[model.data];
  if (part) return el("p", {}, t("encoder.elsewhere"), " ", el("a", { href: `#${part}` }, t(`tab.${part}`)));
  return model.data in LINES ? linesForm(model, errors) : filesForm(model, errors);
}

function filesForm(model, errors) {
  const sounds = model.data === "sounds";
  if (!given.has(model.name)) given.set(model.name, []);
  const examples = given.get(model.name);
  const name = el("input", { maxlength: 100, autocomplete: "off" });
  const said = el("p", { class: "hint", role: "alert" });
  const list = el("ul", { class: "counts" });
  const add = async (files) => {
    said.textContent = name.value.trim() ? "" : t("encoder.name-first");
    if (said.textContent) return name.focus();
    const read = await Promise.all(files.map(sounds ? dataAddress : photo));
    const added = read.map((one) => exampleOf(sounds, one, name.value.trim()));
    added.forEach((one, i) => names.set(one, files[i].name));
    examples.push(...added);
    show();
    name.value = "";
  };
  const show = () =>
    list.replaceChildren(...counts(examples).map(([label, n]) => el("li", {}, el("strong", {}, label), ` ${counted("examples", n)}`)));
  show();
  const drop = fileDrop(t(sounds ? "encoder.drop.sounds" : "encoder.drop.images"), sounds ? "audio/*,.wav" : "image/*", add, { multiple: true });
  const make = button(t("encoder.make"), () => made(model, examples, said, make, errors), "main");
  return el("div", {}, el("p", {}, t("encoder.how")), field(t("texts.name"), name), drop, said, list, el("div", { class: "row" }, make));
}

function exampleOf(sounds, address, label) {
  return sounds ? { sound: address.slice(address.indexOf(",") + 1), class: label } : { image: address, class: label };
}

function counts(examples) {
  const found = new Map();
  for (const { class: label } of examples) found.set(label, (found.get(label) ?? 0) + 1);
  return [...found];
}

/** A labelled example is a line. */
function linesForm(model, errors) {
  const typed = stored(model.builtin ? model.data : `lines.${model.name}`, "");
  const lines = el("textarea", { rows: 5, spellcheck: "false" });
  lines.value = typed.value;
  const said = el("p", { class: "hint", role: "alert" });
  const look = () => {
    const { header } = labelledLines(lines.value);
    said.textContent = header ? t("texts.header", { line: header }) : "";
  };
  lines.addEventListener("input", () => {
    typed.value = lines.value;
    look();
  });
  look();
  const make = button(t("encoder.make"), () => made(model, examplesOf(model, lines.value), said, make, errors), "main");
  return el("div", {}, field(t(`encoder.${model.data}`), lines), said, el("div", { class: "row" }, make));
}

function examplesOf(model, text) {
  const { field: key, read } = LINES[model.data];
  return labelledLines(text).examples.map(({ value, class: label }) => ({ [key]: read(value), class: label }));
}

/** Numbers with spaces, commas or semicolons between. */
export function numbersOf(line) {
  return line.split(/[\s,;]+/).filter(Boolean).map(Number);
}

async function made(model, examples, said, pressed, errors) {
  said.textContent = counts(examples).length < 2 ? t("encoder.too-few") : "";
  if (said.textContent) return;
  const name = `${model.name}-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`;
  const send = () => call("POST", `${path("models", model.name)}/adapt`, { name, examples });
  const done = await attempt(errors, () => namingFiles(examples.map((one) => ({ name: names.get(one) })), send), pressed);
  if (!done) return;
  given.delete(model.name);
  announce(t("encoder.made", { name }), { atOnce: true });
  location.hash = `models/${encodeURIComponent(name)}`;
}
