"""Where the steps of `fhirpy_client.py` happen: who asks, what earlier steps made, and what counts as
a surprise.
"""

import json
import random
import uuid

from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import BaseFHIRError

CHART_NUMBERS = "urn:oid:1.2.392.100495.20.3.51.10110000001"
REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"


class Surprise(Exception):
    """The node did something else than FHIR says."""


def expect(got, wanted, about):
    if got != wanted:
        raise Surprise(f"{about}: got {got!r}, wanted {wanted!r}")


def failing(kind, attempt):
    """The error of an attempt that fails as `kind`."""
    try:
        attempt()
    except BaseFHIRError as error:
        expect(type(error).__name__, kind.__name__, "the kind of refusal")
        return error
    raise Surprise(f"an attempt went through that should end in {kind.__name__}")


def refused(kind, attempt):
    """The first issue of the OperationOutcome that comes with such an error."""
    outcome = json.loads(str(failing(kind, attempt)))
    expect(outcome.get("resourceType"), "OperationOutcome", "what a refusal is")
    return outcome["issue"][0]


def version(resource):
    return resource["meta"]["versionId"]


def ids(resources):
    return [resource["id"] for resource in resources]


class Scene:
    """The clients, and what earlier steps made."""

    def __init__(self, base, token):
        self.base, self.token = base, token
        self.client = self.with_headers()
        # Nobody else has this name or this number: a search finds what this run made.
        self.kana = "ムスビ" + "".join(random.choices("アカサタナハマヤラワ", k=12))
        self.number = str(uuid.uuid4())
        self.patient = None
        self.encounter = None
        self.observations = []
        self.others = []

    def with_headers(self, **headers):
        """A client that sends these too. It needs to be told the id of what it makes."""
        wanted = {"Prefer": "return=representation"}
        wanted |= {name.replace("_", "-"): value for name, value in headers.items()}
        return SyncFHIRClient(self.base, authorization=f"Bearer {self.token}", extra_headers=wanted)

    def sent_with(self, resource, **headers):
        """The resource again, whose requests carry these headers."""
        return self.with_headers(**headers).resource(resource.resource_type, **resource)

    def draft(self, client=None):
        """The person, in kanji and in kana."""

        def name(family, given, code):
            mark = {"url": REPRESENTATION, "valueCode": code}
            return {"extension": [mark], "use": "official", "family": family, "given": [given]}

        return (client or self.client).resource(
            "Patient",
            active=True,
            identifier=[{"system": CHART_NUMBERS, "value": self.number}],
            name=[name("結城", "茜", "IDE"), name(self.kana, "アカネ", "SYL")],
            gender="female",
            birthDate="1958-03-14",
        )

    def chart(self):
        """Every result in the chart."""
        return self.client.resources("Observation").search(patient=self.patient)


def result(day, subject, encounter=None):
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "HbA1c(NGSP)"},
        "subject": subject,
        "effectiveDateTime": day,
        "valueQuantity": {"value": 7.2, "unit": "%"},
    } | ({"encounter": encounter} if encounter else {})
