/** What the page can be shown as. */
import type { AppState } from "../lib/bindings/AppState";
import type { ErrorReport } from "../lib/bindings/ErrorReport";
import type { Outlook } from "../lib/bindings/Outlook";
import type { Report } from "../lib/bindings/Report";
import type { Settings } from "../lib/bindings/Settings";
import type { Survey } from "../lib/bindings/Survey";
import type { Warning } from "../lib/bindings/Warning";
import type { KeptPassword } from "../lib/bindings/KeptPassword";
import type { KnownServer } from "../lib/bindings/KnownServer";
import type { Line } from "../lib/bindings/Line";
import type { RemoteReport } from "../lib/bindings/RemoteReport";
import type { ServerFacts } from "../lib/bindings/ServerFacts";
import type { Welcome } from "../lib/bindings/Welcome";
import * as samples from "./samples";
import * as servers from "./servers";

export type Scenario = {
  app?: Partial<AppState>;
  settings?: Partial<Settings>;
  survey?: Survey | ErrorReport;
  /** Milliseconds. */
  surveyTakes?: number;
  outlook?: Partial<Outlook>;
  /** Where the backup stops, as a part of the whole; it stays there if there is no `end`. */
  endsAt?: number;
  end?: Report | ErrorReport;
  warnings?: Warning[];
  /** What a server answers, before anybody has decided on its certificate. */
  connect?: ServerFacts | ErrorReport;
  signIn?: Welcome | ErrorReport;
  kept?: KeptPassword;
  /** The server does not tell how far it is. */
  untold?: boolean;
  line?: { state: Line; problem: string | null };
  remoteEnd?: RemoteReport | ErrorReport;
  known?: KnownServer[];
  /** Milliseconds between two events, and how many events a phase has. */
  tick?: number;
  ticks?: number;
  /** The elements to click, by `data-testid`. */
  clicks?: string[];
  clickPause?: number;
  closes?: boolean;
};

const quick = { tick: 1, ticks: 4, clicks: ["start"], clickPause: 900 };

const atServer = { source: "server" } as const;
const connecting = { clicks: ["connect"], clickPause: 900 };
const remotely = { settings: atServer, tick: 1, ticks: 4, clicks: ["connect", "start"], clickPause: 1200 };

export const scenarios: Record<string, Scenario> = {
  ready: {},
  opener: { clicks: ["nav-backups"] },
  contents: { clicks: ["nav-backups", "choose-backup"], clickPause: 600 },
  checks: { clicks: ["nav-backups", "choose-backup", "tab-checks", "verify"], clickPause: 600 },
  compare: { clicks: ["nav-backups", "choose-backup", "tab-compare"], clickPause: 600 },
  plain: {
    survey: { ...samples.survey, contents_missing: 0, warnings: [] },
    settings: { archive_dir: null, key_dir: null },
    outlook: {
      archive: { ...samples.outlook.archive, path: "/srv/cfms/content/backups", exists: false, mount_point: "/" },
      same_disk: true,
    },
  },
  empty: { settings: { last_source: null } },
  looking: { surveyTakes: 1e9 },
  error: { survey: samples.notCfms, settings: { last_source: "/home/operator/photos" } },
  away: {
    survey: {
      ...samples.survey,
      contents_missing: 1302,
      incomplete: true,
      missing_below: "/srv/cfms/content/files",
      warnings: samples.manyWarnings(1000),
    },
  },
  outside: {
    survey: { ...samples.survey, contents_missing: 31, contents_outside: 29, outside_folders: ["/data/shared/cfms-archive"] },
  },
  full: {
    outlook: { archive: { ...samples.outlook.archive, free_bytes: 3.2 * 1024 ** 3, problem: samples.diskFull } },
  },
  warnings: {
    survey: { ...samples.survey, contents_missing: 1302, warnings: samples.manyWarnings(1000) },
    clicks: ["show-warnings"],
  },
  progress: { tick: 50, ticks: 120, endsAt: 0.42, clicks: ["start"], clickPause: 4200 },
  job: { clicks: ["start"] },
  closing: { tick: 20, ticks: 100, endsAt: 0.42, clicks: ["start"], closes: true, clickPause: 2500 },
  done: quick,
  verified: {
    ...quick,
    warnings: [],
    end: { ...samples.report, outcome: "done", warnings: [], warnings_total: 0, contents_missing: 0 },
  },
  unverified: {
    ...quick,
    settings: { verify: false, key_dir: null },
    warnings: [],
    end: {
      ...samples.report,
      outcome: "done",
      warnings: [],
      warnings_total: 0,
      verification: null,
      same_disk: true,
      key_beside_archive: true,
      archive_path: "/srv/cfms/content/backups/backup_1795500391.cfms.enc",
      key_path: "/srv/cfms/content/backups/backup_1795500391.key",
    },
  },
  incomplete: {
    ...quick,
    warnings: samples.manyWarnings(1302),
    end: {
      ...samples.report,
      outcome: "incomplete",
      contents_missing: 1302,
      missing_below: "/srv/cfms/content/files",
      warnings: samples.manyWarnings(1000),
      warnings_total: 1302,
    },
  },
  cancelled: { tick: 20, ticks: 100, clicks: ["start", "cancel"], clickPause: 700 },
  failed: { ...quick, ticks: 50, endsAt: 0.33, end: samples.diskFull },
  details: { ...quick, ticks: 50, endsAt: 0.33, end: samples.diskFull, clicks: ["start", "details"] },
  settings: { clicks: ["nav-settings"] },
  licences: { clicks: ["nav-settings", "show-licences"] },
  server: { settings: atServer, kept: "not_kept" },
  "server-new": { settings: { ...atServer, recent_servers: [] } },
  calling: { settings: atServer, connect: servers.lost, clicks: ["connect"], clickPause: 50 },
  trust: { settings: atServer, connect: servers.unknownCertificate, ...connecting },
  changed: { settings: atServer, connect: servers.changedCertificate, ...connecting },
  unreachable: { settings: atServer, connect: servers.lost, ...connecting },
  refused: { settings: atServer, signIn: servers.wrongPassword, ...connecting },
  factor: { settings: atServer, signIn: servers.secondFactor, ...connecting },
  "new-password": { settings: atServer, signIn: servers.passwordExpired, connect: servers.oldServer, ...connecting },
  "agent-password": { settings: atServer, signIn: servers.expiredAtAgent, ...connecting },
  connected: { settings: atServer, ...connecting },
  expired: { settings: atServer, connect: servers.expired, ...connecting },
  "cannot-send": { settings: atServer, connect: servers.oldServer, ...connecting },
  "no-backups": { settings: atServer, connect: servers.newServer, ...connecting },
  "may-not": { settings: atServer, signIn: servers.guest, ...connecting },
  "remote-progress": { ...remotely, ticks: 40, endsAt: 0.5 },
  "remote-lost": { ...remotely, ticks: 40, endsAt: 0.5, line: { state: "lost", problem: "it hung up in the middle" } },
  "remote-untold": { ...remotely, connect: servers.oldServer, untold: true, endsAt: 0.5 },
  "remote-done": remotely,
  "remote-left": { ...remotely, connect: servers.oldServer, remoteEnd: servers.left },
  "remote-failed": { ...remotely, remoteEnd: servers.notFetched },
};
