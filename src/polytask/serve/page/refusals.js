/**
 * What the service says, in the language of the page: its sentences are English, and known by their form.
 *
 * What is composed as the service runs is taken apart again: a list of problems by its lines, several sentences
 * by their ends, problems of settings at their semicolons, and what fills a sentence by numbers and lists.
 */
import { language } from "./words.js";

const FILES = ["refusals", "errors"]; // what the service refuses, and what the library says
const SLOT = /\{\d+\}/;
const END = /(?<=[.!?)'"]) (?=[A-Z`])/; // where the service ends one sentence and begins the next
const ITEM = "\n- ";
const WHOLE = /[.:?!]$|[:;] \{\d+\}$/; // a form that may stand alone, and is no part of one
let sentences = [];
let phrases = [];

/** Fetch the sentences; the longest form comes first, as a shorter one may fit its sentences, too. */
export async function loadRefusals() {
  const files = await Promise.all(
    FILES.map(async (name) => (await fetch(new URL(`page/${name}.zh.json`, document.baseURI))).json()),
  );
  const rules = files
    .flatMap((file) => Object.entries(file))
    .map(([english, chinese]) => ({ english, form: formOf(english), chinese, length: english.replace(/\{\d+\}/g, "").length }))
    .sort((one, other) => other.length - one.length);
  sentences = rules.filter(({ english }) => WHOLE.test(english));
  phrases = rules.filter(({ english }) => !WHOLE.test(english));
}

/** What was said, in the language of the page, or null where a part of it is known in English alone. */
export function said(text) {
  if (language() === "en" || !text) return text;
  if (text.includes(ITEM)) return together(text.split(ITEM), said, ITEM);
  return together(text.split(END), said, "") ?? filled(sentences, text) ?? problems(text);
}

/** Several parts, each in the language of the page; null for a single one, or where one is not known. */
function together(parts, translated, between) {
  if (parts.length < 2) return null;
  const found = parts.map(translated);
  return found.includes(null) ? null : found.join(between);
}

/** What is wrong with settings: a sentence of which each has a part. */
function problems(text) {
  const parts = text.replace(/\.$/, "").split("; ");
  const found = parts.map((part) => filled(phrases, part));
  return found.includes(null) ? null : `${found.join("；")}。`;
}

function filled(rules, text) {
  for (const { form, chinese } of rules) {
    const found = form.exec(text);
    if (found && !found.slice(1).some((part) => END.test(part))) return chinese.replace(/\{(\d+)\}/g, (whole, n) => word(found[Number(n) + 1] ?? whole));
  }
  return null;
}

/** What fills a sentence is a name of people's own, or what the service says: a word, a number of things, a hint. */
function word(text) {
  const counted = /^([\d,]+) ([a-z]+)$/.exec(text);
  if (counted) {
    const unit = [counted[2], `${counted[2]}s`, `${counted[2]}es`].map(plain).find((one) => one !== null);
    if (unit) return `${counted[1]} ${"行列".includes(unit) ? "" : "个"}${unit}`;
  }
  const cut = /^([^]*) and (\d+) more$/.exec(text);
  if (cut) return `${cut[1]} 等（另有 ${cut[2]} 个）`;
  return filled(phrases, text) ?? filled(sentences, text) ?? text;
}

/** A word of the service in the language of the page; null for other ones. */
function plain(text) {
  return phrases.find(({ english }) => english === text)?.chinese ?? null;
}

function formOf(english) {
  const plain = english.split(SLOT).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${plain.join("([^]*?)")}$`);
}
