#!/usr/bin/env python3
"""Verifies a Piinguin ledger without Piinguin.

    verify.py ledger FILE|DIR KEY [KEPT...]  a whole ledger: an SQLite file, or a folder that
                                             "piinguin audit export" wrote; and kept files of it
    verify.py export LINES CHECKPOINT KEY    one log of such a folder, by itself
    verify.py proof PROOF KEY LINE           a C2SP tlog-proof, and a file with the entry's line
    verify.py kept KEPT KEY                  a kept file by itself: what it says of every log

KEY is a line of "piinguin audit key", or @FILE whose first line it is. Written from
docs/audit-format.md and RFC 8032 alone, with Python's standard library alone.

Exit codes: 0 whole, 1 not what was written, 2 it could not be verified.
"""

import argparse
import base64
import binascii
import datetime
import hashlib
import json
import os
import re
import sqlite3
import sys

MAX_LINE = 65535
MAX_INTEGER = 2**53 - 1
MAX_LOG = 64
MAX_KEPT = 64 << 10
SPINE = 0


class Finding(Exception):
    """Something is not what was written."""


def check(condition, problem):
    if not condition:
        raise Finding(problem)


def unbase64(text, size):
    """Decodes standard base64 of a known size; one text only is right for given bytes."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Finding("base64 that cannot be read") from None
    check(len(raw) == size and base64.b64encode(raw).decode() == text, "base64 of another form or size")
    return raw


def base64_of(raw):
    return base64.b64encode(raw).decode()


def number(text):
    check(re.fullmatch("0|[1-9][0-9]{0,15}", text), "a number of another form")
    return int(text)


# --- Ed25519, RFC 8032 section 5.1 -------------------------------------------
# A point (x, y) is held as (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z.

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


def add(a, b):
    e1 = (a[1] - a[0]) * (b[1] - b[0]) % P
    e2 = (a[1] + a[0]) * (b[1] + b[0]) % P
    e3 = 2 * a[3] * b[3] * D % P
    e4 = 2 * a[2] * b[2] % P
    e, f, g, h = e2 - e1, e4 - e3, e4 + e3, e2 + e1
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(n, a, m, b):
    """Returns [n]a + [m]b."""
    total, both = (0, 1, 1, 0), add(a, b)
    for bit in reversed(range(max(n.bit_length(), m.bit_length()))):
        total = add(total, total)
        choice = (n >> bit & 1) + 2 * (m >> bit & 1)
        if choice:
            total = add(total, (None, a, b, both)[choice])
    return total


def decode_point(raw):
    """Section 5.1.3; None if there is no such point."""
    y = int.from_bytes(raw, "little")
    odd, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT_OF_MINUS_1 % P
    if x * x % P != square or (x == 0 and odd):
        return None
    if x & 1 != odd:
        x = P - x
    return x, y, 1, x * y % P


def encode_point(point):
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def signed(public, message, signature):
    """Section 5.1.7: whether [s]B - [k]A is the point R of the signature."""
    key, s = decode_point(public), int.from_bytes(signature[32:], "little")
    if key is None or s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    minus_key = (P - key[0], key[1], 1, P - key[3])
    return encode_point(multiply(s, BASE, k, minus_key)) == signature[:32]


# --- Names ----------------------------------------------------------------------

NAME = re.compile(r"[a-z0-9-][a-z0-9.-]*(/[a-z0-9-]+)*")


def is_name(text):
    """Whether a ledger can have the name."""
    return len(text) <= 63 and NAME.fullmatch(text) and not re.fullmatch("[0-9]+", text.rpartition("/")[2])


def read_log(text):
    """Reads a log's number as paths and fields have it."""
    if text == "spine":
        return SPINE
    log = number(text)
    check(1 <= log <= MAX_LOG, "a log's number that there is not")
    return log


def log_name(log):
    return "spine" if log == SPINE else str(log)


def read_origin(text):
    """Returns the ledger's name and the log's number of an origin."""
    if is_name(text):
        return text, SPINE
    ledger, _, last = text.rpartition("/")
    check(is_name(ledger) and last != "spine", "not the origin of a log")
    return ledger, read_log(last)


def origin_of(ledger, log):
    return ledger if log == SPINE else f"{ledger}/{log}"


# --- Keys, notes and checkpoints ------------------------------------------------


def key_id(name, public):
    return hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]


def key_text(name, public):
    return f"{name}+{key_id(name, public).hex()}+{base64_of(bytes([1]) + public)}"


