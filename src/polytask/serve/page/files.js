/** Files that a person chose. */

/** Read a file as a data address; rejects where it cannot be read. */
export function dataAddress(file) {
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => done(reader.result));
    reader.addEventListener("error", () => fail(reader.error));
    reader.readAsDataURL(file);
  });
}
