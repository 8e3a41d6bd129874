"""Signed requests and answers between members, from PROTOCOL section 4 and docs/WIRE.md section 2.

HTTP Message Signatures (RFC 9421) with Ed25519, Digest Fields (RFC 9530). Nothing here knows
Musubi's Rust code: it is a second reading of the same text.
"""

import base64
import hashlib
import os
import re
import time
import uuid

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

REQUEST = ["@method", "@path", "@query", "content-type", "content-digest", "fed-version", "fed-from",
           "fed-to", "fed-exchange", "fed-purpose", "fed-actor", "fed-consent", "fed-timeout",
           "traceparent"]
RESPONSE = ('"@status"', '"content-type"', '"content-digest"', '"fed-from"', '"fed-to"',
            '"fed-exchange"', '"fed-directory"', '"signature";req;key="fed"', '"content-digest";req')


class Refused(Exception):
    """What came is not what the protocol promises. Nothing of it is believed."""


def b64u(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64u(text):
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise Refused("not base64url")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64u(data) != text:
        raise Refused("not canonical base64url")
    return data


def thumbprint(x):
    """RFC 7638 thumbprint of an Ed25519 public key given by its JWK member x."""
    jwk = '{"crv":"Ed25519","kty":"OKP","x":"%s"}' % x
    return b64u(hashlib.sha256(jwk.encode()).digest())


def digest(body):
    return "sha-256=:" + base64.b64encode(hashlib.sha256(body).digest()).decode() + ":"


class Signer:
    """A member's `sign` key."""

    def __init__(self, key: Ed25519PrivateKey):
        self.key = key
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.kid = thumbprint(b64u(raw))

    def sign(self, message):
        return self.key.sign(message)


def actor(role, id=None, now=None):
    """Fed-Actor: an RFC 9651 dictionary in a fixed order."""
    if id is None:
        return 'role="%s"' % role
    return 'id="%s", role="%s", acr="passkey", at=%d' % (id, role, now or int(time.time()))


def signed_request(signer, sender, to, path, body, content_type, who, purpose="TREAT", consent=None,
                   timeout_ms=8000, now=None, nonce=None):
    """The headers of a request, all of them covered by its signature.

    `consent` is the token; it goes with FHIR paths and with no other.
    """
    now = int(now or time.time())
    values = {
        "content-type": content_type,
        "content-digest": digest(body),
        "fed-version": "1",
        "fed-from": sender,
        "fed-to": to,
        "fed-exchange": uuid7(),
        "fed-purpose": purpose,
        "fed-actor": who,
        "fed-timeout": str(timeout_ms),
        "traceparent": "00-%s-%s-01" % (os.urandom(16).hex(), os.urandom(8).hex()),
    }
    if consent is not None:
        values["fed-consent"] = consent
    covered = [name for name in REQUEST if name.startswith("@") or name in values]
    parameters = '(%s);created=%d;expires=%d;nonce="%s";keyid="%s";alg="ed25519";tag="musubi-request-1"' % (
        " ".join('"%s"' % name for name in covered), now, now + 60,
        nonce or b64u(os.urandom(16)), signer.kid)
    derived = {"@method": "POST", "@path": path, "@query": "?"}
    lines = ['"%s": %s' % (name, derived.get(name) or values[name]) for name in covered]
    base = "\n".join(lines + ['"@signature-params": ' + parameters])
    signature = base64.b64encode(signer.sign(base.encode())).decode()
    return dict(values, **{"signature-input": "fed=" + parameters, "signature": "fed=:%s:" % signature})


def verify_answer(status, headers, body, request, key_of, now=None):
    """Believes an answer, or raises. `key_of(kid)` gives (member, raw public key) from the directory.

    The covered list ties the answer to this very request: its signature and its digest.
    """
    now = int(now or time.time())

    def one(name):
        found = headers.get(name, [])
        if len(found) != 1:
            raise Refused("%s stands %d times" % (name, len(found)))
        return found[0]

    signature_input, signature = one("signature-input"), one("signature")
    shape = (r'fed=(\(([^()]*)\);created=(\d+);keyid="([A-Za-z0-9_-]{43})";alg="ed25519"'
             r';tag="musubi-response-1")')
    match = re.fullmatch(shape, signature_input)
    if not match or match.group(2) != " ".join(RESPONSE):
        raise Refused("the answer covers something else: " + signature_input)
    parameters, _, created, kid = match.groups()
    if not -120 <= int(created) - now <= 60:
        raise Refused("answered at another time")
    if digest(body) != one("content-digest"):
        raise Refused("the body is not the one that was signed")
    member, raw = key_of(kid)
    if member != one("fed-from") or member != request["fed-to"]:
        raise Refused("answered by %s" % one("fed-from"))
    if one("fed-to") != request["fed-from"] or one("fed-exchange") != request["fed-exchange"]:
        raise Refused("the answer to someone else's question")
    values = {
        '"@status"': str(status),
        '"signature";req;key="fed"': request["signature"].removeprefix("fed="),
        '"content-digest";req': request["content-digest"],
    }
    lines = ["%s: %s" % (c, values[c] if c in values else one(c.strip('"'))) for c in RESPONSE]
    base = "\n".join(lines + ['"@signature-params": ' + parameters])
    sig = re.fullmatch(r"fed=:([A-Za-z0-9+/=]+):", signature)
    if not sig:
        raise Refused("no signature labelled fed")
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(sig.group(1)), base.encode())
    except InvalidSignature:
        raise Refused("the signature does not fit") from None


def uuid7():
    milliseconds = int(time.time() * 1000)
    value = (milliseconds << 80) | (7 << 76) | (int.from_bytes(os.urandom(2)) & 0xFFF) << 64
    value |= (2 << 62) | int.from_bytes(os.urandom(8)) >> 2
    return str(uuid.UUID(int=value))