def read_key(text):
    """Returns the 32 bytes of a verifier key: NAME+ID+BASE64."""
    parts = text.strip().split("+", 2)  # base64 has a plus as well
    check(len(parts) == 3, "a key that has not three parts")
    raw = unbase64(parts[2], 33)
    check(raw[0] == 1, "a key that is not of Ed25519")
    check(key_id(parts[0], raw[1:]).hex() == parts[1], "a key whose id is not that of its name and key")
    return raw[1:]


def read_checkpoint(note, keys):
    """Returns origin, size and root of a checkpoint that all the keys have signed."""
    try:
        text, blank, signatures = note.decode().rpartition("\n\n")
    except UnicodeDecodeError:
        raise Finding("the checkpoint is not UTF-8") from None
    text += "\n"
    lines = text.split("\n")
    check(blank and len(lines) == 4, "the checkpoint has not three lines and a blank one")
    origin = lines[0]
    check(signatures.endswith("\n"), "the checkpoint has no signature that ends in a newline")
    missing = {key_id(origin, key): key for key in keys}
    for line in signatures[:-1].split("\n"):
        parts = line.split(" ")
        check(len(parts) == 3 and parts[0] == "\u2014", "the checkpoint has a malformed signature line")
        # Another name or id is another's signature: a witness's, perhaps.
        by = signer_of(parts[2])
        if parts[1] != origin or by not in missing:
            continue
        key = missing.pop(by)
        check(signed(key, text.encode(), unbase64(parts[2], 68)[4:]), "the checkpoint's signature is wrong")
    check(not missing, "the checkpoint is not signed by the key")
    return origin, number(lines[1]), unbase64(lines[2], 32)


def signer_of(signature):
    try:
        return base64.b64decode(signature, validate=True)[:4]
    except (binascii.Error, ValueError):
        raise Finding("the checkpoint has a malformed signature") from None


def check_stored(note, origin, size, root, keys):
    """Checks that a stored checkpoint is of this tree, and has the keys' signatures and no other."""
    check(read_checkpoint(note, keys) == (origin, size, root), "its checkpoint is of another tree")
    lines = note.decode().split("\n")
    check(len(lines) == 4 + len(keys) + 1, "its checkpoint has another number of signatures")
    for key, line in zip(keys, lines[4:]):
        check(line.startswith(f"\u2014 {origin} ") and signer_of(line.split(" ")[2]) == key_id(origin, key), "its signatures are in another order")


# --- Entries --------------------------------------------------------------------

TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.([0-9]{6})Z")
REASON = re.compile(r"[a-z_]{1,64}")
OPERATION = re.compile(r"[A-Z_]{1,32}")
SPINE_ONLY = {"CHECKPOINT", "PRUNE", "HOLD", "RELEASE"}
SPINES = SPINE_ONLY | {"OPEN", "KEY", "ROLLBACK"}
WITHOUT_REQUEST = {"OPEN", "CHECKPOINT", "KEY", "ROLLBACK"}
TURNS = {"KEY", "ROLLBACK"}
OUTCOMES = {"GRANTED", "DENIED", "NOT_FOUND", "ERROR"}
BASES = {"CONSENT", "CONTRACT", "LEGAL_OBLIGATION", "VITAL_INTERESTS", "PUBLIC_TASK", "LEGITIMATE_INTERESTS"}
CONDITIONS = {
    "ART9_EXPLICIT_CONSENT", "ART9_EMPLOYMENT_AND_SOCIAL_PROTECTION", "ART9_VITAL_INTERESTS", "ART9_NOT_FOR_PROFIT_BODY",
    "ART9_MADE_PUBLIC", "ART9_LEGAL_CLAIMS", "ART9_SUBSTANTIAL_PUBLIC_INTEREST", "ART9_HEALTH_CARE", "ART9_PUBLIC_HEALTH",
    "ART9_ARCHIVING_AND_RESEARCH",
}
REQUIRED = {"version", "log", "index", "time", "operation", "outcome"}
LONGEST = {  # in bytes of UTF-8
    "caller": 256, "authentication": 64, "on_behalf_of": 512, "purpose": 512, "reference": 512, "detail": 2048,
    "grant": 64, "modified_value": 2048, "policy": 64, "request_id": 64,
}
SHOWN = {"on_behalf_of", "purpose", "reference", "detail", "grant"}
FIELDS = REQUIRED | LONGEST.keys() | {"reason", "basis", "special_category_condition", "count", "checkpoint", "about"}

# The characters of the category Cf in Unicode 15. Python's own table is of its release.
FORMAT_CHARACTERS = re.compile(
    "[\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    "\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f]"
)


