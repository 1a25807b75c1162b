#!/usr/bin/env python3
"""Says what differs between an archive and another, or a server: `compare.py OLD NEW|DATA_DIR`.

Written from the description of the format and of the rules alone. Contents are compared byte by byte, and rights by
letting every combination of the rights and groups that the rules name knock at the door. Prints JSON: by id of folder and
document the words of what differs: added, removed, renamed, moved, contents, wider:ACCESS, narrower:ACCESS.
"""

import itertools
import json
import sqlite3
import sys
from pathlib import Path

from opened import Opened

RULE_TYPES = {"read": ["read"], "write": ["read", "write"], "move": ["move"], "manage": ["read", "manage"]}


def of_archive(path):
    """Folders, documents and what gives a content's bytes."""
    opened = Opened(path)
    def content(file_id):
        return opened.read(f"files/{file_id}") if f"files/{file_id}" in opened else None
    return opened.json("folders.json"), opened.json("documents.json"), content


def of_server(root):
    """The same of a data directory."""
    root = Path(root)
    db = sqlite3.connect(f"file:{root / 'app.db'}?mode=ro", uri=True)
    db.row_factory = sqlite3.Row
    rows = lambda query, *values: [dict(row) for row in db.execute(query, values)]
    def rules(table, column, owner):
        found = rows(f"SELECT * FROM {table} WHERE {column} = ? ORDER BY rowid", owner)
        return [dict(rule, rule_data=json.loads(rule["rule_data"])) for rule in found]
    folders = rows("SELECT * FROM folders ORDER BY rowid")
    documents = rows("SELECT * FROM documents ORDER BY rowid")
    for folder in folders:
        folder["access_rules"] = rules("folder_access_rules", "folder_id", folder["id"])
    for document in documents:
        document["access_rules"] = rules("document_access_rules", "document_id", document["id"])
        document["revisions"] = rows("SELECT * FROM document_revisions WHERE document_id = ? ORDER BY created_time", document["id"])
    paths = dict(db.execute("SELECT id, path FROM files").fetchall())
    def content(file_id):
        path = root / paths[file_id].replace("\\", "/")
        return path.read_bytes() if path.is_file() else None
    return folders, documents, content


class Side:
    """One of the two."""

    def __init__(self, path):
        path = Path(path)
        folders, documents, self.content = of_server(path) if path.is_dir() else of_archive(path)
        self.inherits = any("inherit" in thing for thing in folders + documents)
        self.root = next((f for f in folders if f["id"] == "/" and f["name"] == "/" and f["parent_id"] is None), None)
        self.folders = {f["id"]: f for f in folders if f is not self.root}
        self.documents = {d["id"]: d for d in documents}

    def place(self, parent):
        """Where something lies: the top has one name on both lines."""
        return "" if parent is None or (self.root and parent == "/") else parent if parent in self.folders else None

    def rules(self, thing, access):
        """All rules that must hold."""
        found = []
        while thing is not None:
            found += [r["rule_data"] for r in thing["access_rules"] if r["access_type"] in RULE_TYPES[access]]
            if not self.inherits or not thing.get("inherit", True) or thing is self.root:
                break
            parent = thing.get("folder_id", thing.get("parent_id"))
            thing = self.root if self.place(parent) == "" else self.folders.get(parent)
        return found


def joined(mode, answers):
    """All or any."""
    return any(answers) if mode == "any" else all(answers)


def holds(rule, rights, groups):
    """Whether a rule lets in somebody with these rights and groups."""
    if not rule:
        return True
    return joined(rule.get("match", "all"), [group_holds(g, rights, groups) for g in rule["match_groups"] if g])


def group_holds(group, rights, groups):
    """One of a rule's groups of conditions."""
    answers = []
    for part, has in ((group.get("rights", {}), rights), (group.get("groups", {}), groups)):
        if part.get("require"):
            answers.append(joined(part.get("match", "all"), [name in has for name in part["require"]]))
    return joined(group.get("match", "all"), answers) if answers else True


def atoms(rules):
    """The rights and groups that rules name."""
    found = set()
    for rule in filter(None, rules):
        for group in rule["match_groups"]:
            for kind in ("rights", "groups"):
                found |= {(kind, name) for name in group.get(kind, {}).get("require", [])}
    return sorted(found)


def rights(old_rules, new_rules):
    """Whether anybody is let in anew, and whether anybody is not any more."""
    wider = narrower = False
    named = atoms(old_rules + new_rules)
    assert len(named) <= 12, named
    for chosen in itertools.product([False, True], repeat=len(named)):
        has = {atom for atom, is_there in zip(named, chosen) if is_there}
        person = [{name for kind, name in has if kind == wanted} for wanted in ("rights", "groups")]
        then, now = (all(holds(rule, *person) for rule in rules) for rules in (old_rules, new_rules))
        wider, narrower = wider or (now and not then), narrower or (then and not now)
    return wider, narrower


def contents(side, document):
    """The bytes of each revision by its id, and those of the one that is shown."""
    revisions = sorted(document["revisions"], key=lambda revision: revision["created_time"])
    by_id = {str(revision["id"]): side.content(revision["file_id"]) for revision in revisions}
    current = str(document.get("current_revision_id"))
    shown = by_id.get(current, by_id[str(revisions[-1]["id"])] if revisions else None)
    return by_id, shown


def differences(old, new):
    """By id, what differs."""
    found = {"folder": {}, "document": {}}
    for kind, then, now in (("folder", old.folders, new.folders), ("document", old.documents, new.documents)):
        for id in {**then, **now}:
            words = found[kind].setdefault(id, [])
            if id not in now or id not in then:
                words.append("added" if id in now else "removed")
                continue
            before, after = then[id], now[id]
            title, parent = ("title", "folder_id") if kind == "document" else ("name", "parent_id")
            if before[title] != after[title]:
                words.append("renamed")
            if old.place(before[parent]) != new.place(after[parent]):
                words.append("moved")
            if kind == "document" and contents(old, before) != contents(new, after):
                words.append("contents")
            for access in RULE_TYPES:
                wider, narrower = rights(old.rules(before, access), new.rules(after, access))
                words += [f"wider:{access}"] * wider + [f"narrower:{access}"] * narrower
    return {kind: {id: sorted(words) for id, words in things.items() if words} for kind, things in found.items()}


if __name__ == "__main__":
    json.dump(differences(Side(sys.argv[1]), Side(sys.argv[2])), sys.stdout, ensure_ascii=False, indent=1)
