/** Elements made by hand: what comes from the service or a person only ever becomes text, never markup. */

/**
 * Make an element.
 * @param {string} tag Its name.
 * @param {Object} given Attributes; `on...` are listeners, other functions, null and false are left out.
 * @param {...(Node|string|number|null|Array)} children What is in it; strings and numbers become text.
 */
export function el(tag, given = {}, ...children) {
  return filled(document.createElement(tag), given, children);
}

/** Make an element of SVG. */
export function svg(tag, given = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), given, children);
}

function filled(node, given, children) {
  for (const [name, value] of Object.entries(given)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false).map(asNode));
  return node;
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

let last = 0;

/** A new id. */
export function newId(before) {
  last += 1;
  return `${before}-${last}`;
}

/** A field with its label above it, and perhaps a hint below. */
export function field(label, input, hint = null) {
  input.id ||= newId("field");
  const below = hint ? el("span", { class: "hint", id: `${input.id}-hint` }, hint) : null;
  if (below) input.setAttribute("aria-describedby", below.id);
  return el("div", { class: "field" }, el("label", { for: input.id }, label), input, below);
}

/** A button; `kind` is "main", "quiet" or "". */
export function button(text, onclick, kind = "", given = {}) {
  return el("button", { type: "button", class: `button ${kind}`, onclick, ...given }, text);
}

/** A select of [value, text] pairs. */
export function select(options, value, given = {}) {
  const choices = options.map(([one, text]) => el("option", { value: one, selected: one === value }, text));
  return el("select", given, choices);
}

/** A place for files: drop them, or choose them with the button, also by keyboard. */
export function fileDrop(text, accept, onfiles, { multiple = false } = {}) {
  const input = el("input", { type: "file", accept, multiple, class: "unseen-input", id: newId("files") });
  const label = el("label", { for: input.id, class: "drop" }, text);
  const box = el("div", { class: "drop-box" }, input, label);
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = "";
    if (files.length) onfiles(files);
  });
  for (const name of ["dragover", "dragleave", "drop"]) {
    box.addEventListener(name, (event) => {
      event.preventDefault();
      box.classList.toggle("over", name === "dragover");
      const files = name === "drop" ? [...event.dataTransfer.files] : [];
      if (files.length) onfiles(multiple ? files : files.slice(0, 1));
    });
  }
  return box;
}
