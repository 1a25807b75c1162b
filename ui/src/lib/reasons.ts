/**
 * What the engine says within its messages, told in the person's language.
 *
 * A dictionary's `reasons` hold its sentences by the English one. `{}` in that is a part of which only the engine knows
 * what it is; the translation puts the parts where it wants them, as `{1}`, `{2}`.
 */
import type { Dictionary } from "../i18n/language.svelte";
import { number } from "./format";
import { shown } from "./text";

/** The sentence in the person's language; the system's words are quoted where that is not English. */
export function said(text: string | undefined, t: Dictionary): string {
  if (text === undefined || text === "") return "";
  return known(text, t) ?? t.common.systemWords(shown(text));
}

/** What a sentence of the engine means, if it is one. */
function known(text: string, t: Dictionary): string | null {
  const whole = Object.hasOwn(t.reasons, text) ? t.reasons[text] : undefined;
  return whole ?? listed(text, t) ?? byPattern(text, t) ?? about(text, t);
}

function byPattern(text: string, t: Dictionary): string | null {
  for (const { pattern, translation } of patterns(t)) {
    const parts = pattern.exec(text)?.slice(1);
    if (parts) return translation.replace(/\{(\d)\}/g, (_, place) => part(parts[Number(place) - 1] ?? "", t));
  }
  return null;
}

/** `documents.json: it is missing`: the member stays as it is. */
function about(text: string, t: Dictionary): string | null {
  const [, subject = "", rest = ""] = /^([^:]+): (.+)$/s.exec(text) ?? [];
  const reason = rest === "" ? null : known(rest, t);
  return reason === null ? null : t.common.about(shown(subject), reason);
}

function listed(text: string, t: Dictionary): string | null {
  const parts = text.split(", ");
  if (parts.length < 2) return null;
  const reasons = parts.map((part) => known(part, t));
  return reasons.includes(null) ? null : reasons.join(t.common.comma);
}

function part(text: string, t: Dictionary): string {
  if (/^\d+$/.test(text)) return number(Number(text), t.locale);
  return known(text, t) ?? shown(text);
}

type Pattern = { pattern: RegExp; translation: string };
const cache = new Map<Dictionary, Pattern[]>();

/** The sentences with parts, the longest first: the more of its words are given, the surer it is the one. */
function patterns(t: Dictionary): Pattern[] {
  const found = cache.get(t);
  if (found) return found;
  const made = Object.entries(t.reasons)
    .filter(([english]) => english.includes("{}"))
    .sort(([one], [other]) => other.length - one.length)
    .map(([english, translation]) => ({ pattern: asPattern(english), translation }));
  cache.set(t, made);
  return made;
}

const asPattern = (english: string) =>
  new RegExp(`^${english.split("{}").map(escaped).join("(.*?)")}$`, "s");

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
