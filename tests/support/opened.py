"""Opens an archive with openssl and Python's tarfile: nothing of ours is between the bytes and what is said of them."""

import hashlib
import json
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path


class Opened:
    """The members of an archive, in order, their bytes kept on disk."""

    def __init__(self, archive, key=None):
        archive = Path(archive)
        key = Path(key) if key else archive.with_name(archive.name.removesuffix(".cfms.enc") + ".key")
        self.archive, self.key_path = archive, key
        self.key = json.loads(key.read_text(encoding="utf-8"))
        self._tar = tempfile.TemporaryFile()
        with open(archive, "rb") as encrypted:
            iv = encrypted.read(16).hex()
            os.lseek(encrypted.fileno(), 16, os.SEEK_SET)
            subprocess.run(["openssl", "enc", "-d", "-aes-256-cbc", "-K", self.key["key"], "-iv", iv],
                           stdin=encrypted, stdout=self._tar, check=True)
        self.tar_size = self._tar.seek(0, os.SEEK_END)
        self._tar.seek(0)
        self._open = tarfile.open(fileobj=self._tar, mode="r:", errorlevel=2)
        self.members = [member for member in self._open.getmembers() if not member.isdir()]
        self.names = [member.name.removeprefix("./") for member in self.members]
        self._by_name = dict(zip(self.names, self.members))

    def __contains__(self, name):
        return name in self._by_name

    def read(self, name):
        """All bytes of a member."""
        return self._open.extractfile(self._by_name[name]).read()

    def sha256(self, name):
        """The digest of a member, in pieces."""
        digest, source = hashlib.sha256(), self._open.extractfile(self._by_name[name])
        while piece := source.read(1 << 20):
            digest.update(piece)
        return digest.hexdigest()

    def size(self, name):
        """The size of a member in bytes."""
        return self._by_name[name].size

    def json(self, name):
        """A JSON member."""
        return json.loads(self.read(name).decode("utf-8"))