def read_entry(line):
    """Returns the fields of a line, if formatting them gives the line again."""
    check(len(line) <= MAX_LINE, "longer than 65,535 bytes")
    try:
        entry = json.loads(line.decode())
    except (ValueError, RecursionError):
        raise Finding("not JSON in UTF-8") from None
    check(type(entry) is dict and REQUIRED <= entry.keys() <= FIELDS, "not the fields of an entry")
    for name, value in entry.items():
        kind = int if name in ("version", "index", "count") else str
        check(type(value) is kind, f"{name} is of another type")
    # The keys are ASCII, so that sorting them by code points is sorting them by UTF-16 units.
    again = json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    check(again.encode(errors="replace") == line, "not in canonical form")
    check_fields(entry)
    entry["ledger"], entry["number"] = read_origin(entry["log"])
    return entry


def check_fields(entry):
    check(entry["version"] == 2, "not of version 2")
    check(0 <= entry["index"] <= MAX_INTEGER, "index")
    check(is_time(entry["time"]), "time")
    check(OPERATION.fullmatch(entry["operation"]), "operation")
    check(entry["outcome"] in OUTCOMES, "outcome")
    check("reason" not in entry or REASON.fullmatch(entry["reason"]), "reason")
    check("basis" not in entry or entry["basis"] in BASES, "basis")
    check(entry.get("special_category_condition", "ART9_MADE_PUBLIC") in CONDITIONS, "special_category_condition")
    check("count" not in entry or 0 < entry["count"] <= MAX_INTEGER, "count")
    check("request_id" in entry or entry["operation"] in WITHOUT_REQUEST, "request_id")
    for name, longest in LONGEST.items():
        if name in entry:
            text = entry[name]
            plain = not any(c < " " or "\x7f" <= c <= "\x9f" for c in text)
            check(0 < len(text.encode()) <= longest and plain, name)
            check(name not in SHOWN or not FORMAT_CHARACTERS.search(text), name)
    if "about" in entry:
        log, _, index = entry["about"].partition("/")
        read_log(log)
        check(number(index) <= MAX_INTEGER, "about")
    check_own(entry)


def check_own(entry):
    """Checks what depends on the operation."""
    operation, reference = entry["operation"], entry.get("reference", "")
    if operation in ("CHECKPOINT", "PRUNE"):
        trees = read_trees(entry.get("checkpoint", ""))
        check(operation == "CHECKPOINT" or len(trees) == 1, "checkpoint")
    else:
        check("checkpoint" not in entry, "checkpoint")
    if operation in ("OPEN", "KEY"):
        read_key(reference)
    if operation == "KEY":
        read_key(entry.get("detail", ""))
    check(operation != "ROLLBACK" or is_name(reference), "reference")
    check(operation not in ("HOLD", "RELEASE") or reference, "reference")


def read_trees(text):
    """Reads the field checkpoint: {log: (size, root)}."""
    words, trees = text.split(" "), {}
    check(len(words) % 3 == 0, "checkpoint")
    for i in range(0, len(words), 3):
        log, size = read_log(words[i]), number(words[i + 1])
        check(log > max(trees, default=SPINE) and 0 < size <= MAX_INTEGER, "checkpoint")
        trees[log] = size, unbase64(words[i + 2], 32)
    return trees


def is_time(text):
    match = TIME.fullmatch(text)
    try:
        return bool(match and datetime.datetime(*map(int, match.groups())))
    except ValueError:
        return False


# --- The tree, RFC 6962 section 2.1 ---------------------------------------------


def leaf(line):
    return hashlib.sha256(b"\x00" + line).digest()


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def grow(edge, size, digest):
    """Adds a leaf to the edge of a tree that had size leaves."""
    while size & 1:
        digest, size = node(edge.pop(), digest), size >> 1
    edge.append(digest)


def root_of(edge):
    digest = edge[-1]
    for left in reversed(edge[:-1]):
        digest = node(left, digest)
    return digest


def root_of_path(index, size, digest, path):
    """The root that a leaf and its inclusion path give; section 2.1.1."""
    last = size - 1
    for sibling in path:
        check(last > 0, "the path is too long")
        if index & 1 or index == last:
            digest = node(sibling, digest)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            digest = node(digest, sibling)
        index, last = index >> 1, last >> 1
    check(last == 0, "the path is too short")
    return digest


# --- A log ----------------------------------------------------------------------


