#!/usr/bin/env python3
"""A member's client in Python: a second implementer's view of the wire.

Written from PROTOCOL and docs/WIRE.md alone. Signs an echo, redeems a visit code, signs a search,
and believes an answer only when its signature ties it to the question. HTTP and mutual TLS are
curl's; Ed25519 is from the PyPI package `cryptography`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from directory import Directory, pem, strict_json
from messages import Refused, Signer, actor, signed_request, verify_answer


def private_key(path):
    with open(path, "rb") as file:
        data = file.read()
    try:
        return load_pem_private_key(data, password=None)
    except ValueError:
        # PKCS #8 version 2 carries the public key too; older OpenSSL does not read it. The seed is
        # the 32 bytes after the inner OCTET STRING's header.
        import base64
        der = base64.b64decode(b"".join(data.splitlines()[1:-1]))
        return Ed25519PrivateKey.from_private_bytes(der[16:48])


class Member:
    """One member's hands: its keys, its certificate, the directory."""

    def __init__(self, options):
        self.directory = Directory(options.registry, options.root_sha256)
        self.id = options.member
        self.signer = Signer(private_key(os.path.join(options.keys, "sign.pem")))
        self.certificate, self.key = options.tls_certificate, options.tls_key

    def ask(self, to, path, body, content_type, who, **more):
        """Posts a signed request; returns status and body of an answer that verified."""
        peer = self.directory.members.get(to)
        if peer is None:
            raise Refused("the directory knows no member " + to)
        headers = signed_request(self.signer, self.id, to, path, body, content_type, who, **more)
        status, answer_headers, answer = self.post(peer, path, headers, body)
        if "signature" not in answer_headers:
            # A hint for people: an unsigned error proves nothing.
            raise Refused("unsigned error %d: %s" % (status, answer[:500].decode(errors="replace")))
        verify_answer(status, answer_headers, answer, headers, self.directory.key)
        return status, answer

    def post(self, peer, path, headers, body):
        with tempfile.TemporaryDirectory() as folder:
            def file(name, data=b""):
                where = os.path.join(folder, name)
                with open(where, "wb") as out:
                    out.write(data)
                return where

            lines = "".join("%s: %s\n" % pair for pair in headers.items())
            answer_headers, answer = file("answer-headers"), file("answer")
            command = [
                "curl", "--silent", "--show-error", "--noproxy", "*", "--tlsv1.3", "--max-time", "8",
                "--cacert", file("peer.pem", pem(peer["certificates"]).encode()),
                "--cert", self.certificate, "--key", self.key,
                "--header", "@" + file("headers", lines.encode()),
                "--data-binary", "@" + file("body", body),
                "--dump-header", answer_headers, "--output", answer,
                peer["endpoints"]["federation"] + path,
            ]
            subprocess.run(command, check=True)
            with open(answer, "rb") as got:
                content = got.read()
            with open(answer_headers, "rb") as got:
                status, fields = parse_head(got.read().decode("latin-1"))
        return status, fields, content


def parse_head(text):
    blocks = [block for block in text.replace("\r\n", "\n").split("\n\n") if block]
    first, *lines = blocks[-1].split("\n")
    fields = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields.setdefault(name.lower(), []).append(value.strip())
    return int(first.split()[1]), fields


def echo(member, options):
    status, answer = member.ask(options.to, "/federation/v1/echo", b"{}", "application/json", actor("system"))
    print("echo: %d, verified: %s" % (status, answer.decode()))
    return 0 if status == 200 else 1


def search(member, options):
    who = actor("physician", options.practitioner)
    wanted = {
        "code": options.code,
        "purpose": "TREAT",
        "categories": options.categories.split(","),
        "practitioner": {"id": options.practitioner, "role": "physician"},
    }
    status, answer = member.ask(options.home, "/federation/v1/grants", json.dumps(wanted).encode(),
                                "application/json", who)
    if status != 200:
        print("the home node refused, verified: " + answer.decode())
        return 6
    tokens = {one["responder"]: one["token"] for one in strict_json(answer)["tokens"]}
    print("grant: %d tokens, verified" % len(tokens))
    if options.to not in tokens:
        print("the grant does not name " + options.to)
        return 6
    body = urlencode({"_count": options.count}).encode()
    path = "/federation/v1/fhir/%s/_search" % options.type
    status, answer = member.ask(options.to, path, body, "application/x-www-form-urlencoded", who,
                                consent=tokens[options.to])
    print("search: %d, verified, %d bytes" % (status, len(answer)), file=sys.stderr)
    print(json.dumps(strict_json(answer), ensure_ascii=False, indent=1))
    return 0 if status == 200 else 6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, what in [("registry", "URL of the registry"), ("root-sha256", "the pinned hash of root"),
                       ("member", "the member id to speak as"), ("keys", "folder with sign.pem"),
                       ("tls-certificate", "PEM"), ("tls-key", "PEM")]:
        parser.add_argument("--" + name, required=True, help=what)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("echo", help="a signed echo")
    one.add_argument("--to", required=True, help="member id")
    one.set_defaults(run=echo)
    one = commands.add_parser("search", help="redeem a visit code, then search at one hospital")
    one.add_argument("--home", required=True, help="member id of the person's home node")
    one.add_argument("--code", required=True, help="the visit code")
    one.add_argument("--practitioner", required=True, help="staff id of who asks")
    one.add_argument("--to", required=True, help="member id of the hospital to ask")
    one.add_argument("--type", default="Observation")
    one.add_argument("--count", default="50")
    one.add_argument("--categories", default="lab,rx,allergy,condition")
    one.set_defaults(run=search)
    options = parser.parse_args()
    try:
        return options.run(Member(options), options)
    except (Refused, subprocess.CalledProcessError) as error:
        print("musubi_client: %s" % error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
