/** Files that a person chose. */
import { el } from "./dom.js";

const PHOTO = 512; // pixels of the longer side: more than an encoder looks at, and few enough to send many

/** Read a file as a data address; rejects where it cannot be read. */
export function dataAddress(file) {
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => done(reader.result));
    reader.addEventListener("error", () => fail(reader.error));
    reader.readAsDataURL(file);
  });
}

/** Run what sends files; what is refused of one says its name instead of its place in the request. */
export async function namingFiles(files, action) {
  try {
    return await action();
  } catch (error) {
    const place = /\[(\d+)\]/.exec(error.where ?? "");
    if (place && files[place[1]]?.name) error.where = files[place[1]].name;
    throw error;
  }
}

/** Read a photo, smaller where it is large; what is no image goes as it is, for the service to say so. */
export function photo(file) {
  return smallPicture(file, PHOTO).catch(() => dataAddress(file));
}

/** Read an image file into a data address of at most so many pixels a side; rejects where it is no image. */
export async function smallPicture(file, most) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, most / Math.max(bitmap.width, bitmap.height));
  const size = [bitmap.width, bitmap.height].map((one) => Math.max(1, Math.round(one * scale)));
  const canvas = el("canvas", { width: size[0], height: size[1] });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, ...size);
  return canvas.toDataURL("image/png");
}
