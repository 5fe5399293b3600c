/** What the service says, in the language of the page: its sentences are English, and known by their form. */
import { language } from "./words.js";

const SLOT = /\{\d+\}/;
let rules = [];

/** Fetch the sentences; the longest form comes first, as a shorter one may fit its sentences, too. */
export async function loadRefusals() {
  const answer = await fetch(new URL("page/refusals.zh.json", document.baseURI));
  const sentences = Object.entries(await answer.json());
  rules = sentences
    .map(([english, chinese]) => ({ form: formOf(english), chinese, length: english.length }))
    .sort((one, other) => other.length - one.length);
}

/** A sentence in the language of the page, or null where only the English one is known. */
export function said(sentence) {
  if (language() === "en" || !sentence) return sentence;
  for (const { form, chinese } of rules) {
    const found = form.exec(sentence);
    if (found) return chinese.replace(/\{(\d+)\}/g, (whole, n) => word(found[Number(n) + 1] ?? whole));
  }
  return null;
}

/** What fills a sentence is a name of people's own, or one of the service's words. */
function word(text) {
  return rules.find(({ form }) => form.source === formOf(text).source)?.chinese ?? text;
}

function formOf(english) {
  const plain = english.split(SLOT).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${plain.join("([^]*?)")}$`);
}
