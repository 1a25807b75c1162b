import { waitFor, within } from "@testing-library/svelte";
import { describe, expect, test } from "vitest";
import type { Settings } from "../src/lib/bindings/Settings";
import { compare } from "../src/lib/remote.svelte";
import * as samples from "../src/mock/samples";
import * as servers from "../src/mock/servers";
import { absent, english, found, open, refuse, shown, type Application } from "./application";

const PASSWORD = "correct horse";
const atServer: Partial<Settings> = { ...english, source: "server", recent_servers: [] };
type Answers = Parameters<typeof open>[0];

/** Fills the form and connects. */
async function connect(answers: Answers = {}): Promise<Application> {
  const application = open(answers, atServer);
  const { user } = application;
  await user.type(await found("server-address"), "files.example.org:5105");
  await user.type(shown("server-user"), "lin.wei");
  await user.type(shown("server-password"), PASSWORD);
  await user.click(shown("connect"));
  return application;
}

async function signedIn(answers: Answers = {}): Promise<Application> {
  const application = await connect(answers);
  await found("server-card");
  return application;
}

async function begin(application: Application) {
  await waitFor(() => expect(shown("start")).toHaveAttribute("aria-disabled", "false"));
  await application.user.click(shown("start"));
  await waitFor(() => expect(application.remoteBackups).not.toHaveLength(0));
  const backup = application.remoteBackups.at(-1);
  if (!backup) throw new Error("no backup was begun");
  return backup;
}

/** Answers one call after the other. */
const inTurn = (...answers: unknown[]) => {
  let call = 0;
  return () => {
    const answer = answers[Math.min(call++, answers.length - 1)];
    if (typeof answer === "object" && answer !== null && "code" in answer) throw answer;
    return answer;
  };
};

describe("a fingerprint that is pasted", () => {
  test.each([
    [servers.FINGERPRINT, "equal"],
    [servers.FINGERPRINT.toLowerCase().replaceAll(":", ""), "equal"],
    [`sha256 Fingerprint=${servers.FINGERPRINT}\n`, "equal"],
    [` ${servers.FINGERPRINT.slice(0, 48)}\n${servers.FINGERPRINT.slice(48)} `, "equal"],
    [servers.FINGERPRINT.replace("97", "98"), "different"],
    [servers.FINGERPRINT.slice(0, -1), "unreadable"],
    ["  ", "empty"],
  ])("%j is %s", (pasted, outcome) => expect(compare(pasted, servers.FINGERPRINT)).toBe(outcome));
});

describe("a server that nobody has trusted yet", () => {
  const unknown = () => ({ connect_server: inTurn(servers.unknownCertificate, servers.agent) });

  test("shows its certificate, and nothing is sent before the yes", async () => {
    const application = await connect(unknown());
    expect(await found("fingerprint")).toHaveTextContent(servers.FINGERPRINT);
    expect(shown("trust-sheet")).toHaveTextContent("files.example.org:5105 shows a certificate that it signed itself");
    expect(application.last("sign_in")).toBeUndefined();

    await application.user.click(shown("trust"));
    await found("server-card");
    expect(application.last("connect_server")).toEqual({
      address: "files.example.org:5105",
      fingerprint: servers.FINGERPRINT,
    });
    expect(application.last("sign_in")).toEqual({ username: "lin.wei", password: PASSWORD, remember: false });
  });

  test("whose fingerprint is another cannot be trusted", async () => {
    const application = await connect(unknown());
    const field = await found("compare-fingerprint");
    await application.user.click(field);
    await application.user.paste(servers.FINGERPRINT.replace("97", "98"));
    expect(shown("comparison")).toHaveTextContent("It is a different fingerprint.");
    await application.user.click(shown("trust"));
    expect(application.asked.filter(({ command }) => command === "connect_server")).toHaveLength(1);

    await application.user.clear(field);
    await application.user.paste(servers.FINGERPRINT.toLowerCase());
    expect(shown("comparison")).toHaveTextContent("It is the same fingerprint.");
    expect(shown("trust")).toHaveAttribute("aria-disabled", "false");
  });

  test("is left by Cancel, and the password is gone from the page", async () => {
    const application = await connect(unknown());
    await found("trust-sheet");
    await application.user.click(shown("leave-server"));
    expect(await found("server-address")).toHaveValue("files.example.org:5105");
    expect(shown("server-password")).toHaveValue("");
    expect(application.last("leave_server")).toBeDefined();
  });
});

test("the fingerprint that matches is trusted by Enter, and what is none trusts nothing", async () => {
  const application = await connect({ connect_server: inTurn(servers.unknownCertificate, servers.agent) });
  const field = await found("compare-fingerprint");
  await application.user.type(field, "yes, yes{Enter}");
  expect(shown("trust")).toHaveAttribute("aria-disabled", "true");
  await application.user.clear(field);
  await application.user.paste(servers.FINGERPRINT);
  await application.user.keyboard("{Enter}");
  await found("server-card");
  await waitFor(() => expect(document.activeElement).not.toBe(document.body));
});

