#!/usr/bin/env python3
"""Stands in for a real server's restore: `real_restore.py ARCHIVE KEY INTO`.

Does what is known of it: decrypts without looking at any digest, takes the members with or without `./` in any order,
reads exactly the names and keys of the format, refuses every version but "1.0", writes a fresh database and the
contents. Prints what it holds then, as JSON.
"""

import hashlib
import json
import sqlite3
import sys
from pathlib import Path

import schemas
from opened import Opened


def restore(archive, key, into):
    """Restores into the new folder `into` and says what it holds."""
    opened, into = Opened(archive, key), Path(into)
    metadata = opened.json("metadata.json")
    if metadata["version"] != "1.0":
        raise ValueError(f"Unsupported backup version: {metadata['version']}")
    (into / "content/restore/files").mkdir(parents=True)
    db = sqlite3.connect(into / "app.db")
    db.executescript(schemas.OLDER)
    counts = {
        "files": _files(db, opened, into),
        "folders": _folders(db, opened),
        "documents": _documents(db, opened),
    }
    db.commit()
    return {
        "result": {"status": "success", "documents_imported": counts["documents"], "folders_imported": counts["folders"],
                   "files_imported": counts["files"], "metadata": metadata},
        **state(db, into),
    }


def _files(db, opened, into):
    rows = opened.json("files.json")
    for n, row in enumerate(rows):
        path = f"./content/restore/files/{row['id']}"
        member = f"files/{row['id']}"
        if member in opened:
            content = into / path
            if content.resolve().is_relative_to(into.resolve()):
                content.parent.mkdir(parents=True, exist_ok=True)
                content.write_bytes(opened.read(member))
        db.execute("INSERT INTO files VALUES (?, ?, ?, ?, ?)", (row["id"], row["sha256"], path, row["created_time"], row["active"]))
    return len(rows)


def _folders(db, opened):
    rows = opened.json("folders.json")
    for row in rows:
        db.execute("INSERT INTO folders VALUES (?, ?, ?, ?)", (row["id"], row["name"], row["created_time"], row["parent_id"]))
        for rule in row["access_rules"]:
            db.execute("INSERT INTO folder_access_rules (access_type, folder_id, rule_data) VALUES (?, ?, ?)",
                       (rule["access_type"], row["id"], json.dumps(rule["rule_data"])))
    return len(rows)


def _documents(db, opened):
    rows = opened.json("documents.json")
    for row in rows:
        db.execute("INSERT INTO documents VALUES (?, ?, ?, ?)", (row["id"], row["title"], row["created_time"], row["folder_id"]))
        for rule in row["access_rules"]:
            db.execute("INSERT INTO document_access_rules (access_type, document_id, rule_data) VALUES (?, ?, ?)",
                       (rule["access_type"], row["id"], json.dumps(rule["rule_data"])))
        for revision in row["revisions"]:
            db.execute("INSERT INTO document_revisions (document_id, file_id, created_time) VALUES (?, ?, ?)",
                       (row["id"], revision["file_id"], revision["created_time"]))
    return len(rows)


def state(db, root):
    """What a server holds, as far as a backup of documents carries it."""
    rows = lambda sql: [list(row) for row in db.execute(sql)]
    files = {}
    for id, sha256, path, created_time, active in db.execute("SELECT id, sha256, path, created_time, active FROM files ORDER BY id"):
        content = Path(root) / path.replace("\\", "/")
        try:
            held = content.read_bytes() if content.is_file() else None
        except (OSError, ValueError):
            held = None
        files[id] = {"sha256_db": sha256, "active": active, "created_time": created_time,
                     "size": None if held is None else len(held),
                     "sha256_disk": None if held is None else hashlib.sha256(held).hexdigest()}
    return {
        "folders": rows("SELECT id, name, created_time, parent_id FROM folders ORDER BY id"),
        "documents": rows("SELECT id, title, created_time, folder_id FROM documents ORDER BY id"),
        "revisions": rows("SELECT document_id, file_id, created_time FROM document_revisions ORDER BY document_id, created_time, file_id"),
        "document_rules": rules(rows("SELECT document_id, access_type, rule_data FROM document_access_rules")),
        "folder_rules": rules(rows("SELECT folder_id, access_type, rule_data FROM folder_access_rules")),
        "files": files,
    }


def rules(rows):
    """Rules by meaning: servers write the same JSON in more than one way, and SQLite keeps a bare number as one."""
    meant = [[owner, kind, json.dumps(json.loads(str(data)), sort_keys=True)] for owner, kind, data in rows]
    return sorted(meant, key=str)


def compare(expected_path, restored):
    """Compares with what a real server answered to the same archive."""
    expected = json.loads(Path(expected_path).read_text(encoding="utf-8"))
    differences = []
    for table in ("folders", "documents", "revisions"):
        if sorted(expected[table]) != sorted(restored[table]):
            differences.append(f"{table} differ")
    for table in ("document_rules", "folder_rules"):
        if rules(expected[table]) != restored[table]:
            differences.append(f"{table} differ")
    for id in sorted(set(expected["files"]) | set(restored["files"])):
        want = {key: value for key, value in expected["files"].get(id, {}).items() if key != "path"}
        if want != restored["files"].get(id):
            differences.append(f"file {id} differs: {restored['files'].get(id)} for {want}")
    counts = ("documents_imported", "folders_imported", "files_imported")
    differences += [f"{name} differs" for name in counts if expected["result"][name] != restored["result"][name]]
    return differences


def main():
    archive, key, into = sys.argv[1:4]
    restored = restore(archive, key, into)
    expected = sys.argv[4] if len(sys.argv) > 4 else None
    differences = compare(expected, restored) if expected else []
    print(json.dumps({"differences": differences, "result": restored["result"]}))
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
