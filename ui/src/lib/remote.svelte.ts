/**
 * A CFMS server at the other end of a line: the way from its address to somebody who is signed in there.
 *
 * A password is in the page only while it is typed and while the certificate is decided on. It is sent once; what a
 * server asks beside it is answered without it.
 */
import * as api from "./api";
import type { Certificate } from "./bindings/Certificate";
import type { KeptPassword } from "./bindings/KeptPassword";
import type { RecentServer } from "./bindings/RecentServer";
import type { RemoteRequest } from "./bindings/RemoteRequest";
import type { ServerFacts } from "./bindings/ServerFacts";
import type { User } from "./bindings/User";
import type { Welcome } from "./bindings/Welcome";
import { Destination, type DestinationObstacle } from "./destination.svelte";
import { asFailure, type Failure } from "./errors";

/** Where on that way the person is. `calling` and `signingIn` wait for the server. */
export type Stage =
  | "form"
  | "calling"
  | "trust"
  | "changed"
  | "signingIn"
  | "factor"
  | "newPassword"
  | "noBackups"
  | "signedIn";

/** What a person is asked on the way. */
export type Asked = "form" | "factor" | "newPassword";

/** Why the server cannot be called, or why no backup can be begun there. */
export type ConnectObstacle = "noAddress" | "noUser" | "noPassword";
export type RemoteObstacle = "mayNot" | DestinationObstacle;

/** Typing is over when nothing was typed for this long, in milliseconds. */
const TYPED = 300;

export class RemoteForm {
  address = $state("");
  username = $state("");
  password = $state("");
  /** Keep the password in the system's keyring, once it was right. */
  remember = $state(false);
  kept = $state<KeptPassword>("no_keyring");

  stage = $state<Stage>("form");
  /** What was answered last: it is shown while the server thinks about it. */
  asked = $state<Asked>("form");
  /** Why the last attempt came to nothing; shown where the next one is made. */
  failure = $state.raw<Failure | null>(null);
  /** The certificate that is to be decided on, and the fingerprint that was trusted before. */
  certificate = $state.raw<Certificate | null>(null);
  expected = $state<string | null>(null);
  facts = $state.raw<ServerFacts | null>(null);
  user = $state.raw<User | null>(null);
  /** Why the password is not in the keyring, though it was to be. */
  notRemembered = $state.raw<Failure | null>(null);

  /** Save a copy on this computer, where the server can send it. */
  copyHere = $state(true);
  readonly place: Destination = new Destination(() => ({ source: null, needed: null }));

