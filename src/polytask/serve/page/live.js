/** Asks while something changes: one question at a time, always about the newest state, and not too often. */

const BUSY = [429, 503]; // asked again by itself after the time that the service names

/**
 * @param {() => Promise<*>} question Asks about how things are now.
 * @param {(answer: *) => void} show
 * @param {(error: Error) => void} fail
 * @param {{pause?: number, asking?: (on: boolean) => void}} how Milliseconds between a change and its question, and
 *   between two questions; and what is told while an answer is on its way.
 * @returns {() => void} To be called whenever something changed.
 */
export function live(question, show, fail, { pause = 120, asking = () => {} } = {}) {
  const state = { wanted: false, running: false };
  const run = async () => {
    state.running = true;
    asking(true);
    while (state.wanted) {
      await sleep(pause);
      state.wanted = false;
      try {
        show(await question());
      } catch (error) {
        if (BUSY.includes(error.status)) {
          state.wanted = true;
          await sleep(1000 * (error.wait ?? 1));
        } else fail(error);
      }
    }
    state.running = false;
    asking(false);
  };
  return () => {
    state.wanted = true;
    if (!state.running) run();
  };
}

/** Wait so many milliseconds. */
export function sleep(duration) {
  return new Promise((done) => setTimeout(done, duration));
}
