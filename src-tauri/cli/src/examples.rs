//! The examples of every verb, as `--help` and the manual page show them.

use crate::exit;

/// A command line and what it is for.
pub(crate) type Example = (&'static str, &'static str);

/// Examples of the program as a whole.
pub(crate) const ALL: &[Example] = &[
    ("cfms-backup create --data-dir /srv/cfms", "back up the server in /srv/cfms"),
    (
        "cfms-backup remote backup -s files.example.org:5105 -u admin -o /mnt/backup",
        "back up a server over the network",
    ),
    ("cfms-backup demo /tmp/demo", "make a server to try everything on"),
    ("cfms-backup create --help", "all about one verb"),
];

/// Examples of `create`.
pub(crate) const CREATE: &[Example] = &[
    ("cfms-backup create --data-dir /srv/cfms", "into the server's own content/backups"),
    (
        "cfms-backup create -d /srv/cfms/app.db -o /mnt/backup --key-dir /mnt/keys --require-other-disk",
        "archive and key on other disks",
    ),
    ("cfms-backup create -D /srv/cfms -o /mnt/backup --quiet --strict", "for cron: silent unless something is wrong"),
    ("cfms-backup create -D /srv/cfms --json --progress json", "for programs"),
];

/// Examples of `verify`.
pub(crate) const VERIFY: &[Example] = &[
    ("cfms-backup verify /mnt/backup/*.cfms.enc", "each with the key beside it"),
    ("cfms-backup verify /mnt/backup/monday.cfms.enc --key /mnt/keys/monday.key", "the key is elsewhere"),
];

/// Examples of `inspect`.
pub(crate) const INSPECT: &[Example] = &[
    ("cfms-backup inspect /mnt/backup/monday.cfms.enc", "in words"),
    ("cfms-backup inspect /mnt/backup/monday.cfms.enc --json | jq .metadata", "as data"),
];

/// Examples of `serve`.
pub(crate) const SERVE: &[Example] = &[
    ("cfms-backup serve --data-dir /srv/cfms", "for clients on this computer"),
    ("cfms-backup serve -D /srv/cfms --listen 0.0.0.0:5105", "for clients on the network"),
    (
        "cfms-backup serve -D /srv/cfms --json --listen 127.0.0.1:0",
        "for programs: the first line says where, and the fingerprint",
    ),
];

/// Examples of `list`.
pub(crate) const LIST: &[Example] = &[
    ("cfms-backup list monday.cfms.enc", "what lies at the top"),
    ("cfms-backup list monday.cfms.enc Contracts/2026 --tree", "a folder and all below it"),
    ("cfms-backup list monday.cfms.enc --tree --json | jq -r .entries[].path", "all paths"),
];

/// Examples of `show`.
pub(crate) const SHOW: &[Example] = &[
    ("cfms-backup show monday.cfms.enc Contracts/2026/Lease.pdf", "by its path"),
    ("cfms-backup show monday.cfms.enc hello --json | jq .access.read", "by its id; who may read it"),
];

/// Examples of `cat`.
pub(crate) const CAT: &[Example] = &[
    ("cfms-backup cat monday.cfms.enc Contracts/2026/Lease.pdf > Lease.pdf", "the latest revision"),
    ("cfms-backup cat monday.cfms.enc hello --revision 1 | less", "an older one"),
];

/// Examples of `remote`.
pub(crate) const REMOTE: &[Example] = &[
    ("cfms-backup remote info --server files.example.org", "what it is, and its certificate's fingerprint"),
    ("cfms-backup remote backup --server files.example.org:5105 --username admin --output /mnt/backup", "back it up"),
];

/// Examples of `remote info`.
pub(crate) const REMOTE_INFO: &[Example] = &[
    ("cfms-backup remote info --server files.example.org", "port 5104, a CFMS server's"),
    ("cfms-backup remote info -s files.example.org:5105 --json", "as data, of our agent"),
];

/// Examples of `remote backup`.
pub(crate) const REMOTE_BACKUP: &[Example] = &[
    (
        "cfms-backup remote backup -s files.example.org:5105 -u admin -o /mnt/backup --key-dir /mnt/keys",
        "a copy comes home; the password is asked for",
    ),
    ("cfms-backup remote backup -s files.example.org -u admin --name monday", "it stays on the server"),
    (
        "cfms-backup remote backup -s files.example.org:5105 -u backup -o /mnt/backup --password-env CFMS_PASSWORD --quiet",
        "for cron: the variable holds the password",
    ),
];