test("a changed certificate is a stop with both fingerprints, and no way past it", async () => {
  const application = await connect({ connect_server: refuse(servers.changedCertificate) });
  expect(await found("expected-fingerprint")).toHaveTextContent(servers.FINGERPRINT);
  expect(shown("fingerprint")).toHaveTextContent("0D:5A:91");
  const stop = shown("certificate-stop");
  expect(within(stop).getAllByRole("button").map((button) => button.dataset.testid)).toEqual([
    "leave-server",
    "stop-settings",
  ]);
  expect(application.last("sign_in")).toBeUndefined();
  await application.user.click(shown("stop-settings"));
  expect(await found("known-servers")).toHaveTextContent("files.example.org:5104");
});

describe("signing in", () => {
  test("with a wrong password says so, keeps the form and drops the password", async () => {
    await connect({ sign_in: refuse(servers.wrongPassword) });
    expect(await found("error-title")).toHaveTextContent("refused the user name or the password of lin.wei");
    expect(shown("server-user")).toHaveValue("lin.wei");
    expect(shown("server-password")).toHaveValue("");
    await waitFor(() => expect(shown("server-password")).toHaveFocus());
  });

  test("with a keyring that takes no password says so, and keeps its words for who asks", async () => {
    await signedIn({ sign_in: () => ({ ...servers.welcome, not_remembered: servers.noKeyring }) });
    expect(shown("server-card")).toHaveTextContent("The system’s keyring did not take the password.");
    expect(shown("not-remembered").closest("details")).not.toHaveAttribute("open");
    expect(shown("not-remembered")).toHaveTextContent("org.freedesktop.Secret.Error.IsLocked");
  });

  test("asks for a second factor in place, and again where it was wrong", async () => {
    const application = await connect({
      sign_in: refuse(servers.secondFactor),
      second_factor: inTurn(servers.factorRefused, servers.welcome),
    });
    await application.user.type(await found("second-factor"), "123 456{Enter}");
    expect(await found("factor-problem")).toHaveTextContent("That was not right");
    expect(application.last("second_factor")).toEqual({ factor: "123456" });
    await waitFor(() => expect(shown("second-factor")).toHaveValue(""));
    await application.user.type(shown("second-factor"), "654321{Enter}");
    expect(await found("server-card")).toHaveTextContent("林薇");
    expect(application.asked.filter(({ command }) => command === "sign_in")).toHaveLength(1);
  });

  test("changes an expired password in place, once both are the same", async () => {
    const application = await connect({
      connect_server: () => servers.oldServer,
      sign_in: refuse(servers.passwordExpired),
      change_password: () => servers.welcome,
    });
    await application.user.type(await found("new-password"), "new one");
    await application.user.type(shown("new-password-again"), "new on{Enter}");
    expect(application.last("change_password")).toBeUndefined();
    expect(document.body).toHaveTextContent("These two are not the same.");
    await application.user.type(shown("new-password-again"), "e{Enter}");
    await found("server-card");
    expect(application.last("change_password")).toEqual({ new: "new one" });
  });

  test("to our agent with an expired password says that it cannot be changed there", async () => {
    await connect({ sign_in: refuse(servers.expiredAtAgent) });
    expect(await found("error-advice")).toHaveTextContent("CFMS client");
    expect(absent("new-password")).toBeNull();
  });

  test("is remembered without any secret", async () => {
    const application = await signedIn();
    expect(application.last("save_settings")).toMatchObject({
      settings: { recent_servers: [{ address: "files.example.org:5105", username: "lin.wei" }] },
    });
    const others = application.asked.filter(({ command }) => command !== "sign_in");
    expect(JSON.stringify(others)).not.toContain(PASSWORD);
    expect(document.body.innerHTML).not.toContain(PASSWORD);
  });

  test("offers the keyring only where one answers, and uses what is kept there", async () => {
    const application = open(
      { password_kept: () => "kept" },
      { ...atServer, recent_servers: [{ address: "files.example.org:5105", username: "lin.wei" }] },
    );
    await waitFor(() => expect(shown("connect")).toHaveAttribute("aria-disabled", "false"));
    await application.user.click(shown("connect"));
    await found("server-card");
    expect(application.last("sign_in")).toEqual({ username: "lin.wei", password: null, remember: false });
  });

  test("where there is no keyring does not offer one", async () => {
    await connect({ sign_in: refuse(servers.wrongPassword) });
    await found("error-title");
    expect(absent("remember-password")).toBeNull();
  });

  test("that takes long can be left, and a late answer counts for nothing", async () => {
    let answer: (facts: unknown) => void = () => undefined;
    const application = await connect({ connect_server: () => new Promise((resolve) => (answer = resolve)) });
    expect(await found("connect-state")).toHaveTextContent("Calling files.example.org:5105…");
    await application.user.click(shown("leave-server"));
    answer(servers.agent);
    expect(await found("connect")).toBeInTheDocument();
    expect(application.last("sign_in")).toBeUndefined();
  });
});