class Log:
    """The end of a log as far as it was verified, and what its entries say so far."""

    def __init__(self, log, ledger, key):
        self.log, self.ledger, self.key = log, ledger, key
        self.size, self.edge, self.time, self.pages = 0, [], "", 0
        self.signers = [key]  # of the checkpoint here: two after a KEY
        self.names, self.keys = [ledger], [key]  # that it has had
        self.pruned_to = 0
        # What a spine says: the newest trees, PRUNEs, open HOLDs, losses, and all trees ever.
        self.trees, self.prunes, self.holds, self.losses, self.listed = {}, {}, set(), [], []

    def origin(self):
        return origin_of(self.ledger, self.log)

    def root(self):
        return root_of(self.edge)

    def take(self, line):
        """Adds a line as the next entry, if it may be."""
        entry = read_entry(line)
        operation = entry["operation"]
        check(entry["number"] == self.log, f"not of log {log_name(self.log)}")
        check(entry["index"] == self.size, f"not entry {self.size}")
        check(entry["time"] >= self.time, "its time goes back")
        check((self.size == 0) == (operation == "OPEN"), "a log's first entry is OPEN, and no other is")
        check(self.log == SPINE or operation not in SPINE_ONLY, f"{operation} stands in the spine only")
        check(self.log != SPINE or operation in SPINES, f"{operation} does not stand in the spine")
        if operation == "OPEN":
            check(entry["reference"] == key_text(self.ledger, self.key), "it names another ledger or key")
        if operation == "ROLLBACK":
            check(entry["reference"] == self.ledger != entry["ledger"], "it does not name the ledger that goes on here")
            self.roll_back(entry)
        check(entry["ledger"] == self.ledger, f"not of ledger {self.ledger}")
        self.signers = [self.key]
        if operation == "KEY":
            self.turn_key(entry)
        if operation == "CHECKPOINT":
            self.list_trees(entry)
        if operation == "PRUNE":
            self.prune(entry)
        if operation == "HOLD":
            self.holds.add(entry["reference"])
        if operation == "RELEASE":
            self.holds.discard(entry["reference"])
        grow(self.edge, self.size, leaf(line))
        self.size, self.time = self.size + 1, entry["time"]
        return entry

    def turn_key(self, entry):
        following = read_key(entry["reference"])
        check(entry["detail"] == key_text(self.ledger, self.key), "it does not name the key here")
        check(entry["reference"] == key_text(self.ledger, following) and following != self.key, "it names no other key of this ledger")
        self.signers, self.key = [self.key, following], following
        self.keys.append(following)

    def roll_back(self, entry):
        if self.log == SPINE:
            words = entry.get("detail", "").split(" ")
            check(len(words) in (3, 6) and words[0] == "restored" and words[3:4] in ([], ["lost"]), "detail")
            restored, lost = (number(words[1]), unbase64(words[2], 32)), (0, b"")
            check(restored == (self.size, self.root()), "it does not name the tree that it goes on from")
            if len(words) == 6:
                lost = number(words[4]), unbase64(words[5], 32)
                check(lost[0] > self.size, "it names no loss")
            self.losses.append((self.ledger, restored, lost))
        self.ledger = entry["ledger"]
        self.names.append(self.ledger)

    def list_trees(self, entry):
        trees = read_trees(entry["checkpoint"])
        for log, (size, root) in self.trees.items():
            check(log in trees, f"it leaves out log {log}")
            check(trees[log][0] > size or trees[log] == (size, root), f"its tree of log {log} does not extend the one before")
        self.listed += [(log, *tree, f"entry spine/{self.size}") for log, tree in trees.items() if self.trees.get(log) != tree]
        self.trees = trees

    def prune(self, entry):
        ((log, tree),) = read_trees(entry["checkpoint"]).items()
        word, _, before = entry.get("detail", "").partition(" ")
        check(word == "before" and is_time(before), "detail")
        earlier = self.prunes.setdefault(log, [])
        check(log in self.trees and tree[0] <= self.trees[log][0], "it prunes more of a log than the spine lists")
        check(not earlier or tree[0] >= earlier[-1][1][0], "it prunes less than was pruned before")
        earlier.append((entry.get("count", 0), tree))


class Wanted:
    """The trees that something says a log had. seen is called with each tree that it did have."""

    def __init__(self, log):
        self.log, self.trees = log, {}
        self.note, self.had = set(), {}  # sizes whose roots are noted

    def add(self, size, root, said):
        """Wants a tree. Two that differ are one finding; it is named where the log is read."""
        self.trees.setdefault(size, {}).setdefault(root, said)

    def seen(self, size, root, row):
        if size in self.note:
            self.had[size] = root
        for wanted, said in self.trees.pop(size, {}).items():
            check(wanted == root, f"{row}: it or one before it was changed: the tree up to here is not the one of {said}")

    def end(self, log):
        for size, trees in sorted(self.trees.items()):
            said = next(iter(trees.values()))
            if size > log.size:
                raise Finding(f"entry {log_name(self.log)}/{log.size}: missing: {said} has {size} entries")
            check(size < log.pruned_to, f"log {log_name(self.log)}: no page ends at entry {size}, as {said} has it")


