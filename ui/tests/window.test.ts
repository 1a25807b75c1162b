import { emit } from "@tauri-apps/api/event";
import { waitFor, within } from "@testing-library/svelte";
import { describe, expect, test, vi } from "vitest";
import * as samples from "../src/mock/samples";
import { absent, begin, english, found, open, refuse, shown } from "./application";

describe("a backup", () => {
  test("goes from the click to the metadata", async () => {
    const application = open({}, english);
    await found("backup-name");
    await application.user.click(within(shown("scope-documents")).getByRole("radio"));
    await application.user.type(shown("backup-name"), "before-migration");
    const backup = await begin(application);
    expect(backup.request).toMatchObject({
      scope: "documents_only",
      name: "before-migration",
      key_dir: "/media/usb-key",
      verify: true,
    });

    backup.tell({ event: "phase", phase: "snapshot", total: 10 });
    backup.tell({
      event: "plan",
      phases: [
        { phase: "encrypt", total: 1000 },
        { phase: "verify", total: 1000 },
      ],
      snapshot_at: 1e9,
    });
    backup.tell({ event: "phase", phase: "encrypt", total: 1000 });
    backup.tell({ event: "done", bytes: 840, item: "财务 / \u202exslx.exe", items: 3, items_total: 1310 });
    backup.tell({ event: "warning", warning: samples.warnings[0]! });
    await waitFor(() => expect(shown("progress-percent")).toHaveTextContent("42"));
    expect(shown("progress-phase")).toHaveTextContent("Encrypt contents");
    expect(document.body).toHaveTextContent("财务 / \\u{202e}xslx.exe");
    expect(document.body).toHaveTextContent("1 warning so far");
    expect(document.title).toBe("42 % – CFMS Backup");
    expect(application.last("set_progress")).toEqual({ percent: 42 });

    backup.finish(samples.report);
    expect(await found("result-title")).toHaveTextContent("Backed up and verified, with 2 warnings");
    expect(shown("result-title")).toHaveFocus();
    expect(shown("result-archive")).toHaveTextContent("backup_1795500391.cfms.enc");
    expect(shown("result-key")).toHaveTextContent("backup_1795500391.key");
    const table = shown("metadata-table");
    for (const text of ["1.0", "1795500391.204", "1,284", "96", "1,310", "whole server"])
      expect(table).toHaveTextContent(text);
    expect(within(document.body).getAllByTestId("warning-item")).toHaveLength(2);
    expect(document.body).toHaveTextContent("Read back from disk: 1,314 members, every byte as written.");
    expect(document.body).toHaveTextContent("Without it nobody can open this backup, not even we.");
    expect(document.title).toBe("CFMS Backup");
    expect(application.last("set_progress")).toEqual({ percent: null });

    await application.user.click(shown("done"));
    expect(await found("backup-name")).toHaveValue("");
    expect(shown("archive-dir")).toHaveValue("/media/backup/cfms");
  });

  test("that is incomplete is told as incomplete, never as done", async () => {
    const backup = await begin(open({}, english));
    backup.finish({
      ...samples.report,
      outcome: "incomplete",
      contents_missing: 1302,
      missing_below: "/srv/cfms/content/files",
    });
    expect(await found("result-title")).toHaveTextContent("The backup is incomplete");
    expect(shown("incomplete-text")).toHaveTextContent("mount the disk that holds them");
    expect(shown("incomplete-text")).toHaveTextContent(
      "It lacks 1,302 of 1,310 contents, which should be below /srv/cfms/content/files.",
    );
  });

  test("says what of the server it really holds", async () => {
    const backup = await begin(open({}, english));
    backup.finish({ ...samples.report, server_files: ["server/app.db", "server/config.toml"] });
    expect(await found("metadata-table")).toHaveTextContent("whole server users, groups, configuration");
    expect(shown("metadata-table")).not.toHaveTextContent("TLS");
  });

  test("that lacks what is in S3 leads to the bucket, not to a disk", async () => {
    const backup = await begin(open({}, english));
    backup.finish({ ...samples.report, outcome: "incomplete", contents_missing: 1310, contents_in_s3: true });
    expect(await found("incomplete-text")).toHaveTextContent("back up the bucket as well");
    expect(shown("incomplete-text")).not.toHaveTextContent("mount");
  });

  test("that was not read back is never called verified", async () => {
    const backup = await begin(open({}, { ...english, verify: false }));
    expect(backup.request.verify).toBe(false);
    backup.finish({ ...samples.report, outcome: "done", warnings: [], warnings_total: 0, verification: null });
    expect(await found("result-title")).toHaveTextContent("Backed up, not verified");
    expect(absent("verified")).toBeNull();
    expect(document.body).toHaveTextContent(
      "cfms-backup verify /media/backup/cfms/backup_1795500391.cfms.enc --key /media/usb-key/backup_1795500391.key",
    );
  });

  test("with a hundred thousand warnings keeps but a few of them in the page", async () => {
    const backup = await begin(open({}, english));
    backup.finish({ ...samples.report, warnings: samples.manyWarnings(100_000), warnings_total: 100_000 });
    expect(await found("result-title")).toHaveTextContent("with 100,000 warnings");
    expect(within(document.body).getAllByTestId("warning-item").length).toBeLessThan(30);
  });

  test("that failed says what happened and what to do, keeps the form, and can be tried again", async () => {
    const application = open({}, english);
    await application.user.type(await found("backup-name"), "nightly");
    const backup = await begin(application);
    backup.tell({ event: "phase", phase: "encrypt", total: 2 * 1024 ** 3 });
    backup.tell({ event: "done", bytes: 1024 ** 3, item: null, items: 1, items_total: 2 });
    backup.fail(samples.diskFull);
    expect(await found("result-title")).toHaveTextContent("The backup failed");
    expect(shown("error-title")).toHaveTextContent("The disk with /media/backup/cfms is full");
    expect(shown("error-advice")).toHaveTextContent("Free at least 6.3 GiB there, or choose a folder on another disk.");
    expect(document.body).toHaveTextContent("After 1.0 GiB of 2.0 GiB.");

    await application.user.click(shown("copy-all"));
    const copied = await navigator.clipboard.readText();
    for (const line of ["code: no_space", "needed: 19765432320", "source: /srv/cfms", "version: 0.1.0"])
      expect(copied).toContain(line);

    await application.user.click(shown("try-again"));
    await found("progress-percent");
    expect(application.backups).toHaveLength(2);
    expect(application.backups[1]?.request).toEqual(backup.request);
    application.backups[1]?.fail(samples.diskFull);
    await application.user.click(await found("back-to-form"));
    expect(await found("backup-name")).toHaveValue("nightly");
    expect(shown("archive-dir")).toHaveValue("/media/backup/cfms");
  });

  test.each([
    [
      { code: "already_exists", message: "", advice: null, params: { path: "/media/backup/cfms/a.cfms.enc" } },
      "change-name",
      "backup-name",
    ],
    [
      { code: "permission_denied", message: "", advice: null, params: { action: "read", path: "/srv/cfms/app.db" } },
      "change-source",
      "source-path",
    ],
  ])("that failed leads to the field in which the fault lies: %o", async (failure, button, field) => {
    const application = open({}, english);
    (await begin(application)).fail(failure);
    await application.user.click(await found(button));
    expect(shown(field)).toHaveFocus();
  });

  test("that failed at its name goes on with another name, by Enter alone", async () => {
    const application = open({}, english);
    (await begin(application)).fail(samples.nameTaken);
    await found("change-name");
    await application.user.keyboard("{Enter}");
    expect(await found("backup-name")).toHaveFocus();
    expect(application.backups).toHaveLength(1);
  });

  test("makes its folders the usual ones once it is written, and not before", async () => {
    const application = open({}, english);
    const dir = await found("archive-dir");
    await application.user.clear(dir);
    await application.user.type(dir, "/media/other");
    (await begin(application)).fail(samples.diskFull);
    await application.user.click(await found("try-again"));
    await found("progress-percent");
    expect(application.last("save_settings")).toBeUndefined();
    application.backups.at(-1)?.finish(samples.report);
    await waitFor(() =>
      expect(application.last("save_settings")).toMatchObject({
        settings: { archive_dir: "/media/other", key_dir: "/media/usb-key" },
      }),
    );
  });

  test("that failed at its folder goes on with another one", async () => {
    const application = open({ pick_folder: () => "/media/other" }, english);
    (await begin(application)).fail(samples.diskFull);
    await application.user.click(await found("choose-folder"));
    expect(await found("archive-dir")).toHaveValue("/media/other");
  });

  test("that is cancelled says that nothing was left behind, and keeps the form", async () => {
    const application = open({}, english);
    await begin(application);
    await application.user.click(shown("cancel"));
    expect(await found("result-title")).toHaveTextContent("Cancelled");
    expect(shown("cancelled-text")).toHaveTextContent("Nothing was left behind");
    expect(application.last("notify")).toBeUndefined();
    await application.user.click(shown("back-to-form"));
    expect(await found("archive-dir")).toHaveValue("/media/backup/cfms");
  });

  test("asks before the window closes, and stops before it does", async () => {
    const application = open({}, english);
    await begin(application);
    await emit("close-requested");
    await application.user.click(await found("keep-backing-up"));
    expect(absent("keep-backing-up")).toBeNull();
    expect(application.last("cancel_backup")).toBeUndefined();

    await emit("close-requested");
    await application.user.click(await found("stop-and-close"));
    await waitFor(() => expect(application.last("close_window")).toBeDefined());
    const order = application.asked.map(({ command }) => command);
    expect(order.indexOf("cancel_backup")).toBeLessThan(order.indexOf("close_window"));
  });

  test("that ends while the person is elsewhere is told by a notification", async () => {
    vi.spyOn(document, "hasFocus").mockReturnValue(false);
    const application = open({}, english);
    (await begin(application)).finish(samples.report);
    await waitFor(() =>
      expect(application.last("notify")).toEqual({
        title: "Backup finished",
        body: "Backed up and verified, with 2 warnings",
      }),
    );
  });

  test("goes on while the settings are looked at", async () => {
    const application = open({}, english);
    const backup = await begin(application);
    await application.user.click(shown("nav-settings"));
    await found("lang-select");
    backup.finish(samples.report);
    await waitFor(() => expect(application.last("set_progress")).toEqual({ percent: null }));
    await application.user.click(shown("nav-backup"));
    expect(await found("result-title")).toBeInTheDocument();
  });
});

