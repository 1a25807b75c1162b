#!/usr/bin/env python3
"""Runs a command and says how long it took and how much memory it held at its peak: `measured.py COMMAND...`.

Without a command it reads a JSON list of commands from standard input and runs one after the other. Prints JSON on
standard output, of several a list: code (negative: the signal), seconds, peak_kib, stdout, stderr (the last 4000
characters of each). Ends it after MEASURED_TIMEOUT seconds (60).
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time


def measured(command, timeout=60, **how):
    """Runs `command`; the peak is the kernel's own account of the process."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, **how)
        signal.signal(signal.SIGALRM, lambda *_: child.kill())
        signal.alarm(timeout)
        _, status, usage = os.wait4(child.pid, 0)
        signal.alarm(0)
        seconds = time.monotonic() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for stream in (out, err):
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - 4000))
            texts.append(stream.read().decode("utf-8", "replace"))
    return {"code": child.returncode, "seconds": seconds, "peak_kib": usage.ru_maxrss, "cpu": usage.ru_utime + usage.ru_stime,
            "stdout": texts[0], "stderr": texts[1]}


def main():
    timeout = int(os.environ.get("MEASURED_TIMEOUT", "60"))
    if sys.argv[1:]:
        print(json.dumps(measured(sys.argv[1:], timeout)))
    else:
        print(json.dumps([measured(command, timeout) for command in json.load(sys.stdin)]))


if __name__ == "__main__":
    main()
