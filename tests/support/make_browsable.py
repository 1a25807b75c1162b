#!/usr/bin/env python3
"""Builds servers whose backups are looked through in the window.

make_browsable.py many DIR COUNT     COUNT documents, half of them in one folder, the others in a hundred
make_browsable.py previews DIR PORT  contents that would run or ask port PORT for something if a preview let them
"""

import struct
import sys
import zlib

from make_server import Server


def many(root, count):
    """Documents with a small content each."""
    server = Server(root)
    server.folder("large", "All in one")
    folders = [f"f{n:03}" for n in range(100)]
    for n, folder in enumerate(folders):
        server.folder(folder, f"Folder {n:03}", None if n < 50 else folders[n - 50])
    for n in range(int(count)):
        folder = "large" if n % 2 else folders[n // 2 % 100]
        server.document(f"{n:032x}", f"Document {n:06}", folder)
        path = f"./content/files/{n // 1000:04}/{n:08}"
        server.file(f"{n:032x}", b"%08d" % n, path=path)
        server.revision(f"{n:032x}", f"{n:032x}")
    server.close()


def previews(root, port):
    """Twenty and some hostile contents, each with a title of its own."""
    server = Server(root)
    for n, content in enumerate(hostile(int(port))):
        server.document(f"d{n:02}", f"preview {n:02}")
        server.file(f"c{n:02}", content)
        server.revision(f"d{n:02}", f"c{n:02}")
    server.close()


def hostile(port):
    """The contents."""
    at = f"http://127.0.0.1:{port}"
    run = f"parent.ran=1;top.ran=1;fetch('{at}/run');new Image().src='{at}/img'"
    script = f"<script>{run}</script>"
    picture = _png(2, 2)
    return [
        f"<!doctype html><html><body>{script}</body></html>".encode(),
        f"<img src={at}/a><img src=x onerror=\"{run}\">".encode(),
        f"<meta http-equiv=refresh content='0;url={at}/refresh'>".encode(),
        f"<svg xmlns='http://www.w3.org/2000/svg' onload=\"{run}\"/>".encode(),
        f"<svg xmlns='http://www.w3.org/2000/svg'><script>{run}</script><image href='{at}/i'/></svg>".encode(),
        f"<?xml version='1.0'?><?xml-stylesheet href='{at}/s'?><!DOCTYPE a [<!ENTITY e SYSTEM '{at}/e'>]><a>&e;</a>".encode(),
        f"</pre></body></html>{script}".encode(),
        f"</textarea></title></style>--></pre><img src={at}/b>".encode(),
        f"<iframe srcdoc=\"&lt;script>{run}&lt;/script>\"></iframe><iframe src='{at}/f'></iframe>".encode(),
        f"<style>@import '{at}/css'; body {{ background: url({at}/bg) }}</style>".encode(),
        f"<link rel=stylesheet href={at}/l><link rel=preconnect href={at}><link rel=prefetch href={at}/p>".encode(),
        f"<base href={at}/><video src=v autoplay></video><object data=o></object><embed src=e>".encode(),
        f"<a href=\"javascript:{run}\" autofocus onfocus=\"{run}\">x</a><form action={at}><input autofocus></form>".encode(),
        f"+ADw-script+AD4-{run}+ADw-/script+AD4-".encode(),
        f"\ufeff{script}".encode("utf-16"),
        f"%PDF-1.4\n1 0 obj<</OpenAction<</S/URI/URI({at}/pdf)>>>>endobj\n{script}".encode(),
        picture + script.encode(),
        _png(2, 2, (b"tEXt", b"Comment\0" + script.encode())),
        b"GIF89a/*\x2f\x00\x00\x00" + f"*/=1;{run};//".encode() + b"\x00;",
        b"BM/*" + b"\0" * 60 + f"*/{run}".encode(),
        b"\xff\xd8\xff\xfe" + struct.pack(">H", len(script) + 2) + script.encode() + b"\xff\xd9",
        b"RIFF\x00\x10\x00\x00WEBPXMP " + f"<x xmlns:x='{at}/x'>{script}</x>".encode(),
        _png(60_000, 60_000),
        f"\u202e{script}\u0000\u001b]8;;{at}\u0007".encode(),
    ]


def _png(width, height, *chunks):
    """A picture; of a large one only the head is true."""
    rows = b"".join(b"\0" + b"\x60\xcd\xff" * width for _ in range(height)) if width * height < 10_000 else b""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    whole = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in whole)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    {"many": many, "previews": previews}[sys.argv[1]](*sys.argv[2:])