describe("a server that is connected", () => {
  test("says what it is, who is signed in and what its backups hold", async () => {
    await signedIn();
    for (const words of ["Harbour Works – Files", "files.example.org:5105", "our agent 0.1.0", "林薇", "documents only"])
      expect(shown("server-card")).toHaveTextContent(words);
  });

  test("whose account may not back up says what it lacks", async () => {
    await signedIn({ sign_in: () => servers.guest });
    expect(shown("may-not")).toHaveTextContent("the account lacks manage_system");
    expect(shown("start")).toHaveAttribute("aria-disabled", "true");
  });

  test("that has no backup action gets no password", async () => {
    const application = await signedIn({ connect_server: () => servers.newServer });
    expect(shown("error-title")).toHaveTextContent("has no backup action");
    expect(shown("error-advice")).toHaveTextContent("run our agent beside it");
    expect(application.last("sign_in")).toBeUndefined();
  });

  test("whose certificate has expired is warned of", async () => {
    await signedIn({ connect_server: () => servers.expired });
    expect(shown("server-warning")).toHaveTextContent("has expired; it is the one that is trusted");
  });
});

describe("a backup through a server", () => {
  test("comes home, is verified, and can then be deleted there, after a question", async () => {
    const application = await signedIn();
    await application.user.type(shown("backup-name"), "monday");
    const backup = await begin(application);
    expect(backup.request).toEqual({
      name: "monday",
      made: null,
      copy: { archive_dir: "/media/backup/cfms", key_dir: "/media/usb-key" },
    });
    backup.tell({ event: "phase", phase: "server_work", total: null });
    backup.tell({
      event: "plan",
      phases: [
        { phase: "server_work", total: 1000 },
        { phase: "download", total: 500 },
        { phase: "verify", total: 500 },
      ],
      snapshot_at: null,
    });
    backup.tell({ event: "phase", phase: "download", total: 500 });
    backup.tell({ event: "done", bytes: 250, item: null, items: 0, items_total: null });
    await waitFor(() => expect(shown("progress-percent")).toHaveTextContent("62"));
    expect(shown("progress-phase")).toHaveTextContent("Fetch the backup");

    backup.finish(servers.report);
    expect(await found("result-title")).toHaveTextContent("Backed up, fetched and verified, with 1 warning");
    expect(shown("result-archive")).toHaveAttribute("data-path", samples.report.archive_path);
    await application.user.click(shown("delete-there"));
    expect(application.last("remove_from_server")).toBeUndefined();
    await application.user.click(await found("delete-there-now"));
    expect(application.last("remove_from_server")).toEqual({ name: "backup_1795500391" });
    expect(await found("deleted-there")).toBeInTheDocument();
    await waitFor(() => expect(shown("deleted-there")).toHaveFocus());

    await application.user.click(shown("done"));
    expect(await found("server-card")).toBeInTheDocument();
    expect(shown("backup-name")).toHaveValue("");
    await waitFor(() => expect(document.activeElement).not.toBe(document.body));
  });

  test("is not said to be made before the server was asked for it", async () => {
    const application = await signedIn();
    const backup = await begin(application);
    backup.tell({ event: "connection", server: "files.example.org:5105", state: "lost", problem: "it hung up" });
    await found("line-state");
    expect(shown("cancel")).toHaveTextContent("nothing was asked yet");
    expect(shown("progress-untold")).toHaveTextContent(/^$/);
    await application.user.click(shown("cancel"));
    expect(await found("cancelled-text")).toHaveTextContent("was not asked for a backup yet");
    expect(absent("fetch")).toBeNull();
  });

  test("under a name that is taken there leads to the name", async () => {
    const application = await signedIn();
    const backup = await begin(application);
    backup.fail(servers.nameTaken);
    expect(await found("error-title")).toHaveTextContent("has a backup called “monday” already");
    expect(shown("change-name")).toHaveAttribute("data-main");
    expect(shown("try-again")).not.toHaveAttribute("data-main");
    await application.user.click(shown("change-name"));
    await waitFor(() => expect(shown("backup-name")).toHaveFocus());
  });

  test("whose end nobody knows is not asked for again by one key", async () => {
    const backup = await begin(await signedIn());
    backup.tell({ event: "phase", phase: "server_work", total: null });
    backup.fail(servers.outcomeUnknown);
    expect(await found("error-advice")).toHaveTextContent("look in content/backups there before asking again");
    expect(shown("error-title")).toHaveTextContent("was lost while the server was making the backup.");
    expect(absent("try-again")).toBeNull();
    expect(shown("back-to-form")).toHaveAttribute("data-main");
  });

  test("stops where the server shows another certificate meanwhile", async () => {
    const application = await signedIn();
    const backup = await begin(application);
    backup.fail(servers.changedCertificate);
    await found("certificate-stop");
    expect(shown("expected-fingerprint")).toHaveTextContent(servers.FINGERPRINT);
    expect(absent("try-again")).toBeNull();
    await application.user.click(shown("stop-settings"));
    expect(await found("known-servers")).toBeInTheDocument();
    expect(application.last("leave_server")).toBeDefined();
  });

  test("tells that the line broke, and that it is there again", async () => {
    const backup = await begin(await signedIn());
    const line = { event: "connection", server: "files.example.org:5105" } as const;
    backup.tell({ event: "phase", phase: "download", total: 500 });
    backup.tell({ ...line, state: "lost", problem: "it hung up in the middle" });
    expect(await found("line-state")).toHaveTextContent("The connection was lost: it hung up in the middle.");
    backup.tell({ ...line, state: "found", problem: null });
    await waitFor(() => expect(shown("line-state")).toHaveTextContent("The connection is there again"));
  });

  test("that cannot be fetched says where it lies, and is only fetched the next time", async () => {
    const application = await signedIn();
    const backup = await begin(application);
    backup.finish(servers.notFetched);
    expect(await found("result-title")).toHaveTextContent("Backed up, but not fetched");
    expect(shown("left-behind")).toHaveTextContent("The backup lies on the server as backup_1795500391");
    await application.user.click(shown("try-again"));
    await waitFor(() => expect(application.remoteBackups).toHaveLength(2));
    expect(application.remoteBackups[1]?.request).toEqual({ ...backup.request, made: "backup_1795500391" });
    application.remoteBackups[1]?.finish({ ...servers.report, made: null });
    expect(await found("result-title")).toHaveTextContent("Backed up, fetched and verified");
  });

  test("of a server that cannot send files says where they lie and what to do", async () => {
    const application = await signedIn({ connect_server: () => servers.oldServer });
    expect(shown("cannot-send")).toBeInTheDocument();
    expect(absent("archive-dir")).toBeNull();
    const backup = await begin(application);
    expect(backup.request.copy).toBeNull();
    backup.tell({ event: "phase", phase: "server_work", total: null });
    expect(await found("progress-untold")).toHaveTextContent("does not tell how far it is");
    expect(absent("progress-percent")).toBeNull();
    backup.finish(servers.left);
    expect(await found("result-title")).toHaveTextContent("Backed up on the server");
    expect(shown("there-key")).toHaveAttribute("data-path", "./content/backups/backup_1795500391.key");
    expect(shown("left-there")).toHaveTextContent("the key can be read by every user of that machine");
    expect(absent("verified")).toBeNull();
  });

  test("that is cancelled while the server works says that it goes on there", async () => {
    const application = await signedIn();
    await application.user.type(shown("backup-name"), "monday");
    const backup = await begin(application);
    backup.tell({ event: "phase", phase: "server_work", total: null });
    await application.user.click(await found("cancel"));
    expect(await found("cancelled-text")).toHaveTextContent("The server goes on by itself");
    await application.user.click(shown("fetch"));
    await waitFor(() => expect(application.remoteBackups).toHaveLength(2));
    expect(application.remoteBackups[1]?.request).toEqual({ ...backup.request, made: "monday" });
  });

  test("whose session ended leads back to the form, with what was entered", async () => {
    const application = await signedIn();
    const backup = await begin(application);
    backup.fail({ ...servers.wrongPassword, code: "session_ended" });
    await application.user.click(await found("sign-in-again"));
    expect(await found("server-user")).toHaveValue("lin.wei");
    expect(shown("server-password")).toHaveValue("");
  });
});

test("a known server is forgotten at once, and it is said what happens then", async () => {
  const { user, last } = open({}, english);
  await user.click(await found("nav-settings"));
  await waitFor(() => expect(within(document.body).getAllByTestId("known-server")).toHaveLength(2));
  expect(shown("known-servers")).toHaveTextContent(servers.FINGERPRINT);
  const [button] = within(document.body).getAllByTestId("forget-server");
  await user.click(button!);
  expect(last("forget_server")).toEqual({ host: "files.example.org", port: 5104 });
  expect(await found("forgotten")).toHaveTextContent("its certificate is shown to you as at first");
  await waitFor(() => expect(document.activeElement).not.toBe(document.body));
});