def begin(log, names, keys, opening):
    """Returns the empty log, with the name and key of those that the ledger has had which its OPEN names."""
    for name in names:
        for key in keys:
            if opening == key_text(name, key):
                return Log(log, name, key)
    return Log(log, names[0], keys[0])


def opening_of(line):
    try:
        return read_entry(line).get("reference", "")
    except Finding:
        return ""


# --- Exports --------------------------------------------------------------------


def read_lines(log, file, wanted):
    """Takes all lines of a file into an empty log. The first may need the log's name and key from begin."""
    while line := file.readline(MAX_LINE + 2):
        try:
            check(line.endswith(b"\n"), "no newline at its end")
            log.take(line[:-1])
        except Finding as finding:
            raise Finding(f"line {log.size + 1}: {finding}") from None
        wanted.seen(log.size, log.root(), f"line {log.size}")


def check_end(log, checkpoint):
    """Checks that a checkpoint is the one over exactly the entries that the log has."""
    origin, size, root = read_checkpoint(checkpoint, log.signers)
    check(origin == log.origin(), f"the checkpoint is of {origin}")
    check(size >= log.size, f"line {size + 1}: the checkpoint has {size} entries only")
    check(size == log.size, f"line {log.size + 1}: missing; the checkpoint has {size} entries")
    check(log.edge and log.root() == root, "the lines are not those that the checkpoint signs")


class Folder:
    """A folder that "piinguin audit export" wrote."""

    def __init__(self, path):
        self.path = path

    def file(self, log, kind):
        return os.path.join(self.path, log_name(log) + kind)

    def logs(self):
        return [log for log in range(MAX_LOG + 1) if os.path.exists(self.file(log, ".checkpoint"))]

    def strays(self, first):
        return []  # nothing else in the folder counts

    def read(self, log, names, keys, prunes, wanted):
        try:
            with open(self.file(log, ".checkpoint"), "rb") as file:
                checkpoint = file.read(MAX_LINE)
        except FileNotFoundError:
            raise Finding(f"log {log_name(log)}: it was not exported") from None
        try:
            with open(self.file(log, ".jsonl"), "rb") as file:
                found = begin(log, names, keys, opening_of(file.readline(MAX_LINE + 2)[:-1]))
                file.seek(0)
                read_lines(found, file, wanted)
                check_end(found, checkpoint)
        except FileNotFoundError:
            check(prunes, f"log {log_name(log)}: it has no lines, and no PRUNE says that they were removed")
            return self.pruned(log, names, keys, checkpoint, wanted)
        except Finding as finding:
            raise Finding(f"log {log_name(log)}: {finding}") from None
        return found

    def pruned(self, log, names, keys, checkpoint, wanted):
        """Of a pruned log there is the checkpoint only: its size, and its root if something lists that."""
        for signers in pairs(keys):
            try:
                origin, size, root = read_checkpoint(checkpoint, signers)
            except Finding:
                continue
            check(origin in [origin_of(name, log) for name in names], f"log {log_name(log)}: its checkpoint is of another log")
            found = Log(log, names[-1], keys[-1])
            found.size = found.pruned_to = size
            wanted.seen(size, root, f"log {log_name(log)}")
            return found
        raise Finding(f"log {log_name(log)}: its checkpoint is not signed by the ledger's key")


def pairs(keys):
    """What may have signed a page: a key, or around a KEY two of them."""
    return [[key] for key in keys] + [list(two) for two in zip(keys, keys[1:])]


# --- SQLite ---------------------------------------------------------------------

NUMBER_BITS = 40
MAX_ROW = 1 << 20  # bytes; no row that was written is so large
SCHEMA = {
    "audit_pages": """CREATE TABLE audit_pages (
	id         INTEGER PRIMARY KEY,
	first      INTEGER NOT NULL,
	time       TEXT NOT NULL,
	lines      TEXT,
	leaves     BLOB,
	edge       BLOB NOT NULL,
	root       BLOB NOT NULL,
	checkpoint TEXT NOT NULL
) STRICT""",
    "audit_ledger": """CREATE TABLE audit_ledger (
	id       INTEGER PRIMARY KEY CHECK (id = 0),
	verifier TEXT NOT NULL
) STRICT""",
}


