"""The signed directory, from PROTOCOL section 2 and docs/WIRE.md section 1.

The SHA-256 of root's payload is the one thing taken on trust. Everything else follows by signature:
root names the registry's certificate, the online keys and the approvers; the approvers sign each
member's entry; so a stolen registry can withhold news, and never swap a key.
"""

import base64
import hashlib
import json
import os
import ssl
import subprocess
import tempfile
import time
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from messages import Refused, b64u, thumbprint, unb64u


def strict_json(data):
    def closed(pairs):
        names = [name for name, _ in pairs]
        if len(set(names)) != len(names):
            raise Refused("a JSON name stands twice")
        return dict(pairs)

    return json.loads(data, object_pairs_hook=closed)


def seconds(value):
    """A time of a document, as Unix seconds."""
    if isinstance(value, (int, float)):
        return value
    return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()


def header_of(protected, typ):
    header = strict_json(unb64u(protected))
    if set(header) != {"alg", "typ", "kid"} or header["typ"] != typ:
        raise Refused("not a %s" % typ)
    if header["alg"] not in ("Ed25519", "EdDSA"):
        raise Refused("signed with " + header["alg"])
    return header


def fits(x, message, signature):
    try:
        Ed25519PublicKey.from_public_bytes(unb64u(x)).verify(signature, message)
        return True
    except InvalidSignature:
        return False


def open_compact(text, typ, keys):
    """The payload of a compact JWS that one of `keys` (kid -> x) signed."""
    protected, payload, signature = text.strip().split(".")
    header = header_of(protected, typ)
    if header["kid"] not in keys:
        raise Refused("signed by a key that root does not name for it")
    if not fits(keys[header["kid"]], ("%s.%s" % (protected, payload)).encode(), unb64u(signature)):
        raise Refused("the signature of a %s does not fit" % typ)
    return strict_json(unb64u(payload))


def open_general(jws, typ, quorum):
    """The payload of a general JWS that enough of a quorum's keys signed."""
    if isinstance(jws, (str, bytes)):
        jws = strict_json(jws)
    keys = {key["kid"]: key["x"] for key in quorum["keys"] if thumbprint(key["x"]) == key["kid"]}
    signed = set()
    for one in jws["signatures"]:
        kid = header_of(one["protected"], typ)["kid"]
        message = ("%s.%s" % (one["protected"], jws["payload"])).encode()
        if kid in keys and fits(keys[kid], message, unb64u(one["signature"])):
            signed.add(kid)
    if len(signed) < quorum["threshold"]:
        raise Refused("too few signatures on a %s" % typ)
    return strict_json(unb64u(jws["payload"]))


def fetch(url, certificates=None):
    """GET with curl. Without certificates the connection proves nothing: only for pinned bytes."""
    command = ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", "10"]
    if certificates is None:
        return subprocess.run(command + ["--insecure", url], check=True, capture_output=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        bundle = os.path.join(folder, "trusted.pem")
        with open(bundle, "w") as file:
            file.write(pem(certificates))
        command += ["--cacert", bundle, "--tlsv1.3", url]
        return subprocess.run(command, check=True, capture_output=True).stdout


def pem(certificates):
    return "".join(ssl.DER_cert_to_PEM_cert(base64.b64decode(der)) for der in certificates)


class Directory:
    """Who belongs now, with which keys, at which address."""

    def __init__(self, registry, root_sha256):
        raw = fetch(registry + "/v1/root")
        jws = strict_json(raw)
        if b64u(hashlib.sha256(unb64u(jws["payload"])).digest()) != root_sha256:
            raise Refused("the registry shows another root than the one pinned")
        root = strict_json(unb64u(jws["payload"]))
        root = open_general(jws, "musubi-root+jwt", root["root"])
        certificates = root["registry"]["certificates"]

        def online(kind):
            return {key["kid"]: key["x"] for key in root["online"] if kind in key["may"]}

        status = open_compact(fetch(registry + "/v1/status", certificates).decode(),
                              "musubi-status+jwt", online("status"))
        text = fetch(registry + "/v1/directory", certificates).decode()
        listed = open_compact(text, "musubi-directory+jwt", online("directory"))
        payload = unb64u(text.strip().split(".")[1])
        for document in (root, status, listed):
            if document["iss"] != root["iss"] or seconds(document["exp"]) < time.time() - 60:
                raise Refused("a document of another registry, or an old one")
        if b64u(hashlib.sha256(payload).digest()) != status["directory"]["hash"]:
            raise Refused("status names another directory: try again")
        self.members, self.keys = {}, {}
        for one in listed["members"]:
            entry = open_general(one["entry"], "musubi-entry+jwt", root["approvers"])
            member = entry["member"]
            if entry["iss"] != root["iss"] or member["id"] in status["suspended"]:
                continue
            if one["state"] not in ("active", "probation", "maintenance"):
                continue
            self.members[member["id"]] = member
            for key in member["keys"]:
                current = seconds(key["not_before"]) <= time.time() <= seconds(key["not_after"])
                if key["use"] == "sign" and current and key["kid"] not in status["revoked"]:
                    if thumbprint(key["x"]) == key["kid"]:
                        self.keys[key["kid"]] = (member["id"], unb64u(key["x"]))

    def key(self, kid):
        if kid not in self.keys:
            raise Refused("signed by a key that is nobody's: " + kid)
        return self.keys[kid]
