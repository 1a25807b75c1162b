#!/usr/bin/env python3
"""Measures the agent of the release build over loopback TLS: `agent.py [PROGRAM]`.

The yardstick is `openssl s_server` that sends the same file to a client which reads it in the same way and computes the same
digest; runs alternate and the median ratio counts. Prints a table in Markdown; ends with 1 where a limit is missed. Needs
about 3 GiB of disk and Python's websockets (`make setup`).
"""

import hashlib
import json
import os
import resource
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
sys.path.insert(0, str(ROOT / "tests/bench"))
sys.dont_write_bytecode = True

from bench import MIB, fact, limit, missed, rows  # noqa: E402
from websockets.sync.client import connect  # noqa: E402

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "target/release/cfms-backup")
PAIRS = int(os.environ.get("BENCH_PAIRS", "5"))
TRUSTING = ssl.create_default_context()
TRUSTING.check_hostname = False
TRUSTING.verify_mode = ssl.CERT_NONE


def main():
    (ROOT / "target").mkdir(exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "target"))
    os.environ["TMPDIR"] = str(work)
    try:
        server = work / "server"
        subprocess.run([PROGRAM, "demo", "--quiet", "--size", "1M", server], check=True)
        config = server / "config.toml"
        config.write_text(config.read_text().replace("port = 5104", f"port = {free_port()}"))
        grow(server)
        agent = Agent(server, work / "state")
        try:
            memory_and_wire(agent, server, work)
            downloads(agent, server, work)
            idle(agent)
        finally:
            agent.process.terminate()
            agent.process.wait()
    finally:
        shutil.rmtree(work)
    print("| what | measured | limit | |\n|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    sys.exit(1 if missed else 0)


def grow(server):
    """1 GiB of contents in 64 files more."""
    import sqlite3
    db = sqlite3.connect(server / "app.db")
    folder = server / "content/files/bulk"
    folder.mkdir(parents=True)
    block = os.urandom(MIB)
    for n in range(64):
        with open(folder / f"{n}", "wb") as file:
            for _ in range(16):
                file.write(block)
        db.execute("INSERT INTO files VALUES (?, NULL, ?, 1.5, 1)", (f"bulk-{n}", f"./content/files/bulk/{n}"))
        db.execute("INSERT INTO documents VALUES (?, ?, 1.5, NULL)", (f"bulk-{n}", f"Bulk {n}"))
        db.execute("INSERT INTO document_revisions (document_id, file_id, created_time) VALUES (?, ?, 1.5)", (f"bulk-{n}", f"bulk-{n}"))
    db.commit()
    db.close()


class Agent:
    """An agent that runs, and what the kernel says of its memory."""

    def __init__(self, server, state):
        command = [PROGRAM, "serve", "--json", "--quiet", "--listen", "127.0.0.1:0", "--data-dir", server, "--state-dir", state]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.url = json.loads(self.process.stdout.readline())["listening"]

    def kib(self, field):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith(field):
                return int(line.split()[1])
        raise KeyError(field)

    def processor_seconds(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def connect(self, host=1):
        source = (f"127.0.0.{host}", 0)
        return connect(self.url, ssl=TRUSTING, max_size=None, compression=None, source_address=source)


class Session:
    """A client that has signed in."""

    def __init__(self, agent, socket=None):
        self.socket = socket or agent.connect()
        data = {"username": "admin", "password": "Harbour-2026"}
        self.token = self.ask({"action": "login", "data": data})["token"]

    def ask(self, request):
        self.socket.send(json.dumps(request))
        answer = json.loads(self.socket.recv())
        assert answer["code"] == 200, answer
        return answer["data"]

    def act(self, action, **data):
        return self.ask({"action": action, "data": data, "username": "admin", "token": self.token})

    def download(self, name):
        """Reads the archive and computes its digest, as a client does that keeps it."""
        left, digest = self.act("download_backup", backup_name=name, part="archive", offset=0)["size"], hashlib.sha256()
        while left:
            piece = self.socket.recv()
            digest.update(piece)
            left -= len(piece)
        end = json.loads(self.socket.recv())
        assert end["data"]["sha256"] == digest.hexdigest()


def memory_and_wire(agent, server, work):
    """A backup and four downloads at once; and what the wire adds to a backup."""
    session, local, wire = Session(agent), [], []
    # Whoever comes first pays for what was written last: the turns alternate, what is written is on disk before each, and
    # the first pair only warms up.
    for n in range(PAIRS + 1):
        for over_wire in ((False, True) if n % 2 else (True, False)):
            os.sync()
            seconds = back_up(agent, session, f"wire{n}") if over_wire else create(server, f"local{n}")
            if n:
                (wire if over_wire else local).append(seconds)
                for path in (server / "content/backups").glob(f"*{n}.*"):
                    path.unlink()
    ratio = [statistics.median(a / b for a, b in zip(*each)) for each in zip(zip(*wire), zip(*local))]
    limit("`generate_backup`: time, as a multiple of `create`'s", round(ratio[0], 3), 1.05, "×")
    fact("`generate_backup`: processor time, as a multiple of `create`'s", f"{ratio[1]:.2f}×")
    fetching = [threading.Thread(target=Session(agent).download, args=("wire0",)) for _ in range(4)]
    for thread in fetching:
        thread.start()
    session.act("generate_backup", backup_name="meanwhile")
    for thread in fetching:
        thread.join()
    limit("agent with a backup and four downloads: peak memory", round(agent.kib("VmHWM:") / 1024, 1), 64, " MiB")


def create(server, name):
    """Seconds that a local backup takes, and seconds of processors."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [PROGRAM, "create", "--quiet", "--documents-only", "--data-dir", server, "--name", name]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - begun, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def back_up(agent, session, name):
    """The same through the wire."""
    before, begun = agent.processor_seconds(), time.monotonic()
    session.act("generate_backup", backup_name=name)
    return time.monotonic() - begun, agent.processor_seconds() - before


def downloads(agent, server, work):
    """The archive through the agent, and through openssl."""
    archive, ours, theirs = server / "content/backups/wire0.cfms.enc", [], []
    key, certificate = server / "content/ssl/key.pem", server / "content/ssl/cert.pem"
    session = Session(agent)
    for pair in range(PAIRS):
        for who in ((0, 1) if pair % 2 else (1, 0)):
            begun = time.monotonic()
            if who:
                session.download("wire0")
                ours.append(time.monotonic() - begun)
            else:
                theirs.append(by_openssl(archive, certificate, key))
    limit("1 GiB downloaded and verified: time, as a multiple of openssl's", statistics.median(a / b for a, b in zip(ours, theirs)), 1.5, "×")
    fact("1 GiB downloaded and verified: median seconds, ours and openssl's", f"{statistics.median(ours):.2f} s, {statistics.median(theirs):.2f} s")


def by_openssl(archive, certificate, key):
    """Seconds in which `openssl s_server` sends the file and it is read and digested."""
    port = free_port()
    command = ["openssl", "s_server", "-quiet", "-accept", f"127.0.0.1:{port}", "-cert", certificate, "-key", key, "-WWW", "-naccept", "1"]
    server = subprocess.Popen(command, cwd=archive.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            plain = socket.create_connection(("127.0.0.1", port))
            break
        except ConnectionRefusedError:
            time.sleep(0.01)
    begun, digest, size, buffer = time.monotonic(), hashlib.sha256(), 0, bytearray(256 * 1024)
    with TRUSTING.wrap_socket(plain, suppress_ragged_eofs=True) as stream:
        stream.sendall(f"GET /{archive.name} HTTP/1.0\r\n\r\n".encode())
        while got := stream.recv_into(buffer):
            digest.update(memoryview(buffer)[:got])
            size += got
    seconds = time.monotonic() - begun
    server.wait()
    assert size >= archive.stat().st_size, size
    return seconds


def idle(agent):
    """Two hundred clients that have asked and say nothing more."""
    before, sockets = agent.kib("VmRSS:"), []
    for n in range(200):
        # Of one address there may not be so many who have not signed in.
        sockets.append(agent.connect(2 + n % 5))
        sockets[-1].send(json.dumps({"action": "server_info", "data": {}}))
        sockets[-1].recv()
    limit("200 idle connections: memory more", round(max(0, agent.kib("VmRSS:") - before) / 1024, 1), 30, " MiB")
    for each in sockets:
        each.close()


def free_port():
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return each.getsockname()[1]


if __name__ == "__main__":
    main()
