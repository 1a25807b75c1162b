/** Errors in the person's language, and whatever else may be thrown made one of them. */
import type { Dictionary } from "../i18n/language.svelte";
import type { ErrorCode, Params } from "../i18n/shape";
import type { BackupRequest } from "./bindings/BackupRequest";
import type { Code } from "./bindings/Code";
import type { ErrorReport } from "./bindings/ErrorReport";
import { said } from "./reasons";
import { plain } from "./text";

/** An `ErrorReport` of the engine, or what no code foresees. */
export type Failure = Omit<ErrorReport, "code" | "params"> & { code: ErrorCode; params: Params };

/** Where the fault lies, so that the window can offer the field in which to mend it. */
export type Place = "source" | "folder" | "name" | "elsewhere";

/** What was thrown, as a failure. */
export function asFailure(thrown: unknown): Failure {
  if (isReport(thrown)) return { ...thrown, params: definedParams(thrown.params) };
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { code: "unexpected", message, advice: null, params: { problem: message } };
}

/** What happened and what to do, both marked sentences. A code that is newer than the window speaks English. */
export function explain(failure: Failure, t: Dictionary): { title: string; advice: string | null } {
  const text = Object.hasOwn(t.errors, failure.code) ? t.errors[failure.code] : undefined;
  if (!text) return { title: failure.message, advice: failure.advice };
  const { action = "", problem = "", message = "" } = failure.params;
  // A server's own words stay as they are.
  const params = Object.hasOwn(t.reasons, message) ? { ...failure.params, message: said(message, t) } : failure.params;
  return {
    title: text.title(params, t.actions[action] ?? action, said(problem, t)),
    advice: text.advice(failure.params),
  };
}

/** Where the fault lies: what can happen to any file is the destination's if it happened there, else the source's. */
export function placeOf(failure: Failure, request: Pick<BackupRequest, "archive_dir" | "key_dir"> | null): Place {
  const place = PLACES[failure.code as Code] ?? "elsewhere";
  if (place !== "by path") return place;
  const path = failure.params.path ?? "";
  const destinations = [request?.archive_dir, request?.key_dir].filter((folder) => typeof folder === "string");
  return destinations.some((folder) => isAtOrBelow(path, folder)) ? "folder" : "source";
}

/** All of a failure as text, for a colleague or a report; facts are `name: value` lines. */
export function details(failure: Failure, t: Dictionary, facts: [string, string][]): string {
  const { title, advice } = explain(failure, t);
  const lines = [plain(title), advice === null ? "" : plain(advice), ""];
  lines.push(`code: ${failure.code}`, `message: ${failure.message}`);
  for (const [name, value] of [...Object.entries(failure.params), ...facts]) lines.push(`${name}: ${value}`);
  return lines.filter((line, index) => line !== "" || index === 2).join("\n");
}

const PLACES: Partial<Record<Code, Place | "by path">> = {
  not_found: "by path",
  not_a_folder: "folder",
  permission_denied: "by path",
  io: "by path",
  not_cfms: "source",
  my_sql: "source",
  contents_in_s3: "source",
  config: "source",
  database_damaged: "source",
  network_filesystem: "source",
  bad_name: "name",
  already_exists: "name",
  name_busy: "name",
  name_taken_on_server: "name",
  no_place_for_snapshot: "folder",
  not_mounted: "folder",
  same_disk: "folder",
  no_space: "folder",
  would_fill_server_disk: "folder",
  file_too_large: "folder",
};

function isAtOrBelow(path: string, folder: string): boolean {
  const bare = folder.replace(/[\\/]+$/, "");
  return path === folder || path === bare || (path.startsWith(bare) && /^[\\/]/.test(path.slice(bare.length)));
}

function isReport(thrown: unknown): thrown is ErrorReport {
  return typeof thrown === "object" && thrown !== null && "code" in thrown && "message" in thrown;
}

/** Generated types say that any name may be there; what is not, is left out. */
function definedParams(params: Record<string, string | undefined> | undefined): Params {
  return Object.fromEntries(
    Object.entries(params ?? {}).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
