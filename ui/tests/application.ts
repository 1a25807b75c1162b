/** The application as a test wants it to answer, and what it was asked. */
import { mockIPC, mockWindows } from "@tauri-apps/api/mocks";
import { render, screen, waitFor } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { expect } from "vitest";
import App from "../src/App.svelte";
import type { BackupRequest } from "../src/lib/bindings/BackupRequest";
import type { Event } from "../src/lib/bindings/Event";
import type { Report } from "../src/lib/bindings/Report";
import type { Settings } from "../src/lib/bindings/Settings";
import type { RemoteReport } from "../src/lib/bindings/RemoteReport";
import type { RemoteRequest } from "../src/lib/bindings/RemoteRequest";
import * as backups from "../src/mock/backups";
import * as samples from "../src/mock/samples";
import * as servers from "../src/mock/servers";

type Answer = (args: Record<string, unknown>) => unknown;

export type Backup = {
  request: BackupRequest;
  tell: (event: Event) => void;
  finish: (report: Report) => void;
  fail: (reason: unknown) => void;
};

export type RemoteBackup = {
  request: RemoteRequest;
  tell: (event: Event) => void;
  finish: (report: RemoteReport) => void;
  fail: (reason: unknown) => void;
};

export type Application = {
  /** Commands in the order in which they came. */
  asked: { command: string; args: Record<string, unknown> }[];
  backups: Backup[];
  remoteBackups: RemoteBackup[];
  user: ReturnType<typeof userEvent.setup>;
  /** The arguments of the last call of a command. */
  last: (command: string) => Record<string, unknown> | undefined;
};

/** Opens the window on an application that answers with the samples, but for `answers`. */
export function open(answers: Record<string, Answer> = {}, settings: Partial<Settings> = {}): Application {
  const application: Application = {
    asked: [],
    backups: [],
    remoteBackups: [],
    user: userEvent.setup(),
    last: (command) => application.asked.findLast((call) => call.command === command)?.args,
  };
  const known: Record<string, Answer> = {
    app_state: () => ({ ...samples.appState, settings: { ...samples.appState.settings, ...settings } }),
    survey: () => samples.survey,
    destination_outlook: () => samples.outlook,
    backup_command: () => "cfms-backup create --data-dir /srv/cfms",
    start_backup: (args) =>
      new Promise<Report>((finish, fail) => {
        const channel = args.onEvent as { onmessage: (event: Event) => void };
        application.backups.push({
          request: args.request as BackupRequest,
          tell: (event) => channel.onmessage(event),
          finish,
          fail,
        });
      }),
    connect_server: () => servers.agent,
    sign_in: () => servers.welcome,
    password_kept: () => "no_keyring",
    known_servers: () => servers.known,
    server_command: () => "cfms-backup remote backup --server files.example.org:5105 --username lin.wei",
    back_up_server: (args) =>
      new Promise<RemoteReport>((finish, fail) => {
        const channel = args.onEvent as { onmessage: (event: Event) => void };
        const tell = (event: Event) => channel.onmessage(event);
        application.remoteBackups.push({ request: args.request as RemoteRequest, tell, finish, fail });
      }),
    cancel_backup: () => (application.remoteBackups.at(-1) ?? application.backups.at(-1))?.fail(samples.cancelled),
    licences: () => "Apache License",
    ...backups.answers(),
    pick_folder: () => null,
    pick_source: () => null,
    ...answers,
  };
  mockWindows("main");
  mockIPC(
    (command, args) => {
      application.asked.push({ command, args: args as Record<string, unknown> });
      return known[command]?.(args as Record<string, unknown>) ?? null;
    },
    { shouldMockEvents: true },
  );
  render(App);
  return application;
}

/** An answer that is an error, as the application rejects with it. */
export const refuse =
  (reason: unknown): Answer =>
  () => {
    throw reason;
  };

export const found = (testid: string) => screen.findByTestId(testid);
export const shown = (testid: string) => screen.getByTestId(testid);
export const absent = (testid: string) => screen.queryByTestId(testid);

/** Waits until the backup can be begun, and begins it. */
export async function begin(application: Application): Promise<Backup> {
  const start = await found("start");
  await waitFor(() => expect(start).toHaveAttribute("aria-disabled", "false"));
  await application.user.click(start);
  await found("progress-percent");
  const backup = application.backups.at(-1);
  if (!backup) throw new Error("no backup was begun");
  return backup;
}

/** Settings of tests that read the window's words. */
export const english = { language: "en" } as const;
