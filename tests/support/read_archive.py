#!/usr/bin/env python3
"""Compares an archive with the server that it was made of: `read_archive.py ARCHIVE DATA_DIR whole|documents [KEY]`.

Written from the description of the format alone. The server is read with sqlite3 and the archive with openssl and
tarfile, so that a fault of the program cannot hide in its own reader. Prints JSON: {"differences": [...], ...}.
"""

import hashlib
import json
import os
import sqlite3
import stat
import sys
from pathlib import Path

import faithful
from opened import Opened

KNOWN = ["metadata.json", "folders.json", "documents.json", "files.json"]
RULES_OF = {"documents": ("document_access_rules", "document_id"), "folders": ("folder_access_rules", "folder_id")}


class Comparison:
    """Collects what differs."""

    def __init__(self, archive, data_dir, whole, key=None):
        self.opened = Opened(archive, key)
        self.root = Path(data_dir)
        self.whole = whole
        self.differences = []
        self.db = sqlite3.connect(f"file:{self.root / 'app.db'}?mode=ro", uri=True)
        self.db.text_factory = lambda text: text.decode("utf-8", "replace")

    def expect(self, holds, *what):
        """Notes `what` where something does not hold."""
        if not holds:
            self.differences.append(" ".join(str(part)[:300] for part in what))

    def run(self):
        """Compares everything."""
        self.key_and_envelope()
        self.tables()
        self.contents()
        self.server_files()
        self.manifest()
        return self.differences

    # The key and the outside of the archive

    def key_and_envelope(self):
        key, opened = self.opened.key, self.opened
        bytes_ = opened.archive.read_bytes()
        self.expect(stat.S_IMODE(opened.key_path.stat().st_mode) == 0o600, "the key's mode is", oct(opened.key_path.stat().st_mode))
        self.expect(len(key["key"]) == 64 and key["key"] == key["key"].lower(), "the key is no 64 lower-case digits")
        self.expect(key["algorithm"] == "AES-256-CBC", "algorithm", key["algorithm"])
        self.expect(key["archive_size"] == len(bytes_), "archive_size", key["archive_size"], len(bytes_))
        self.expect(key["archive_sha256"] == hashlib.sha256(bytes_).hexdigest(), "archive_sha256")
        self.expect(opened.archive.name == key["backup_name"] + ".cfms.enc", "backup_name", key["backup_name"])
        self.expect(key["created_at"] == opened.json("metadata.json")["created_at"], "created_at of key and metadata differ")
        self.expect(opened.tar_size % 10240 == 0 and len(bytes_) == opened.tar_size + 32, "the tar's size is", opened.tar_size)
        self.expect(len(set(opened.names)) == len(opened.names), "a member appears twice")
        self.expect(opened.names[:4] == KNOWN, "the archive begins with", opened.names[:4])
        self.expect(opened.names[-1] == "manifest.json", "the archive ends with", opened.names[-1])
        self.expect(all(member.isreg() for member in opened.members), "a member is no regular file")
        # What a careless tool would write outside of its folder, or not at all.
        for name in opened.names:
            parts = name.split("/")
            self.expect(not ({"", ".", ".."} & set(parts)) and "\\" not in name and all(len(p.encode()) <= 255 for p in parts)
                        and not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in name), "odd member name", repr(name))

    # The tables

    def tables(self):
        for table in ("folders", "documents"):
            self.same_rows(f"{table}.json", [self.object_of(table, row) for row in self.rows(table, "rowid")])
        used = "id IN (SELECT file_id FROM document_revisions)"
        self.same_rows("files.json", [self.plain(row) for row in self.rows("files", "id", used)])
        orphans = self.orphans()
        self.expect(("orphans.json" in self.opened) == bool(orphans), "orphans.json", "is there:", "orphans.json" in self.opened)
        if orphans and "orphans.json" in self.opened:
            held = dict(faithful.parse(self.opened.read("orphans.json").decode())[1])
            self.expect(set(held) == set(orphans), "orphans of", set(held), "for", set(orphans))
            for table, rows in orphans.items():
                # Their order is nobody's promise.
                by_id = lambda pairs: int(dict(pairs)["id"])
                got = sorted(held.get(table, []), key=lambda row: by_id(row[1]))
                self.same_list(f"orphans {table}", got, sorted(rows, key=by_id))
        metadata = self.opened.json("metadata.json")
        self.expect(metadata["version"] == "1.0", "version", metadata["version"])
        for table, where in (("documents", "1"), ("folders", "1"), ("files", used)):
            (count,) = self.db.execute(f"SELECT COUNT(*) FROM {table} WHERE {where}").fetchone()
            self.expect(metadata[f"{table}_count"] == count, f"{table}_count", metadata[f"{table}_count"], count)

    def rows(self, table, order, where="1", bound=()):
        columns = self.db.execute(f"PRAGMA table_info({table})").fetchall()
        for row in self.db.execute(f"SELECT * FROM {table} WHERE {where} ORDER BY {order}", bound):
            yield [(column[1], column[2].upper(), cell) for column, cell in zip(columns, row)]

    def plain(self, row, without=None):
        """A row as the pairs of an object."""
        pairs = []
        for name, declared, cell in row:
            if name != without:
                boolean = "BOOL" in declared
                pairs.append((name, faithful.rule_value(cell) if name == "rule_data" else faithful.value_of(cell, boolean)))
        return pairs

    def object_of(self, table, row):
        """A document or folder with all that lies in it."""
        pairs, id = self.plain(row), row[0][2]
        rules, owner = RULES_OF[table]
        pairs.append(("access_rules", [self.as_object(self.plain(rule, owner)) for rule in self.of_owner(rules, owner, id, "id")]))
        if table == "documents":
            revisions = self.of_owner("document_revisions", "document_id", id, "created_time, rowid")
            pairs.append(("revisions", [self.as_object(self.plain(revision)) for revision in revisions]))
        return pairs

    def of_owner(self, table, column, id, order):
        return list(self.rows(table, order, f"{column} = ?", (id,)))

    def orphans(self):
        lacking = {
            "document_revisions": "document_id IS NULL OR document_id NOT IN (SELECT id FROM documents)",
            "document_access_rules": "document_id IS NULL OR document_id NOT IN (SELECT id FROM documents)",
            "folder_access_rules": "folder_id IS NULL OR folder_id NOT IN (SELECT id FROM folders)",
        }
        found = {table: [self.plain(row) for row in self.rows(table, "rowid", where)] for table, where in lacking.items()}
        return {table: rows for table, rows in found.items() if rows}

    @staticmethod
    def as_object(pairs):
        return ("object", tuple(sorted(pairs)))

    def same_rows(self, member, expected):
        text = self.opened.read(member).decode("utf-8")
        self.expect("\\u4e" not in text, member, "escapes Chinese")
        self.same_list(member, faithful.parse(text), expected)

    def same_list(self, what, held, expected):
        self.expect(len(held) == len(expected), what, "holds", len(held), "rows for", len(expected))
        for n, (got, want) in enumerate(zip(held, expected)):
            got, want = self.sorted_rows(got), ("object", tuple(sorted(want)))
            self.expect(faithful.same(got, want), what, f"row {n}: {got!r:.900} for {want!r:.900}", self.first_difference(got, want))

    @staticmethod
    def sorted_rows(value):
        """An object of ours with its keys in order; what lies in `rule_data` stays as it is."""
        kind, pairs = value
        inner = lambda rows: [("object", tuple(sorted(row[1]))) for row in rows]
        return kind, tuple(sorted((name, inner(cell) if name in ("access_rules", "revisions") else cell) for name, cell in pairs))

    @staticmethod
    def first_difference(got, want):
        for a, b in zip(got[1], want[1]):
            if not faithful.same(a, b):
                return f"\n    first: {a!r:.250}\n    for:   {b!r:.250}"
        return ""

    # The contents

    def contents(self):
        used = {id for (id,) in self.db.execute("SELECT file_id FROM document_revisions")}
        # `missing` is of documents; `unused`, of files that no revision points to, may be named besides.
        expected, self.missing, self.unused = {}, set(), set()
        for id, path in self.db.execute("SELECT id, path FROM files ORDER BY id"):
            folder = "files" if id in used else "server/files"
            if folder != "files" and not self.whole:
                continue
            content = self.locate(path)
            if content is not None:
                expected[member_name(folder, id)] = content
            else:
                (self.missing if id in used else self.unused).add(id)
        held = [name for name in self.opened.names if name.startswith(("files/", "server/files/"))]
        self.expect(set(held) == set(expected), "contents:", sorted(set(held) ^ set(expected)))
        for name, content in expected.items():
            if name in self.opened:
                self.expect(self.opened.sha256(name) == hashlib.sha256(content.read_bytes()).hexdigest(), name, "has other bytes than", content)

    def locate(self, path):
        """Where the content of a row lies, or None: regular files of the data directory, through no link below content/."""
        path = path.replace("\\", "/")
        if "\0" in path:
            return None
        root = os.path.realpath(self.root)
        whole = Path(path) if path.startswith("/") else Path(root) / path
        if ".." in whole.parts or not str(whole).startswith(root + "/"):
            return None
        try:
            for part in [whole, *whole.parents]:
                if part.parent == Path(root):
                    break
                if part.is_symlink():
                    return None
            return whole if stat.S_ISREG(os.lstat(whole).st_mode) else None
        except OSError:
            return None

    # The server's own files

    def server_files(self):
        held = {name for name in self.opened.names if name.startswith("server/") and not name.startswith("server/files/")}
        if not self.whole:
            self.expect(not held, "documents only, and yet", held)
            return
        files = {"server/config.toml": "config.toml", "server/ssl/cert.pem": "content/ssl/cert.pem",
                 "server/ssl/key.pem": "content/ssl/key.pem", "server/init": "init"}
        files = {member: self.root / path for member, path in files.items() if (self.root / path).exists()}
        self.expect(held == {"server/app.db", *files}, "server's files", held)
        for member, path in files.items():
            self.expect(member in self.opened and self.opened.read(member) == path.read_bytes(), member, "differs")
        self.expect(everything(self.opened.read("server/app.db")) == everything(self.db.serialize()), "server/app.db holds other rows")

    # The manifest

    def manifest(self):
        manifest, opened = self.opened.json("manifest.json"), self.opened
        self.expect(manifest["format"] == "cfms-backup/1", "format", manifest["format"])
        self.expect(manifest["created_by"].startswith("cfms-backup "), "created_by", manifest["created_by"])
        listed = [member["name"] for member in manifest["members"]]
        self.expect(sorted(listed) == sorted(opened.names[:-1]), "the manifest lists other members:", set(listed) ^ set(opened.names[:-1]))
        for member in manifest["members"]:
            name = member["name"]
            if name in opened:
                self.expect(member["size"] == opened.size(name) and member["sha256"] == opened.sha256(name), "the manifest on", name)
            if "/%" in name:
                folder = name.rsplit("/%", 1)[0]
                self.expect(member_name(folder, member.get("file_id", "")) == name, "file_id of", name)
        lacking = [entry["file_id"] for entry in manifest["contents_missing"]]
        self.expect(self.missing <= set(lacking) <= self.missing | self.unused and len(set(lacking)) == len(lacking),
                    "contents_missing", set(lacking) ^ self.missing)
        self.expect(all(entry["code"] and entry["reason"] for entry in manifest["contents_missing"]), "contents_missing without words")
        warned = {warning.get("file_id") for warning in manifest["warnings"]}
        # An upload that never finished loses nothing, so nobody is warned of it.
        active = {id for (id,) in self.db.execute("SELECT id FROM files WHERE active")}
        self.expect(self.missing & active <= warned, "missing and not warned of:", (self.missing & active) - warned)
        schema = hashlib.sha256()
        for (sql,) in self.db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"):
            schema.update(sql.encode() + b"\n")
        self.expect(manifest["server"]["schema_sha256"] == schema.hexdigest(), "schema_sha256")
        has_version = self.db.execute("SELECT COUNT(*) FROM sqlite_master WHERE name = 'alembic_version'").fetchone()[0]
        version = self.db.execute("SELECT version_num FROM alembic_version").fetchone()[0] if has_version else None
        self.expect(manifest["server"]["alembic_version"] == version, "alembic_version", manifest["server"])


