#!/usr/bin/env python3
"""Speed and memory of the release build, beside `tar c | openssl enc -aes-256-cbc` on the same data.

Machines differ and are disturbed, so times are given as ratios: the two commands take turns (A B A B …), every pair gives
a ratio, and the median of these is what counts. Memory is the peak of the whole process as the kernel counts it.

    python3 tests/bench/bench.py [--pairs N] [--only CASE]… [--dir DIR]

Prints a table in Markdown. Exits with 1 if a limit is not kept. Needs about 20 GiB of disk for all cases.
"""

import argparse
import hashlib
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(ROOT, "target", "release", "cfms-backup")
SCHEMA = """
CREATE TABLE files (id VARCHAR(255) NOT NULL, sha256 VARCHAR(64), path TEXT NOT NULL, created_time FLOAT NOT NULL,
                    active BOOLEAN NOT NULL, PRIMARY KEY (id));
CREATE TABLE folders (id VARCHAR(255) NOT NULL, name VARCHAR(255) NOT NULL, created_time FLOAT NOT NULL,
                      parent_id VARCHAR(255), PRIMARY KEY (id));
CREATE TABLE documents (id VARCHAR(255) NOT NULL, title VARCHAR(255) NOT NULL, created_time FLOAT NOT NULL,
                        folder_id VARCHAR(255), PRIMARY KEY (id));
CREATE TABLE document_revisions (id INTEGER NOT NULL, document_id VARCHAR(255) NOT NULL, file_id VARCHAR(255) NOT NULL,
                                 created_time FLOAT NOT NULL, PRIMARY KEY (id));
CREATE TABLE document_access_rules (id INTEGER NOT NULL, access_type VARCHAR(64) NOT NULL,
                                    document_id VARCHAR(255) NOT NULL, rule_data JSON NOT NULL, PRIMARY KEY (id));
CREATE TABLE folder_access_rules (id INTEGER NOT NULL, access_type VARCHAR(64) NOT NULL, folder_id VARCHAR(255),
                                  rule_data JSON NOT NULL, PRIMARY KEY (id));
"""
MIB, GIB = 1 << 20, 1 << 30


def ident(kind, number):
    return hashlib.sha256(f"{kind}{number}".encode()).hexdigest()


def make_server(path, documents, files, size, sparse=False):
    """A server whose `documents` share `files` contents of `size` bytes each."""
    if os.path.exists(os.path.join(path, "made")):
        return
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(os.path.join(path, "content", "files"))
    noise = os.urandom(MIB)
    for number in range(files):
        with open(os.path.join(path, "content", "files", ident("file", number)), "wb") as content:
            if sparse:
                content.truncate(size)
            else:
                for start in range(0, size, MIB):
                    content.write(noise[: min(MIB, size - start)])
    database = sqlite3.connect(os.path.join(path, "app.db"))
    database.executescript(SCHEMA)
    database.executemany("INSERT INTO folders VALUES (?, ?, ?, NULL)",
                         ((ident("folder", n), f"Folder {n}", 1.5 + n) for n in range(100)))
    database.executemany("INSERT INTO files VALUES (?, NULL, ?, ?, 1)",
                         ((ident("file", n), f"./content/files/{ident('file', n)}", 1.5 + n) for n in range(files)))
    database.executemany("INSERT INTO documents VALUES (?, ?, ?, ?)",
                         ((ident("doc", n), f"年度预算 {n}.xlsx", 1.5 + n, ident("folder", n % 100))
                          for n in range(documents)))
    database.executemany("INSERT INTO document_revisions VALUES (?, ?, ?, ?)",
                         ((n, ident("doc", n), ident("file", n % files), 1.25 + n) for n in range(documents)))
    database.commit()
    database.close()
    os.sync()
    open(os.path.join(path, "made"), "w").close()


