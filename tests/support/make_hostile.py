#!/usr/bin/env python3
"""Writes hostile archives with their keys: `make_hostile.py DIR`, and an index of what each must get.

Every case is a plain tar made by hand and encrypted with openssl. The index, index.json, is a list of
{"name", "verify": [exit codes that are right], "inspect": [...]}: 5 damaged, 4 wrong key, 1 another typed error, 0 sound.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

KEY = "5a" * 32
IV = "c3" * 16
BLOCK = 512

DAMAGED = [5]
READABLE = [0]
# An archive that openssl and tar open too and that nothing condemns; or that is condemned: both are right.
EITHER = [0, 5]


# The pieces of a tar

def octal(number, width):
    return b"%0*o\0" % (width - 1, number)


def header(name, size=0, kind=b"0", link=b"", magic=b"ustar\x0000", size_field=None, checksum=None, tail=b""):
    """One header block with any field forged."""
    name = name if isinstance(name, bytes) else name.encode()
    block = bytearray(BLOCK)
    block[0:min(len(name), 100)] = name[:100]
    block[100:108], block[108:116], block[116:124] = octal(0o600, 8), octal(0, 8), octal(0, 8)
    block[124:136] = size_field if size_field is not None else octal(size, 12)
    block[136:148] = octal(0, 12)
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[157:157 + len(link)] = link
    block[257:265] = magic
    block[345:345 + len(tail)] = tail
    block[148:156] = checksum if checksum is not None else b"%06o\0 " % sum(block)
    return bytes(block)


def padded(data):
    return data + bytes(-len(data) % BLOCK)


def member(name, data=b"", **forged):
    data = data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode()
    return header(name, len(data), **forged) + padded(data)


def pax(records, kind=b"x"):
    """A PAX header of (key, value) pairs, or of raw bytes."""
    if isinstance(records, bytes):
        return member("PaxHeaders/x", records, kind=kind)
    data = b""
    for key, value in records:
        body = b" " + key + b"=" + value + b"\n"
        length = len(body)
        while len(str(length)) + len(body) != length:
            length = len(str(length)) + len(body)
        data += str(length).encode() + body
    return member("PaxHeaders/x", data, kind=kind)


END = bytes(1024)


# A sound little backup

CONTENT = b"the content of a file"


def metadata(**other):
    return {"version": "1.0", "created_at": 1.5, "documents_count": 1, "folders_count": 0, "files_count": 1, **other}


DOCUMENTS = [{"id": "d", "title": "t", "created_time": 1.0, "folder_id": None, "access_rules": [],
              "revisions": [{"id": 1, "document_id": "d", "file_id": "f", "created_time": 1.0}]}]
FILES = [{"id": "f", "sha256": hashlib.sha256(CONTENT).hexdigest(), "path": "./content/files/f", "created_time": 1.0, "active": True}]


def tables(meta=None, documents=DOCUMENTS, folders=(), files=FILES):
    return (member("metadata.json", meta or metadata()) + member("folders.json", list(folders))
            + member("documents.json", documents) + member("files.json", files))


def backup(extra=b"", end=END, content=True):
    return tables() + (member("files/f", CONTENT) if content else b"") + extra + end


def listed(members, **other):
    """A manifest that lists `(name, data)` pairs."""
    entries = [{"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in members]
    return {"format": "cfms-backup/1", "created_by": "cfms-backup 0", "snapshot_at": 1.0,
            "server": {"name": None, "schema_sha256": "0" * 64, "alembic_version": None},
            "members": entries, "contents_missing": [], "warnings": [], **other}


def with_manifest(extra=b"", forge=lambda manifest: manifest, after=b""):
    pairs = [(name, json.dumps(value).encode()) for name, value in
             [("metadata.json", metadata()), ("folders.json", []), ("documents.json", DOCUMENTS), ("files.json", FILES)]]
    pairs.append(("files/f", CONTENT))
    manifest = forge(listed(pairs))
    body = b"".join(member(name, data) for name, data in pairs)
    return body + extra + member("manifest.json", manifest) + after + END


# Every case: name -> (plain tar, exit codes of verify, exit codes of inspect or None for the same)

def cases():
    yield "sound", backup(), READABLE, READABLE
    yield "sound-with-manifest", with_manifest(), READABLE, READABLE
    yield from forged_sizes()
    yield from extensions()
    yield from kinds_and_names()
    yield from shapes()
    yield from bombs_of_json()
    yield from manifests()


def forged_sizes():
    rest = bytes(4096)
    sizes = {
        "8-gib": octal(8 * 2**30 - 1, 12), "binary-2-62": b"\x80" + (2**62).to_bytes(11, "big"),
        "binary-2-63": b"\x80" + (2**63).to_bytes(11, "big"), "binary-2-64": b"\x80" + (2**64).to_bytes(11, "big"),
        "binary-max": b"\x80" + b"\xff" * 11, "binary-negative": b"\xff" * 12, "not-octal": b"99999999999\0",
        "empty": bytes(12), "spaces": b" " * 12, "minus": b"-0000000001\0", "words": b"gigantic!!!\0",
        "wraps-to-small": b"\x80" + (2**64 - 512).to_bytes(11, "big"),
    }
    for name, field in sizes.items():
        fits = [0, 5] if name in ("empty", "spaces") else DAMAGED
        yield f"size-{name}", tables() + header("files/f", size_field=field) + rest + END, fits, fits
        yield f"size-of-metadata-{name}", header("metadata.json", size_field=field) + rest + END, DAMAGED, DAMAGED


def extensions():
    sound = tables()
    for name, records in {
        "size-huge": [(b"size", b"9" * 40)], "size-negative": [(b"size", b"-1")], "size-words": [(b"size", b"many")],
        "size-1-tib": [(b"size", str(2**40).encode())], "size-2-64": [(b"size", str(2**64 + 21).encode())],
    }.items():
        yield f"pax-{name}", sound + pax(records) + member("files/f", CONTENT) + END, DAMAGED, DAMAGED
    for name, raw in {
        "length-huge": b"99999999999999999999 path=x\n", "length-zero": b"0 path=x\n", "length-one": b"1\n",
        "length-negative": b"-5 path=x\n", "no-equals": b"10 abcdef\n", "no-end": b"20 path=x", "binary": bytes(range(256)),
        "empty": b"", "not-utf8": b"15 path=\xff\xfe\xfd\xfc\xfb\n",
    }.items():
        yield f"pax-{name}", sound + pax(raw) + member("files/f", CONTENT) + END, EITHER, EITHER
    yield "pax-forged-512-mib", sound + header("PaxHeaders/x", 512 * 2**20, b"x") + bytes(4096) + END, DAMAGED, DAMAGED
    yield "pax-one-mib-of-records", sound + pax([(b"k%d" % n, b"v" * 90) for n in range(10000)]) + member("files/f", CONTENT) + END, EITHER, EITHER
    yield "pax-headers-without-end", sound + pax([(b"path", b"files/f")]) * 60000 + END, EITHER, EITHER
    yield "pax-global-without-end", sound + pax([(b"path", b"files/f")], b"g") * 60000 + END, EITHER, EITHER
    yield "pax-path-of-60-kib", sound + pax([(b"path", b"p" * 61440)]) + member("files/f", CONTENT) + END, EITHER, EITHER
    yield "pax-last", sound + member("files/f", CONTENT) + pax([(b"path", b"x")]) + END, DAMAGED, EITHER
    yield "name-last", sound + member("files/f", CONTENT) + member("././@LongLink", b"n" * 300, kind=b"L") + END, DAMAGED, EITHER
    yield "name-forged-512-mib", sound + header("././@LongLink", 512 * 2**20, b"L") + bytes(4096) + END, DAMAGED, DAMAGED
    yield "link-forged-512-mib", sound + header("././@LongLink", 512 * 2**20, b"K") + bytes(4096) + END, DAMAGED, DAMAGED
    yield "names-in-a-row", sound + member("././@LongLink", b"n" * 300, kind=b"L") * 60000 + END, EITHER, EITHER
    yield "sparse-1-tib-gnu", sound + header("files/f", 0, b"S", magic=b"ustar  \0", tail=bytes(41) + octal(0, 12) + octal(0, 12) + bytes(72) + b"\0" + b"\x80" + (2**40).to_bytes(11, "big")) + END, DAMAGED, EITHER
    sparse = [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.name", b"files/f"), (b"GNU.sparse.realsize", str(2**40).encode())]
    yield "sparse-1-tib-pax", sound + pax(sparse) + member("GNUSparseFile.0/f", padded(b"1\n0\n0\n")) + END, DAMAGED, EITHER
    yield "sparse-map-of-1e9", sound + pax(sparse) + member("GNUSparseFile.0/f", padded(b"1000000000\n0\n1\n")) + END, DAMAGED, EITHER
    extended = bytes(504) + b"\1" + bytes(7)
    yield "sparse-map-without-end", sound + header("files/f", 0, b"S", magic=b"ustar  \0", tail=bytes(137) + b"\1") + extended * 2000 + END, DAMAGED, EITHER


def kinds_and_names():
    for kind, word in {b"1": "hard-link", b"2": "symlink", b"3": "character-device", b"4": "block-device", b"6": "fifo"}.items():
        yield f"kind-{word}", tables() + header("files/f", 0, kind, link=b"/etc/passwd") + END, DAMAGED, EITHER
        yield f"kind-{word}-metadata", header("metadata.json", 0, kind, link=b"/etc/passwd") + backup()[1024:], DAMAGED, DAMAGED
    yield "kind-unknown", tables() + header("files/f", 0, b"Z") + END, EITHER, EITHER
    for n, name in enumerate(["../../../tmp/cfms-escaped", "/tmp/cfms-escaped", "files/../../../../tmp/cfms-escaped", "..", "/", "./", "",
                              "C:\\Windows\\x", "\\\\host\\share", "files/\x01\x1b[31m", b"\xff\xfe\xfd", "././././metadata.json"]):
        yield f"name-odd-{n}", backup(member(name, b"odd")), EITHER, EITHER


def shapes():
    sound = backup()
    yield "nothing", b"", [1, 4, 5], [1, 4, 5]
    yield "end-only", bytes(10240), DAMAGED, DAMAGED
    yield "no-end", backup(end=b""), DAMAGED, DAMAGED
    yield "half-an-end", backup(end=bytes(512)), DAMAGED, EITHER
    yield "zero-block-in-the-middle", tables() + bytes(512) + member("files/f", CONTENT) + END, DAMAGED, EITHER
    yield "end-in-the-middle", tables() + END + member("files/f", CONTENT) + END, DAMAGED, EITHER
    yield "bytes-after-the-end", sound + b"\x01" * 512, DAMAGED, EITHER
    yield "a-late-byte-after-the-end", sound + bytes(10239) + b"\x01", DAMAGED, EITHER
    yield "cut-within-a-member", sound[:-1024 - 300], DAMAGED, DAMAGED
    yield "cut-at-a-border", tables(), DAMAGED, DAMAGED
    yield "duplicate-metadata", backup(member("metadata.json", metadata(version="1.0"))), DAMAGED, EITHER
    yield "duplicate-content", backup(member("files/f", b"another content")), DAMAGED, EITHER
    yield "duplicate-by-dot", backup(member("./files/f", CONTENT)), DAMAGED, EITHER
    yield "checksum", tables() + header("files/f", len(CONTENT), checksum=b"000000\0 ") + padded(CONTENT) + END, DAMAGED, DAMAGED
    yield "checksum-words", tables() + header("files/f", len(CONTENT), checksum=b"checksum") + padded(CONTENT) + END, DAMAGED, DAMAGED
    yield "fifty-thousand-members", backup(b"".join(header(f"junk/{n}") for n in range(50000))), READABLE, READABLE
    yield "no-metadata", backup()[1024:], DAMAGED, DAMAGED
    yield "members-in-any-order", member("./files/f", CONTENT) + member("./files.json", FILES) + member("./documents.json", DOCUMENTS) + member("./folders.json", []) + member("./metadata.json", metadata()) + END, READABLE, READABLE
    for bytes_ in (1, 15, 16, 17, 31):
        yield f"raw-{bytes_}-bytes", RawFile(bytes(bytes_)), [1, 4, 5], [1, 4, 5]
    yield "raw-hole-of-512-mib-after-a-long-name", Hole(tables() + header("././@LongLink", 512 * 2**20, b"L"), 512 * 2**20), DAMAGED, DAMAGED
    yield "raw-hole-of-300-mib-of-json", Hole(header("documents.json", 300 * 2**20), 300 * 2**20), DAMAGED, DAMAGED
    yield "padding-none", Padding(sound, b""), DAMAGED, EITHER
    yield "padding-zero", Padding(sound, bytes(16)), DAMAGED, EITHER
    yield "padding-17", Padding(sound, b"\x11" * 16), DAMAGED, EITHER
    yield "padding-uneven", Padding(sound, bytes(14) + b"\x02\x03"), DAMAGED, EITHER


def bombs_of_json():
    deep = b"[" * 2_000_000
    yield "deep-documents", tables(documents=deep), DAMAGED, DAMAGED
    yield "deep-metadata", tables(meta=deep), DAMAGED, DAMAGED
    yield "deep-objects", tables(files=b'{"a":' * 1_000_000), DAMAGED, DAMAGED
    # Deep, and well formed.
    rule = b"[" * 100_000 + b"]" * 100_000
    yield "deep-rule", tables(documents=json.dumps(DOCUMENTS).encode().replace(b'"access_rules": []', b'"access_rules": [{"rule_data": ' + rule + b"}]")) + member("files/f", CONTENT) + END, EITHER, [0, 1, 5]
    for count in (10**9, 2**63, 2**64, -1, 1.5, "1", None, float("1e300")):
        yield f"counts-{count}", tables(meta=metadata(documents_count=count)) + member("files/f", CONTENT) + END, DAMAGED, EITHER
    for n, version in enumerate(["2.0", "1.0 ", "", "1", "v" * 1_000_000]):
        yield f"version-{n}", backup().replace(member("metadata.json", metadata()), member("metadata.json", metadata(version=version))), [1], [1]
    for n, version in enumerate([1.0, None, [], {"1.0": "1.0"}]):
        yield f"version-no-text-{n}", backup().replace(member("metadata.json", metadata()), member("metadata.json", metadata(version=version))), [1, 5], [1, 5]
    monster = b'"' + b"m" * (48 * 2**20) + b'"'
    document = json.dumps(DOCUMENTS).encode()
    for field, old in {"title": b'"t"', "id": b'"id": "d"', "key": b'"title"', "file-id": b'"f"'}.items():
        new = b'"id": ' + monster if field == "id" else monster
        yield f"monster-{field}", tables(documents=document.replace(old, new, 1)) + member("files/f", CONTENT) + END, EITHER, EITHER
    yield "monster-version", tables(meta=json.dumps(metadata()).encode().replace(b'"1.0"', monster)) + END, [1, 5], [1, 5]
    yield "monster-number", tables(meta=json.dumps(metadata()).encode().replace(b"1.5", b"1" * (16 * 2**20))) + END, [1, 5], [1, 5]
    yield "monster-number-nobody-reads", tables(files=json.dumps(FILES).encode().replace(b"1.0", b"1" * (64 * 2**20))) + member("files/f", CONTENT) + END, DAMAGED, EITHER
    yield "monster-spaces", tables(documents=b" " * (48 * 2**20) + document) + member("files/f", CONTENT) + END, EITHER, EITHER
    for name, text in {"not-utf8": b'[{"id": "\xff"}]', "two-values": b"[] []", "object": b"{}", "number": b"1", "null": b"null",
                       "empty": b"", "nul": b"\0" * 100, "lone-surrogate": b'[{"id": "\\ud800", "title": "x"}]', "bom": b"\xef\xbb\xbf[]"}.items():
        yield f"json-{name}", tables(documents=text) + member("files/f", CONTENT) + END, DAMAGED, [0, 1, 5]
    yield "infinite-times", tables(documents=document.replace(b"1.0", b"1e999")) + member("files/f", CONTENT) + END, READABLE, READABLE
    yield "one-id-in-many-rows", tables(meta=metadata(documents_count=30_000), documents=DOCUMENTS * 30_000) + member("files/f", CONTENT) + END, DAMAGED, EITHER
    yield "million-empty-rows", tables(documents=b"[" + b",".join([b"{}"] * 200_000) + b"]") + member("files/f", CONTENT) + END, DAMAGED, EITHER
    findings = [{**DOCUMENTS[0], "id": f"d{n}", "folder_id": "gone"} for n in range(30_000)]
    yield "many-findings", tables(meta=metadata(documents_count=len(findings)), documents=findings) + member("files/f", CONTENT) + END, READABLE, READABLE


def manifests():
    def forged(**values):
        return with_manifest(forge=lambda manifest: {**manifest, **values})

    def entries(change):
        return with_manifest(forge=lambda manifest: {**manifest, "members": change(manifest["members"])})

    yield "manifest-promises-more", entries(lambda m: m + [{"name": "files/lost", "size": 1, "sha256": "0" * 64}]), DAMAGED, EITHER
    yield "manifest-promises-less", entries(lambda m: m[:-1]), DAMAGED, EITHER
    yield "manifest-twice", entries(lambda m: m + m[-1:]), EITHER, EITHER
    yield "manifest-other-size", entries(lambda m: m[:-1] + [{**m[-1], "size": 7}]), DAMAGED, EITHER
    yield "manifest-other-sha", entries(lambda m: m[:-1] + [{**m[-1], "sha256": "0" * 64}]), DAMAGED, EITHER
    yield "manifest-no-sha", entries(lambda m: m[:-1] + [{"name": "files/f", "size": len(CONTENT)}]), DAMAGED, EITHER
    yield "manifest-negative-size", entries(lambda m: m[:-1] + [{**m[-1], "size": -1}]), DAMAGED, EITHER
    yield "manifest-members-number", forged(members=7), DAMAGED, EITHER
    yield "manifest-no-json", with_manifest(forge=lambda manifest: b"{"), DAMAGED, EITHER
    yield "manifest-deep", with_manifest(forge=lambda manifest: b"[" * 1_000_000), DAMAGED, EITHER
    yield "manifest-not-last", with_manifest(after=member("files/later", b"x")), DAMAGED, EITHER
    yield "manifest-unlisted-member", with_manifest(extra=member("server/files/x", b"x")), DAMAGED, EITHER
    yield "manifest-two", with_manifest(after=member("manifest.json", listed([]))), DAMAGED, EITHER
    yield "manifest-of-100000", entries(lambda m: m + [{"name": f"files/{n}", "size": 1, "sha256": "0" * 64} for n in range(100_000)]), DAMAGED, EITHER
    yield "manifest-warnings-100000", forged(warnings=[{"code": "missing", "file_id": f"f{n}", "reason": "r" * 50} for n in range(100_000)]), EITHER, EITHER
    long = {text: text[0] * 1000 for text in ("document_id", "title", "path", "reason")}
    told = [{"code": "changed", "file_id": f"{n:01000}", **long} for n in range(4000)]
    lacking = [{"file_id": f"{n:01000}", "code": "missing", "reason": "r" * 1000} for n in range(4000)]
    gone = [{"name": f"files/{n:01000}", "size": 1, "sha256": "0" * 64} for n in range(4000)]
    yield "manifest-long-texts", forged(warnings=told, contents_missing=lacking, members=gone), DAMAGED, EITHER
    yield "manifest-warning-odd", forged(warnings=[7, None, {"code": "no such code", "reason": ["x"]}], contents_missing={"a": 1}), EITHER, EITHER


# Ciphertexts that are not simply an encrypted tar

class RawFile(bytes):
    """The archive's bytes as they are."""