describe("the keyboard alone", () => {
  test("makes a backup: Ctrl+B begins, Enter ends", async () => {
    const application = open({}, english);
    await waitFor(async () => expect(await found("start")).toHaveAttribute("aria-disabled", "false"));
    await application.user.keyboard("{Control>}b{/Control}");
    await found("progress-percent");
    application.backups[0]?.finish(samples.report);
    await found("result-title");
    await application.user.keyboard("{Enter}");
    expect(await found("backup-name")).toBeInTheDocument();
  });

  test("begins with Enter in a field of the form", async () => {
    const application = open({}, english);
    await waitFor(async () => expect(await found("start")).toHaveAttribute("aria-disabled", "false"));
    await application.user.click(shown("backup-name"));
    await application.user.keyboard("{Enter}");
    expect(await found("progress-percent")).toBeInTheDocument();
    expect(application.backups).toHaveLength(1);
  });

  test("goes between the pages, and chooses a backup to look into", async () => {
    const { user, last } = open({ pick_backup: () => null }, english);
    await found("source-card");
    await user.keyboard("{Control>}3{/Control}");
    expect(await found("lang-select")).toBeInTheDocument();
    await user.keyboard("{Control>}1{/Control}");
    expect(await found("source-card")).toBeInTheDocument();
    await user.keyboard("{Control>}o{/Control}");
    expect(await found("backup-opener")).toBeInTheDocument();
    expect(last("pick_backup")).toMatchObject({ part: "either" });
  });
});