def run(command):
    """Wall seconds and peak MiB of a command."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    stderr = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command} ended with {process.returncode}: {stderr.decode(errors='replace')}")
    return seconds, used.ru_maxrss / 1024


class Bench:
    def __init__(self, directory, pairs):
        self.directory, self.pairs, self.rows, self.kept = directory, pairs, [], True

    def path(self, name):
        return os.path.join(self.directory, name)

    def create(self, server, verify=False):
        shutil.rmtree(self.path("out"), ignore_errors=True)
        command = [PROGRAM, "create", "--quiet", "--data-dir", self.path(server), "--output", self.path("out"),
                   "--name", "x"]
        return run(command if verify else command + ["--no-verify"])

    def verify(self):
        return run([PROGRAM, "verify", "--quiet", self.path("out/x.cfms.enc")])

    def reference(self, server):
        target = self.path("reference.enc")
        if os.path.exists(target):
            os.remove(target)
        pipeline = (f"tar c -C '{self.directory}' {server} | openssl enc -aes-256-cbc -K {'0' * 64} -iv {'0' * 32} "
                    f"-out '{target}' && sync '{target}'")
        return run(["sh", "-c", pipeline])

    def row(self, what, limit, measured, is_kept):
        self.kept &= is_kept
        self.rows.append((what, limit, measured, "yes" if is_kept else "NO"))
        print(f"  {what}: {measured} (limit {limit}){'' if is_kept else '   <-- NOT KEPT'}", flush=True)

    def ratio(self, what, most, first, second):
        ratios, times, peak = [], [], 0.0
        for _ in range(self.pairs):
            ours, memory = first()
            theirs, _ = second()
            ratios.append(ours / theirs)
            times.append(ours)
            peak = max(peak, memory)
        middle = statistics.median(ratios)
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        self.row(what, f"<= {most}", f"{middle:.2f} ({spread}; ours {statistics.median(times):.2f} s)", middle <= most)
        return peak

    def memory(self, what, peak, most=64):
        self.row(f"peak memory, {what}", f"<= {most} MiB", f"{peak:.0f} MiB", peak <= most)

    def large(self):
        make_server(self.path("large"), 64, 64, GIB // 64)
        self.create("large"), self.reference("large")  # warm the cache for both
        peak = self.ratio("create, 1 GiB in 64 files / tar, openssl, sync", 1.1,
                          lambda: self.create("large"), lambda: self.reference("large"))
        self.memory("create of 1 GiB in 64 files", peak)
        peak = self.ratio("verify / create, 1 GiB in 64 files", 0.67, self.verify, lambda: self.create("large"))
        self.memory("verify of it", peak)

    def small(self):
        make_server(self.path("small"), 20000, 20000, 4096)
        self.create("small"), self.reference("small")
        peak = self.ratio("create, 20,000 files of 4 KiB / tar, openssl, sync", 1.3,
                          lambda: self.create("small"), lambda: self.reference("small"))
        self.memory("create of 20,000 files", peak)

    def million(self):
        make_server(self.path("million"), 1_000_000, 1000, 1000)
        seconds, peak = self.create("million", verify=True)
        self.memory(f"1,000,000 documents that share 1,000 files, verified ({seconds:.0f} s)", peak)

    def huge(self):
        make_server(self.path("huge"), 1, 1, 8 * GIB, sparse=True)
        seconds, peak = self.create("huge")
        self.memory(f"one file of 8 GiB ({seconds:.0f} s)", peak)

    def inspect(self):
        make_server(self.path("four"), 64, 64, 4 * GIB // 64, sparse=True)
        self.create("four")
        command = [PROGRAM, "inspect", "--quiet", self.path("out/x.cfms.enc")]
        times = sorted(run(command)[0] for _ in range(9))
        self.row("inspect of 4 GiB in 64 files", "< 50 ms", f"{times[4] * 1000:.0f} ms", times[4] < 0.050)


def main():
    cases = ["large", "small", "inspect", "million", "huge"]
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pairs", type=int, default=5)
    arguments.add_argument("--only", action="append", choices=cases)
    arguments.add_argument("--dir", default=os.path.join(ROOT, "target", "bench"))
    chosen = arguments.parse_args()
    os.makedirs(chosen.dir, exist_ok=True)
    bench = Bench(os.path.abspath(chosen.dir), chosen.pairs)
    for case in cases:
        if not chosen.only or case in chosen.only:
            print(f"{case} …", flush=True)
            getattr(bench, case)()
            for leftover in ("out", "reference.enc"):
                path = bench.path(leftover)
                shutil.rmtree(path) if os.path.isdir(path) else os.path.exists(path) and os.remove(path)
    print("\n| what | limit | measured | kept |\n|---|---|---|---|")
    for row in bench.rows:
        print("| " + " | ".join(row) + " |")
    return 0 if bench.kept else 1


if __name__ == "__main__":
    sys.exit(main())