class Database:
    """An SQLite file, as it is at one moment. It is only read."""

    def __init__(self, path):
        self.db = sqlite3.connect(f"file:{path.replace('%', '%25').replace('?', '%3f').replace('#', '%23')}?mode=ro", uri=True, isolation_level=None)
        self.db.text_factory = bytes
        if hasattr(self.db, "setlimit"):
            self.db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_ROW)
        self.db.execute("BEGIN")
        there = {name.decode(): sql and sql.decode() for name, sql in self.rows("SELECT name, sql FROM sqlite_schema WHERE name LIKE 'audit%'")}
        if "audit_logs" in there:
            raise OSError("the file holds a ledger of an older format")
        if not there:
            raise OSError("there is no ledger in the file")
        for name, sql in SCHEMA.items():
            check(there.get(name) == sql, f"schema {name}: it is not as it was made")

    def rows(self, query, *args):
        try:
            yield from self.db.execute(query, args)
        except sqlite3.DataError:
            raise Finding("audit_pages: a row is larger than one can be") from None

    def range(self, log):
        return log << NUMBER_BITS, (log + 1) << NUMBER_BITS

    def logs(self):
        return [log for log in range(MAX_LOG + 1) if list(self.rows("SELECT 1 FROM audit_pages WHERE id >= ? AND id < ? LIMIT 1", *self.range(log)))]

    def strays(self, first):
        found = [f"audit_pages id {n}: an id that no page has" for (n,) in self.rows(
            "SELECT id FROM audit_pages WHERE id < 0 OR id >= ? LIMIT 20", (MAX_LOG + 1) << NUMBER_BITS)]
        if list(self.rows("SELECT id, verifier FROM audit_ledger LIMIT 2")) != [(0, first.encode())]:
            found.append("ledger: it is not the ledger's name and first key")
        return found

    def read(self, log, names, keys, prunes, wanted):
        low, high = self.range(log)
        ((stub,),) = self.rows("SELECT max(id) FROM audit_pages WHERE id >= ? AND id < ? AND lines IS NULL", low, high)
        found = None
        query = "SELECT id, first, time, lines, leaves, edge, root, checkpoint FROM audit_pages WHERE id >= ? AND id < ? ORDER BY id"
        for at, *page in self.rows(query, low if stub is None else stub, high):
            row = f"page {log_name(log)}/{at - low}"
            if at not in (stub, low + (found.pages if found else 0)):
                raise Finding(f"page {log_name(log)}/{found.pages if found else 0}: missing")
            try:
                if at == stub:
                    found = read_stub(log, names, keys, prunes, at - low, page)
                else:
                    found = found or begin(log, names, keys, opening_of(page[2].partition(b"\n")[0]))
                    read_page(found, *page)
            except Finding as finding:
                raise Finding(f"{row}: {finding}") from None
            wanted.seen(found.size, found.root(), row)
        check(found, f"page {log_name(log)}/0: missing")
        return found


def split(raw):
    check(len(raw) % 32 == 0, "its hashes are not whole")
    return [raw[i : i + 32] for i in range(0, len(raw), 32)]


def read_page(log, first, time, lines, leaves, edge, root, checkpoint):
    """Takes a page as the next one of a log."""
    check(leaves is None, "it has leaf hashes, which only a stub has")
    check(first == log.size, "its entries do not come next")
    check(lines.endswith(b"\n"), "its lines do not end with a newline")
    texts = lines[:-1].split(b"\n")
    for text in texts:
        try:
            entry = log.take(text)
        except Finding as finding:
            raise Finding(f"entry {log_name(log.log)}/{log.size}: {finding}") from None
        check(entry["time"].encode() == time, "its time is not that of its entries")
        check(entry["operation"] not in TURNS or len(texts) == 1, f"a {entry['operation']} is not alone on it")
    check(split(edge) == log.edge, "its edge is not that of its entries")
    check(root == log.root(), "its root is not that of its entries")
    check_stored(checkpoint, log.origin(), log.size, root, log.signers)
    log.pages += 1


def read_stub(log, names, keys, prunes, number_, page):
    """Returns the log after a stub, which says only what its checkpoint signs."""
    first, time, _, leaves, edge, root, checkpoint = page
    check((number_, (first, root)) in prunes, "the lines before it are gone, and no PRUNE says that they were removed")
    check(time == b"0001-01-01T00:00:00.000000Z", "it is a stub with a time")
    found = Log(log, names[0], keys[0])
    found.edge = split(edge)
    below = []
    for size, digest in enumerate(split(leaves or b"")):
        grow(below, size, digest)
    check(first > 0 and len(found.edge) == bin(first).count("1") and root_of(found.edge) == root, "its edge is not that of its root")
    check(len(split(leaves or b"")) == first % 256 and found.edge[len(found.edge) - len(below) :] == below, "its leaf hashes are not those of its edge")
    for name in names:
        for key in keys:  # a page of KEY, which two have signed, is never a stub
            try:
                check_stored(checkpoint, origin_of(name, log), first, root, [key])
            except Finding:
                continue
            found.ledger, found.key = name, key
            found.size = found.pruned_to = first
            found.pages = number_ + 1
            return found
    raise Finding("its checkpoint is not signed by the ledger's key")