describe("the settings", () => {
  test("change the language and the theme at once, and are kept", async () => {
    const { user, last } = open({}, english);
    await user.click(await found("nav-settings"));
    await user.selectOptions(await found("lang-select"), "zh-CN");
    expect(shown("nav-backup")).toHaveTextContent("备份");
    expect(document.documentElement.lang).toBe("zh-CN");
    await user.selectOptions(shown("theme-select"), "light");
    expect(document.documentElement.dataset.theme).toBe("light");
    expect(last("save_settings")).toMatchObject({ settings: { language: "zh-CN", theme: "light", verify: true } });
    await user.click(shown("verify-switch"));
    expect(last("save_settings")).toMatchObject({ settings: { verify: false } });
  });

  test("that cannot be saved say so", async () => {
    const { user } = open(
      {
        save_settings: refuse({
          code: "permission_denied",
          message: "",
          advice: null,
          params: { action: "write", path: "/c/settings.json" },
        }),
      },
      english,
    );
    await user.click(await found("nav-settings"));
    await user.selectOptions(await found("theme-select"), "dark");
    expect(await within(document.body).findByText("The settings could not be saved.")).toBeInTheDocument();
    expect(document.body).toHaveTextContent("No permission to write /c/settings.json");
  });

  test("follow the system's language where none was chosen", async () => {
    open({ app_state: () => ({ ...samples.appState, locale: "zh-CN" }) });
    expect(await found("nav-settings")).toHaveTextContent("设置");
    await waitFor(() => expect(shown("source-card")).toHaveTextContent("磁盘上缺少 2 个文件的内容"));
  });
});
