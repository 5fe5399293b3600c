/** A pad to draw on, by mouse, touch or pen; what is on it is kept as lines, and read as a picture of 112 pixels. */
import { el } from "./dom.js";

const SIDE = 112; // pixels of the picture that is sent: what the encoder looks at
const THICK = 0.045; // of a side

/**
 * @param {{value: {lines: number[][][], picture: string|null}, save: Function}} kept What is drawn, in shares of a side.
 * @param {string} label What a screen reader says of it.
 * @param {() => void} onchange Called whenever the drawing changes, also while a line is drawn.
 */
export function drawingPad(kept, label, onchange) {
  const canvas = el("canvas", { class: "pad", role: "img", "aria-label": label });
  const pad = { node: canvas, picture: null, line: null };
  const again = () => repaint(canvas, kept.value, pad.picture);
  const changed = () => {
    again();
    onchange();
  };
  listen(canvas, kept, pad, changed);
  new ResizeObserver(again).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  const put = async (value) => {
    kept.value = value;
    pad.picture = value.picture ? await loaded(value.picture) : null;
    changed();
  };
  if (kept.value.picture) put(kept.value);
  return {
    node: canvas,
    empty: () => !kept.value.lines.length && !kept.value.picture,
    clear: () => put({ lines: [], picture: null }),
    undo: () => put({ ...kept.value, lines: kept.value.lines.slice(0, -1), picture: kept.value.lines.length ? kept.value.picture : null }),
    draw: (lines) => put({ lines, picture: null }),
    show: (picture) => put({ lines: [], picture }),
    image: () => exported(kept.value, pad.picture),
  };
}

function listen(canvas, kept, pad, changed) {
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map((one) => Math.round(one * 1000) / 1000);
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || pad.line) return; // a second finger draws nothing
    canvas.setPointerCapture(event.pointerId);
    Object.assign(pad, { line: [at(event)], pointer: event.pointerId });
    kept.value.lines.push(pad.line);
    changed();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!pad.line || event.pointerId !== pad.pointer) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    pad.line.push(...(passed.length ? passed : [event]).map(at));
    changed();
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => {
      if (!pad.line || event.pointerId !== pad.pointer) return;
      pad.line = null;
      kept.save();
      changed();
    });
  }
}

function repaint(canvas, drawing, picture) {
  const side = Math.round(canvas.clientWidth * (devicePixelRatio || 1));
  if (!side) return;
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, side, side);
  if (picture) putPicture(context, picture, side);
  putLines(context, drawing.lines, side, getComputedStyle(canvas).color);
}

function putLines(context, lines, side, colour) {
  Object.assign(context, { lineWidth: THICK * side, lineCap: "round", lineJoin: "round", strokeStyle: colour });
  for (const line of lines) {
    context.beginPath();
    context.moveTo(line[0][0] * side, line[0][1] * side);
    for (const [x, y] of line.length > 1 ? line.slice(1) : line) context.lineTo(x * side, y * side);
    context.stroke();
  }
}

/** Keep the picture's proportions; what is left of the square takes the colour of its corner, as ground. */
function putPicture(context, picture, side) {
  const scale = side / Math.max(picture.naturalWidth, picture.naturalHeight, 1);
  const [width, height] = [picture.naturalWidth * scale, picture.naturalHeight * scale];
  const [left, top] = [(side - width) / 2, (side - height) / 2];
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, left, top, width, height);
  const [red, green, blue] = context.getImageData(Math.ceil(left) + 1, Math.ceil(top) + 1, 1, 1).data;
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = `rgb(${red}, ${green}, ${blue})`;
  context.fillRect(0, 0, side, side);
  context.globalCompositeOperation = "source-over";
}

function exported(drawing, picture) {
  const canvas = el("canvas", { width: SIDE, height: SIDE });
  const context = canvas.getContext("2d");
  if (picture) putPicture(context, picture, SIDE);
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, SIDE, SIDE);
  context.globalCompositeOperation = "source-over";
  putLines(context, drawing.lines, SIDE, "#000");
  return canvas.toDataURL("image/png");
}

async function loaded(address) {
  const picture = new Image();
  picture.src = address;
  await picture.decode();
  return picture;
}
