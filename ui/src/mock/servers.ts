/** Drawn data: servers at the other end of a line. */
import type { Certificate } from "../lib/bindings/Certificate";
import type { ErrorReport } from "../lib/bindings/ErrorReport";
import type { FetchedCopy } from "../lib/bindings/FetchedCopy";
import type { KnownServer } from "../lib/bindings/KnownServer";
import type { OnServer } from "../lib/bindings/OnServer";
import type { RemoteReport } from "../lib/bindings/RemoteReport";
import type { ServerFacts } from "../lib/bindings/ServerFacts";
import type { Welcome } from "../lib/bindings/Welcome";
import * as samples from "./samples";

export const FINGERPRINT =
  "97:B2:FC:21:2B:A6:E0:B6:C4:6E:B3:17:E9:4A:2A:66:AE:09:B1:16:96:99:A0:BD:39:39:74:8B:8F:B8:F1:59";
const OTHER =
  "0D:5A:91:7C:44:E1:3F:08:BB:62:19:D7:A0:5E:C3:F4:82:1B:6D:90:EE:35:47:AC:7F:28:D1:03:5B:96:CA:FE";

/** 2026-03-02 and a year later, UTC. */
const certificate: Certificate = {
  fingerprint: FINGERPRINT,
  names: ["files.example.org"],
  issuer: "CN=files.example.org",
  self_signed: true,
  not_before: 1_772_409_600,
  not_after: 1_803_945_600,
};

const shownBy = (shown: Certificate) => ({
  server: "files.example.org:5104",
  fingerprint: shown.fingerprint,
  names: shown.names.join(", "),
  issuer: shown.issuer,
  self_signed: String(shown.self_signed),
  not_before: String(shown.not_before),
  not_after: String(shown.not_after),
});

export const unknownCertificate: ErrorReport = {
  code: "certificate_unknown",
  message: `the certificate of files.example.org:5104 is not known: SHA-256 fingerprint ${FINGERPRINT}`,
  advice: "Compare the fingerprint.",
  params: { ...shownBy(certificate), problem: "it is signed by itself" },
};

export const changedCertificate: ErrorReport = {
  code: "certificate_changed",
  message: "the certificate of files.example.org:5104 has CHANGED",
  advice: "Do not go on before you know why.",
  params: { ...shownBy({ ...certificate, fingerprint: OTHER }), expected: FINGERPRINT },
};

export const agent: ServerFacts = {
  address: "files.example.org:5105",
  server_name: "Harbour Works – Files",
  version: "1.4.2",
  protocol_version: 3,
  lockdown: false,
  agent: "0.1.0",
  backs_up: true,
  sends_files: true,
  whole_server: false,
  certificate,
  warnings: [],
};

/** One of the line that has the backup action, and no way to fetch what it made. */
export const oldServer: ServerFacts = {
  ...agent,
  address: "files.example.org:5104",
  agent: null,
  sends_files: false,
  whole_server: null,
};

/** One of the newer line, which has no backup action. */
export const newServer: ServerFacts = { ...oldServer, version: "2.3.0", protocol_version: 12, backs_up: false };

export const expired: ServerFacts = {
  ...agent,
  lockdown: true,
  warnings: [{ code: "certificate_expired", reason: "the server's certificate has expired" }],
};

export const welcome: Welcome = {
  user: {
    username: "lin.wei",
    nickname: "林薇",
    permissions: ["manage_system", "export_backup"],
    groups: ["sysop"],
    may_back_up: true,
  },
  not_remembered: null,
};

export const guest: Welcome = {
  user: { username: "guest", nickname: "Guest", permissions: [], groups: ["user"], may_back_up: false },
  not_remembered: null,
};

const refusal = (code: ErrorReport["code"], more: Record<string, string> = {}): ErrorReport => ({
  code,
  message: `refused: ${code}`,
  advice: null,
  params: { server: "files.example.org:5105", username: "lin.wei", ...more },
});

export const wrongPassword = refusal("credentials_refused");
export const secondFactor = refusal("second_factor_wanted");
export const factorRefused = refusal("second_factor_refused");
export const expiredAtAgent = refusal("password_expired_at_agent");
export const passwordExpired = refusal("password_expired");
export const lost = refusal("connection_lost", { problem: "it hung up in the middle" });

export const nameTaken = refusal("name_taken_on_server", { name: "monday" });
export const outcomeUnknown = refusal("outcome_unknown", { request: "generate_backup", problem: "it hung up" });
export const noKeyring = refusal("keyring", { problem: "it refuses: org.freedesktop.Secret.Error.IsLocked" });

export const made: OnServer = {
  backup_name: "backup_1795500391",
  archive_path: "./content/backups/backup_1795500391.cfms.enc",
  key_path: "./content/backups/backup_1795500391.key",
  metadata: samples.report.metadata,
  incomplete: null,
  warnings: samples.warnings.slice(0, 1),
  warnings_total: 1,
  duration_seconds: 48.2,
};

const copy: FetchedCopy = {
  backup_name: "backup_1795500391",
  archive_path: samples.report.archive_path,
  key_path: samples.report.key_path,
  key_size: samples.report.key_size,
  archive_size: samples.report.archive_size,
  archive_sha256: samples.report.archive_sha256,
  metadata: samples.report.metadata,
  verification: samples.verification,
  outcome: "done_with_warnings",
  contents_missing: 1,
  key_beside_archive: false,
  warnings: [],
};

export const report: RemoteReport = { made, copy, failure: null };

export const left: RemoteReport = {
  made: {
    ...made,
    warnings: [{ code: "left_on_server", path: made.key_path, reason: "this server cannot send files" }],
  },
  copy: null,
  failure: null,
};

export const notFetched: RemoteReport = { made, copy: null, failure: lost };

export const known: KnownServer[] = [
  { host: "files.example.org", port: 5104, fingerprint: FINGERPRINT, trusted_at: 1_795_000_000 },
  { host: "[2001:db8::7]", port: 5105, fingerprint: OTHER, trusted_at: 1_790_000_000 },
];
