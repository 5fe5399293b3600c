/** A table: its columns, what is to be predicted, training, and what came out. */
import { call, path } from "./api.js";
import { button, el, field, fileDrop, select } from "./dom.js";
import { announce, attempt, errorPlace, inWords } from "./messages.js";
import { stored } from "./store.js";
import { trainingView } from "./training.js";
import { outcome } from "./outcome.js";
import { counted, known, number, t } from "./words.js";

const EMPTY = { table: null, file: "", targets: {}, name: "", job: null, model: null };
const KINDS = ["regression", "log", "binary", "multiclass"];
const MOST_CODES = 100; // so many codes may be categories
const kept = stored("table", EMPTY);

/** Build this part of the page. */
export function mountTable(place) {
  const view = { errors: errorPlace(), columns: el("div"), training: el("div"), outcome: el("div") };
  const note = el("p", { class: "muted" });
  const penguins = button(t("table.penguins"), () => open(view, { dataset: "penguins" }, t("table.penguins.name"), penguins));
  place.replaceChildren(
    el("h2", {}, t("table.title")),
    el("p", { class: "lead" }, t("table.lead")),
    fileDrop(t("table.drop"), ".csv,.tsv,.parquet,text/csv", ([file]) => open(view, form(file), file.name)),
    el("div", { class: "row" }, penguins),
    note,
    view.errors.node,
    view.columns,
    view.training,
    view.outcome,
  );
  refresh(view);
}

function form(file) {
  const data = new FormData();
  data.append("file", file, file.name);
  return data;
}

async function open(view, body, file, pressed = null) {
  announce(t("table.reading"), { atOnce: true });
  const table = await attempt(view.errors, () => call("POST", "tables", body), pressed);
  if (!table) return announce("", { atOnce: true });
  kept.value = { ...structuredClone(EMPTY), table, file, name: freeName(file) };
  refresh(view);
  announce(counted("table.rows", table.rows, { columns: number(table.columns.length) }), { atOnce: true });
}

/** A name for the model out of the file's. */
function freeName(file) {
  const plain = file.replace(/\.[^.]*$/, "").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40);
  const stamp = crypto.getRandomValues(new Uint16Array(1))[0].toString(36);
  return `${plain || "table"}-${stamp}`;
}

function refresh(view) {
  const { table, job, model } = kept.value;
  view.columns.replaceChildren(...(table ? columnsPart(view) : []));
  view.training.replaceChildren(...(job ? [trainingView(job, (state) => finished(view, state), view.errors)] : []));
  view.outcome.replaceChildren();
  if (model) outcome(view.outcome, model, view.errors);
}

function finished(view, state) {
  if (kept.value.job !== state.job) return;
  kept.value = { ...kept.value, model: state.model ?? null, job: state.state === "done" ? null : kept.value.job };
  if (!state.model) return;
  view.training.replaceChildren();
  outcome(view.outcome, state.model, view.errors);
  announce(t("job.done"), { atOnce: true });
}

function columnsPart(view) {
  const { table, file } = kept.value;
  const said = el("p", { class: "hint", role: "alert" });
  const train = button(t("table.train"), () => fit(view, said, train), "main");
  const name = el("input", { value: kept.value.name, maxlength: 60, autocomplete: "off", required: true });
  name.addEventListener("input", () => {
    kept.value.name = name.value.trim();
    kept.save();
  });
  return [
    el("h3", {}, t("table.columns")),
    el("p", { class: "muted" }, el("strong", {}, file), ": ", counted("table.rows", table.rows, { columns: number(table.columns.length) })),
    el("p", {}, t("table.pick")),
    el("ul", { class: "columns" }, table.columns.map(columnItem)),
    el("div", { class: "join" }, field(t("table.name"), name), train),
    said,
  ];
}

function columnItem(column) {
  const wanted = column.name in kept.value.targets;
  const box = el("input", { type: "checkbox", checked: wanted, disabled: !column.may_be_target });
  const kind = kindSelect(column);
  kind.hidden = !wanted;
  const changed = () => {
    if (box.checked) kept.value.targets[column.name] = kind.value;
    else delete kept.value.targets[column.name];
    kind.hidden = !box.checked;
    kept.save();
  };
  box.addEventListener("change", changed);
  kind.addEventListener("change", changed);
  const facts = [known(`reads.${column.reads_as ?? column.kind}`, column.reads_as ?? column.kind)];
  if (tellsRowsApart(column)) facts.push(t("column.not-used"));
  if (column.missing) facts.push(t("column.missing", { n: number(column.missing) }));
  return el(
    "li",
    {},
    el("label", { class: "pick" }, box, el("span", { class: "name" }, column.name)),
    el("span", { class: "facts muted" }, facts.join(" · ")),
    el("span", { class: "facts sample" }, (column.examples ?? []).slice(0, 4).map(String).join(", ")),
    kind,
    column.note ? el("span", { class: "facts note" }, column.may_be_target ? "" : t("column.no-target"), " ", inWords(column.note)) : null,
  );
}

/** Whether training leaves it out, as a code of each row; where few rows are known, it may be used. */
function tellsRowsApart(column) {
  return column.reads_as === "identifier" && kept.value.table.rows - column.missing > MOST_CODES;
}

function kindSelect(column) {
  const kinds = column.kinds?.length ? column.kinds : KINDS;
  const guess = kept.value.targets[column.name] ?? (kinds.includes(column.kind) ? column.kind : kinds[0]);
  const options = kinds.map((one) => [one, known(`kind.${one}`, one)]);
  return select(options, guess, { "aria-label": t("kind.of", { name: column.name }) });
}

async function fit(view, said, pressed) {
  const { table, targets, name } = kept.value;
  const wanted = Object.entries(targets).map(([column, kind]) => `${column}:${kind}`);
  said.textContent = wanted.length ? (name ? "" : t("table.no-name")) : t("table.no-target");
  if (said.textContent) return;
  const body = { name, targets: wanted };
  const started = await attempt(view.errors, () => call("POST", `${path("tables", table.table)}/fit`, body), pressed);
  if (!started) return;
  kept.value = { ...kept.value, job: started.job, model: null };
  refresh(view);
  view.training.scrollIntoView({ block: "nearest" });
}
