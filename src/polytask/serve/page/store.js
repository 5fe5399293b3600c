/** What must survive a reload, kept by the browser for this tab alone. */

const BEFORE = "polytask.";
let complain = () => {};

/** Say what to do when the browser keeps no more. */
export function onFull(action) {
  complain = action;
}

/**
 * A value that survives a reload. Assign `value`, or change what is in it and call `save()`.
 * @param {string} key Its name.
 * @param {*} initial What it is at first: plain JSON.
 */
export function stored(key, initial) {
  const box = { current: read(key, initial) };
  return {
    get value() {
      return box.current;
    },
    set value(value) {
      box.current = value;
      write(key, value);
    },
    save() {
      write(key, box.current);
    },
    clear() {
      this.value = structuredClone(initial);
    },
  };
}

function read(key, initial) {
  try {
    const text = sessionStorage.getItem(BEFORE + key);
    return text === null ? structuredClone(initial) : JSON.parse(text);
  } catch {
    return structuredClone(initial);
  }
}

function write(key, value) {
  try {
    sessionStorage.setItem(BEFORE + key, JSON.stringify(value));
  } catch {
    complain();
  }
}
