/** All models served, and a way to ask each. */
import { call, path } from "./api.js";
import { button, el, field, fileDrop } from "./dom.js";
import { announce, attempt, errorPlace } from "./messages.js";
import { encoderForm, numbersOf } from "./encoders.js";
import { dataAddress, namingFiles, photo } from "./files.js";
import { downloads, fillWorth } from "./outcome.js";
import { predictionList, tableAnswers } from "./answers.js";
import { rowForm } from "./row_form.js";
import { stored } from "./store.js";
import { counted, known, t } from "./words.js";

const typed = stored("models", {});

/** Build this part of the page; `opened` names the model whose form is open. */
export async function mountModels(place, opened = "") {
  const errors = errorPlace();
  const list = el("ul", { class: "models" });
  place.replaceChildren(el("h2", {}, t("models.title")), el("p", { class: "lead" }, t("models.lead")), errors.node, list);
  const found = await attempt(errors, () => call("GET", "models"));
  if (!found) return;
  const again = () => mountModels(place, "");
  list.replaceChildren(...encodersLast(found.models).map((model) => modelCard(model, model.name === opened, again)));
  list.querySelector("details[open]")?.scrollIntoView({ block: "nearest" });
}

/** What was given or made comes first: built-in encoders are there for everyone. */
function encodersLast(models) {
  const own = (model) => !(model.builtin && model.family === "encoder");
  return [...models.filter(own), ...models.filter((model) => !own(model))];
}

function modelCard(model, open, again) {
  const errors = errorPlace();
  const body = el("div", { class: "body" });
  const details = el("details", { open }, el("summary", {}, el("h3", {}, model.name), el("span", { class: "muted" }, describe(model))), body);
  const fill = () => {
    if (!details.open || body.childElementCount) return;
    body.replaceChildren(...asked(model, errors), actions(model, errors, again), errors.node);
  };
  details.addEventListener("toggle", fill);
  fill();
  return el("li", { class: "card" }, details);
}

function describe(model) {
  const parts = [known(`family.${model.family}`, model.family), known(`data.${model.data}`, model.data)];
  if (model.targets?.length) parts.push(model.targets.map((target) => target.name).join(", "));
  if (model.classes?.length) parts.push(counted("classes", model.classes.length));
  return parts.join(" · ");
}

function actions(model, errors, again) {
  if (model.family === "encoder") return "";
  const remove = button(t("models.remove"), async () => {
    const done = await attempt(errors, async () => (await call("DELETE", path("models", model.name)), true), remove);
    if (!done) return;
    announce(t("models.removed", { name: model.name }), { atOnce: true });
    await again();
    document.getElementById("tab-models").focus();
  }, "quiet");
  const row = downloads(model, errors);
  if (model.made_by) row.append(remove);
  return row;
}

function asked(model, errors) {
  if (model.family === "encoder") return [encoderForm(model, errors)];
  const answers = el("div", { class: "answers", "aria-live": "polite" });
  if (model.data === "table") return [rowForm(model, errors), fileDrop(t("models.drop.table"), ".csv,.tsv,.parquet,text/csv",
    ([file]) => askTable(model, file, answers, errors)), answers, worthDetails(model, errors)];
  if (model.data === "texts") return [linesForm(model, "texts", (line) => line, answers, errors), answers];
  if (model.data === "vectors") return [linesForm(model, "vectors", numbersOf, answers, errors), answers];
  const sounds = model.data === "sounds";
  const drop = fileDrop(t(sounds ? "models.drop.sounds" : "models.drop.images"), sounds ? "audio/*,.wav" : "image/*",
    (files) => askFiles(model, sounds ? "sounds" : "images", files, answers, errors), { multiple: true });
  return [drop, answers];
}

/** What a table model is worth, fetched when a person wants to know. */
function worthDetails(model, errors) {
  const place = el("div");
  const details = el("details", { class: "more" }, el("summary", {}, t("outcome.title", { name: model.name })), place);
  details.addEventListener("toggle", () => details.open && !place.childElementCount && fillWorth(place, model, errors));
  return details;
}

/** A line is an item. */
function linesForm(model, key, read, answers, errors) {
  const box = el("textarea", { rows: 4, spellcheck: "false" });
  box.value = typed.value[model.name] ?? "";
  box.addEventListener("input", () => {
    typed.value[model.name] = box.value;
    typed.save();
  });
  const send = button(t("row.predict"), async () => {
    const lines = box.value.split(/\r\n|\r|\n/).map((line) => line.trim()).filter(Boolean);
    if (!lines.length) return box.focus();
    const found = await attempt(errors, () => call("POST", `${path("models", model.name)}/predict`, { [key]: lines.map(read) }), send);
    answers.replaceChildren(found ? predictionList(lines.map((line) => el("q", {}, line)), found.predictions, model.classes) : "");
  }, "main");
  return el("div", {}, field(t(`models.lines.${key}`), box), el("div", { class: "row" }, send));
}

async function askFiles(model, key, files, answers, errors) {
  const read = await Promise.all(files.map(key === "sounds" ? dataAddress : photo));
  const sent = read.map((one) => (key === "sounds" ? one.slice(one.indexOf(",") + 1) : one));
  const found = await attempt(errors, () => namingFiles(files, () => call("POST", `${path("models", model.name)}/predict`, { [key]: sent })));
  if (!found) return answers.replaceChildren();
  const looks = files.map((file, i) => el("span", { class: "item" },
    key === "images" ? el("img", { src: read[i], alt: "", width: 56, height: 56 }) : null, file.name));
  answers.replaceChildren(predictionList(looks, found.predictions, model.classes));
}

async function askTable(model, file, answers, errors) {
  const data = new FormData();
  data.append("file", file, file.name);
  const found = await attempt(errors, () => call("POST", `${path("models", model.name)}/predict`, data));
  answers.replaceChildren(found ? tableAnswers(model, file.name, found) : "");
}