# --- Proofs and kept files --------------------------------------------------------


def read_proof(proof, line, keys):
    """Returns the tree that a tlog-proof proves a line in, and that one of the keys has signed."""
    entry = read_entry(line)
    head, blank, checkpoint = proof.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise Finding("the proof is not ASCII") from None
    check(lines.pop(0) == "c2sp.org/tlog-proof@v1" and blank, "not a tlog-proof of version 1")
    if lines and lines[0].startswith("extra "):
        lines.pop(0)  # signed by nobody
    check(lines and lines[0].startswith("index "), "the proof names no index")
    index = number(lines[0][len("index ") :])
    path = [unbase64(text, 32) for text in lines[1:]]
    for key in keys:
        try:
            origin, size, root = read_checkpoint(checkpoint, [key])
            break
        except Finding as finding:
            problem = finding
    else:
        raise problem
    check(index < size, "the index is beyond the checkpoint")
    check(entry["log"] == origin and entry["index"] == index, "the line is another entry's")
    check(root_of_path(index, size, leaf(line), path) == root, "the checkpoint does not sign the line")
    return entry, size, root


class Kept:
    """A kept file: a CHECKPOINT of the spine, and its proof. What it says is not checked yet."""

    def __init__(self, path):
        self.path = path
        self.line, _, self.proof = read_file(path, MAX_KEPT).partition(b"\n")
        entry = read_entry(self.line)
        check(entry["operation"] == "CHECKPOINT" and entry["number"] == SPINE, "its line is no CHECKPOINT of a spine")
        self.ledger, self.trees = entry["ledger"], read_trees(entry["checkpoint"])
        lines = self.proof.partition(b"\n\n")[2].split(b"\n")
        check(len(lines) > 3 and lines[1].isdigit(), "it has no checkpoint")
        self.size = int(lines[1][:20])

    def check(self, keys):
        """Returns the root of the spine that it is of."""
        _, size, root = read_proof(self.proof, self.line, keys)
        check(size == self.size, "its checkpoint is of another size")
        return root


def read_file(path, most):
    """Reads a file of at most so many bytes. A FIFO or a device is none, and never makes it wait."""
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        check(os.path.isfile(path), "it is not a file")
        data = file.read(most + 1)
    check(len(data) <= most, "it is longer than it can be")
    return data


def kept_paths(paths):
    """Returns the files, and those below the folders that are kept files by name."""
    for path in paths:
        if not os.path.isdir(path):
            yield path
        for folder, folders, names in os.walk(path):
            folders.sort()
            yield from (os.path.join(folder, name) for name in sorted(names) if name.endswith(".kept") and not name.startswith("."))


# --- The commands -----------------------------------------------------------------


