/** Texts: labelled lines are learned, and sentences tried. */
import { classBars, predictionText } from "./bars.js";
import { classCards } from "./class_cards.js";
import { button, el, field } from "./dom.js";
import { FewShotSession } from "./fewshot.js";
import { labelledLines } from "./labelled_lines.js";
import { live } from "./live.js";
import { announce, attempt, errorPlace } from "./messages.js";
import { stored } from "./store.js";
import { counted, t } from "./words.js";

const session = new FewShotSession("texts", "texts", "text");
const typed = stored("texts", { pasted: "", name: "", lines: "", trial: "", label: "" });

/** Build this part of the page. */
export function mountTexts(place) {
  const errors = errorPlace();
  const view = { errors, said: el("p", { class: "said" }) };
  view.bars = classBars({ onteach: (name) => teachTrial(view, name), teachKey: "teach.text.as" });
  view.cards = classCards(session, (text) => el("q", {}, text), errors, () => refresh(view), { wide: true });
  view.trial = kept("trial", el("textarea", { rows: 3, maxlength: 5000 }));
  view.trial.addEventListener("input", () => changed(view));
  view.ask = live(
    async () => (typed.value.trial.trim() ? session.predict(typed.value.trial.trim()) : null),
    (prediction) => showPrediction(view, prediction),
    errors.show,
    { pause: 250, asking: (on) => view.result.classList.toggle("asking", on) },
  );
  view.result = el("div", { class: "card result" }, el("h3", {}, t("texts.try")), field(t("texts.trial"), view.trial), view.said,
    view.bars.node, newClassForm(view));
  place.replaceChildren(
    el("h2", {}, t("texts.title")),
    el("p", { class: "lead" }, t("texts.lead")),
    el("div", { class: "split" },
      el("div", {}, el("h3", {}, t("texts.teach")), pasteForm(view), classForm(view)),
      view.result),
    errors.node,
    el("h3", {}, t("texts.classes")),
    view.cards.node,
  );
  refresh(view);
}

/** A field whose content survives a reload. */
function kept(name, input) {
  input.value = typed.value[name];
  input.addEventListener("input", () => {
    typed.value[name] = input.value;
    typed.save();
  });
  return input;
}

function refill(name, input, text) {
  input.value = typed.value[name] = text;
  typed.save();
}

function refresh(view) {
  view.cards.show();
  showPrediction(view, null);
  if (typed.value.trial.trim()) view.ask();
}

function changed(view) {
  view.errors.clear();
  if (typed.value.trial.trim()) view.ask();
  else showPrediction(view, null);
}

function showPrediction(view, prediction) {
  const current = typed.value.trial.trim() ? prediction : null;
  view.bars.show(session.names, current);
  const text = current ? predictionText(current) : session.ready ? t("texts.waiting") : t("texts.too-few");
  view.said.textContent = text;
  if (current) announce(text);
}

async function teach(view, examples, pressed) {
  const done = await attempt(view.errors, async () => (await session.teach(examples), true), pressed);
  if (!done) return false;
  refresh(view);
  const text = `${t("learned.lines")} ${counted("examples", examples.length)}`;
  announce(text, { atOnce: true });
  return true;
}

async function teachTrial(view, name, pressed = null) {
  const value = typed.value.trial.trim();
  if (value) return teach(view, [{ value, class: name }], pressed);
  view.said.textContent = t("texts.empty");
  view.trial.focus();
  return false;
}

function pasteForm(view) {
  const input = kept("pasted", el("textarea", { rows: 7, spellcheck: "false" }));
  const found = el("p", { class: "hint", "aria-live": "polite" });
  const look = () => {
    const { examples, wrong, header } = labelledLines(input.value);
    const classes = new Set(examples.map((one) => one.class)).size;
    const read = examples.length ? `${counted("lines", examples.length)}, ${counted("classes", classes)}.` : "";
    const left = wrong.length ? t("texts.wrong", { lines: wrong.slice(0, 5).join(", ") }) : "";
    found.textContent = [read, header ? t("texts.header", { line: header }) : "", left].filter(Boolean).join(" ");
    return examples;
  };
  input.addEventListener("input", look);
  const learn = button(t("texts.learn"), async () => {
    const examples = look();
    if (!examples.length) found.textContent = t("texts.nothing");
    else if (await teach(view, examples, learn)) {
      refill("pasted", input, "");
      look();
    }
  }, "main");
  const example = button(t("texts.example"), () => {
    refill("pasted", input, t("texts.example.lines"));
    look();
  });
  look();
  return el("div", {}, field(t("texts.paste"), input, t("texts.paste.hint")), found, el("div", { class: "row" }, learn, example));
}

function classForm(view) {
  const name = kept("name", el("input", { maxlength: 100, autocomplete: "off" }));
  const lines = kept("lines", el("textarea", { rows: 3 }));
  const hint = el("p", { class: "hint", role: "alert" });
  const add = button(t("texts.add"), async () => {
    const values = lines.value.split(/\r\n|\r|\n/).map((one) => one.trim()).filter(Boolean);
    const label = name.value.trim();
    hint.textContent = label && values.length ? "" : t("texts.add.both");
    if (!hint.textContent && (await teach(view, values.map((value) => ({ value, class: label })), add))) {
      refill("name", name, "");
      refill("lines", lines, "");
      name.focus();
    }
  });
  return el("details", { class: "more", open: Boolean(typed.value.name || typed.value.lines) },
    el("summary", {}, t("texts.one")), field(t("texts.name"), name), field(t("texts.lines"), lines), add, hint);
}

/** For a sentence that is of none of the classes so far. */
function newClassForm(view) {
  const name = kept("label", el("input", { maxlength: 100, autocomplete: "off", required: true }));
  const send = el("button", { type: "submit", class: "button" }, t("texts.new.send"));
  const form = el("form", { class: "join" }, field(t("texts.new"), name), send);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (name.value.trim() && (await teachTrial(view, name.value.trim(), send))) refill("label", name, "");
  });
  return form;
}
