#!/usr/bin/env python3
"""Builds data directories of CFMS servers for the proofs: `make_server.py KIND DIR`.

awkward   the older schema with everything that a real database may hold and that a hasty tool trips over
later     a later schema: root folder `/`, `inherit`, `status`, avatars without a revision, columns nobody knows
small     a few documents and contents, nothing odd
misfits   a later server whose values are not of their columns' types
bulk      64 MiB of contents, so that a backup of it takes long enough to be interrupted
"""

import hashlib
import json
import os
import random
import sqlite3
import sys
from pathlib import Path

import schemas

CONFIG = """[server]
name = "{name}"
host = "127.0.0.1"
port = 5104
secret_key = "server-secret-of-the-tests"
ssl_keyfile = "./content/ssl/key.pem"
ssl_certfile = "./content/ssl/cert.pem"

[database]
type = "sqlite"
file = "app.db"

[security]
pepper = "pepper-of-the-tests"
"""

KINDS = {}


def kind(build):
    """Registers a builder under its name."""
    KINDS[build.__name__] = build
    return build


class Server:
    """A data directory under construction."""

    def __init__(self, root, schema=schemas.OLDER, name="Test server 测试"):
        self.root = Path(root)
        (self.root / "content" / "files").mkdir(parents=True)
        (self.root / "content" / "ssl").mkdir()
        (self.root / "config.toml").write_text(CONFIG.format(name=name), encoding="utf-8")
        (self.root / "content" / "ssl" / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nbm90IG9uZQ==\n-----END PRIVATE KEY-----\n")
        (self.root / "content" / "ssl" / "cert.pem").write_text("-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n")
        (self.root / "init").write_text("")
        self.db = sqlite3.connect(self.root / "app.db")
        self.db.executescript(schema)
        self._serial = 0

    def row(self, table, **values):
        """Inserts one row."""
        columns = ", ".join('"' + name.replace('"', '""') + '"' for name in values)
        marks = ", ".join("?" * len(values))
        self.db.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(values.values()))

    def user(self, username, **extra):
        """Inserts a user of the older schema."""
        salt = "salt"
        self.row("users", username=username, pass_hash=hashlib.sha256(b"password" + salt.encode()).hexdigest(), salt=salt,
                 passwd_last_modified=1795423000.5, created_time=1795423000.25, **extra)

    def folder(self, id, name, parent=None, time=1795423223.498213, **extra):
        """Inserts a folder."""
        self.row("folders", id=id, name=name, created_time=time, parent_id=parent, **extra)

    def document(self, id, title, folder=None, time=1795423225.2374477, **extra):
        """Inserts a document."""
        self.row("documents", id=id, title=title, created_time=time, folder_id=folder, **extra)

    def revision(self, document, file, time=1795423225.2384672, **extra):
        """Inserts a revision."""
        self.row("document_revisions", document_id=document, file_id=file, created_time=time, **extra)

    def file(self, id, content=None, path=None, sha256="right", time=1795423225.2380247, active=1, at=None, **extra):
        """Inserts a file; its content, unless None, is written to where `path` says, or to `at`."""
        self._serial += 1
        if path is None:
            path = f"./content/files/2026/11/{self._serial:08x}"
        if sha256 == "right":
            sha256 = hashlib.sha256(content or b"").hexdigest()
        self.row("files", id=id, sha256=sha256, path=path, created_time=time, active=active, **extra)
        if content is not None:
            where = Path(at) if at else self.root / path.replace("\\", "/")
            where.parent.mkdir(parents=True, exist_ok=True)
            where.write_bytes(content)

    def close(self):
        """Commits."""
        self.db.commit()
        self.db.close()