class Hole:
    """A tar whose rest is a hole in the encrypted file: gigantic for the reader, nothing on the disk."""

    def __init__(self, tar, size):
        self.tar, self.size = tar, size


class Padding:
    """A tar with a last block of one's own in the place of PKCS#7 padding."""

    def __init__(self, tar, block):
        self.tar, self.block = tar, block


def encrypted(plain, *options):
    return subprocess.run(["openssl", "enc", "-aes-256-cbc", "-K", KEY, "-iv", IV, *options], input=plain,
                          stdout=subprocess.PIPE, check=True).stdout


def write(path, plain):
    with open(path, "wb") as out:
        if isinstance(plain, RawFile):
            out.write(plain)
            return
        out.write(bytes.fromhex(IV))
        if isinstance(plain, Hole):
            out.write(encrypted(plain.tar, "-nopad"))
            out.truncate(out.tell() + plain.size)
        elif isinstance(plain, Padding):
            out.write(encrypted(plain.tar + plain.block, "-nopad"))
        else:
            out.write(encrypted(plain))


def write_key(path, archive, digest):
    key = {"key": KEY, "algorithm": "AES-256-CBC", "created_at": 1.5, "backup_name": path.stem}
    if digest:
        data = archive.read_bytes()
        key |= {"archive_size": len(data), "archive_sha256": hashlib.sha256(data).hexdigest()}
    path.write_text(json.dumps(key))


def main():
    into = Path(sys.argv[1])
    into.mkdir(parents=True, exist_ok=True)
    index = []
    for n, (name, plain, verify, inspect) in enumerate(cases()):
        archive = into / f"{name}.cfms.enc"
        write(archive, plain)
        # Half of them with a digest that holds: who can write an archive can write its key file, too.
        write_key(into / f"{name}.key", archive, digest=n % 2 == 0 and not isinstance(plain, Hole))
        index.append({"name": name, "verify": verify, "inspect": inspect})
    (into / "index.json").write_text(json.dumps(index))
    print(len(index))


if __name__ == "__main__":
    main()
