/** Ready signs for who cannot, or does not want to, draw: each time a little different, as by hand. */

const turn = Math.PI * 2;

/** Points on an arc around (x, y), from one share of a full turn to another. */
function arc(x, y, radius, from, to, n = 24) {
  return Array.from({ length: n + 1 }, (_, i) => {
    const angle = (from + ((to - from) * i) / n) * turn;
    return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)];
  });
}

function rays() {
  return Array.from({ length: 8 }, (_, i) => {
    const [across, down] = [Math.cos((i / 8) * turn), Math.sin((i / 8) * turn)];
    return [[0.5 + 0.24 * across, 0.5 + 0.24 * down], [0.5 + 0.38 * across, 0.5 + 0.38 * down]];
  });
}

function wave() {
  return Array.from({ length: 41 }, (_, i) => [0.12 + (0.76 * i) / 40, 0.5 + 0.14 * Math.sin((i / 40) * turn * 2)]);
}

function star() {
  return Array.from({ length: 6 }, (_, i) => {
    const angle = ((i * 2) / 5 - 0.25) * turn;
    return [0.5 + 0.38 * Math.cos(angle), 0.52 + 0.38 * Math.sin(angle)];
  });
}

/** By name: lines of points, in shares of a side. */
const SIGNS = {
  sun: [arc(0.5, 0.5, 0.17, 0, 1), ...rays()],
  moon: [[...arc(0.5, 0.5, 0.34, 0.16, 0.84), ...arc(0.68, 0.5, 0.3, 0.7, 0.3)]],
  house: [[[0.2, 0.82], [0.2, 0.46], [0.5, 0.18], [0.8, 0.46], [0.8, 0.82], [0.2, 0.82]], [[0.44, 0.82], [0.44, 0.6], [0.57, 0.6], [0.57, 0.82]]],
  wave: [wave(), wave().map(([x, y]) => [x, y + 0.2])],
  star: [star()],
};

export const SIGN_NAMES = Object.keys(SIGNS);

/** The lines of a sign, turned, scaled and bent a little by chance. */
export function readySign(name) {
  const angle = (Math.random() - 0.5) * 0.25;
  const size = 0.88 + Math.random() * 0.2;
  const lean = (Math.random() - 0.5) * 0.2;
  const bend = Math.random() * turn;
  return SIGNS[name].map((line) =>
    line.map(([x, y]) => {
      const [across, down] = [x - 0.5 + 0.012 * Math.sin(9 * y + bend), y - 0.5 + 0.012 * Math.sin(9 * x + bend)];
      const slanted = across + lean * down;
      const turned = [slanted * Math.cos(angle) - down * Math.sin(angle), slanted * Math.sin(angle) + down * Math.cos(angle)];
      return turned.map((one) => Math.round(Math.min(0.97, Math.max(0.03, 0.5 + size * one)) * 1000) / 1000);
    }),
  );
}
