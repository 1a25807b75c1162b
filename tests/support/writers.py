#!/usr/bin/env python3
"""Servers at work and servers that died, for the proofs.

writers.py busy DIR MODE MIB      makes a server with a ledger and MIB of ballast, says "ready", then commits ten times a
                                  second until its input ends; prints JSON: commits, the longest wait, refusals
writers.py check ARCHIVE          says whether an archive holds one moment's state of such a ledger; prints JSON: tick
writers.py crashed DIR MODE       dies in the middle of a transaction whose pages are on disk already, after one that is
                                  committed. MODE: delete (a hot journal is left), wal (an unmerged -wal is left)
"""

import json
import os
import select
import signal
import sqlite3
import sys
import time
from pathlib import Path

from make_server import Server
from opened import Opened

KEPT = 60


def busy(root, mode, mebibytes):
    """Commits ten times a second. Every commit touches all tables, so that two moments cannot be mixed unseen."""
    _ledger(root, mode, mebibytes)
    # As a server does: five seconds for a lock, then it gives up.
    db = sqlite3.connect(Path(root) / "app.db", timeout=5, isolation_level=None)
    db.execute("PRAGMA synchronous = NORMAL" if mode == "wal" else "PRAGMA synchronous = FULL")
    print("ready", flush=True)
    waits, refusals, tick = [0.0], [], 0
    due = time.monotonic()
    while not select.select([sys.stdin], [], [], max(0, due - time.monotonic()))[0]:
        due = time.monotonic() + 0.1
        began = time.monotonic()
        try:
            _commit(db, tick + 1)
            tick += 1
        except sqlite3.OperationalError as refusal:
            refusals.append(str(refusal))
            if db.in_transaction:
                db.execute("ROLLBACK")
        waits.append(time.monotonic() - began)
    print(json.dumps({"commits": tick, "longest_wait": max(waits), "refusals": refusals}))


def _ledger(root, mode, mebibytes):
    server = Server(root)
    server.db.execute(f"PRAGMA journal_mode = {mode}")
    server.user("admin")
    server.folder("ledger", "tick 0")
    server.document("ledger", "tick 0", "ledger")
    server.row("document_access_rules", access_type="read", document_id="ledger", rule_data='{"tick": 0}')
    server.file("content", b"the content of every tick")
    server.db.execute("CREATE TABLE ballast (id INTEGER PRIMARY KEY, bytes BLOB)")
    for n in range(mebibytes):
        server.db.execute("INSERT INTO ballast VALUES (?, randomblob(1048576))", (n,))
        server.db.commit()
    server.close()


def _commit(db, tick):
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE folders SET name = ? WHERE id = 'ledger'", (f"tick {tick}",))
    db.execute("UPDATE documents SET title = ? WHERE id = 'ledger'", (f"tick {tick}",))
    db.execute("UPDATE document_access_rules SET rule_data = ? WHERE document_id = 'ledger'", (json.dumps({"tick": tick}),))
    db.execute("INSERT INTO documents VALUES (?, ?, ?, 'ledger')", (f"tick{tick}", f"tick {tick}", float(tick)))
    db.execute("INSERT INTO document_revisions (document_id, file_id, created_time) VALUES (?, 'content', ?)", (f"tick{tick}", float(tick)))
    db.execute("DELETE FROM documents WHERE id = ?", (f"tick{tick - KEPT}",))
    db.execute("DELETE FROM document_revisions WHERE document_id = ?", (f"tick{tick - KEPT}",))
    db.execute("UPDATE users SET nickname = ? WHERE username = 'admin'", (f"tick {tick}",))
    db.execute("COMMIT")


def check(archive):
    """The tick whose state an archive holds; an AssertionError where it holds no single one."""
    opened = Opened(archive)
    folders, documents = opened.json("folders.json"), opened.json("documents.json")
    held = {document["id"]: document for document in documents}
    tick = int(folders[0]["name"].split()[1])
    assert held["ledger"]["title"] == f"tick {tick}", "folder and document are of two moments"
    assert held["ledger"]["access_rules"][0]["rule_data"] == {"tick": tick}, "the rule is of another moment"
    ticks = range(max(1, tick - KEPT + 1), tick + 1)
    assert set(held) == {"ledger"} | {f"tick{n}" for n in ticks}, "the documents are of another moment"
    for n in ticks:
        assert [revision["file_id"] for revision in held[f"tick{n}"]["revisions"]] == ["content"], "a revision is lost"
    assert opened.json("metadata.json")["documents_count"] == len(documents), "the count is of another moment"
    db = sqlite3.connect(":memory:")
    db.deserialize(opened.read("server/app.db"))
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",), "the stored database is damaged"
    assert db.execute("SELECT nickname FROM users").fetchone() == (f"tick {tick}" if tick else None,), "the stored database is of another moment"
    assert db.execute("SELECT COUNT(*) FROM documents").fetchone() == (len(documents),), "the stored database is of another moment"
    return {"tick": tick}


def crashed(root, mode):
    """Dies in the middle of a transaction, its pages already on disk."""
    server = Server(root)
    server.user("admin")
    for n in range(3000):
        server.document(f"d{n}", "committed " + "x" * 150)
        server.file(f"f{n}", None if n else b"content")
        server.revision(f"d{n}", f"f{n}")
    server.close()
    db = sqlite3.connect(Path(root) / "app.db", isolation_level=None)
    db.execute(f"PRAGMA journal_mode = {mode}")
    db.execute("PRAGMA wal_autocheckpoint = 0")
    # In WAL mode this commit lies in the -wal alone, in the other it is merged.
    db.execute("UPDATE documents SET title = 'later committed ' || substr(title, 11) WHERE rowid % 2")
    # So small that the pages of the open transaction go to the disk before it ends.
    db.execute("PRAGMA cache_size = 5")
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE documents SET title = 'UNCOMMITTED ' || substr(title, 13)")
    db.execute("DELETE FROM documents WHERE rowid > 2000")
    db.execute("INSERT INTO folders VALUES ('uncommitted', 'UNCOMMITTED', 1.0, NULL)")
    os.kill(os.getpid(), signal.SIGKILL)


def main():
    verb, *arguments = sys.argv[1:]
    if verb == "busy":
        busy(arguments[0], arguments[1], int(arguments[2]))
    elif verb == "check":
        print(json.dumps(check(arguments[0])))
    elif verb == "crashed":
        crashed(*arguments)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