/// Examples of `remote download`.
pub(crate) const REMOTE_DOWNLOAD: &[Example] = &[
    ("cfms-backup remote download monday -s files.example.org:5105 -u admin -o /mnt/backup", "made before"),
    (
        "cfms-backup remote download monday -s files.example.org:5105 -u admin -o /mnt/backup --delete-from-server",
        "and not kept there",
    ),
];

/// Examples of `servers`.
pub(crate) const SERVERS: &[Example] = &[
    ("cfms-backup servers list", "which are trusted"),
    ("cfms-backup servers forget files.example.org:5105", "after its administrator renewed the certificate"),
];

/// Examples of `servers list`.
pub(crate) const SERVERS_LIST: &[Example] = &[("cfms-backup servers list --json", "as data")];

/// Examples of `servers forget`.
pub(crate) const SERVERS_FORGET: &[Example] =
    &[("cfms-backup servers forget files.example.org:5105", "after its administrator renewed the certificate")];

/// Examples of `extract`.
pub(crate) const EXTRACT: &[Example] = &[
    ("cfms-backup extract monday.cfms.enc --output all", "everything"),
    ("cfms-backup extract monday.cfms.enc -o lease Contracts/2026 --revisions all", "a folder, with older revisions"),
    ("cfms-backup extract monday.cfms.enc -o out --document hello --conflict rename", "one document, by its id"),
    ("cfms-backup extract monday.cfms.enc -o server-files --server-files", "the server's own files"),
];

/// Examples of `diff`.
pub(crate) const DIFF: &[Example] = &[
    ("cfms-backup diff monday.cfms.enc tuesday.cfms.enc", "each with the key beside it"),
    ("cfms-backup diff monday.cfms.enc --old-key /mnt/keys/monday.key --data-dir /srv/cfms", "what changed since"),
    (
        "cfms-backup diff monday.cfms.enc tuesday.cfms.enc --json | jq '.changes[] | select(any(.rights[]; .lets_in_more))'",
        "who is let in that was not",
    ),
];

/// Examples of `restore`.
pub(crate) const RESTORE: &[Example] = &[
    ("cfms-backup restore monday.cfms.enc --data-dir /srv/cfms-new --dry-run", "what would come back"),
    ("cfms-backup restore monday.cfms.enc --key /mnt/keys/monday.key --data-dir /srv/cfms-new", "the server as it was"),
    (
        "cfms-backup restore monday.cfms.enc --only Contracts/2026 -D /srv/cfms-part",
        "a folder of it, as a server of its own",
    ),
    (
        "cfms-backup restore later.cfms.enc --documents-only --like empty/app.db -D /srv/cfms-new",
        "documents of a later server",
    ),
];

/// Examples of `demo`.
pub(crate) const DEMO: &[Example] = &[
    ("cfms-backup demo /tmp/demo", "about 48 MiB"),
    ("cfms-backup demo /tmp/large --size 2G", "large enough to watch a backup of it"),
];

/// Examples of `selftest`.
pub(crate) const SELFTEST: &[Example] = &[("cfms-backup selftest", "a second, and nothing is left behind")];

/// Examples of `completions`.
pub(crate) const COMPLETIONS: &[Example] = &[
    ("cfms-backup completions bash > ~/.local/share/bash-completion/completions/cfms-backup", "for bash"),
    ("cfms-backup completions fish > ~/.config/fish/completions/cfms-backup.fish", "for fish"),
];

/// Examples of `man`.
pub(crate) const MAN: &[Example] =
    &[("cfms-backup man | man -l -", "read it now"), ("cfms-backup man ~/.local/share/man/man1", "install the pages")];

/// The end of a verb's help: its examples and the exit codes.
pub(crate) fn help(examples: &[Example]) -> String {
    let mut text = String::from("Examples:\n");
    for (command, meaning) in examples {
        text.push_str(&format!("  # {meaning}\n  {command}\n"));
    }
    text.push_str("\nExit codes:\n");
    text.push_str(&exit::help());
    text
}

/// The examples of the verb of that name.
pub(crate) fn of(verb: &str) -> &'static [Example] {
    match verb {
        "create" => CREATE,
        "verify" => VERIFY,
        "inspect" => INSPECT,
        "serve" => SERVE,
        "list" => LIST,
        "show" => SHOW,
        "cat" => CAT,
        "remote" => REMOTE,
        "remote-info" => REMOTE_INFO,
        "remote-backup" => REMOTE_BACKUP,
        "remote-download" => REMOTE_DOWNLOAD,
        "servers" => SERVERS,
        "servers-list" => SERVERS_LIST,
        "servers-forget" => SERVERS_FORGET,
        "extract" => EXTRACT,
        "demo" => DEMO,
        "selftest" => SELFTEST,
        "completions" => COMPLETIONS,
        "man" => MAN,
        _ => ALL,
    }
}