RULES = [
    '{"match": "all", "match_groups": [{"match": "all", "groups": {"match": "any", "require": ["sysop"]}}]}',
    "{}",
    "[]",
    "",
    "this is no JSON",
    '{"unfinished": ',
    '{"a": 1} trailing',
    '"a string"',
    "null",
    "true",
    "17",
    "1e5",
    "NaN",
    '{"n": NaN}',
    '{"n": [Infinity, -Infinity]}',
    '{"twice": 1, "twice": 2, "twice": {"twice": 3}}',
    '{"z": 1, "a": 2, "": 3}',
    '{"escaped": "\\u4e2d\\u6587 \\ud83d\\ude00 \\u0041 \\/ \\b\\f\\n\\r\\t \\" \\\\ \\u0000 \\u001f \\u007f \\u2028"}',
    '{"lone": "\\ud800", "reversed": "\\udc00\\ud800", "half": "\\ud83dx"}',
    '{"direct": "中文 é 😀"}',
    '{"big": 123456789012345678901234567890, "negative": -0, "minus zero": -0.0, "e": 1E+400, "long": 0.1000000000000000055511151231257827, "exp": 1.0e-7}',
    '  {  "spaced"\n:\t[ 1 ,2,\r\n3 ] }  ',
    '{"empty": {}, "list": [], "nested": [[], [{}], {"x": []}]}',
    "[" * 50 + "]" * 50,
    "[" * 99 + "1" + "]" * 99,
    "[" * 150 + "]" * 150,
    '{"a":' * 150 + "1" + "}" * 150,
    '{"long": "' + "长" * 40000 + '"}',
    "[01]",
    "['single']",
    '{"tab": "\t"}',
    "\ufeff{}",
    '{"a": 1,}',
    "// {}",
    '{"digits": ' + "1" * 512 + "}",
    '{"endless": ' + "1" * 513 + "}",
    "[0." + "1" * 2000 + "]",
]

TITLES = [
    'quotes " and \' and ` and “ ”',
    "line\nbreak\r\nand\ttab",
    "中文标题：预算（2026年）",
    "slash / and \\ and : and *",
    "../../etc/passwd",
    "\x00\x01\x1b[31mred\x1b[0m\x7f",
    "\u202egnp.exe",
    "😀 emoji and e\u0301 combining and \u2028 separator",
    "",
    " ",
    "x" * 255,
    "字" * 255,
    "'; DROP TABLE documents; --",
    "<b>&amp;</b> %s %d {} {{}} $HOME `id`",
]

FLOATS = [5.0, 0.0, -0.0, 1e16, 1e-5, 1e15, 123456789012345680.0, 0.0001, 1e22, 1e23, 5e-324, 1.7976931348623157e308,
          float("inf"), float("-inf"), 1795423223.498213, 0.1, 1 / 3, 2.0**53, -1.5, 100000.0, 1e100]

ODD_IDS = [
    "L" * 255,
    "é" * 127,
    "hello",
    "with/slash",
    "../up",
    "a/../../b",
    "..",
    ".",
    "./dot",
    "/absolute",
    "trailing/",
    "double//slash",
    "%41",
    "%",
    "100%",
    "back\\slash",
    "C:\\Windows",
    "new\nline",
    "nul\x00byte",
    "中文 id",
    "quote\"'",
    " space ",
    "-rf",
    "*",
    "x" * 200 + "/" + "y" * 54,
    "CON",
    "a" * 100,
    "a" * 101,
]


@kind
def small(root):
    """A few documents, nothing odd."""
    server = Server(root)
    server.user("admin", nickname="Admin")
    server.folder("f1", "Projects")
    server.folder("f2", "合同", "f1")
    for n in range(6):
        server.document(f"d{n}", f"Document {n} 文档", ["f1", "f2", None][n % 3])
        server.file(f"file{n}", f"content {n}\n".encode() * (n * 700 + 1))
        server.revision(f"d{n}", f"file{n}")
    server.row("document_access_rules", access_type="read", document_id="d0", rule_data=RULES[0])
    server.close()


