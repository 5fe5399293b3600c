/** Labelled texts out of pasted lines: `label: text`, or two columns with a tab, a semicolon or a comma between. */

const MARKS = ["\t", ";", ","];

/**
 * Read lines.
 * @returns {{examples: {value: string, class: string}[], wrong: number[], header: number|null}} What was read, the numbers
 * of lines that are neither empty nor of the form of the others, and that of a first line with the names of two columns.
 */
export function labelledLines(text) {
  const lines = text.split(/\r\n|\r|\n/).map((line, i) => ({ line: line.trim(), number: i + 1 }));
  const full = lines.filter(({ line }) => line);
  const ways = [byColon, ...MARKS.map((mark) => (line) => byMark(line, mark))];
  const read = ways.map((way) => full.map(({ line, number }) => ({ number, pair: way(line) })));
  const best = read.reduce((one, other) => (count(other) > count(one) ? other : one));
  const found = best.filter((one) => one.pair);
  const pairs = found.map((one) => one.pair);
  const turned = best === read[0] ? pairs : inOrder(pairs);
  const named = best !== read[0] && namesColumns(turned.map(([label]) => label));
  return {
    examples: turned.slice(named ? 1 : 0).map(([label, value]) => ({ value, class: label })),
    wrong: best.filter((one) => !one.pair).map((one) => one.number),
    header: named ? found[0].number : null,
  };
}

/** Whether the first label is of a table's head: it occurs once, while two others or more all occur again. */
function namesColumns([first, ...others]) {
  const times = new Map();
  for (const label of others) times.set(label, (times.get(label) ?? 0) + 1);
  return times.size > 1 && !times.has(first) && Math.min(...times.values()) > 1;
}

function count(read) {
  return read.filter((one) => one.pair).length;
}

function byColon(line) {
  const found = /^([^:：]{1,100})[:：]\s*(\S.*)$/.exec(line);
  return found && [found[1].trim(), found[2].trim()];
}

/** Two cells with a mark between; a cell in quotes may hold the mark. */
function byMark(line, mark) {
  const quoted = /^"(?:[^"]|"")*" */.exec(line);
  const end = quoted ? quoted[0].length : line.indexOf(mark);
  if (end < 1 || line[end] !== mark) return null;
  const pair = [line.slice(0, end), line.slice(end + 1)].map(unquoted);
  return pair.every(Boolean) ? pair : null;
}

function unquoted(cell) {
  const text = cell.trim();
  return /^"(?:[^"]|"")*"$/.test(text) ? text.slice(1, -1).replaceAll('""', '"').trim() : text;
}

/** The label is in the column with fewer different values; where they are as many, in the first. */
function inOrder(pairs) {
  const different = (i) => new Set(pairs.map((pair) => pair[i])).size;
  return different(1) < different(0) ? pairs.map(([text, label]) => [label, text]) : pairs;
}