class Ledger:
    """A whole ledger: the spine, then the logs against what the spine and the kept files list."""

    def __init__(self, source, name, public):
        self.source, self.name, self.public = source, name, public
        self.findings, self.kept, self.lost = [], 0, 0
        self.wanted = {}

    def find(self, finding):
        self.findings.append(str(finding))

    def want(self, log):
        return self.wanted.setdefault(log, Wanted(log))

    def open_kept(self, paths):
        files = []
        for path in kept_paths(paths):
            try:
                files.append(Kept(path))
            except (Finding, OSError) as problem:
                self.find(f"kept checkpoint {path}: {problem}")
        return files

    def verify(self, paths):
        files = self.open_kept(paths)
        spine_had = Wanted(SPINE)
        spine_had.note = {file.size for file in files}
        spine, whole = Log(SPINE, self.name, self.public), True
        try:
            spine = self.source.read(SPINE, [self.name], [self.public], [], spine_had)
        except Finding as finding:
            whole = False
            self.find(finding)
        for log, size, root, said in spine.listed:
            self.want(log).add(size, root, said)
        for file in files:
            try:
                self.compare(file, spine, whole, spine_had.had)
            except Finding as finding:
                self.find(f"kept checkpoint {file.path}: {finding}")
        reports = [f"log spine: {spine.size} entries"] if whole else []
        for log in sorted(set(self.source.logs()) | set(self.wanted) - {SPINE}):
            if log != SPINE:
                reports += self.read(log, spine, whole)
        self.findings += self.source.strays(key_text(self.name, self.public))
        return reports

    def compare(self, file, spine, whole, had):
        """Compares a kept file with the spine, and notes what it says of the logs."""
        check(file.ledger in spine.names, "it is of another ledger")
        root = file.check(spine.keys)
        for name, restored, lost in spine.losses:
            if name == file.ledger and file.size > restored[0]:
                check(file.size <= lost[0], "it is of more than the ROLLBACK of the spine says was lost")
                self.lost += 1
                return
        for log, tree in file.trees.items():
            self.want(log).add(*tree, f"the kept checkpoint {file.path}")
        if not whole:
            return
        check(file.size <= spine.size, f"entry spine/{spine.size} is missing: the file has {file.size}")
        check(had.get(file.size) == root, f"the spine's first {file.size} entries were changed: their tree is another")
        self.kept += 1

    def read(self, log, spine, whole):
        wanted = self.want(log)
        listed = bool(wanted.trees)
        try:
            found = self.source.read(log, spine.names, spine.keys, spine.prunes.get(log, []), wanted)
            wanted.end(found)
            check(listed or not whole or found.size == 1, f"log {log}: the spine does not list it")
        except Finding as finding:
            self.find(finding)
            return []
        pruned = f", {found.pruned_to} of them pruned" if found.pruned_to else ""
        return [f"log {log}: {found.size} entries{pruned}"]


def ledger(args):
    name, public = given_key(args.key)
    source = Folder(args.ledger) if os.path.isdir(args.ledger) else Database(args.ledger)
    found = Ledger(source, read_origin(name)[0], public)
    for report in found.verify(args.kept):
        print(report)
    if args.kept:
        print(f"{found.kept} kept files agree" + (f", {found.lost} are of what a ROLLBACK says was lost" if found.lost else ""))
    if found.findings:
        raise Finding("\n  ".join(["", *found.findings]))
    return f"ledger {found.name}"


def export(args):
    _, public = given_key(args.key)
    with open(args.lines, "rb") as file:
        line = file.readline(MAX_LINE + 2)
        file.seek(0)
        checkpoint = read_file(args.checkpoint, MAX_LINE)
        name, log = read_origin(checkpoint.partition(b"\n")[0].decode("ascii", "replace"))
        try:
            name = read_entry(line[:-1])["ledger"]  # an older one, if the ledger goes on under another
        except Finding:
            pass
        found = Log(log, name, public)
        read_lines(found, file, Wanted(log))
        check_end(found, checkpoint)
    return f"{found.size} entries of {found.origin()}, root {base64_of(found.root())}"


def proof(args):
    _, public = given_key(args.key)
    line = read_file(args.line, MAX_LINE + 1)
    entry, size, _ = read_proof(read_file(args.proof, MAX_LINE), line[:-1] if line.endswith(b"\n") else line, [public])
    return f"entry {entry['log']}/{entry['index']} is one of the {size} that the checkpoint signs"


def kept(args):
    _, public = given_key(args.key)
    file = Kept(args.kept)
    file.check([public])
    for log, (size, root) in file.trees.items():
        print(f"log {log}: {size} entries, root {base64_of(root)}")
    return f"a CHECKPOINT of {file.ledger}, in a spine of {file.size} entries"


class KeyProblem(Exception):
    """The key that was given is none."""


def given_key(text):
    """Returns name and public key."""
    try:
        if text.startswith("@"):
            with open(text[1:], encoding="utf-8") as file:
                text = file.readline()
        return text.partition("+")[0], read_key(text)
    except (Finding, OSError, UnicodeDecodeError) as problem:
        raise KeyProblem(f"the verifier key: {problem}") from None


def main():
    parser = argparse.ArgumentParser(description="Verify a Piinguin ledger without Piinguin.")
    commands = parser.add_subparsers(dest="command", required=True)
    for run, arguments in (ledger, ["ledger", "key", "kept*"]), (export, ["lines", "checkpoint", "key"]), (proof, ["proof", "key", "line"]), (kept, ["kept", "key"]):
        command = commands.add_parser(run.__name__)
        command.set_defaults(run=run)
        for argument in arguments:
            command.add_argument(argument.rstrip("*"), metavar=argument.rstrip("*").upper(), nargs="*" if argument.endswith("*") else None)
    args = parser.parse_args()
    try:
        print("whole:", args.run(args))
    except Finding as finding:
        print("NOT what was written:", finding, file=sys.stderr)
        return 1
    except (KeyProblem, OSError, sqlite3.Error) as problem:
        print(problem, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
