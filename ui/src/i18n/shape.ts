/** What every language has to say, where the engine decides what there is to be said. */
import type { Code } from "../lib/bindings/Code";
import type { FindingCode } from "../lib/bindings/FindingCode";
import type { NotChecked } from "../lib/bindings/NotChecked";
import type { WarningCode } from "../lib/bindings/WarningCode";

/** The engine's codes, and one for what no code foresees. */
export type ErrorCode = Code | "unexpected";

/** The parts of an error's message, as the engine names them. */
export type Params = { [name in string]: string };

export type ErrorText = {
  /** What happened. `action` and `problem` are translated already, where they can be. */
  title: (params: Params, action: string, problem: string) => string;
  /** What to do now. */
  advice: (params: Params) => string | null;
};

export type ErrorTexts = Record<ErrorCode, ErrorText>;
export type WarningTexts = Record<WarningCode, string>;
export type FindingTexts = Record<FindingCode, string>;
export type NotCheckedTexts = Record<NotChecked, string>;
