import { emit } from "@tauri-apps/api/event";
import { waitFor, within } from "@testing-library/svelte";
import { describe, expect, test, vi } from "vitest";
import * as samples from "../src/mock/samples";
import { absent, begin, english, found, open, refuse, shown } from "./application";

describe("where a backup goes", () => {
  test("is what the settings say as soon as they say it", async () => {
    const { user } = open({}, english);
    const field = () => shown("archive-dir");
    await found("archive-dir");
    await user.clear(field());
    await user.type(field(), "/chosen/here");
    await user.click(shown("nav-settings"));
    await user.clear(await found("settings-archive-dir"));
    await user.type(shown("settings-archive-dir"), "/said/there");
    await user.click(shown("nav-backup"));
    expect(await found("archive-dir")).toHaveValue("/said/there");
  });

  test("is said to be unfit for the key at the field that decides it", async () => {
    const key = { ...samples.outlook.key, problem: samples.diskFull };
    const settings = { ...english, archive_dir: "/proc/foo", key_dir: null };
    open({ destination_outlook: () => ({ ...samples.outlook, key }) }, settings);
    expect(await found("archive-problem")).toBeInTheDocument();
    expect(shown("start-state")).toHaveTextContent("The archive cannot go into this folder");
  });

  test("is a whole path", async () => {
    const { user } = open({}, english);
    await user.clear(await found("archive-dir"));
    await user.type(shown("archive-dir"), "backups/cfms");
    expect(await found("archive-problem")).toHaveTextContent("Give the whole path");
    expect(shown("start")).toHaveAttribute("aria-disabled", "true");
    await user.clear(shown("archive-dir"));
    await user.type(shown("archive-dir"), "~/cfms");
    await waitFor(() => expect(absent("archive-problem")).toBeNull());
  });

  test("is not the folder of the server that was looked at before", async () => {
    const settings = { ...english, archive_dir: null };
    const survey = ({ path }: Record<string, unknown>) => {
      if (path === "/none") throw samples.notCfms;
      return samples.survey;
    };
    const { user } = open({ survey }, settings);
    await waitFor(() => expect(shown("archive-dir")).toHaveValue(`${samples.survey.root}/content/backups`));
    await user.clear(shown("source-path"));
    await user.type(shown("source-path"), "/none{Enter}");
    await waitFor(() => expect(shown("archive-dir")).toHaveValue(""));
    expect(shown("source-card")).toHaveTextContent("Not a CFMS server");
  });
});

