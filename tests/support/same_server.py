#!/usr/bin/env python3
"""Compares a restored data directory with the server that was backed up: `same_server.py SERVER RESTORED REPORT`.

Reads both with sqlite3 and as plain files; REPORT is what `restore --json` printed, for the contents that it says went
elsewhere or were never held. Prints JSON: {"differences": [...], "contents": n}.
"""

import json
import os
import sqlite3
import stat
import sys
from pathlib import Path


def rows(db, table):
    """All rows with their numbers, as SQLite holds them."""
    try:
        return db.execute(f'SELECT rowid, * FROM "{table}" ORDER BY rowid').fetchall()
    except sqlite3.OperationalError:
        return db.execute(f'SELECT * FROM "{table}"').fetchall()


def connect(path):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    db.text_factory = bytes
    return db


def compare(server, restored, report):
    """What differs, in words."""
    server, restored = Path(server), Path(restored)
    told = json.loads(Path(report).read_text(encoding="utf-8"))
    elsewhere = {content["file_id"]: content["path"] for content in told["relocated"]}
    missing = {content["file_id"] for content in told["missing"]}
    differences = []
    expect = lambda holds, *what: holds or differences.append(" ".join(str(part)[:300] for part in what))

    old, new = connect(server / "app.db"), connect(restored / told["database"])
    schema = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid"
    expect(old.execute(schema).fetchall() == new.execute(schema).fetchall(), "the schema")
    for (name,) in old.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        table = name.decode()
        if table != "files":
            expect(rows(old, table) == rows(new, table), "rows of", table)
    paths = []
    columns = [column[1] for column in old.execute("PRAGMA table_info(files)")]
    at, id_at = columns.index(b"path"), columns.index(b"id")
    before, after = (db.execute("SELECT * FROM files ORDER BY rowid").fetchall() for db in (old, new))
    expect(len(before) == len(after), "rows of files")
    for was, now in zip(before, after):
        file_id = str(was[id_at].decode("utf-8", "replace") if isinstance(was[id_at], bytes) else was[id_at])
        same = [value for n, value in enumerate(was) if n != at] == [value for n, value in enumerate(now) if n != at]
        expect(same, "the row of file", file_id)
        path = now[at].decode("utf-8", "replace") if isinstance(now[at], bytes) else str(now[at])
        if file_id in elsewhere:
            expect(path == "./" + elsewhere[file_id], "the told path of", file_id)
        else:
            expect(was[at] == now[at], "the path of", file_id)
        inside = os.path.normpath(path.replace("\\", "/"))
        expect(not inside.startswith(("/", "..")) and inside.startswith("content/"), "a path that leads out:", path)
        place = restored / inside
        if file_id in missing:
            expect(not place.exists(), "a content that never was:", file_id)
            continue
        recorded = was[at].decode("utf-8", "replace") if isinstance(was[at], bytes) else str(was[at])
        source = server / recorded.replace("\\", "/")
        expect(place.is_file() and place.read_bytes() == source.read_bytes(), "the content of", file_id)
        paths.append(place)
    for name in ("config.toml", "content/ssl/key.pem", "content/ssl/cert.pem"):
        if (server / name).is_file() and not told["mended"]:
            expect((restored / name).read_bytes() == (server / name).read_bytes(), name)
    expect((restored / "init").is_file(), "init")
    for folder, folders, files in os.walk(restored):
        for name in folders:
            mode = stat.S_IMODE(os.lstat(os.path.join(folder, name)).st_mode)
            expect(mode == 0o700, "the mode of", os.path.join(folder, name), oct(mode))
            expect(not name.startswith(".cfms-"), "left behind:", name)
        for name in files:
            mode = stat.S_IMODE(os.lstat(os.path.join(folder, name)).st_mode)
            expect(mode == 0o600, "the mode of", os.path.join(folder, name), oct(mode))
    return {"differences": differences, "contents": len(paths)}


if __name__ == "__main__":
    json.dump(compare(*sys.argv[1:]), sys.stdout, ensure_ascii=False, indent=1)
