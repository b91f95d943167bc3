#!/usr/bin/env python3
"""Verifies an export or a proof of a Piinguin ledger, offline.

    verify.py export LINES CHECKPOINT KEY    the files that "piinguin audit export" writes
    verify.py proof PROOF KEY LINE           a C2SP tlog-proof, and a file with the entry's line

KEY is a line of "piinguin audit key", or @FILE that holds it. Written from
docs/audit-format.md and RFC 8032 alone, with Python's standard library alone.

Exit codes: 0 whole, 1 not what was written, 2 it could not be verified.
"""

import argparse
import base64
import binascii
import datetime
import hashlib
import json
import re
import sys

MAX_LINE = 65535
MAX_INTEGER = 2**53 - 1


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


def multiply(n, point):
    total = (0, 1, 1, 0)
    while n:
        if n & 1:
            total = add(total, point)
        point, n = add(point, point), n >> 1
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
    return encode_point(add(multiply(s, BASE), multiply(k, minus_key))) == signature[:32]


# --- Keys, notes and checkpoints -----------------------------------------------


def key_id(name, public):
    return hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]


def read_key(text):
    """Returns the 32 bytes of a verifier key: NAME+ID+BASE64."""
    parts = text.strip().split("+", 2)  # base64 has a plus as well
    check(len(parts) == 3, "it has not three parts")
    raw = unbase64(parts[2], 33)
    check(raw[0] == 1, "it is not an Ed25519 key")
    check(key_id(parts[0], raw[1:]).hex() == parts[1], "its id is not that of its name and key")
    return raw[1:]


def read_checkpoint(note, public):
    """Returns origin, size and root of a checkpoint that the key has signed."""
    try:
        text, blank, signatures = note.decode().rpartition("\n\n")
    except UnicodeDecodeError:
        raise Finding("the checkpoint is not UTF-8") from None
    text += "\n"
    lines = text.split("\n")
    check(blank and len(lines) == 4, "the checkpoint has not three lines and a blank one")
    origin, by_key = lines[0], False
    check(signatures.endswith("\n"), "the checkpoint has no signature that ends in a newline")
    for line in signatures[:-1].split("\n"):
        parts = line.split(" ")
        check(len(parts) == 3 and parts[0] == "\u2014", "the checkpoint has a malformed signature line")
        # Another name or id is another's signature: a witness's, perhaps.
        if parts[1] != origin or not is_by(parts[2], key_id(origin, public)):
            continue
        check(signed(public, text.encode(), unbase64(parts[2], 68)[4:]), "the checkpoint's signature is wrong")
        by_key = True
    check(by_key, "the checkpoint is not signed by the key")
    return origin, number(lines[1]), unbase64(lines[2], 32)


def is_by(signature, wanted):
    try:
        return base64.b64decode(signature, validate=True)[:4] == wanted
    except (binascii.Error, ValueError):
        raise Finding("the checkpoint has a malformed signature") from None


# --- Entries -------------------------------------------------------------------

LOG = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.([0-9]{6})Z")
REASON = re.compile(r"[a-z_]{1,64}")
OPERATIONS = {"READ", "DELETE", "CREATE", "REVIEW", "OPEN", "CLOSE", "PRUNE"}
OUTCOMES = {"GRANTED", "DENIED", "NOT_FOUND", "ERROR"}
BASES = {"CONSENT", "CONTRACT", "LEGAL_OBLIGATION", "VITAL_INTERESTS", "PUBLIC_TASK", "LEGITIMATE_INTERESTS"}
CONDITIONS = {
    "ART9_EXPLICIT_CONSENT", "ART9_EMPLOYMENT_AND_SOCIAL_PROTECTION", "ART9_VITAL_INTERESTS", "ART9_NOT_FOR_PROFIT_BODY",
    "ART9_MADE_PUBLIC", "ART9_LEGAL_CLAIMS", "ART9_SUBSTANTIAL_PUBLIC_INTEREST", "ART9_HEALTH_CARE", "ART9_PUBLIC_HEALTH",
    "ART9_ARCHIVING_AND_RESEARCH",
}
REQUIRED = {"version", "log", "index", "time", "operation", "outcome"}
LONGEST = {  # in bytes of UTF-8
    "caller": 256, "authentication": 64, "on_behalf_of": 512, "purpose": 512, "reference": 512,
    "modified_value": 2048, "policy": 64, "request_id": 64,
}
FIELDS = REQUIRED | LONGEST.keys() | {"reason", "basis", "special_category_condition", "count", "checkpoint"}


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
    return entry