describe("before a backup", () => {
  test("the source used last is looked at at once, and the card says what was found", async () => {
    const { last } = open({}, english);
    const card = await found("source-card");
    expect(await within(card).findByText("1,284")).toBeInTheDocument();
    expect(card).toHaveTextContent("CFMS WebSocket Server");
    expect(card).toHaveTextContent("2 contents are missing on disk");
    expect(last("survey")).toEqual({ path: "/srv/cfms", allowOutside: [] });
  });

  test("the source that the program was started with is looked at, and remembered as the one used last", async () => {
    const given = { ...samples.appState, demo: "/srv/given", settings: { ...samples.appState.settings, ...english } };
    const { last } = open({ app_state: () => given });
    await waitFor(() =>
      expect(last("save_settings")).toMatchObject({
        settings: {
          last_source: "/srv/given",
          recent_sources: ["/srv/given", "/srv/cfms", "/home/operator/服务器/cfms-test"],
        },
      }),
    );
  });

  test("a source given at the start that is no server is not remembered", async () => {
    const given = { ...samples.appState, demo: "/given", settings: { ...samples.appState.settings, ...english } };
    const { last } = open({ app_state: () => given, survey: refuse(samples.notCfms) });
    await found("error-title");
    expect(last("save_settings")).toBeUndefined();
  });

  test("without any source the page invites, and the button says why it waits", async () => {
    const { user } = open({}, { ...english, last_source: null });
    expect(await found("source-card")).toHaveTextContent("Which server is to be backed up?");
    expect(shown("start-state")).toHaveTextContent("Choose a server first.");
    await user.click(shown("start"));
    expect(shown("source-path")).toHaveFocus();
  });

  test("a typed path is looked at with Enter and remembered, and does not begin a backup", async () => {
    const { user, last, backups } = open({}, { ...english, last_source: null, recent_sources: ["/old"] });
    await user.type(await found("source-path"), " /srv/other {Enter}");
    await waitFor(() => expect(last("survey")).toEqual({ path: "/srv/other", allowOutside: [] }));
    await waitFor(() =>
      expect(last("save_settings")).toMatchObject({
        settings: { last_source: "/srv/other", recent_sources: ["/srv/other", "/old"] },
      }),
    );
    expect(backups).toHaveLength(0);
  });

  test("what is no server is said with its advice, and the field keeps the path", async () => {
    const { user } = open({ survey: refuse(samples.notCfms) }, english);
    expect(await found("error-title")).toHaveTextContent(
      "/home/operator/photos/app.db is not a CFMS database: it has no table documents",
    );
    expect(shown("error-advice")).toHaveTextContent("Choose the folder that the CFMS server runs in");
    expect(shown("source-path")).toHaveValue("/srv/cfms");
    await user.click(shown("start"));
    expect(shown("source-path")).toHaveFocus();
  });

  test("a late answer about an earlier path is not shown for a later one", async () => {
    let answerFirst: (survey: unknown) => void = () => undefined;
    const { user } = open(
      {
        survey: ({ path }) =>
          path === "/slow"
            ? new Promise((resolve) => (answerFirst = resolve))
            : { ...samples.survey, server_name: "The fast one" },
      },
      { ...english, last_source: "/slow" },
    );
    const field = await found("source-path");
    await user.clear(field);
    await user.type(field, "/fast{Enter}");
    await waitFor(() => expect(shown("source-card")).toHaveTextContent("The fast one"));
    answerFirst({ ...samples.survey, server_name: "The slow one" });
    await new Promise((resolve) => setTimeout(resolve));
    expect(shown("source-card")).toHaveTextContent("The fast one");
  });

  test("contents outside are read only once that was allowed", async () => {
    const outside = { ...samples.survey, contents_missing: 31, contents_outside: 29, outside_folders: ["/data/shared"] };
    const application = open({ survey: () => outside }, english);
    const card = await found("source-card");
    await waitFor(() => expect(card).toHaveTextContent("29 contents lie outside the server’s folder, or behind a link"));
    expect(card).toHaveTextContent("2 contents are missing on disk");
    await application.user.click(await found("allow-outside"));
    await waitFor(() =>
      expect(application.last("survey")).toEqual({ path: "/srv/cfms", allowOutside: ["/data/shared"] }),
    );
    const backup = await begin(application);
    expect(backup.request.allow_outside).toEqual(["/data/shared"]);
  });

  test("where most contents are missing, a backup waits for a yes", async () => {
    const application = open(
      { survey: () => ({ ...samples.survey, incomplete: true, contents_missing: 1302 }) },
      english,
    );
    const box = await found("allow-missing");
    expect(shown("start")).toHaveAttribute("aria-disabled", "true");
    expect(shown("start-state")).toHaveTextContent("Too many contents are missing");
    await application.user.click(box);
    const backup = await begin(application);
    expect(backup.request.allow_missing).toBe(true);
  });

  test("a disk that is too small is told before the start, with both numbers", async () => {
    const archive = { ...samples.outlook.archive, free_bytes: 3 * 1024 ** 3 };
    open({ destination_outlook: () => ({ ...samples.outlook, archive }) }, english);
    await waitFor(async () =>
      expect(await found("start-state")).toHaveTextContent(
        "Needs about 18.4 GiB, and 3.0 GiB are free on /media/backup.",
      ),
    );
    expect(shown("start")).toHaveAttribute("aria-disabled", "true");
  });

  test("a folder's fault is told at the folder, a name's at the name", async () => {
    const problem = { code: "not_mounted", message: "", advice: null, params: { path: "/mnt/b", mount_point: "/mnt" } };
    const { user } = open(
      {
        destination_outlook: ({ name }) => ({
          ...samples.outlook,
          archive: { ...samples.outlook.archive, problem },
          name_problem: name === "a/b" ? samples.badName("a/b") : null,
        }),
      },
      english,
    );
    expect(await found("archive-problem")).toHaveTextContent(
      "Nothing is mounted on /mnt, so /mnt/b would land on the wrong disk.",
    );
    expect(shown("archive-dir")).toHaveAttribute("aria-invalid", "true");
    await user.type(shown("backup-name"), "a/b");
    expect(await found("name-problem")).toHaveTextContent("it is a path; choose the folder separately");
    await user.clear(shown("backup-name"));
    await waitFor(() => expect(absent("name-problem")).toBeNull());
  });

  test("a name that is taken is told before the click, and Enter leads to it", async () => {
    const taken = (name: unknown) => (name === "nightly" ? samples.nameTaken : null);
    const { user, backups } = open(
      { destination_outlook: ({ name }) => ({ ...samples.outlook, name_problem: taken(name) }) },
      english,
    );
    await user.type(await found("backup-name"), "nightly");
    expect(await found("name-problem")).toHaveTextContent("/media/backup/cfms/nightly.cfms.enc exists already.");
    expect(shown("start-state")).toHaveTextContent("This name cannot be used: see above.");
    await user.click(shown("start"));
    expect(shown("backup-name")).toHaveFocus();
    expect(backups).toHaveLength(0);
  });

  test("key and archive in one folder, or on the server's disk, are an advice and no wall", async () => {
    open(
      { destination_outlook: () => ({ ...samples.outlook, same_disk: true, key_beside_archive: true }) },
      { ...english, key_dir: null },
    );
    expect(await found("key-beside")).toHaveTextContent("whoever copies this folder can read the backup");
    expect(shown("same-disk")).toHaveTextContent("if that disk dies, both are gone");
    await waitFor(() => expect(shown("start")).toHaveAttribute("aria-disabled", "false"));
  });

  test("without a chosen folder the archive goes where the server itself puts it", async () => {
    const application = open({}, { ...english, archive_dir: null, key_dir: null });
    await waitFor(async () => expect(await found("archive-dir")).toHaveValue("/srv/cfms/content/backups"));
    const backup = await begin(application);
    expect(backup.request).toMatchObject({
      archive_dir: "/srv/cfms/content/backups",
      key_dir: null,
      name: null,
      scope: "whole_server",
    });
    expect(application.last("save_settings")).toBeUndefined();
  });

  test("what is dropped goes to the part of the window that it was dropped on", async () => {
    const { last } = open({}, english);
    const field = await found("archive-dir");
    const drop = (element: Element, path: string) => {
      document.elementFromPoint = () => element;
      return emit("tauri://drag-drop", { paths: [path], position: { x: 1, y: 1 } });
    };
    // The window listens once its last listener is there.
    await waitFor(async () => {
      await drop(field, "/media/dropped");
      expect(shown("archive-dir")).toHaveValue("/media/dropped");
    });
    await drop(document.body, "/srv/dropped/app.db");
    await waitFor(() => expect(last("survey")).toEqual({ path: "/srv/dropped/app.db", allowOutside: [] }));
  });

  test("the command for the same is copied", async () => {
    const { user, last } = open({}, english);
    await waitFor(async () => expect(await found("start")).toHaveAttribute("aria-disabled", "false"));
    await user.click(shown("copy-command"));
    expect(last("backup_command")).toMatchObject({
      request: { source: "/srv/cfms", archive_dir: "/media/backup/cfms" },
    });
    expect(await navigator.clipboard.readText()).toBe("cfms-backup create --data-dir /srv/cfms");
  });

  test("where the page may not reach the clipboard, the application copies", async () => {
    const { user, last } = open({}, english);
    vi.spyOn(navigator.clipboard, "writeText").mockRejectedValue(new Error("not allowed"));
    await waitFor(async () => expect(await found("start")).toHaveAttribute("aria-disabled", "false"));
    await user.click(shown("copy-command"));
    await waitFor(() => expect(last("copy_text")).toEqual({ text: "cfms-backup create --data-dir /srv/cfms" }));
  });
});
