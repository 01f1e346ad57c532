#!/usr/bin/env python3
"""An independent verifier of Coterie's logs, certificates and councils, written from docs/reference/formats.md alone.

    python3 verify.py FOLDER                       checks all test vectors in the folder
    python3 verify.py --certificate FILE --keys FILE
    python3 verify.py --evidence FILE --keys FILE   evidence against members of a council, with its membership file
    python3 verify.py --log FILE                   a log in the form of log.json

It needs nothing but Python 3.8 or later. It does not check what needs a store: the states in which a store
claims messages to be. It is slow (about 300 records a second) and its arithmetic does not run in constant time,
which does not matter for verifying.
"""

import base64
import hashlib
import json
import re
import sys


class Refused(Exception):
    pass


def need(condition, reason):
    if not condition:
        raise Refused(reason)


# ------------------------------------------------------------------------- Ed25519 (RFC 8032), verification only

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
SMALL_Y = {0, 1, P - 1} | {
    int.from_bytes(bytes.fromhex(y), "little")
    for y in (
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    )
}


def add_points(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(n, p):
    q = (0, 1, 1, 0)
    while n:
        if n & 1:
            q = add_points(q, p)
        p = add_points(p, p)
        n >>= 1
    return q


def x_of(y, sign):
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * SQRT_M1 % P
    if (x * x - x2) % P:
        return None
    return P - x if (x & 1) != sign else x


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = x_of(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def encode_point(p):
    inverse = pow(p[2], P - 2, P)
    x, y = p[0] * inverse % P, p[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def base64url(text, length):
    """The bytes of a text, or None unless it is the one text of `length` bytes."""
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        return None
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    exact = base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == text
    return raw if exact and len(raw) == length else None


def signature_holds(public_key, message, signature):
    key, sig = base64url(public_key, 32), base64url(signature, 64)
    if key is None or sig is None:
        return False
    number = int.from_bytes(key, "little")
    y, sign = number & (2**255 - 1), number >> 255
    s = int.from_bytes(sig[32:], "little")
    if y >= P or y in SMALL_Y or s >= L:
        return False
    x = x_of(y, sign)
    if x is None:
        return False
    k = int.from_bytes(hashlib.sha512(sig[:32] + key + message).digest(), "little") % L
    minus_a = (P - x, y, 1, (P - x) * y % P)
    return encode_point(add_points(times(s, BASE), times(k, minus_a))) == sig[:32]


# ------------------------------------------------------------------------------------------------ canonical JSON

SAFE = 2**53 - 1
ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def well_formed(text):
    return not any("\ud800" <= c <= "\udfff" for c in text)


def units(text):
    """Length in UTF-16 code units."""
    return len(text.encode("utf-16-be", "surrogatepass")) // 2


def order(text):
    return text.encode("utf-16-be", "surrogatepass")


def string(text):
    need(well_formed(text), "a lone surrogate")
    return '"' + "".join(ESCAPES.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in text) + '"'


def canonical(value, depth=0):
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        need(-SAFE <= value <= SAFE, "not a safe integer")
        return str(value)
    if isinstance(value, str):
        return string(value)
    need(isinstance(value, (list, dict)), "not an integer")
    need(depth < 64, "more than 64 levels")
    if isinstance(value, list):
        return "[" + ",".join(canonical(one, depth + 1) for one in value) + "]"
    need("__proto__" not in value, "a member called __proto__")
    names = sorted(value, key=order)
    return "{" + ",".join(string(name) + ":" + canonical(value[name], depth + 1) for name in names) + "}"


def integer(text):
    need(text != "-0", "-0")
    need(abs(int(text)) <= SAFE, "not a safe integer")
    return int(text)


def fraction(text):
    raise Refused("not an integer in plain notation: " + text)


def members(pairs):
    value = dict(pairs)
    need(len(value) == len(pairs), "a duplicate member")
    return value


def strict(text):
    """The value of a JSON text of the subset, in any spelling."""
    try:
        value = json.loads(
            text, object_pairs_hook=members, parse_int=integer, parse_float=fraction, parse_constant=fraction
        )
    except (ValueError, RecursionError) as error:
        raise Refused("not JSON") from error
    canonical(value)
    return value


def parse(text):
    """The value of a canonical text."""
    need(isinstance(text, str), "not a text")
    value = strict(text)
    need(canonical(value) == text, "not canonical")
    return value


def sha256(data):
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


# ------------------------------------------------------------------------------------------------------- shapes

def matches(pattern):
    return lambda v: isinstance(v, str) and re.fullmatch(pattern, v, re.ASCII) is not None


def is_count(v):
    return isinstance(v, int) and not isinstance(v, bool) and 0 <= v <= SAFE


def is_string(shortest, longest):
    return lambda v: isinstance(v, str) and well_formed(v) and shortest <= units(v) <= longest


def one_of(*values):
    return lambda v: isinstance(v, str) and v in values


def or_null(check):
    return lambda v: v is None or check(v)


def list_of(check):
    return lambda v: isinstance(v, list) and all(check(one) for one in v)


def has(**checks):
    return lambda v: isinstance(v, dict) and v.keys() == checks.keys() and all(c(v[k]) for k, c in checks.items())


def is_one(v):
    return v == 1 and is_count(v)


def is_bool(v):
    return isinstance(v, bool)


def is_address(v):
    if not isinstance(v, str):
        return False
    name, slash, key = v.partition("/")
    if not (is_name(name) or name == OWNER):
        return False
    if not slash:
        return True
    if not 1 <= len(key) <= 200 or any(within(c, UNREADABLE) for c in key):
        return False
    return not within(key[0], SPACES) and not within(key[-1], SPACES)


def within(character, ranges):
    return any(low <= ord(character) <= high for low, high in ranges)


UNREADABLE = [
    (0x0, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x600, 0x605), (0x61C, 0x61C), (0x6DD, 0x6DD), (0x70F, 0x70F),
    (0x890, 0x891), (0x8E2, 0x8E2), (0x180E, 0x180E), (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F),
    (0xD800, 0xF8FF), (0xFDD0, 0xFDEF), (0xFEFF, 0xFEFF), (0xFFF0, 0xFFFB), (0x110BD, 0x110BD), (0x110CD, 0x110CD),
    (0x13430, 0x1343F), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE007F), (0xF0000, 0x10FFFF),
] + [(plane * 0x10000 + 0xFFFE, plane * 0x10000 + 0xFFFF) for plane in range(15)]
SPACES = [
    (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x202F, 0x202F), (0x205F, 0x205F),
    (0x3000, 0x3000),
]


OWNER = "@owner"
is_hash = matches("[0-9a-f]{64}")
is_key_id = matches("[0-9a-f]{40}")
is_name = matches("[A-Za-z][A-Za-z0-9_-]{0,63}")
is_handler = matches("[A-Za-z][A-Za-z0-9_]{0,63}")
is_message = matches("msg_[0-9A-Za-z]{1,64}")
is_turn = matches("turn_[0-9A-Za-z]{1,64}")
is_decision = matches("dec_[0-9A-Za-z]{1,64}")
is_trace = matches("[0-9a-f]{32}")
is_public_key = matches("[0-9A-Za-z_-]{43}")
is_text = is_string(1, 4096)
is_label = is_string(1, 512)
is_prose = is_string(0, 65536)


is_envelope = has(
    cause=or_null(is_turn), correlation=is_text, deadline=or_null(is_count), dueAt=or_null(is_count),
    failed=is_bool, handler=is_handler, id=is_message, key=or_null(is_text), sentAt=is_count, space=is_hash,
    kind=one_of("send", "ask", "reply", "topic"), payload=has(bytes=is_count, sha256=is_hash),
    re=or_null(is_message), to=is_address, topic=or_null(is_name), trace=is_trace, v=is_one, **{"from": is_address},
)
is_agent = has(
    handlers=list_of(has(name=is_handler, topic=or_null(is_name))), key=is_key_id,
    name=lambda v: v == OWNER or is_name(v), publicKey=is_public_key,
)
ALWAYS = dict(
    at=is_count, author=is_address, key=is_key_id, prev=lambda v: v == "" or is_hash(v), seq=is_count,
    kind=one_of("genesis", "agents", "turn", "send", "settle", "cancel"), space=lambda v: v == "" or is_hash(v), v=is_one,
)
SOMETIMES = dict(
    agents=list_of(lambda v: is_agent(v) and len({h["name"] for h in v["handlers"]}) == len(v["handlers"])),
    cancels=lambda v: is_message(v) or is_turn(v) or is_trace(v), decisions=list_of(has(id=is_decision, sha256=is_hash)), detail=is_hash, epoch=is_count,
    events=list_of(has(sha256=is_hash, stream=is_text, type=is_text, version=is_count)), journal=list_of(is_hash),
    reads=list_of(has(stream=is_text, version=is_count)), revokes=list_of(has(key=is_key_id, reason=is_text)),
    sends=list_of(has(id=is_message, sha256=is_hash)), trace=is_trace,
    settles=list_of(has(id=is_message, **{"as": one_of("handled", "expired", "cancelled", "queued")})),
    turn=has(
        attempt=is_count, end=one_of("handled", "waiting", "retry", "dead", "expired", "cancelled"), id=is_turn,
        message=has(id=is_message, sha256=is_hash), segment=is_count,
    ),
)
is_proof = has(index=is_count, size=is_count, path=list_of(is_hash), signature=is_text)
is_chunk = has(
    author=is_string(0, SAFE), chunk=is_count, entries=lambda v: isinstance(v, list), prev=is_string(0, SAFE),
    space=is_string(0, SAFE), turn=is_string(0, SAFE), v=is_one,
)


def check_body(body):
    need(isinstance(body, dict) and ALWAYS.keys() <= body.keys(), "a member of the body is missing")
    for name, value in body.items():
        check = ALWAYS.get(name) or SOMETIMES.get(name)
        need(check is not None and check(value), f"the member {name} of the body is unknown or malformed")
    genesis = body["kind"] == "genesis"
    need((body["seq"] == 0) == (body["prev"] == ""), "seq and prev disagree")
    need(genesis == (body["space"] == ""), "space and kind disagree")
    need(not genesis or (body["seq"] == 0 and body["author"] == OWNER), "not a genesis")
    need((body["kind"] == "turn") == ("turn" in body), "turn and kind disagree")
    if genesis or body["kind"] == "agents":
        need(body["author"] == OWNER, "only the owner speaks of agents")
    else:
        need("agents" not in body and "revokes" not in body, "only the owner's records change keys")


def agent_of(address):
    return address.partition("/")[0]


# ------------------------------------------------------------------------------------------ signatures of objects

RECORDS = "application/vnd.coterie.records.v1"
JOURNAL = "application/vnd.coterie.journal.v1+json"
BALLOT = "application/vnd.coterie.ballot.v1+json"
COMMITMENT = "application/vnd.coterie.commitment.v1+json"
SEALED_BALLOT = "application/vnd.coterie.sealed-ballot.v1+json"


def pae(kind, payload):
    data = payload.encode()
    return f"DSSEv1 {len(kind.encode())} {kind} {len(data)} ".encode() + data


def root_of(leaf, index, size, path):
    need(0 <= index < size and is_hash(leaf), "the index is not below the size")
    fn, sn, r = index, size - 1, bytes.fromhex(leaf)
    for step in path:
        need(sn != 0 and is_hash(step), "the path does not fit")
        p = bytes.fromhex(step)
        if fn % 2 or fn == sn:
            r = hashlib.sha256(b"\1" + p + r).digest()
            while fn % 2 == 0 and fn != 0:
                fn, sn = fn // 2, sn // 2
        else:
            r = hashlib.sha256(b"\1" + r + p).digest()
        fn, sn = fn // 2, sn // 2
    need(sn == 0, "the path is too short")
    return r.hex()


def check_proof(leaf, proof, public_key):
    root = root_of(leaf, proof["index"], proof["size"], proof["path"])
    need(signature_holds(public_key, pae(RECORDS, root), proof["signature"]), "the signature does not hold")


# ----------------------------------------------------------------------------------------------- whose key is whose

class Keys:
    def __init__(self):
        self.periods = []

    def at(self, key, position):
        for p in self.periods:
            if p["key"] == key and p["from"] <= position and (p["until"] is None or position < p["until"]):
                return p
        raise Refused("the key does not count at this position")

    def up_to(self, position, revoked_too=False):
        """Key id to (agent, public key): for what has no position of its own."""
        return {
            p["key"]: (p["agent"], p["publicKey"])
            for p in self.periods
            if p["from"] <= position and (revoked_too or p["revoked"] is None or p["revoked"][0] > position)
        }

    def owner_record(self, body, leaf, proof, position):
        if body["kind"] == "genesis":
            entries = body.get("agents", [])
            need(len(entries) == 1 and entries[0]["name"] == OWNER and "revokes" not in body, "not a genesis")
            need(entries[0]["key"] == body["key"], "the genesis is signed with another key than it names")
            public_key = entries[0]["publicKey"]
        else:
            holder = self.at(body["key"], position)
            need(holder["agent"] == OWNER, "the key is not the owner's")
            public_key = holder["publicKey"]
        check_proof(leaf, proof, public_key)
        for entry in body.get("revokes", []):
            self.revoke(entry, position)
        seen = set()
        for entry in body.get("agents", []):
            need(entry["name"] not in seen, "an agent twice in one record")
            seen.add(entry["name"])
            self.enter(entry, position, body["kind"] == "genesis")

    def revoke(self, entry, position):
        found = [p for p in self.periods if p["key"] == entry["key"]]
        need(found, "a key is revoked that nobody has")
        for p in found:
            need(p["revoked"] is None, "a key is revoked twice")
            p["revoked"] = (position, entry["reason"])
            if p["until"] is None:
                p["until"] = position + (p["agent"] == OWNER)

    def enter(self, entry, position, first):
        raw = base64url(entry["publicKey"], 32)
        need(raw is not None and sha256(raw)[:40] == entry["key"], "the key id is not that of the key")
        edge = position + (entry["name"] == OWNER)
        for p in self.periods:
            if p["key"] == entry["key"]:
                need(p["agent"] == entry["name"], "the key is another agent's")
                need(p["revoked"] is None, "the key was revoked")
        current = [p for p in self.periods if p["agent"] == entry["name"] and p["until"] is None]
        if any(p["key"] == entry["key"] for p in current):
            return
        for p in current:
            p["until"] = edge
        self.periods.append({
            "key": entry["key"], "agent": entry["name"], "publicKey": entry["publicKey"],
            "from": position if first else edge, "until": None, "revoked": None,
        })

    def file(self, space):
        keys = [dict(p, revoked=p["revoked"] and p["revoked"][1]) for p in self.periods]
        return {"v": 1, "type": "coterie.keys", "space": space, "owner": keys[0]["publicKey"], "keys": keys}


# --------------------------------------------------------------------------------------------------- certificates

RESERVED = ("abstain", "none", "silent", "__proto__")
EVIDENCE = ("wrong-proposal", "no-commitment", "wrong-reveal", "wrong-close", "unknown-option", "after-close")


def with_optional(required, **optional):
    """An object with the required members, and any of the others."""
    def check(v):
        if not isinstance(v, dict):
            return False
        extra = {name: v[name] for name in optional if name in v}
        rest = {name: value for name, value in v.items() if name not in extra}
        return has(**required)(rest) and all(optional[name](value) for name, value in extra.items())
    return check


def whole(least, most):
    return lambda v: is_count(v) and least <= v <= most


def different(items):
    return len(set(items)) == len(items)


is_share_part = whole(1, 1000000)


def is_share(v):
    return has(numerator=is_share_part, denominator=is_share_part)(v) and v["numerator"] <= v["denominator"]


is_member = with_optional(
    dict(key=is_label, member=lambda v: is_label(v) and is_address(v), publicKey=is_label),
    weight=whole(1, 1000000),
)
is_proposal = with_optional(
    dict(
        decision=is_label, deadline=or_null(is_count), electorate=list_of(is_member), options=list_of(is_label),
        question=is_prose, rule=lambda v: isinstance(v, dict), space=is_label, v=is_one,
    ),
    after=is_label, otherwise=is_label, sealed=has(commitBy=is_count), subject=lambda v: True,
)
is_ballot = with_optional(
    dict(
        choice=lambda v: is_label(v) or (list_of(is_label)(v) and len(v) <= 100), decision=is_label, key=is_label,
        member=is_label, proposal=is_label, reason=is_prose, space=is_label, v=is_one,
    ),
    at=is_count, family=is_label, nonce=lambda v: base64url(v, 32) is not None, close=is_hash,
)
is_signature = lambda v: base64url(v, 64) is not None
is_commitment = has(
    decision=is_label, key=is_label, member=is_label, proposal=is_label, sha256=is_hash, space=is_label, v=is_one,
)
is_certificate = with_optional(
    dict(
        ballots=lambda v: isinstance(v, list), decidedAt=is_count, outcome=lambda v: True, proposal=lambda v: True,
        tally=lambda v: True, type=one_of("coterie.certificate"), v=is_one,
    ),
    commitments=lambda v: isinstance(v, list),
)
is_tie = lambda v: v in ("none", "first") if isinstance(v, str) else has(member=lambda m: isinstance(m, str))(v)
SHARE = {"numerator": is_share_part, "denominator": is_share_part}
RULES = {
    "majority": ({}, True), "supermajority": (SHARE, False), "unanimity": ({}, False), "threshold": (SHARE, True),
    "approval": (SHARE, True), "ranked": ({}, True),
}


def check_proposal(p):
    need(is_proposal(p), "the form of the proposal")
    options, electorate, rule = p["options"], p["electorate"], p["rule"]
    need(1 <= len(options) <= 100 and different(options) and not set(options) & set(RESERVED), "the options")
    need(1 <= len(electorate) <= 1000 and different([m["member"] for m in electorate]), "the electorate")
    keys = {(m["key"], m["publicKey"]) for m in electorate}
    need(len({key for key, _ in keys}) == len(keys), "a key with two values")
    need("otherwise" not in p or p["otherwise"] in options, "what is to hold otherwise is no option")
    if "sealed" in p and p["deadline"] is not None:
        need(p["sealed"]["commitBy"] <= p["deadline"], "commitments are due after the deadline")
    check_rule(rule, [m["member"] for m in electorate])
    canonical(p, 1)


def check_rule(rule, electorate):
    kind = rule.get("type")
    need(isinstance(kind, str) and kind in RULES, "the type of the rule")
    required, ties = RULES[kind]
    optional = {
        "quorum": is_share, "families": whole(1, 1000),
        "veto": lambda v: isinstance(v, list) and len(v) > 0 and all(isinstance(m, str) for m in v) and different(v),
    }
    if ties:
        optional["onTie"] = is_tie
    need(with_optional(dict(type=one_of(kind), **required), **optional)(rule), "the form of the rule")
    if required:
        need(rule["numerator"] <= rule["denominator"], "the share of the rule")
    if kind == "supermajority":
        need(2 * rule["numerator"] > rule["denominator"], "the rule asks for no more than a half")
    tie = rule.get("onTie", "none")
    named = rule.get("veto", []) + ([tie["member"]] if isinstance(tie, dict) else [])
    need(all(m in electorate for m in named), "the rule names one who is no member")


def choice_of(proposal, choice):
    """The options chosen, none for an abstention; None if the choice does not fit the rule."""
    options, kind = proposal["options"], proposal["rule"]["type"]
    if choice == "abstain":
        return []
    if kind not in ("approval", "ranked"):
        return [choice] if isinstance(choice, str) and choice in options else None
    if not isinstance(choice, list) or not choice or not different(choice) or not set(choice) <= set(options):
        return None
    return choice if kind == "ranked" or choice == [o for o in options if o in choice] else None


def member_of(proposal, signed, payload_type, what):
    """Who signed, or why it is not to be believed."""
    said = signed[what]
    member = next((m for m in proposal["electorate"] if m["member"] == said["member"]), None)
    if member is None:
        return "not-a-member"
    if said["key"] != member["key"]:
        return "wrong-key"
    if not signature_holds(member["publicKey"], pae(payload_type, canonical(said)), signed["signature"]):
        return "bad-signature"
    return None


def matter_problem(proposal, proposal_hash, said):
    if said["space"] != proposal["space"]:
        return "wrong-space"
    if said["decision"] != proposal["decision"]:
        return "wrong-decision"
    return None if said["proposal"] == proposal_hash else "wrong-proposal"


def seal_hash(ballot):
    rest = {name: value for name, value in ballot.items() if name != "close"}
    return sha256(pae(SEALED_BALLOT, canonical(rest)))


def problem_of(proposal, proposal_hash, hashes, close, signed):
    if not has(ballot=is_ballot, signature=is_signature)(signed):
        return "malformed"
    ballot = signed["ballot"]
    if ("nonce" in ballot) != ("close" in ballot):
        return "malformed"
    problem = member_of(proposal, signed, BALLOT, "ballot") or matter_problem(proposal, proposal_hash, ballot)
    if problem is not None:
        return problem
    if "sealed" not in proposal:
        if "nonce" in ballot:
            return "malformed"
    else:
        if "nonce" not in ballot or ballot["member"] not in hashes:
            return "no-commitment"
        if seal_hash(ballot) not in hashes[ballot["member"]]:
            return "wrong-reveal"
        if ballot["close"] != close:
            return "wrong-close"
    if choice_of(proposal, ballot["choice"]) is None:
        return "unknown-option"
    due = proposal["sealed"]["commitBy"] if "sealed" in proposal else proposal["deadline"]
    return "after-close" if due is not None and ballot.get("at", 0) > due else None


def close_of(proposal, proposal_hash, commitments):
    """The commitments that are kept, the hashes by member, and the close hash."""
    by_member = {}
    for signed in commitments:
        need(has(commitment=is_commitment, signature=is_signature)(signed), "the form of a commitment")
        said = signed["commitment"]
        problem = member_of(proposal, signed, COMMITMENT, "commitment") or matter_problem(proposal, proposal_hash, said)
        need(problem is None, f"a commitment: {problem}")
        mine = by_member.setdefault(said["member"], {})
        if said["sha256"] not in mine or signed["signature"] < mine[said["sha256"]]["signature"]:
            mine[said["sha256"]] = signed
    kept, hashes = [], {}
    for member in sorted(by_member, key=order):
        mine = sorted(by_member[member].values(), key=lambda s: s["signature"])[:2]
        kept += mine
        hashes[member] = [one["commitment"]["sha256"] for one in mine]
    return kept, hashes, sha256(canonical(kept))


def part_of(share, total):
    return -(-total * share["numerator"] // share["denominator"])


def among(tied, casts, rule):
    """What a tie gives."""
    policy = rule.get("onTie", "none")
    if policy == "none":
        return None
    if policy == "first":
        return tied[0]
    chosen = [o for o in casts.get(policy["member"], (0, [], None))[1] if o in tied]
    if rule["type"] == "approval" and len(chosen) > 1:
        return None
    return chosen[0] if chosen else None


def winner_of(proposal, casts, total, needed):
    """The winner or None, whether a tie was in it, and the rounds of a ranked vote."""
    options, rule = proposal["options"], proposal["rule"]
    if rule["type"] == "ranked":
        return run_off(options, rule, casts, total)
    support = {o: sum(w for w, chosen, _ in casts.values() if o in chosen) for o in options}
    if rule["type"] == "majority":
        able = [o for o in options if 2 * support[o] > total]
        halves = [o for o in options if 2 * support[o] == total]
        if len(halves) == 2:
            return among(halves, casts, rule), True, None
        return (able[0] if able else None), False, None
    able = [o for o in options if support[o] >= needed]
    most = [o for o in able if support[o] == max(support[a] for a in able)]
    if len(most) > 1:
        return among(most, casts, rule), True, None
    return (most[0] if most else None), False, None


def run_off(options, rule, casts, total):
    left, rounds, first, tied = list(options), [], None, False
    policy = rule.get("onTie", "none")
    while True:
        stands = dict.fromkeys(left, 0)
        for weight, ranking, _ in casts.values():
            top = next((o for o in ranking if o in stands), None)
            if top is not None:
                stands[top] += weight
        first = first or dict(stands)
        rounds.append({"counts": stands, "eliminated": []})
        won = [o for o in left if 2 * stands[o] > total]
        halves = [o for o in left if 2 * stands[o] == total]
        if won:
            return won[0], tied, rounds
        if len(halves) == 2:
            return among(halves, casts, rule), True, rounds
        if len(left) == 1:
            return None, tied, rounds
        gone = [o for o in left if stands[o] == 0]
        if not gone:
            low = [o for o in left if stands[o] == min(stands.values())]
            gone = [o for o in low if first[o] == min(first[x] for x in low)]
            if len(gone) > 1:
                tied = True
                if policy == "none" or (policy != "first" and policy["member"] not in casts):
                    return None, tied, rounds
                if policy == "first":
                    gone = gone[-1:]
                else:
                    ranking = casts[policy["member"]][1]
                    unlisted = [o for o in gone if o not in ranking]
                    gone = unlisted[-1:] or [o for o in ranking if o in gone][-1:]
        rounds[-1]["eliminated"] = gone
        left = [o for o in left if o not in gone]
        if not left:
            return None, tied, rounds


def objection(rule, casts, total, winner):
    if "quorum" in rule and sum(weight for weight, _, _ in casts.values()) < part_of(rule["quorum"], total):
        return "quorum"
    for member in rule.get("veto", []):
        if member not in casts:
            return "veto-silent"
        chosen = casts[member][1]
        if chosen and winner not in chosen:
            return "veto"
    families = {family for _, chosen, family in casts.values() if winner in chosen and family is not None}
    return "families" if len(families) < rule.get("families", 0) else None


def build(proposal, ballots, commitments):
    """The commitments, the ballots, the tally and the outcome that a certificate with these must have."""
    proposal_hash = sha256(canonical(proposal))
    closed, hashes, close = close_of(proposal, proposal_hash, commitments)
    valid, evidence = {}, {}
    for signed in ballots:
        problem = problem_of(proposal, proposal_hash, hashes, close, signed)
        need(problem is None or problem in EVIDENCE, f"a ballot: {problem}")
        member, signature = signed["ballot"]["member"], signed["signature"]
        group = valid.setdefault(member, {}) if problem is None else evidence
        place = canonical(signed["ballot"]) if problem is None else (member, problem)
        if place not in group or signature < group[place]["signature"]:
            group[place] = signed
    twos = {m: sorted(g.values(), key=lambda s: s["signature"])[:2] for m, g in valid.items()}
    kept = [one for two in twos.values() for one in two] + list(evidence.values())
    kept.sort(key=lambda s: (order(s["ballot"]["member"]), s["signature"]))
    refused = sorted(evidence, key=lambda place: (order(place[0]), place[1]))
    void = {m for m, two in twos.items() if len(two) > 1} | {m for m, two in hashes.items() if len(two) > 1}
    weights = {m["member"]: m.get("weight", 1) for m in proposal["electorate"]}
    casts = {}
    for member, two in twos.items():
        if member not in void:
            ballot = two[0]["ballot"]
            casts[member] = (weights[member], choice_of(proposal, ballot["choice"]), ballot.get("family"))
    tally = count(proposal, casts, void, weights)
    tally["refused"] = [{"member": m, "problem": p} for m, p in refused]
    if "sealed" in proposal:
        tally["withheld"] = sorted((m for m in hashes if m not in void and m not in casts), key=order)
    return closed, kept, tally


def count(proposal, casts, void, weights):
    options, rule, total = proposal["options"], proposal["rule"], sum(weights.values())
    needed = {"majority": total // 2 + 1, "ranked": total // 2 + 1, "unanimity": total}.get(rule["type"])
    needed = part_of(rule, total) if needed is None else needed
    winner, tied, rounds = winner_of(proposal, casts, total, needed)
    why = None if winner is None else objection(rule, casts, total, winner)
    result = winner if why is None else None
    counts = {o: sum(w for w, chosen, _ in casts.values() if o in chosen) for o in options}
    if rounds is not None:
        counts = {o: sum(w for w, chosen, _ in casts.values() if chosen[:1] == [o]) for o in options}
    counts["abstain"] = sum(weight for weight, chosen, _ in casts.values() if not chosen)
    counts["silent"] = sum(weight for m, weight in weights.items() if m not in casts and m not in void)
    tally = {
        "outcome": result or proposal.get("otherwise", "none"), "counts": counts, "needed": needed, "total": total,
        "void": sorted(void, key=order),
    }
    if why is not None or tied:
        tally["why"] = why or "tie"
    if result is None and "otherwise" in proposal:
        tally["otherwise"] = True
    if rounds is not None:
        tally["rounds"] = rounds
    return tally


def verify_certificate(certificate, trusted):
    """The outcome. `trusted`: key id to (agent, public key)."""
    canonical(certificate)
    need(is_certificate(certificate), "the members of the certificate")
    proposal, ballots = certificate["proposal"], certificate["ballots"]
    check_proposal(proposal)
    need(("sealed" in proposal) == ("commitments" in certificate), "a sealed vote, and no other, has commitments")
    commitments = certificate.get("commitments", [])
    size = len(proposal["electorate"])
    need(len(ballots) <= 8 * size and len(commitments) <= 2 * size, "too many ballots or commitments")
    for m in proposal["electorate"]:
        need(trusted.get(m["key"]) == (agent_of(m["member"]), m["publicKey"]), "a member's key is not trusted")
    closed, kept, tally = build(proposal, ballots, commitments)
    need(canonical(commitments) == canonical(closed), "the commitments are not sorted, or too many")
    need(canonical(ballots) == canonical(kept), "the ballots are not sorted, or too many")
    need(canonical(certificate["tally"]) == canonical(tally), "the tally is not the count")
    need(certificate["outcome"] == tally["outcome"], "the outcome is not what the ballots say")
    return tally["outcome"]


def trusted_by(keys_file):
    need(has(v=is_one, type=one_of("coterie.keys"), space=is_hash, owner=is_text, keys=list_of(has(
        key=is_key_id, agent=lambda v: v == OWNER or is_name(v), publicKey=is_text, until=or_null(is_count),
        revoked=or_null(is_text), **{"from": is_count},
    )))(keys_file), "not a keys file")
    return {k["key"]: (k["agent"], k["publicKey"]) for k in keys_file["keys"] if k["revoked"] is None}


def verify_with_keys_file(certificate, keys_file):
    outcome = verify_certificate(certificate, trusted_by(keys_file))
    need(certificate["proposal"]["space"] == keys_file["space"], "it was decided in another space")
    return outcome


# ------------------------------------------------------------------------------------------------------- councils

COUNCIL_VIEW_MAX, PAYLOAD_UNITS_MAX, PAYLOAD_LEVELS_MAX = 4096, 65536, 48
is_id = is_string(1, 256)
is_digest = matches("[0-9A-Za-z_-]{1,64}")
is_digest_or_empty = lambda v: v == "" or is_digest(v)
is_height = whole(1, SAFE)
is_view = whole(0, COUNCIL_VIEW_MAX)
is_place = whole(0, 63)


def at_most(length, check):
    return lambda v: list_of(check)(v) and len(v) <= length


def with_changes(check):
    """The form of a document that may bring changes of the members along."""
    def checked(v):
        if not isinstance(v, dict) or not is_links(v.get("changes", [])):
            return False
        return check({name: one for name, one in v.items() if name != "changes"})
    return checked


SCOPE = dict(epoch=is_count, instance=is_id, membership=is_digest)
POSITION = dict(SCOPE, height=is_height, view=is_view, sender=is_place)
SIGNERS = dict(signers=at_most(64, is_place), signatures=at_most(64, is_signature))
VOTES = {
    "propose": has(type=is_text, signature=is_signature, proposal=is_digest, **POSITION),
    "notarize": has(type=is_text, signature=is_signature, proposal=is_digest, value=is_digest, **POSITION),
    "finalize": has(type=is_text, signature=is_signature, proposal=is_digest, value=is_digest, **POSITION),
    "nullify": has(type=is_text, signature=is_signature, **POSITION),
}
VOTE_OF = {"notarization": "notarize", "finalization": "finalize", "nullification": "nullify"}


def is_vote(v):
    return isinstance(v, dict) and isinstance(v.get("type"), str) and v["type"] in VOTES and VOTES[v["type"]](v)


is_quorum = has(
    type=one_of(*VOTE_OF), height=is_height, view=is_view, proposal=is_digest_or_empty, value=is_digest_or_empty,
    **SCOPE, **SIGNERS,
)
is_change = has(
    kind=one_of("change"),
    change=has(
        add=at_most(64, has(
            id=is_id, publicKey=matches("[0-9A-Za-z_-]{43}"), weight=is_height, url=is_string(0, 256),
        )),
        remove=at_most(64, is_id),
    ),
    **SIGNERS,
)
is_payload = lambda v: units(canonical(v, 64 - PAYLOAD_LEVELS_MAX)) <= PAYLOAD_UNITS_MAX
is_application = has(kind=one_of("application"), payload=is_payload)
is_operation = has(
    type=one_of("operation"), author=is_id, instance=is_id, sequence=is_height, expires=is_count,
    body=lambda v: is_application(v) or is_change(v), signature=is_signature,
)
is_value = has(
    height=is_height, previous=is_digest_or_empty, stateRoot=is_digest, operations=at_most(1000, is_operation),
    complaints=at_most(512, has(height=is_height, view=is_view, leader=is_id, **SIGNERS)),
)
is_link = has(value=is_value, finalization=is_quorum)
is_links = at_most(10000, is_link)
is_council_file = with_changes(has(
    v=is_one, type=one_of("coterie.council"), instance=is_id, epoch=is_count,
    members=list_of(has(
        id=is_name, publicKey=lambda v: base64url(v, 32) is not None, weight=whole(1, 1000000), url=is_text,
    )),
))
is_council_certificate = with_changes(has(
    v=is_one, type=one_of("coterie.council-certificate"), instance=is_id, epoch=is_count,
    members=lambda v: isinstance(v, list), vote=lambda v: isinstance(v, dict), value=is_value, finalization=is_quorum,
))
is_close = has(type=one_of("close"), decision=is_label, certificate=is_hash)


def council_type(kind):
    return f"application/vnd.coterie.council-{kind}.v1+json"


def council_digest(kind, value):
    return sha256(pae(council_type(kind), canonical(value)))


def statement_holds(public_key, statement, signature):
    body = {name: value for name, value in statement.items() if name != "signature"}
    return signature_holds(public_key, pae(council_type(body["type"]), canonical(body)), signature)


class Council:
    """The members of one epoch."""

    def __init__(self, instance, epoch, members):
        self.instance, self.epoch = instance, epoch
        members = [{name: m[name] for name in ("id", "publicKey", "weight")} for m in members]
        self.members = sorted(members, key=lambda m: order(m["id"]))
        total = sum(m["weight"] for m in members)
        self.total, self.may_lie = total, (total - 1) // 3
        self.quorum = (total + self.may_lie) // 2 + 1
        need(4 <= len(members) <= 64, "too few members, or too many")
        need(different([m["id"] for m in members]), "an id is there twice")
        need(different([m["publicKey"] for m in members]), "a key is there twice")
        need(all(m["weight"] <= self.may_lie for m in members), "a member has more weight than may lie")
        for m in members:
            y = int.from_bytes(base64url(m["publicKey"], 32), "little") & (2**255 - 1)
            need(y % P not in SMALL_Y, "a key of small order")
        self.digest = council_digest("membership", {"epoch": self.epoch, "members": self.members})

    def after(self, link, height, dead):
        """The members of the next epoch, after a change that these have decided."""
        value, finalization = link["value"], link["finalization"]
        need(value["height"] > height, "a change of an earlier height")
        need(finalization["type"] == "finalization" and finalization["height"] == value["height"], "no finalization")
        need(finalization["value"] == council_digest("value", value), "the finalization of another value")
        need(self.certificate_holds(finalization), "the finalization of a change does not hold")
        changes = [one for one in value["operations"] if one["body"]["kind"] == "change"]
        need(len(changes) == 1, "the members do not change once")
        check_authentic(self, changes[0])
        body = changes[0]["body"]
        add, remove, signers = body["change"]["add"], body["change"]["remove"], body["signers"]
        need(len(signers) == len(body["signatures"]), "a signature for each who agrees")
        need(all(a < b for a, b in zip(signers, signers[1:])), "who agrees is named in order")
        need(all(self.key_of(place) is not None for place in signers), "somebody agrees who is no member")
        need(sum(self.members[place]["weight"] for place in signers) >= self.quorum, "no quorum agrees")
        gone = [m for m in self.members if m["id"] in remove]
        need(len(gone) == len(remove), "somebody leaves who is no member, or twice")
        need(0 < sum(m["weight"] for m in gone + add) <= self.may_lie, "too much changes at once, or nothing")
        dead += [m["publicKey"] for m in self.members]
        need(not any(m["publicKey"] in dead for m in add), "a key that is or was there")
        approval = dict(self.scope(), type="approval", change=council_digest("change", body["change"]))
        for place, signature in zip(signers, body["signatures"]):
            need(statement_holds(self.key_of(place), dict(approval, sender=place), signature), "an approval")
        stay = [m for m in self.members if m not in gone]
        need(all(1 <= m["weight"] <= 1000000 for m in add), "a weight out of bounds")
        need(all(base64url(m["publicKey"], 32) is not None for m in add), "a key that is none")
        return Council(self.instance, self.epoch + 1, stay + add)

    def scope(self):
        return {"instance": self.instance, "epoch": self.epoch, "membership": self.digest}

    def has_scope(self, said):
        return all(said[name] == value for name, value in self.scope().items())

    def key_of(self, place):
        return self.members[place]["publicKey"] if place < len(self.members) else None

    def certificate_holds(self, one):
        kind, signers = VOTE_OF[one["type"]], one["signers"]
        empty = [one["proposal"] == "", one["value"] == ""]
        if not self.has_scope(one) or empty != [kind == "nullify"] * 2:
            return False
        if len(signers) != len(one["signatures"]) or any(a >= b for a, b in zip(signers, signers[1:])):
            return False
        if any(self.key_of(place) is None for place in signers):
            return False
        if sum(self.members[place]["weight"] for place in signers) < self.quorum:
            return False
        vote = dict(self.scope(), type=kind, height=one["height"], view=one["view"])
        if kind != "nullify":
            vote.update(proposal=one["proposal"], value=one["value"])
        return all(
            statement_holds(self.key_of(place), dict(vote, sender=place), signature)
            for place, signature in zip(signers, one["signatures"])
        )

    def proposal_digest(self, said, value, justification):
        return council_digest("proposal", {
            **{name: said[name] for name in ("instance", "epoch", "membership", "height", "view")},
            "value": value,
            "justification": council_digest("justification", justification) if justification else "",
        })

    def is_justified(self, vote, value, justification):
        if len(justification) != vote["view"]:
            return False
        for view, one in enumerate(justification):
            if one["view"] != view or one["height"] != vote["height"] or one["type"] == "finalization":
                return False
            if one["type"] == "notarization":
                earlier = self.proposal_digest(one, value, justification[:view])
                if one["value"] != value or one["proposal"] != earlier:
                    return False
            if not self.certificate_holds(one):
                return False
        return True


def epochs_of(file, changes=()):
    """The members of each epoch: as the file says, and beyond it as changes from elsewhere prove."""
    need(is_council_file(file), "not a membership file")
    councils = [Council(file["instance"], file["epoch"], file["members"])]
    own = file.get("changes", [])
    for links in (own, changes[file["epoch"] + len(own):]):
        height, dead = 0, []
        for link in links:
            councils.append(councils[-1].after(link, height, dead))
            height = link["value"]["height"]
    return councils


def verify_council_certificate(certificate, file):
    """The outcome of a vote in a council."""
    canonical(certificate)
    need(is_council_certificate(certificate), "the form of the certificate")
    epoch, changes = certificate["epoch"], certificate.get("changes", [])
    known = epochs_of(file)
    need(certificate["instance"] == known[0].instance, "another council")
    if epoch > known[-1].epoch:
        need(len(changes) == epoch, "the changes of the members are not there")
        known = epochs_of(file, changes)
    need(known[0].epoch <= epoch <= known[-1].epoch, "another epoch")
    known = known[:epoch - known[0].epoch + 1]
    council = known[-1]
    need(canonical(certificate["members"]) == canonical(council.members), "other members")
    vote, value, finalization = (certificate[name] for name in ("vote", "value", "finalization"))
    need(finalization["type"] == "finalization", "not a finalization")
    need(finalization["height"] == value["height"], "the finalization of another height")
    need(finalization["value"] == council_digest("value", value), "the finalization of another value")
    need(council.certificate_holds(finalization), "the finalization does not hold")
    need(isinstance(vote.get("proposal"), dict), "there is no proposal")
    name = {"decision": vote["proposal"].get("decision"), "certificate": sha256(canonical(vote))}
    for operation in value["operations"]:
        payload = operation["body"].get("payload")
        if is_close(payload) and {k: payload[k] for k in name} == name:
            check_authentic(council, operation)
            break
    else:
        raise Refused("the council did not close this vote")
    need(vote["proposal"].get("space") == council.instance, "the vote of another space")
    everybody = [m for one in known for m in one.members]
    trusted = {sha256(base64url(m["publicKey"], 32))[:40]: (m["id"], m["publicKey"]) for m in everybody}
    return verify_certificate(vote, trusted)


def check_authentic(council, operation):
    key = next((m["publicKey"] for m in council.members if m["id"] == operation["author"]), None)
    need(operation["instance"] == council.instance, "an operation for another council")
    need(key is not None, "an operation by one who is no member")
    need(statement_holds(key, operation, operation["signature"]), "an operation that its author did not sign")


def verify_council_evidence(document, file):
    """Who is guilty, for each piece."""
    canonical(document)
    is_document = with_changes(has(
        v=is_one, type=one_of("coterie.council-evidence"), instance=is_id, evidence=at_most(10000, lambda v: True),
    ))
    need(is_document(document), "the form of the document")
    councils = {one.epoch: one for one in epochs_of(file, document.get("changes", []))}
    need(document["instance"] == file["instance"], "another council")
    guilty = []
    for piece in document["evidence"]:
        need(is_contradiction(piece) or is_unjustified(piece), "the form of a piece")
        council = councils.get((piece["first"] if piece["type"] == "contradiction" else piece["vote"])["epoch"])
        need(council is not None, "a vote of an epoch that is not known")
        guilty.append(council.members[culprit(council, piece)]["id"])
    return guilty


is_contradiction = has(type=one_of("contradiction"), first=is_vote, second=is_vote)
is_unjustified = has(
    type=one_of("unjustified"), vote=is_vote, value=lambda v: isinstance(v, str),
    justification=at_most(4096, is_quorum),
)


def culprit(council, piece):
    need(is_contradiction(piece) or is_unjustified(piece), "the form of a piece")
    votes = [piece["first"], piece["second"]] if piece["type"] == "contradiction" else [piece["vote"]]
    for vote in votes:
        key = council.key_of(vote["sender"])
        need(council.has_scope(vote) and key is not None, "a vote of another council or epoch, or of nobody")
        need(statement_holds(key, vote, vote["signature"]), "a vote that its sender did not sign")
    if piece["type"] == "contradiction":
        first, second = votes
        need(all(first[k] == second[k] for k in ("height", "view", "sender")), "votes of two views or members")
        need(contradict(first, second), "an honest member may sign both")
    else:
        vote, value, justification = piece["vote"], piece["value"], piece["justification"]
        need(vote["type"] != "nullify", "it is for no proposal")
        need(vote["proposal"] == council.proposal_digest(vote, value, justification), "it is for something else")
        need(not council.is_justified(vote, value, justification), "the justification holds")
    return votes[0]["sender"]


def contradict(first, second):
    types = {first["type"], second["type"]}
    if types == {"finalize", "nullify"}:
        return True
    if types == {"propose"}:
        return first["proposal"] != second["proposal"]
    return types <= {"notarize", "finalize"} and any(first[k] != second[k] for k in ("proposal", "value"))


# ---------------------------------------------------------------------------------------------------------- logs

FINAL = ("handled", "dead", "expired", "cancelled")


class LogVerifier:
    def __init__(self, log, space=None, owner=None):
        self.log, self.pins = log, (space, owner)
        self.keys, self.space = Keys(), ""
        self.chains, self.epochs = {}, {}
        self.streams, self.messages, self.decisions, self.turns = {}, {}, {}, {}
        self.end = len(log["records"]) - 1

    def run(self):
        rows = {}
        for row in self.log["messages"]:
            rows.setdefault(row["position"], []).append(row)
        for position, record in enumerate(self.log["records"]):
            body = self.record(position, record)
            self.mail(position, body, rows.pop(position, []))
        need(not rows, "a message at a position that has no record")
        self.check_events()
        self.check_journals()
        self.check_decisions()

    def record(self, position, record):
        need(record["position"] == position, "a record is missing")
        body = parse(record["body"])
        check_body(body)
        leaf, author = sha256("\0" + record["body"]), body["author"]
        need(leaf == record["hash"], "the hash is not that of the body")
        need([record[k] for k in ("author", "seq", "prev")] == [body[k] for k in ("author", "seq", "prev")], "columns")
        detail = record["detail"]
        need(detail is None or sha256(detail) == body.get("detail"), "the detail is not what was signed")
        need(is_proof(record["proof"]), "the proof is malformed")
        need((position == 0) == (body["kind"] == "genesis"), "the genesis is the first record, and only that")
        owners = self.chains.get(OWNER, [])
        if author == OWNER:
            need(body["seq"] == len(owners) and body["prev"] == (owners or [""])[-1], "the owner's chain")
            need(body["space"] == self.space, "it belongs to another space")
            self.keys.owner_record(body, leaf, record["proof"], position)
        if position == 0:
            self.space = leaf
            need(self.pins[0] in (None, leaf), "it is the genesis of another space")
            need(self.pins[1] in (None, body["agents"][0]["publicKey"]), "the space belongs to another owner")
        else:
            need(body["space"] == self.space, "it belongs to another space")
        holder = self.keys.at(body["key"], position)
        need(holder["agent"] == agent_of(author), "it is signed with the key of another agent")
        check_proof(leaf, record["proof"], holder["publicKey"])
        self.chain(body, leaf)
        self.listings(position, body)
        return body

    def chain(self, body, leaf):
        chain = self.chains.setdefault(body["author"], [])
        need(body["seq"] == len(chain), "a number that is not the next of its author")
        need(body["prev"] == (chain[-1] if chain else ""), "it does not follow the record before")
        chain.append(leaf)
        epoch = body.get("epoch", self.epochs.get(body["author"], 0))
        need(epoch >= self.epochs.get(body["author"], 0), "an older epoch")
        self.epochs[body["author"]] = epoch

    def listings(self, position, body):
        for read in body.get("reads", []):
            now = len(self.streams.get(read["stream"], []))
            if read["stream"] == "@agents":
                now = len(self.chains[OWNER]) - (body["author"] == OWNER)
            need(read["version"] == now, "a stale read")
        if "turn" in body:
            self.turn(body["turn"], body["author"])
        for settle in body.get("settles", []):
            need(settle["id"] in self.messages, "it settles what nobody sent")
            given_up = settle["as"] == "cancelled" and self.messages[settle["id"]]["status"] in ("open", "waiting")
            if given_up:
                self.cancel(settle["id"])
            else:
                self.settle(self.messages[settle["id"]], settle["as"])
        if "cancels" in body:
            self.cancel(body["cancels"])
        for sent in body.get("sends", []):
            need(sent["id"] not in self.messages, "a message that was listed before")
            self.messages[sent["id"]] = {"hash": sent["sha256"], "position": position, "status": "unseen"}
        for event in body.get("events", []):
            events = self.streams.setdefault(event["stream"], [])
            need(event["version"] == len(events) + 1, "an event that is not the next of its stream")
            events.append((event["type"], event["sha256"], position))
        for decision in body.get("decisions", []):
            need(decision["id"] not in self.decisions, "a decision that was listed before")
            self.decisions[decision["id"]] = (decision["sha256"], position)
        if "journal" in body:
            need("turn" in body, "a journal of no turn")
            _, listed = self.turns.setdefault(body["turn"]["id"], (body["author"], {}))
            for chunk in body["journal"]:
                need(chunk not in listed, "a chunk that was listed before")
                listed[chunk] = position

    def turn(self, turn, author):
        handled = self.messages.get(turn["message"]["id"])
        need(handled is not None, "a turn of a message that nobody sent")
        need(turn["id"] == "turn_" + turn["message"]["id"][4:], "the turn of another message")
        need(handled["hash"] == turn["message"]["sha256"], "it handles another text than was sent")
        need(handled["to"] == author, "it handles what was sent to another")
        need(handled["kind"] != "reply", "it handles a reply")
        need(handled["status"] not in FINAL, "its message has ended")
        late = turn["end"] in ("dead", "expired", "cancelled")
        need(handled["status"] != "stopped" or late, "its message was stopped, and it went on")
        handled["status"] = "open" if turn["end"] == "retry" else turn["end"]

    @staticmethod
    def settle(message, state):
        status = message["status"]
        if status in ("open", "waiting") and state in ("expired", "cancelled"):
            message["status"] = "stopped"
        elif status in ("open", "waiting", "arrived") and state != "queued":
            message["status"] = state
        elif status == "dead" and state in ("queued", "cancelled"):
            message["status"] = "open" if state == "queued" else "cancelled"

    def cancel(self, target):
        ids = {m for m, row in self.messages.items() if row["trace"] == target}
        if target.startswith(("msg_", "turn_")):
            ids = {"msg_" + target.partition("_")[2]} & self.messages.keys()
        # Causes come before effects in the log, so one walk finds the whole tree.
        for m, row in self.messages.items():
            if row["cause"] is not None and "msg_" + row["cause"][5:] in ids:
                ids.add(m)
        for m in ids:
            row = self.messages[m]
            question = self.messages.get(row["re"], {"cause": None})
            asker = question["cause"] and "msg_" + question["cause"][5:]
            if row["status"] != "dead" and (row["kind"] != "reply" or asker in ids):
                self.settle(row, "cancelled")

    def mail(self, position, body, rows):
        for row in rows:
            envelope = parse(row["text"])
            need(is_envelope(envelope), "the envelope is malformed")
            kind = envelope["kind"]
            need((kind == "reply") == (envelope["re"] is not None), "only a reply names a question")
            need((kind == "topic") == (envelope["topic"] is not None), "only a publication names a topic")
            need(kind == "reply" or not envelope["failed"], "only a reply can be a failed one")
            listed = self.messages.get(envelope["id"], {"position": None})
            need(listed["position"] == position and listed["status"] == "unseen", "nobody sent it here, or twice")
            need(sha256(row["text"]) == row["hash"] == listed["hash"], "the envelope is not what was signed")
            payload = row["payload"].encode()
            need({"bytes": len(payload), "sha256": sha256(payload)} == envelope["payload"], "the payload")
            need(envelope["from"] == body["author"] and envelope["space"] == self.space, "another sender or space")
            need(envelope["cause"] in (None, body.get("turn", {}).get("id")), "the cause is not this turn")
            status = "open"
            if kind == "reply":
                status = "handled" if agent_of(envelope["to"]) == "client" else "arrived"
            listed.update({k: envelope[k] for k in ("to", "kind", "trace", "cause", "re")}, status=status)
        for sent in body.get("sends", []):
            need(self.messages[sent["id"]]["status"] != "unseen", "a message is missing")

    def check_events(self):
        seen = {name: 0 for name in self.streams}
        for event in self.log["events"]:
            listed = self.streams.get(event["stream"], [])
            need(seen.get(event["stream"], 0) < len(listed), "an event that no record lists")
            seen[event["stream"]] += 1
            need(event["version"] == seen[event["stream"]], "an event is missing")
            digest = sha256(event["data"])
            claimed = (event["type"], event["hash"], event["position"])
            need(claimed == listed[event["version"] - 1] and digest == event["hash"], "an event was changed")
        need(all(seen[name] == len(listed) for name, listed in self.streams.items()), "an event is missing")

    def check_journals(self):
        chunks = {}
        for chunk in self.log["chunks"]:
            chunks.setdefault(chunk["turn"], []).append(chunk)
        for turn in chunks.keys() - self.turns.keys():
            # Under way, or given up: no record lists its journal, and its message is there all the same.
            sent = self.messages.get("msg_" + turn.removeprefix("turn_"))
            need(sent is not None, "a journal whose message no record sent")
            self.turns[turn] = (sent["to"], {})
        for turn, (author, listed) in self.turns.items():
            prev, missing = "", dict(listed)
            for number, chunk in enumerate(chunks.get(turn, [])):
                need(sha256(chunk["text"]) == chunk["hash"], "the hash is not that of the chunk")
                body = parse(chunk["text"])
                need(is_chunk(body), "a chunk is malformed")
                place = {"space": self.space, "turn": turn, "author": author, "chunk": number, "prev": prev}
                need(all(body[k] == v for k, v in place.items()) and chunk["chunk"] == number, "another chunk")
                position = next(iter(missing.values()), self.end)
                known = self.keys.up_to(position, revoked_too=chunk["hash"] not in missing)
                keys = [k for agent, k in known.values() if agent == agent_of(author)]
                message = pae(JOURNAL, chunk["text"])
                need(any(signature_holds(k, message, chunk["signature"]) for k in keys), "a chunk is not signed")
                missing.pop(chunk["hash"], None)
                prev = chunk["hash"]
            need(not missing, "a chunk is missing")

    def check_decisions(self):
        missing = dict(self.decisions)
        for decision in self.log["decisions"]:
            listed = missing.pop(decision["id"], None)
            need(listed == (decision["hash"], decision["position"]), "a decision that no record lists")
            need(sha256(decision["certificate"]) == decision["hash"], "the certificate was changed")
            certificate = parse(decision["certificate"])
            verify_certificate(certificate, self.keys.up_to(decision["position"]))
            proposal = certificate["proposal"]
            need((proposal["space"], proposal["decision"]) == (self.space, decision["id"]), "another decision")
        need(not missing, "a certificate is missing")


def verify_log(log, space=None, owner=None):
    verifier = LogVerifier(log, space, owner)
    verifier.run()
    return verifier


# -------------------------------------------------------------------------------------------------- test vectors

def changed(document, changes):
    document = json.loads(json.dumps(document))
    for change in changes:
        *parents, last = change["path"].split("/")[1:]
        at = document
        for key in parents:
            at = at[int(key) if isinstance(at, list) else key]
        if isinstance(at, dict):
            at[last] = change["value"]
        elif change["op"] == "remove":
            del at[int(last)]
        elif change["op"] == "add":
            at.insert(len(at) if last == "-" else int(last), change["value"])
        else:
            at[int(last)] = change["value"]
    return document


class Report:
    def __init__(self, file):
        self.file, self.accepted, self.refused, self.wrong = file, 0, 0, []

    def holds(self, name, check, *args):
        self.accepted += 1
        try:
            return check(*args)
        except Refused as error:
            self.wrong.append(f"{self.file}: {name}: must be accepted, and was refused: {error}")

    def fails(self, name, check, *args):
        self.refused += 1
        try:
            check(*args)
        except Refused:
            return
        self.wrong.append(f"{self.file}: {name}: must be refused, and was accepted")


def must_equal(a, b):
    need(a == b, f"{a!r} is not {b!r}")


def signed(vector):
    need(signature_holds(vector["publicKey"], bytes.fromhex(vector["pae"]), vector["signature"]), "no signature")


def check_vectors(folder):
    def load(file):
        with open(f"{folder}/{file}", encoding="utf-8") as opened:
            return json.load(opened), Report(file)

    reports = []
    data, report = load("canonical.json")
    for v in data["canonical"]:
        report.holds(v["text"], lambda v=v: must_equal(sha256(canonical(parse(v["text"]))), v["sha256"]))
    for v in data["spellings"]:
        report.holds(v["text"], lambda v=v: must_equal(canonical(strict(v["text"])), v["canonical"]))
        report.fails(v["text"], parse, v["text"])
    for v in data["refused"]:
        report.fails(v["reason"], strict, v["text"])
    reports.append(report)

    data, report = load("keys.json")
    for v in data["keys"]:
        must = (sha256(v["name"]), sha256(base64url(v["publicKey"], 32))[:40])
        report.holds(v["name"], must_equal, must, (v["seed"], v["key"]))
    reports.append(report)

    data, report = load("signatures.json")
    for v in data["signed"]:
        report.holds(v["kind"], must_equal, pae(v["type"], v["payload"]).hex(), v["pae"])
        report.holds(v["kind"], signed, v)
    for v in data["refused"]:
        report.fails(v["reason"], signed, v)
    reports.append(report)

    data, report = load("merkle.json")
    for text, leaf in zip(data["texts"], data["leaves"]):
        report.holds(text, must_equal, sha256("\0" + text), leaf)
    for tree in data["trees"]:
        for index, path in enumerate(tree["paths"]):
            root = root_of(data["leaves"][index], index, tree["size"], path)
            report.holds(f"{index} of {tree['size']}", must_equal, root, tree["root"])
    for v in data["noRoot"]:
        report.fails(v["reason"], root_of, v["leaf"], v["index"], v["size"], v["path"])
    reports.append(report)

    data, report = load("log.json")
    verifier = report.holds("the log", verify_log, data["log"], data["space"], data["owner"])
    for v in data["accepted"]:
        report.holds(v["name"], verify_log, changed(data["log"], v["changes"]), data["space"], data["owner"])
    for v in data["refused"]:
        report.fails(v["name"], verify_log, changed(data["log"], v["changes"]), data["space"], data["owner"])
    reports.append(report)

    data, report = load("certificates.json")
    if verifier is not None:
        report.holds("the keys file", must_equal, verifier.keys.file(verifier.space), data["keys"])
    for v in data["accepted"]:
        outcome = report.holds(v["name"], verify_with_keys_file, v["certificate"], data["keys"])
        report.holds(v["name"], must_equal, outcome, v["outcome"])
    for v in data["refused"]:
        report.fails(v["name"], verify_with_keys_file, v["certificate"], data["keys"])
    reports.append(report)

    data, report = load("council.json")
    check_council_vectors(data, report)
    reports.append(report)
    return reports


def check_council_vectors(data, report):
    for v in data["memberships"]:
        url = "http://127.0.0.1:1"
        members = [dict(m, url=url) for m in reversed(v["members"])]
        file = {"v": 1, "type": "coterie.council", "instance": "x", "epoch": v["epoch"], "members": members}
        council = report.holds("members", lambda one: epochs_of(one)[0], file)
        must = (v["members"], v["digest"], v["total"], v["mayLie"], v["quorum"])
        is_ = council and (council.members, council.digest, council.total, council.may_lie, council.quorum)
        report.holds("members", must_equal, is_, must)
    for v in data["digests"]:
        report.holds(v["kind"], must_equal, council_digest(v["kind"], v["value"]), v["digest"])
    for v in data["signed"]:
        said = v["statement"]
        report.holds(said["type"], must_equal, pae(council_type(said["type"]), canonical(said)).hex(), v["pae"])
        report.holds(said["type"], signed, v)

    def judged(v):
        file = v["roster"] if "roster" in v else data["councils"][v["council"]]
        one = v["certificate"] if "certificate" in v else changed(data["certificate"], v["changes"])
        return verify_council_certificate(one, file)

    for v in data["accepted"]:
        report.holds(v["name"], must_equal, report.holds(v["name"], judged, v), v["outcome"])
    for v in data["refused"]:
        report.fails(v["name"], judged, v)
    four = data["councils"]["four"]
    for v in data["evidence"]["accepted"]:
        report.holds(v["name"], must_equal, report.holds(v["name"], verify_council_evidence, v["file"], four), v["culprits"])
    for v in data["evidence"]["refused"]:
        report.fails(v["name"], verify_council_evidence, v["file"], four)


def verify_with(certificate, file):
    """By a keys file, or by the membership file of a council."""
    is_council = isinstance(file, dict) and file.get("type") == "coterie.council"
    return (verify_council_certificate if is_council else verify_with_keys_file)(certificate, file)


def main(args):
    if len(args) == 4 and args[0] in ("--certificate", "--evidence") and args[2] == "--keys":
        verify = verify_with if args[0] == "--certificate" else verify_council_evidence
        try:
            texts = [open(file, encoding="utf-8").read() for file in (args[1], args[3])]
            print("holds:", verify(*map(strict, texts)))
            return 0
        except Refused as error:
            print("refused:", error)
            return 3
    if len(args) == 2 and args[0] == "--log":
        with open(args[1], encoding="utf-8") as opened:
            data = json.load(opened)
        try:
            verify_log(data["log"], data.get("space"), data.get("owner"))
            print(f"holds: {len(data['log']['records'])} records")
            return 0
        except Refused as error:
            print("refused:", error)
            return 3
    if len(args) != 1:
        print(__doc__)
        return 2
    reports = check_vectors(args[0])
    for report in reports:
        print(f"{report.file}: {report.accepted} accepted, {report.refused} refused, {len(report.wrong)} wrong")
    wrong = [line for report in reports for line in report.wrong]
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
