/**
 * A model of few examples while it is taught: its classes, their examples, and the way back.
 *
 * The examples stay in this tab too, so that nothing is lost when the page is loaded again, and the model can be made
 * anew when the service no longer has it. Below two classes there is no model yet, and examples only wait here.
 */
import { call, path } from "./api.js";
import { stored } from "./store.js";

const EMPTY = { name: null, undoable: false, classes: [], items: {}, past: [], last: 0 };
const MOST_PAST = 50; // steps that can be undone

export class FewShotSession {
  /**
   * @param {string} key Under which it is kept: "draw" or "texts".
   * @param {string} source The built-in model that is adapted.
   * @param {string} item What an example is called in requests: "image" or "text".
   */
  constructor(key, source, item) {
    Object.assign(this, { key, source, item, busy: Promise.resolve() });
    this.kept = stored(`session.${key}`, EMPTY);
  }

  get state() {
    return this.kept.value;
  }

  /** Classes with their examples: [{name, items: [value]}]. */
  get classes() {
    return this.state.classes.map(({ name, ids }) => ({ name, items: ids.map((id) => this.state.items[id]) }));
  }

  get names() {
    return this.state.classes.map((one) => one.name);
  }

  get ready() {
    return this.state.name !== null;
  }

  get canUndo() {
    return this.state.past.length > 0;
  }

  /** Learn examples [{value, class}]; new classes are made. */
  teach(examples) {
    return this.#change(async () => {
      const next = this.#copy();
      for (const { value, class: name } of examples) this.#put(next, value, name);
      if (this.ready) this.#took(await this.#own("POST", ["examples"], { examples: examples.map((one) => this.#asked(one)) }));
      return next;
    });
  }

  rename(from, to) {
    return this.#change(async () => {
      const next = this.#copy();
      next.find((one) => one.name === from).name = to;
      if (this.ready) this.#took(await this.#own("POST", ["rename"], { class: from, to }));
      return next;
    });
  }

  remove(name) {
    return this.#change(async () => {
      const next = this.#copy().filter((one) => one.name !== name);
      if (this.ready && next.length >= 2) this.#took(await this.#own("POST", ["remove"], { class: name }));
      return next;
    });
  }

  /** Go back to before the last change. */
  undo() {
    return this.#inTurn(async () => {
      const before = this.state.past.at(-1);
      if (!before) return;
      if (this.ready && before.length >= 2) await this.#back(before);
      await this.#settle(before);
      this.state.past.pop();
      this.#forgetUnused();
      this.kept.save();
    });
  }

  /** Begin anew; the model goes. */
  reset() {
    return this.#inTurn(async () => {
      if (this.ready) await this.#gone();
      this.kept.clear();
    });
  }

  /** What the model says to an item, or null while there is no model. */
  predict(value) {
    return this.#inTurn(async () => {
      if (!this.ready) return null;
      const key = this.item === "image" ? "images" : `${this.item}s`;
      const answer = await this.#own("POST", ["predict"], { [key]: [value] });
      return answer.predictions[0];
    });
  }

  async #change(action) {
    return this.#inTurn(async () => {
      const before = this.#copy();
      const next = await action();
      await this.#settle(next);
      this.state.past.push(before);
      this.state.past.splice(0, this.state.past.length - MOST_PAST);
      this.#forgetUnused();
      this.kept.save();
    });
  }

  /** One thing after the other, so that two clicks never cross, nor a question and the end of its model. */
  #inTurn(action) {
    const done = this.busy.then(action);
    this.busy = done.catch(() => {});
    return done;
  }

  /** Take these classes; make the model when there are two, and let it go below. */
  async #settle(classes) {
    if (classes.length >= 2 && !this.ready) await this.#adapt(classes);
    if (classes.length < 2 && this.ready) await this.#gone();
    this.state.classes = classes;
    this.kept.save();
  }

  async #adapt(classes) {
    const name = `${this.key === "draw" ? "signs" : "texts"}-${randomWord()}`;
    const examples = classes.flatMap(({ name: label, ids }) =>
      ids.map((id) => this.#asked({ value: this.state.items[id], class: label })),
    );
    const model = await call("POST", `${path("models", this.source)}/adapt`, { name, examples });
    this.state.name = name;
    this.#took(model);
    this.kept.save();
  }

  async #gone(name = this.state.name) {
    await call("DELETE", path("models", name)).catch((error) => {
      if (error.status !== 404) throw error;
    });
    if (name === this.state.name) this.state.name = null;
  }

  /** Remember whether the service can undo what it was last told. */
  #took(model) {
    this.state.undoable = Boolean(model?.can_undo);
  }

  /** Let the service undo; where it cannot, make the model anew from the examples kept here. */
  async #back(before) {
    const name = this.state.name;
    if (this.state.undoable) {
      const model = await call("POST", `${path("models", name)}/undo`).catch((error) => {
        if (![404, 409].includes(error.status)) throw error;
      });
      if (model) return this.#took(model);
    }
    await this.#adapt(before);
    return this.#gone(name);
  }

  /** Call this session's model, which is made anew where the service no longer has it. */
  async #own(method, parts, body = null) {
    const address = () => path("models", this.state.name, ...parts);
    try {
      return await call(method, address(), body);
    } catch (error) {
      if (error.status !== 404) throw error;
      await call("GET", path("models", this.state.name)).catch((missing) => {
        if (missing.status !== 404) throw missing;
        return this.#adapt(this.state.classes);
      });
      return call(method, address(), body);
    }
  }

  #asked({ value, class: label }) {
    return { [this.item]: value, class: label };
  }

  #copy() {
    return this.state.classes.map(({ name, ids }) => ({ name, ids: [...ids] }));
  }

  #put(classes, value, name) {
    this.state.last += 1;
    this.state.items[this.state.last] = value;
    const known = classes.find((one) => one.name === name);
    if (known) known.ids.push(this.state.last);
    else classes.push({ name, ids: [this.state.last] });
  }

  #forgetUnused() {
    const used = new Set([this.state.classes, ...this.state.past].flat().flatMap((one) => one.ids).map(String));
    for (const id of Object.keys(this.state.items)) if (!used.has(id)) delete this.state.items[id];
  }
}

function randomWord() {
  const bytes = crypto.getRandomValues(new Uint8Array(5));
  return [...bytes].map((byte) => "abcdefghjkmnpqrstuvwxyz23456789"[byte % 31]).join("");
}