@kind
def bulk(root):
    """64 MiB in 24 contents."""
    server = Server(root)
    server.user("admin")
    source = random.Random(64)
    for n in range(24):
        server.document(f"d{n}", f"Large {n}")
        server.file(f"file{n}", source.randbytes(64 * 1024 * 1024 // 24 + n))
        server.revision(f"d{n}", f"file{n}")
    server.close()


@kind
def awkward(root):
    """Everything that a real database may hold and that a hasty tool trips over."""
    server = Server(root)
    source = random.Random(20260101)
    _users(server)
    _odd_rows(server, source)
    _odd_files(server, source)
    server.close()


def _users(server):
    server.user("admin", nickname="管理员", secret_key="k" * 32, last_login=1795423999.0)
    server.user("O'Brien \"x\"")
    server.row("user_groups", group_name="sysop", group_display_name="System operators")
    server.row("group_permissions", group_name="sysop", permission="manage_system", granted=1, start_time=0.0, end_time=None)
    server.row("user_memberships", username="admin", group_name="sysop", start_time=0.0, end_time=None)
    server.row("object_access_entries", entity_type="user", entity_identifier="admin", target_type="document",
               target_identifier="t0", access_type="read", start_time=0.0, end_time=None)
    server.row("audit_entries", id="a1", action="login", username="admin", data='{"x": 1}', result=0, logged_time=1.5)


def _odd_rows(server, source):
    # The child comes before its parent, and a ring of folders before either.
    server.folder("child", "child before parent", "parent")
    server.folder("parent", "parent")
    server.folder("ring1", "ring", "ring2")
    server.folder("ring2", "ring", "ring1")
    server.folder("lost", "its parent is gone", "no such folder")
    server.folder("", "an empty id")
    parent = None
    for depth in range(120):
        server.folder(f"deep{depth}", f"depth {depth}", parent)
        parent = f"deep{depth}"
    for n, title in enumerate(TITLES):
        server.folder(f"named{n}", title, "parent")
        server.document(f"t{n}", title, f"named{n}")
    for n, number in enumerate(FLOATS):
        server.document(f"float{n}", f"created at {number!r}", "parent", number)
    server.document("no revision", "a document without a revision")
    server.document("folder is gone", "its folder is gone", "no such folder")
    for n, rule in enumerate(RULES):
        server.row("document_access_rules", access_type=["read", "write", "move", "manage"][n % 4], document_id="t0", rule_data=rule)
        server.row("folder_access_rules", access_type="read", folder_id="parent", rule_data=rule)
    server.row("folder_access_rules", access_type="read", folder_id=None, rule_data=RULES[0])
    server.row("folder_access_rules", access_type="read", folder_id="no such folder", rule_data=RULES[17])
    server.row("document_access_rules", access_type="odd", document_id="no such document", rule_data=RULES[15])
    # Rules of one object lie apart and out of order; ids have gaps.
    for n in source.sample(range(1000, 9000), 50):
        server.row("document_access_rules", id=n, access_type="read", document_id=f"t{n % 5}", rule_data=f'{{"n": {n}}}')


def _odd_files(server, source):
    server.file("shared", b"one content, two documents")
    server.document("shares1", "shares")
    server.document("shares2", "shares too")
    server.revision("shares1", "shared")
    server.revision("shares2", "shared")
    # Many revisions, written in any order, two of one moment, one of another document's file twice.
    server.document("history", "with a history")
    for n in source.sample(range(40), 40):
        server.file(f"rev{n}", f"revision {n}".encode())
        server.revision("history", f"rev{n}", 1795423000.0 + n // 2)
    server.revision("history", "shared", float("inf"))
    server.file("orphan revision", b"only an orphan revision points here")
    server.revision("no such document", "orphan revision")
    server.revision("no such document", "no such file", 1.0)
    server.document("file is gone", "its file has no row")
    server.revision("file is gone", "no such file")
    cases = [
        ("null sha", dict(content=b"unhashed", sha256=None)),
        ("wrong sha", dict(content=b"other bytes", sha256="0" * 64)),
        ("upper sha", dict(content=b"upper", sha256=hashlib.sha256(b"upper").hexdigest().upper())),
        ("odd sha", dict(content=b"odd", sha256="not hex")),
        ("empty", dict(content=b"")),
        ("inactive", dict(content=b"half an upl", active=0)),
        ("inactive and missing", dict(content=None, active=0)),
        ("missing", dict(content=None)),
        ("active 7", dict(content=b"seven", active=7)),
        ("size 511", dict(content=b"a" * 511)),
        ("size 512", dict(content=b"b" * 512)),
        ("size 513", dict(content=b"c" * 513)),
        ("zeros", dict(content=bytes(20480))),
        ("a tar within", dict(content=(b"metadata.json" + bytes(500)) * 3)),
        ("large", dict(content=source.randbytes(300_001))),
        ("no dot", dict(content=b"no dot", path="content/files/plain")),
        ("backslashes", dict(content=b"windows", path=".\\content\\files\\win\\dows")),
        ("absolute", dict(content=b"absolute", path=str(server.root.resolve() / "content/files/absolute"), at=server.root / "content/files/absolute")),
        ("double slash", dict(content=b"double", path=".//content//files///double", at=server.root / "content/files/double")),
        ("chinese path", dict(content=b"chinese", path="./content/files/文件 夹/内容.bin")),
        ("empty path", dict(content=None, path="")),
        ("path of a folder", dict(content=None, path="./content/files")),
        ("path with nul", dict(content=None, path="./content/files/a\x00b")),
        ("very long path", dict(content=None, path="./content/files/" + "p" * 5000)),
    ] + [(id, dict(content=f"content of odd id {n}".encode(), sha256=None)) for n, id in enumerate(ODD_IDS)]
    for n, (id, how) in enumerate(cases):
        server.file(id, **how)
        server.document(f"doc of case {n}", f"case {id!r}")
        server.revision(f"doc of case {n}", id)
    server.file("without revision", b"an upload that nobody published")
    server.file("../without revision", b"the same with an odd id")
    server.file("without revision or content", None)
    # Rows whose ids differ in the last byte alone, or in case.
    for id in ("Case", "case ", "cas\u0065\u0301"):
        server.file(id, id.encode())
        server.revision("history", id, 5.0)


@kind
def later(root):
    """A later schema: root folder `/`, `inherit`, `status`, an avatar, columns that nobody knows."""
    server = Server(root, schemas.LATER, "Later server")
    server.row("alembic_version", version_num="4f2c9a7d1b3e")
    server.row("users", username="admin", pass_hash="$argon2id$v=19$…", passwd_last_modified=1.0, avatar_id="avatar",
               created_time=1.0, status=0, totp_enabled=1, totp_secret="JBSWY3DPEHPK3PXP")
    server.row("keyrings", id="k", username="admin", dek=bytes(range(256)))
    server.folder("/", "/", None, inherit=1, status=0)
    server.folder("secret", "does not inherit", "/", inherit=0, status=0)
    server.folder("deleted", "deleted but kept", "secret", inherit=1, status=1, status_operation_id="op")
    for n in range(8):
        server.document(f"d{n}", f"文档 {n}", ["/", "secret", "deleted"][n % 3], current_revision_id=n * 2 + 2,
                        inherit=n % 2, status=n % 3, sticker=[None, b"", b"\x00\xff\x80"][n % 3],
                        weight=[None, 1.0, 1e-7, 1e21][n % 4])
        for revision in range(2):
            server.file(f"file{n}-{revision}", os.urandom(100 * n), path=f"content/files/{n}/{revision}", **{'odd column "名"': f"odd {n}"})
            server.revision(f"d{n}", f"file{n}-{revision}", 100.0 + revision, parent_revision_id=[None, n * 2 + 1][revision], status=0)
        server.row("document_access_rules", access_type="read", document_id=f"d{n}", rule_data=RULES[n], note=f"note {n}")
    server.row("folder_access_rules", access_type="read", folder_id="secret", rule_data=RULES[0])
    server.row("document_access_rules", access_type="read", document_id="gone", rule_data="{}", note="orphan")
    server.file("avatar", b"\x89PNG of an avatar", path="content/avatars/admin")
    server.file("not uploaded", None, path="content/files/never", active=0)
    server.close()


@kind
def misfits(root):
    """A later server with values that are not of their columns' types, which SQLite allows, and text that is not UTF-8."""
    later(root)
    db = sqlite3.connect(Path(root) / "app.db")
    db.execute("UPDATE documents SET inherit = 2, status = 'text' WHERE id = 'd1'")
    db.execute("UPDATE documents SET title = CAST(X'61FF62C328' AS TEXT) WHERE id = 'd2'")
    db.execute("UPDATE documents SET title = X'0001' WHERE id = 'd3'")
    db.execute("UPDATE folders SET created_time = 17 WHERE id = 'secret'")
    db.commit()
    db.close()


def many_files(root, count, size, seed=1):
    """`count` documents with a content of `size` bytes each; of a large one the blocks repeat."""
    server = Server(root)
    server.user("admin")
    source = random.Random(seed)
    block = source.randbytes(min(size, 1024 * 1024)) if size else b""
    for n in range(count):
        path = f"./content/files/{n // 1000:04d}/{n:08d}"
        server.row("files", id=f"{n:064x}", sha256=None, path=path, created_time=1.5, active=1)
        server.document(f"{n:064x}", f"Document {n}")
        server.revision(f"{n:064x}", f"{n:064x}")
        where = server.root / path
        where.parent.mkdir(exist_ok=True)
        with open(where, "wb") as out:
            head = n.to_bytes(8, "big")
            written = 0
            while written < size:
                part = (head + block[8:])[:size - written]
                out.write(part)
                written += len(part)
    server.close()


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in KINDS:
        sys.exit(__doc__)
    KINDS[sys.argv[1]](sys.argv[2])


if __name__ == "__main__":
    main()
