/** The language that the window speaks, for everything that shows words. */
import type { Language as Choice } from "../lib/bindings/Language";
import type { Locale } from "../lib/bindings/Locale";
import { en } from "./en";
import { zhCN } from "./zh-CN";

export type Dictionary = typeof en;

export const dictionaries: Record<Locale, Dictionary> = { en, "zh-CN": zhCN };

class Language {
  locale = $state<Locale>("en");
  readonly t: Dictionary = $derived(dictionaries[this.locale]);

  /** Speaks what was chosen, or what the system speaks. */
  choose(choice: Choice, system: Locale) {
    this.locale = choice === "system" ? system : choice;
    document.documentElement.lang = this.locale;
  }
}

export const language = new Language();
