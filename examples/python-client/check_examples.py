"""Checks this client against the examples of docs/WIRE.md: same bytes signed, same answers believed."""

import base64
import os
import re
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from messages import RESPONSE, Refused, Signer, digest, unb64u, verify_answer

WIRE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "WIRE.md")


def examples():
    with open(WIRE, encoding="utf-8") as file:
        text = file.read()
    return dict(re.findall(r"<!-- example:([\w-]+) -->\n```\w*\n(.*?)\n```", text, re.S))


def message(text):
    head, _, body = text.partition("\n\n")
    first, *lines = head.split("\n")
    return first, dict(line.split(": ", 1) for line in lines), body.encode()


def main():
    wire = examples()
    keys = dict(re.findall(r"(\w+, \w+) +(\S+)", wire["message-keys"]))
    asker = Signer(Ed25519PrivateKey.from_private_bytes(unb64u(keys["minato, seed"])))
    assert asker.kid == keys["minato, kid"], "a thumbprint differs"
    _, request, body = message(wire["request"])
    assert digest(body) == request["content-digest"], "a digest differs"
    signature = base64.b64encode(asker.sign(wire["request-base"].encode())).decode()
    assert request["signature"] == "fed=:%s:" % signature, "the request's signature differs"

    first, answer, body = message(wire["answer"])
    status = int(first.split()[1])
    fields = {name: [value] for name, value in answer.items()}
    created = int(re.search(r";created=(\d+)", answer["signature-input"]).group(1))

    def key(kid):
        assert kid == keys["yukimi, kid"]
        return request["fed-to"], unb64u(keys["yukimi, x"])

    verify_answer(status, fields, body, request, key, now=created)
    for changed, why in [((status + 1, fields, body, request), "status"),
                         ((status, fields, body + b" ", request), "body"),
                         ((status, fields, body, dict(request, signature="fed=:AA==:")), "question"),
                         ((status, dict(fields, **{"fed-directory": ["1;status=1"]}), body, request), "directory")]:
        try:
            verify_answer(*changed, key, now=created)
        except Refused:
            continue
        raise AssertionError("believed an answer with another " + why)
    print("docs/WIRE.md: keys, digests, request, answer verified; %d covered parts" % len(RESPONSE))


if __name__ == "__main__":
    sys.exit(main())
