#!/usr/bin/env python3
"""Measures the release build against `tar | openssl` on the same data: `bench.py [PROGRAM]`.

Times are compared within one run only: each pair of ours and theirs is run one after the other, who begins alternates,
and the median of the pairs' ratios counts. Sources are read once before, so that both find them in memory, and both sync
what they write. Prints a table in Markdown; ends with 1 where a limit is missed. Needs about 10 GiB of disk for a while.
BENCH_ONLY (small, gigabyte, large, documents, looking) chooses, BENCH_PAIRS says how many pairs are run.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
sys.dont_write_bytecode = True

from make_server import Server, many_files  # noqa: E402

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "target/release/cfms-backup")
PAIRS = int(os.environ.get("BENCH_PAIRS", "7"))
MIB = 1024 * 1024
rows, missed = [], []


def main():
    (ROOT / "target").mkdir(exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "target"))
    os.environ["TMPDIR"] = str(work)
    try:
        for name, measure in {
            "small": lambda: against_openssl(work, "20,000 files of 4 KiB", 1.3, lambda root: many_files(root, 20_000, 4096)),
            "gigabyte": lambda: against_openssl(work, "1 GiB in 64 files", 1.1, lambda root: many_files(root, 64, 16 * MIB)),
            "large": lambda: one_large_file(work),
            "documents": lambda: many_documents(work),
            "looking": lambda: looking(work),
        }.items():
            if name in os.environ.get("BENCH_ONLY", name):
                measure()
    finally:
        shutil.rmtree(work)
    print("| what | measured | limit | |\n|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    sys.exit(1 if missed else 0)


def limit(what, value, limit, unit="", best=max):
    """Notes a number beside its limit."""
    holds = value <= limit if best is max else value >= limit
    sign = "≤" if best is max else "≥"
    rows.append((what, f"{value:.2f}{unit}" if isinstance(value, float) else f"{value:,}{unit}", f"{sign} {limit}{unit}", "holds" if holds else "**missed**"))
    print(" · ".join(rows[-1]), file=sys.stderr, flush=True)
    if not holds:
        missed.append(what)


def fact(what, said):
    """Notes a number that has no limit."""
    rows.append((what, said, "", ""))
    print(" · ".join(rows[-1]), file=sys.stderr, flush=True)


def run(*command):
    """Runs a command that must succeed."""
    # By a process of its own: the kernel counts the memory of who starts a program as the program's, until it runs.
    parts = [sys.executable, str(ROOT / "tests/support/measured.py"), *map(str, command)]
    said = subprocess.run(parts, stdout=subprocess.PIPE, check=True, env={**os.environ, "MEASURED_TIMEOUT": "1800"})
    result = json.loads(said.stdout)
    if result["code"] != 0:
        sys.exit(f"{command}: {result}")
    return result


def create(server, out, name, *more):
    return run(PROGRAM, "create", "--quiet", "--no-verify", "--data-dir", server, "--output", out, "--name", name, *more)


def by_openssl(server, out):
    """The same data through tar and openssl, synced."""
    line = 'set -o pipefail; tar c -C "$1" . | openssl enc -aes-256-cbc -K "$3" -iv "$4" >"$2" && sync "$2" && sync "$(dirname "$2")"'
    return run("bash", "-c", line, "bash", server, out, "5a" * 32, "c3" * 16)


def against_openssl(work, what, most, build):
    server, out = work / "server", work / "out"
    build(server)
    out.mkdir()
    run("sh", "-c", f"tar c -C '{server}' . | cat >/dev/null")
    os.sync()
    ratios, ours, theirs, checks, peak = [], [], [], [], 0
    for pair in range(PAIRS):
        for who in ((0, 1) if pair % 2 else (1, 0)):
            if who:
                result = create(server, out, f"b{pair}")
                ours.append(result["seconds"])
                peak = max(peak, result["peak_kib"])
            else:
                theirs.append(by_openssl(server, out / "theirs")["seconds"])
                os.remove(out / "theirs")
        ratios.append(ours[-1] / theirs[-1])
        checks.append(ours[-1] / run(PROGRAM, "verify", "--quiet", out / f"b{pair}.cfms.enc")["seconds"])
        for path in out.iterdir():
            path.unlink()
    limit(f"{what}: time, as a multiple of tar and openssl's", statistics.median(ratios), most, "×")
    fact(f"{what}: median seconds, ours and theirs", f"{statistics.median(ours):.2f} s, {statistics.median(theirs):.2f} s")
    limit(f"{what}: peak memory", round(peak / 1024, 1), 64, " MiB")
    limit(f"{what}: `verify` is faster than `create` by", statistics.median(checks), 1.5, "×", min)
    shutil.rmtree(server)
    shutil.rmtree(out)


def one_large_file(work):
    """A hole as source: what is written is 8 GiB all the same."""
    server, out = work / "server", work / "out"
    many_files(server, 1, 1)
    content = next(path for path in (server / "content/files").rglob("*") if path.is_file())
    with open(content, "r+b") as file:
        file.truncate(8 * 1024 * MIB)
    result = create(server, out, "large")
    limit("one file of 8 GiB: peak memory", round(result["peak_kib"] / 1024, 1), 64, " MiB")
    fact("one file of 8 GiB: rate", f"{8 * 1024 / result['seconds']:.0f} MiB/s")
    archive = out / "large.cfms.enc"
    limit("… `verify`: peak memory", round(run(PROGRAM, "verify", "--quiet", archive)["peak_kib"] / 1024, 1), 64, " MiB")
    inspections = [run(PROGRAM, "inspect", "--quiet", archive)["seconds"] * 1000 for _ in range(10)]
    limit("… `inspect` of it (twice the 4 GiB of the promise)", statistics.median(inspections), 50, " ms")
    shutil.rmtree(server)
    shutil.rmtree(out)


def many_documents(work):
    """A million documents that share a thousand files."""
    server, out = work / "server", work / "out"
    built = Server(server)
    built.user("admin")
    for n in range(1000):
        built.file(f"{n:064x}", b"shared content %d" % n)
        built.folder(f"f{n}", f"Folder {n}", f"f{n - 1}" if n % 10 else None)
    for table, row in (("documents", lambda n: (f"{n:064x}", f"Document {n}", 1795423225.5, f"f{n % 1000}")),
                       ("document_revisions", lambda n: (n + 1, f"{n:064x}", f"{n % 1000:064x}", 1795423225.5))):
        built.db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", map(row, range(1_000_000)))
    built.close()
    result = create(server, out, "many")
    limit("1,000,000 documents that share 1,000 files: peak memory", round(result["peak_kib"] / 1024, 1), 64, " MiB")
    fact("1,000,000 documents that share 1,000 files: time", f"{result['seconds']:.1f} s")
    archive = out / "many.cfms.enc"
    verified = run(PROGRAM, "verify", "--quiet", archive)
    limit("… `verify`: peak memory", round(verified["peak_kib"] / 1024, 1), 64, " MiB")
    fact("… `verify`: time", f"{verified['seconds']:.1f} s")
    inspected = run(PROGRAM, "inspect", "--quiet", archive)
    fact("… `inspect`: time and peak memory", f"{inspected['seconds']:.2f} s, {inspected['peak_kib'] / 1024:.0f} MiB")
    shutil.rmtree(server)
    shutil.rmtree(out)


def looking(work):
    """A list of 100,000 documents, and one document out of 4 GiB."""
    server, out = work / "server", work / "out"
    many_files(server, 100_000, 16)
    create(server, out, "many")
    for more in ([], ["--json"]):
        lists = [run("sh", "-c", 'exec "$@" >/dev/null', "sh", PROGRAM, "list", "--tree", out / "many.cfms.enc", *more) for _ in range(5)]
        what = " ".join(["`list --tree", *more]) + "` of 100,000 documents"
        limit(what, statistics.median(result["seconds"] for result in lists), 1, " s")
        limit("… peak memory", round(max(result["peak_kib"] for result in lists) / 1024, 1), 96, " MiB")
    shutil.rmtree(server)
    many_files(server, 65, 64)
    for content in [path for path in (server / "content/files").rglob("*") if path.is_file()][:64]:
        os.truncate(content, 64 * MIB)
    create(server, out, "four")
    small = next(n for n in range(65) if os.path.getsize(server / f"content/files/0000/{n:08d}") == 64)
    documents = [run("sh", "-c", '"$@" | cat >/dev/null', "sh", PROGRAM, "cat", out / "four.cfms.enc", f"{small:064x}") for _ in range(10)]
    limit("one document out of 4 GiB", statistics.median(result["seconds"] for result in documents) * 1000, 100, " ms")
    shutil.rmtree(server)
    shutil.rmtree(out)


if __name__ == "__main__":
    main()
