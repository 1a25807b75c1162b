#!/usr/bin/env python3
"""Compares the documents of two data directories: `same_documents.py SERVER RESTORED REPORT [--ids]`.

Reads both with sqlite3 and as plain files; REPORT is what `restore --json` printed. Everything that the two databases have
columns for must be the same: folders, documents, revisions, rules by meaning, files and their bytes, and with --ids the
numbers of rows too. A root row of one side stands for NULL on the other. Prints JSON: {"differences": [...], "contents": n}.
"""

import json
import os
import sqlite3
import stat
import sys
from pathlib import Path

from faithful import depth, longest_number

TABLES = {
    "folders": [], "documents": [], "files": ["path"],
    "document_revisions": ["id", "parent_revision_id"],
    "document_access_rules": ["id"], "folder_access_rules": ["id"],
}


def connect(path):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    db.text_factory = lambda raw: raw.decode("utf-8", "replace")
    db.row_factory = sqlite3.Row
    return db


def columns(db, table):
    return {column[1].lower(): column[1] for column in db.execute(f"PRAGMA table_info({table})")}


def meant(name, value, root):
    """A value as it is meant: rules as JSON, the root's id as nothing."""
    if name == "rule_data":
        # An archive has one form for a text that is no JSON and for JSON that is a text, or is nested deeply.
        try:
            data = json.loads(str(value))
            if depth(str(value)) > 100 or longest_number(str(value)) > 512:
                return str(value)
        except ValueError:
            return str(value)
        return data if isinstance(data, str) else json.dumps(data, sort_keys=True)
    if name in ("parent_id", "folder_id") and value == "/" and root:
        return None
    if name == "title" and isinstance(value, bytes):
        return value.hex()
    return value


def objects(db, table, names, root):
    """Rows in the order in which they were made."""
    quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    order = "rowid" if table in ("folders", "documents", "files") else "document_id, created_time, id" if table == "document_revisions" else "id"
    rows = db.execute(f"SELECT {quoted} FROM {table} ORDER BY {order}").fetchall()
    return [tuple(meant(name, value, root) for name, value in zip(names, row)) for row in rows]


def has_root(db):
    return db.execute("SELECT count(*) FROM folders WHERE id = '/' AND name = '/' AND parent_id IS NULL").fetchone()[0] > 0


def compare(server, restored, report, with_ids):
    """What differs, in words."""
    server, restored = Path(server), Path(restored)
    told = json.loads(Path(report).read_text(encoding="utf-8"))
    elsewhere = {content["file_id"]: content["path"] for content in told["relocated"]}
    missing = {content["file_id"] for content in told["missing"]}
    damaged = {content["file_id"] for content in told["damaged"]}
    differences = []
    expect = lambda holds, *what: holds or differences.append(" ".join(str(part)[:300] for part in what))
    old, new = connect(server / "app.db"), connect(restored / told["database"])
    root = has_root(old), has_root(new)
    referenced = {row[0] for row in old.execute("SELECT file_id FROM document_revisions")}
    for table, uncounted in TABLES.items():
        common = [name for name in columns(old, table) if name in columns(new, table)]
        common = [name for name in common if name not in uncounted or (with_ids and name != "path")]
        if not with_ids:
            common = [name for name in common if name != "current_revision_id"]
        before, after = objects(old, table, common, root[0]), objects(new, table, common, root[1])
        if table == "files":
            at = common.index("id")
            before = [row for row in before if row[at] in referenced]
        if table == "folders" and root[0] != root[1]:
            at = common.index("id")
            before, after = ([row for row in rows if row[at] != "/"] for rows in (before, after))
        if not with_ids or table == "files":
            before, after = sorted(before, key=repr), sorted(after, key=repr)
        expect(before == after, "rows of", table, [row for row in before if row not in after][:2], "became",
               [row for row in after if row not in before][:2])
    contents = 0
    for row in new.execute("SELECT id, path FROM files"):
        was = old.execute("SELECT path FROM files WHERE id = ?", (row["id"],)).fetchone()
        path, recorded = row["path"], was["path"] if was else None
        if row["id"] in elsewhere:
            expect(path == "./" + elsewhere[row["id"]], "the told path of", row["id"], path)
        else:
            expect(path == recorded, "the path of", row["id"], path)
        inside = os.path.normpath(path.replace("\\", "/"))
        expect(inside.startswith("content/") and not inside.startswith(("content/ssl/", "content/backups/")), "a path that leads out:", path)
        place = restored / inside
        if row["id"] in missing:
            expect(not place.exists(), "a content that never was:", row["id"])
        elif row["id"] not in damaged:
            source = server / recorded.replace("\\", "/")
            expect(place.is_file() and place.read_bytes() == source.read_bytes(), "the content of", row["id"])
            contents += 1
    problems = [row[0] for row in new.execute("PRAGMA integrity_check")]
    expect(problems == ["ok"] or all(problem.startswith("NULL value") for problem in problems), problems)
    expect((restored / "init").is_file(), "init")
    for folder, folders, files in os.walk(restored):
        for name in folders + files:
            path = os.path.join(folder, name)
            mode = stat.S_IMODE(os.lstat(path).st_mode)
            expect(mode == (0o700 if name in folders else 0o600), "the mode of", path, oct(mode))
            expect(not name.startswith(".cfms-"), "left behind:", name)
    return {"differences": differences, "contents": contents}


if __name__ == "__main__":
    json.dump(compare(*sys.argv[1:4], "--ids" in sys.argv), sys.stdout, ensure_ascii=False, indent=1)
