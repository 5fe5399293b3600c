/** Draw and learn: one example of each sign, then answers while a person draws. */
import { classBars, predictionText } from "./bars.js";
import { classCards } from "./class_cards.js";
import { button, el, field, newId } from "./dom.js";
import { FewShotSession } from "./fewshot.js";
import { smallPicture } from "./files.js";
import { live } from "./live.js";
import { announce, attempt, errorPlace } from "./messages.js";
import { drawingPad } from "./pad.js";
import { SIGN_NAMES, readySign } from "./signs.js";
import { stored } from "./store.js";
import { counted, t } from "./words.js";

const MOST_PIXELS = 256; // a side, of a picture that is kept
const session = new FewShotSession("draw", "drawings", "image");
const drawing = stored("drawing", { lines: [], picture: null });
const typed = stored("sign-name", "");

/** Build this part of the page. */
export function mountDraw(place) {
  const errors = errorPlace();
  const view = { errors, said: el("p", { class: "said" }), step: el("p", { class: "step" }) };
  view.bars = classBars({ onteach: (name) => teach(view, name) });
  view.pad = drawingPad(drawing, t("pad.label"), () => changed(view));
  view.ask = live(
    async () => (view.pad.empty() ? null : session.predict(view.pad.image())),
    (prediction) => showPrediction(view, prediction),
    errors.show,
    { asking: (on) => view.result.classList.toggle("asking", on) },
  );
  view.result = el("div", { class: "card result" }, el("h3", {}, t("draw.result")), view.said, view.bars.node);
  view.cards = classCards(session, picture, errors, () => refresh(view));
  view.name = nameForm(view);
  place.replaceChildren(
    el("h2", {}, t("draw.title")),
    el("p", { class: "lead" }, t("draw.lead")),
    el("div", { class: "drawing" },
      el("div", { class: "canvas" }, view.step, view.pad.node, tools(view)),
      view.result,
      el("div", { class: "naming" }, view.name, readyRow(view))),
    errors.node,
    el("h3", {}, t("draw.classes")),
    view.cards.node,
  );
  refresh(view);
}

function picture(value) {
  return el("img", { src: value, alt: "", width: 56, height: 56 });
}

function refresh(view) {
  const n = session.classes.length;
  view.step.textContent = n === 0 ? t("draw.step.first") : n === 1 ? t("draw.step.second") : t("draw.step.more");
  view.cards.show();
  showPrediction(view, null);
  if (!view.pad.empty()) view.ask();
}

function changed(view) {
  view.errors.clear();
  if (view.pad.empty()) showPrediction(view, null);
  else view.ask();
}

function showPrediction(view, prediction) {
  const current = view.pad.empty() ? null : prediction;
  view.bars.show(session.names, current);
  const text = current ? predictionText(current) : session.ready ? t("draw.waiting") : t("draw.too-few");
  view.said.textContent = text;
  if (current) announce(text);
}

/** Learn what is on the pad as an example of a class, which may be new. */
async function teach(view, name, pressed = null) {
  if (view.pad.empty()) {
    announce(t("draw.empty"), { atOnce: true });
    view.said.textContent = t("draw.empty");
    return;
  }
  const examples = [{ value: view.pad.image(), class: name }];
  const done = await attempt(view.errors, async () => (await session.teach(examples), true), pressed);
  if (!done) return;
  await view.pad.clear();
  refresh(view);
  const n = session.classes.find((one) => one.name === name)?.items.length ?? 0;
  announce(`${t("learned", { name })} ${counted("examples", n)}`, { atOnce: true });
}

function nameForm(view) {
  const input = el("input", { value: typed.value, maxlength: 100, autocomplete: "off", required: true });
  input.addEventListener("input", () => {
    typed.value = input.value;
  });
  const send = el("button", { type: "submit", class: "button main" }, t("draw.learn"));
  const form = el("form", { class: "join" }, field(t("draw.name"), input), send);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = input.value.trim();
    if (!name) return;
    const empty = view.pad.empty();
    await teach(view, name, send);
    if (empty || !session.names.includes(name)) return;
    input.value = typed.value = "";
  });
  return form;
}

function tools(view) {
  const input = el("input", { type: "file", accept: "image/*", class: "unseen-input", id: newId("picture") });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    input.value = "";
    const small = await smallPicture(file, MOST_PIXELS).catch(() => null);
    if (small) view.pad.show(small);
    else view.said.textContent = t("draw.no-picture", { name: file.name });
  });
  return el("div", { class: "row tools" },
    button(t("draw.back"), () => view.pad.undo(), "small"),
    button(t("draw.clear"), () => view.pad.clear(), "small"),
    el("span", { class: "upload" }, input, el("label", { for: input.id, class: "button small" }, t("draw.upload"))));
}

/** Signs for who does not draw by hand, and five at once for who wants to see it work. */
function readyRow(view) {
  const choices = SIGN_NAMES.map((name) => button(t(`sign.${name}`), () => view.pad.draw(readySign(name)), "small"));
  const all = button(t("draw.five"), () => teachFive(view, all), "small");
  return el("div", { class: "ready", role: "group", "aria-label": t("draw.ready") },
    el("p", { class: "hint" }, t("draw.ready")), el("div", { class: "row" }, choices, all));
}

async function teachFive(view, pressed) {
  const before = structuredClone(drawing.value);
  const examples = [];
  for (const name of SIGN_NAMES) {
    await view.pad.draw(readySign(name));
    examples.push({ value: view.pad.image(), class: t(`sign.${name}`) });
  }
  await view.pad.draw(before.lines);
  const done = await attempt(view.errors, async () => (await session.teach(examples), true), pressed);
  if (!done) return;
  refresh(view);
  announce(t("draw.five.done"), { atOnce: true });
}