def check_fields(entry):
    check(entry["version"] == 1, "not of version 1")
    check(LOG.fullmatch(entry["log"]), "log")
    check(0 <= entry["index"] <= MAX_INTEGER, "index")
    check(is_time(entry["time"]), "time")
    check(entry["operation"] in OPERATIONS, "operation")
    check(entry["outcome"] in OUTCOMES, "outcome")
    check("reason" not in entry or REASON.fullmatch(entry["reason"]), "reason")
    check("basis" not in entry or entry["basis"] in BASES, "basis")
    check(entry.get("special_category_condition", "ART9_MADE_PUBLIC") in CONDITIONS, "special_category_condition")
    check("count" not in entry or 0 < entry["count"] <= MAX_INTEGER, "count")
    check("request_id" in entry or entry["operation"] in ("OPEN", "CLOSE"), "request_id")
    check(entry["operation"] != "CLOSE" or LOG.fullmatch(entry.get("reference", "")), "reference")
    check("checkpoint" in entry or entry["operation"] != "PRUNE", "checkpoint")
    if "checkpoint" in entry:
        check(entry["operation"] in ("OPEN", "PRUNE"), "checkpoint")
        check_tree(entry["checkpoint"])
    for name, longest in LONGEST.items():
        if name in entry:
            text = entry[name]
            plain = not any(c < " " or "\x7f" <= c <= "\x9f" for c in text)
            check(0 < len(text.encode()) <= longest and plain, name)


def check_tree(text):
    """Checks what an entry says of another log: name, size and root."""
    parts = text.split(" ")
    check(len(parts) == 3 and LOG.fullmatch(parts[0]), "checkpoint")
    check(number(parts[1]) > 0, "checkpoint")
    unbase64(parts[2], 32)


def is_time(text):
    match = TIME.fullmatch(text)
    try:
        return bool(match and datetime.datetime(*map(int, match.groups())))
    except ValueError:
        return False


# --- The tree, RFC 6962 section 2.1 ----------------------------------------------


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


# --- The two commands --------------------------------------------------------------


def verify_export(lines, checkpoint, public):
    log, size, root = read_checkpoint(checkpoint.read(MAX_LINE), public)
    edge, count, time, closed, before = [], 0, "", False, ""
    while line := lines.readline(MAX_LINE + 2):
        try:
            check(count < size, f"the checkpoint has {size} entries only")
            check(line.endswith(b"\n"), "no newline at its end")
            entry = read_entry(line[:-1])
            check(entry["log"] == log, f"not of {log}")
            check(entry["index"] == count, f"not entry {count}")
            check(entry["time"] >= time, "its time goes back")
            check(count or entry["operation"] == "OPEN", "a log's first entry is not OPEN")
            check(not closed, "it comes after the log's CLOSE")
        except Finding as finding:
            raise Finding(f"line {count + 1}: {finding}") from None
        grow(edge, count, leaf(line[:-1]))
        closed = entry["operation"] == "CLOSE"
        before = before if count else entry.get("checkpoint", "")
        count, time = count + 1, entry["time"]
    check(count == size, f"line {count + 1}: missing; the checkpoint has {size} entries")
    check(edge and root_of(edge) == root, "the lines are not those that the checkpoint signs")
    after = f"; goes on from {before}" if before else ""
    return f"{size} entries of {log}, root {base64.b64encode(root).decode()}{after}"


def verify_proof(proof, public, line):
    head, blank, checkpoint = proof.read(MAX_LINE).partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise Finding("the proof is not ASCII") from None
    check(lines.pop(0) == "c2sp.org/tlog-proof@v1" and blank, "not a tlog-proof of version 1")
    if lines and lines[0].startswith("extra "):
        lines.pop(0)  # signed by nobody
    check(lines and lines[0].startswith("index "), "the proof names no index")
    index = number(lines[0].removeprefix("index "))
    path = [unbase64(text, 32) for text in lines[1:]]
    log, size, root = read_checkpoint(checkpoint, public)
    check(index < size, "the index is beyond the checkpoint")
    raw = line.read(MAX_LINE + 2).removesuffix(b"\n")
    entry = read_entry(raw)
    check(entry["log"] == log and entry["index"] == index, "the line is another entry's")
    check(root_of_path(index, size, leaf(raw), path) == root, "the checkpoint does not sign the line")
    return f"entry {log}/{index} is one of the {size} that the checkpoint signs"


def main():
    parser = argparse.ArgumentParser(description="Verify an export or a proof of a Piinguin ledger, offline.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, arguments in ("export", ["lines", "checkpoint", "key"]), ("proof", ["proof", "key", "line"]):
        command = commands.add_parser(name)
        for argument in arguments:
            command.add_argument(argument, metavar=argument.upper())
    args = parser.parse_args()
    try:
        key = args.key
        if key.startswith("@"):
            with open(key[1:], encoding="utf-8") as file:
                key = file.readline()
        public = read_key(key)
    except (Finding, OSError, UnicodeDecodeError) as problem:
        print(f"the verifier key: {problem}", file=sys.stderr)
        return 2
    try:
        if args.command == "export":
            with open(args.lines, "rb") as lines, open(args.checkpoint, "rb") as checkpoint:
                print("whole:", verify_export(lines, checkpoint, public))
        else:
            with open(args.proof, "rb") as proof, open(args.line, "rb") as line:
                print("whole:", verify_proof(proof, public, line))
    except Finding as finding:
        print("NOT what was written:", finding, file=sys.stderr)
        return 1
    except OSError as problem:
        print(problem, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