  readonly waiting = $derived(this.stage === "calling" || this.stage === "signingIn");
  readonly fromKeyring = $derived(this.kept === "kept" && this.password === "");
  readonly copies = $derived(this.copyHere && (this.facts?.sends_files ?? false));
  readonly connectObstacle: ConnectObstacle | null = $derived(this.#connectObstacleNow());
  readonly obstacle: RemoteObstacle | null = $derived(this.#obstacleNow());

  /** What is asked belongs to this call; an answer to an earlier one counts for nothing. */
  #calls = 0;
  #looks = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #onWelcome: (server: RecentServer) => void;

  /** `onWelcome` hears of everybody who signs in. */
  constructor(onWelcome: (server: RecentServer) => void) {
    this.#onWelcome = onWelcome;
  }

  choose({ address, username }: RecentServer): void {
    this.address = address;
    this.username = username;
    this.password = "";
    this.failure = null;
    this.lookForPassword();
  }

  /** Asks the keyring, once typing is over. */
  lookForPassword(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#lookForPasswordNow(), TYPED);
  }

  async forgetPassword(): Promise<void> {
    try {
      await api.forgetPassword(this.address.trim(), this.username.trim());
    } catch (thrown) {
      this.failure = asFailure(thrown);
    }
    await this.#lookForPasswordNow();
  }

  /** Calls the server, and signs in if it is one that is known. */
  async connect(): Promise<void> {
    if (!this.waiting && this.connectObstacle === null) await this.#call(null);
  }

  /** The person has decided: it is the server that is meant. */
  async trust(): Promise<void> {
    if (this.stage === "trust" && this.certificate !== null) await this.#call(this.certificate.fingerprint);
  }

  async giveFactor(factor: string): Promise<void> {
    if (this.stage === "factor") await this.#enter("factor", () => api.secondFactor(factor));
  }

  async giveNewPassword(password: string): Promise<void> {
    if (this.stage === "newPassword") await this.#enter("newPassword", () => api.changePassword(password));
  }

  /** Hangs up: whatever is asked is stopped, and nobody is signed in any more. */
  leave(): void {
    this.#calls += 1;
    this.#backToForm(null);
    void api.leaveServer().catch(() => undefined);
  }

  /** What the server is to do. */
  request(): RemoteRequest {
    const { archiveDir, keyDir, name } = this.place;
    const copy = this.copies ? { archive_dir: archiveDir.trim(), key_dir: keyDir.trim() || null } : null;
    return { name: name || null, made: null, copy };
  }

  async #call(fingerprint: string | null): Promise<void> {
    const call = ++this.#calls;
    this.failure = null;
    this.asked = "form";
    this.stage = "calling";
    let facts: ServerFacts;
    try {
      facts = await api.connectServer(this.address.trim(), fingerprint);
    } catch (thrown) {
      if (call === this.#calls) this.#notConnected(asFailure(thrown));
      return;
    }
    if (call !== this.#calls) return;
    this.facts = facts;
    this.certificate = null;
    if (!facts.backs_up) {
      this.password = "";
      this.stage = "noBackups";
      return;
    }
    const { password, fromKeyring } = this;
    this.password = "";
    const [name, remember] = [this.username.trim(), this.remember && !fromKeyring];
    await this.#enter("form", () => api.signIn(name, fromKeyring ? null : password, remember));
  }

  async #enter(asked: Asked, ask: () => Promise<Welcome>): Promise<void> {
    const call = ++this.#calls;
    this.failure = null;
    this.asked = asked;
    this.stage = "signingIn";
    try {
      const welcome = await ask();
      if (call !== this.#calls) return;
      this.user = welcome.user;
      this.notRemembered = welcome.not_remembered === null ? null : asFailure(welcome.not_remembered);
      this.remember = false;
      this.stage = "signedIn";
      this.place.foresee();
      this.#onWelcome({ address: this.facts?.address ?? this.address.trim(), username: welcome.user.username });
    } catch (thrown) {
      if (call === this.#calls) this.#notLetIn(asFailure(thrown));
    }
  }

  #notConnected(failure: Failure): void {
    if (failure.code === "certificate_unknown" || failure.code === "certificate_changed") {
      this.certificate = certificateOf(failure);
      this.expected = failure.params.expected ?? null;
      if (failure.code === "certificate_changed") this.password = "";
      this.stage = failure.code === "certificate_changed" ? "changed" : "trust";
    } else {
      this.#backToForm(failure, this.password);
    }
  }

  #notLetIn(failure: Failure): void {
    if (failure.code === "second_factor_wanted" || failure.code === "second_factor_refused") {
      this.failure = failure.code === "second_factor_refused" ? failure : null;
      this.stage = "factor";
    } else if (failure.code === "password_expired") {
      this.failure = this.asked === "newPassword" ? failure : null;
      this.stage = "newPassword";
    } else if (this.asked === "newPassword" && STAYS_WITH_NEW_PASSWORD.has(failure.code)) {
      this.failure = failure;
      this.stage = "newPassword";
    } else {
      this.#backToForm(failure);
      void this.#lookForPasswordNow();
    }
  }

  /** What was typed stays, but no password that was sent. */
  #backToForm(failure: Failure | null, password = ""): void {
    this.password = password;
    this.certificate = null;
    this.expected = null;
    this.facts = null;
    this.user = null;
    this.notRemembered = null;
    this.failure = failure;
    this.stage = "form";
  }

  async #lookForPasswordNow(): Promise<void> {
    const look = ++this.#looks;
    const kept = await api.passwordKept(this.address.trim(), this.username.trim()).catch(() => "no_keyring" as const);
    if (look === this.#looks) this.kept = kept;
  }

  #connectObstacleNow(): ConnectObstacle | null {
    if (this.address.trim() === "") return "noAddress";
    if (this.username.trim() === "") return "noUser";
    return this.password === "" && this.kept !== "kept" ? "noPassword" : null;
  }

  #obstacleNow(): RemoteObstacle | null {
    if (!this.user?.may_back_up) return "mayNot";
    if (this.copies) return this.place.obstacle;
    return this.place.outlook?.name_problem?.code === "bad_name" ? "badName" : null;
  }
}

/** Refusals of a new password, after which another one may do. */
const STAYS_WITH_NEW_PASSWORD = new Set<Failure["code"]>(["server_refused", "access_denied"]);

/** The certificate within the parts of an error. */
export function certificateOf({ params }: Failure): Certificate {
  const time = (text: string | undefined) => (text ? Number(text) : null);
  return {
    fingerprint: params.fingerprint ?? "",
    names: params.names ? params.names.split(", ") : [],
    issuer: params.issuer ?? "",
    self_signed: params.self_signed === "true",
    not_before: time(params.not_before),
    not_after: time(params.not_after),
  };
}

export type Comparison = "empty" | "unreadable" | "equal" | "different";

/** Compares what a person pastes with a fingerprint: any case, with or without colons and openssl's words before it. */
export function compare(pasted: string, fingerprint: string): Comparison {
  const digits = pasted.replace(/^.*fingerprint\s*=/is, "").replace(/[\s:]/g, "");
  if (digits === "") return "empty";
  if (!/^[0-9a-f]{64}$/i.test(digits)) return "unreadable";
  return digits.toLowerCase() === fingerprint.replaceAll(":", "").toLowerCase() ? "equal" : "different";
}
