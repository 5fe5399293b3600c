/** The texts of the interface, in English and Chinese. */
import { stored } from "./store.js";

const LANGUAGES = ["en", "zh"];
const SPACE = "\u00a0"; // at which no line breaks
const texts = {};
const chosen = stored("language", null);

/** Fetch the texts, and take the language chosen before, or the first of the browser's that there is. */
export async function loadWords() {
  await Promise.all(
    LANGUAGES.map(async (name) => {
      const answer = await fetch(new URL(`page/words.${name}.json`, document.baseURI));
      texts[name] = await answer.json();
    }),
  );
  setLanguage(chosen.value ?? firstWanted());
}

function firstWanted() {
  const wanted = (navigator.languages ?? [navigator.language]).map((one) => one.toLowerCase().split("-")[0]);
  return wanted.find((one) => LANGUAGES.includes(one)) ?? "en";
}

/** Take a language from now on. */
export function setLanguage(name) {
  chosen.value = LANGUAGES.includes(name) ? name : "en";
  document.documentElement.lang = chosen.value === "zh" ? "zh-Hans" : "en";
}

/** The language taken: "en" or "zh". */
export function language() {
  return chosen.value;
}

/** The text of a key, with {names} filled in. */
export function t(key, values = {}) {
  const text = texts[chosen.value][key];
  if (text === undefined) throw new Error(`No text ${key} in ${chosen.value}`);
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** The text for a number of things: KEY.one or KEY.many, with {n}. */
export function counted(key, n, values = {}) {
  return t(n === 1 ? `${key}.one` : `${key}.many`, { n: number(n), ...values });
}

/** The text of a key, or `otherwise` where there is none: for words of the service that are not listed. */
export function known(key, otherwise) {
  return texts[chosen.value][key] ?? otherwise;
}

/** A number as people write it, with about three significant digits unless it is whole. */
export function number(value, options = {}) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const whole = Number.isInteger(value) && Math.abs(value) < 1e9;
  const asked = Object.keys(options).some((name) => name.endsWith("Digits"));
  const digits = asked ? {} : whole ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 4 };
  return new Intl.NumberFormat(chosen.value, { ...digits, useGrouping: Math.abs(value) >= 10000, ...options }).format(value);
}

/** A share from 0 to 1 in percent; what only rounds to nothing or everything does not say so. */
export function percent(share, digits = 0) {
  const text = (100 * share).toFixed(digits);
  if (share > 0 && Number(text) === 0) return `<1${SPACE}%`;
  if (share < 1 && Number(text) === 100) return `>99${SPACE}%`;
  return `${text}${SPACE}%`;
}