def member_name(folder, id):
    """The member that holds the content of an id."""
    parts = id.split("/")
    plain = all(part not in ("", ".", "..") and len(part.encode()) <= 255 for part in parts)
    control = any(ord(c) < 32 or 127 <= ord(c) < 160 for c in id)
    if plain and not control and "\\" not in id and not id.startswith("%"):
        return f"{folder}/{id}"
    return f"{folder}/%{hashlib.sha256(id.encode()).hexdigest()}"


def everything(database):
    """Every row of every table of a database's bytes."""
    db = sqlite3.connect(":memory:")
    db.deserialize(database)
    db.text_factory = bytes
    tables = [name.decode() for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    schema = db.execute("SELECT type, name, sql FROM sqlite_master ORDER BY rowid").fetchall()
    # repr tells every value apart, infinities too.
    return [schema] + [(name, [repr(row) for row in db.execute(f'SELECT rowid, * FROM "{name}" ORDER BY rowid')]) for name in tables]


def main():
    archive, data_dir, scope = sys.argv[1:4]
    comparison = Comparison(archive, data_dir, scope == "whole", sys.argv[4] if len(sys.argv) > 4 else None)
    differences = comparison.run()
    print(json.dumps({"differences": differences, "members": len(comparison.opened.names), "missing": len(comparison.missing)}))
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
