#!/usr/bin/env python3
"""What `fhirpy` does with a hospital's records, step by step, over a Musubi node's `/fhir`.

Owns no way of its own to speak HTTP: every request is one that `fhirpy` makes, with headers that it
lets its user set. Takes the base and a token of the role `system` from FHIR_BASE and FHIR_TOKEN.
Says `ok: …` for each step, ends with 1 at the first surprise, and deletes at last what it made.
"""

import os
import sys
import traceback
import uuid

from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import (
    AuthorizationError,
    BaseFHIRError,
    MultipleResourcesFound,
    OperationOutcome,
    ResourceNotFound,
)

from fhirpy_scene import (
    CHART_NUMBERS,
    Scene,
    Surprise,
    expect,
    failing,
    ids,
    refused,
    result,
    version,
)

# Days, one result each: more than one page of them, and not in the order of time.
DAYS = [f"2026-05-{day:02}" for day in (9, 2, 11, 5, 1, 8, 3, 10, 6, 4, 7)]
PAGE = 4


def metadata(scene):
    told = scene.client.execute("metadata", method="get")
    expect(told["resourceType"], "CapabilityStatement", "type of the statement")
    expect(told["fhirVersion"], "4.0.1", "version of FHIR")
    kinds = {resource["type"]: resource for resource in told["rest"][0]["resource"]}
    expect(kinds["Patient"]["conditionalCreate"], True, "conditional create")
    return f"the capability statement names {len(kinds)} types"


def stranger(scene):
    client = SyncFHIRClient(scene.base, authorization="Bearer nobody")
    failing(AuthorizationError, client.resources("Patient").fetch)
    return "a token that nobody gave out opens nothing"


def create(scene):
    scene.patient = scene.draft().save()
    expect(version(scene.patient), "1", "first version")
    expect(scene.patient["name"][1]["family"], scene.kana, "the name in kana")
    return f"created {scene.patient.reference}"


def read(scene):
    there = scene.client.reference("Patient", scene.patient.id).to_resource()
    expect(there.serialize(), scene.patient.serialize(), "what was created")
    # fhirpy asks with the bare version, without the quotes of an entity tag.
    expect(version(scene.patient.refresh()), "1", "version after a refresh")
    return "read it back as it was answered"


def conditional_create(scene):
    number = str(uuid.uuid4())
    client = scene.with_headers(If_None_Exist=f"identifier={CHART_NUMBERS}|{number}")
    made = []
    for _ in range(2):
        draft = scene.draft(client)
        draft["identifier"][0]["value"] = number
        made.append(draft.save())
    expect(made[0].id == scene.patient.id, False, "another than the first")
    expect(made[1].id, made[0].id, "id of the second attempt")
    found = scene.client.resources("Patient").search(identifier=f"{CHART_NUMBERS}|{number}")
    expect(ids(found.fetch_all()), [made[0].id], "who has the number")
    scene.client.delete(made[0])
    return "two conditional creates made one resource"


def search_by_name(scene):
    hiragana = "".join(chr(ord(sign) - 0x60) for sign in scene.kana)
    for asked in (scene.kana, hiragana, scene.kana[:8]):
        found = scene.client.resources("Patient").search(name=asked).fetch_all()
        expect(ids(found), [scene.patient.id], f"patients called {asked}")
    both = scene.client.resources("Patient").search(name=[scene.kana, "結城"])
    expect(ids(both.fetch_all()), [scene.patient.id], "patients of both names")
    exactly = scene.client.resources("Patient").search(family__exact=hiragana)
    expect(exactly.fetch_all(), [], "patients written in hiragana")
    return "found by the name in katakana, in hiragana, by its beginning"


def search_by_identifier(scene):
    patients = scene.client.resources("Patient")
    for asked in (f"{CHART_NUMBERS}|{scene.number}", scene.number):
        expect(patients.search(identifier=asked).get().id, scene.patient.id, asked)
    elsewhere = patients.search(identifier=f"urn:oid:2.999|{scene.number}")
    expect(elsewhere.first(), None, "the number in another system")
    return "found by the chart number, with and without its system"


def transaction(scene):
    practitioner, encounter = (f"urn:uuid:{uuid.uuid4()}" for _ in range(2))
    whose = {"reference": f"Patient?identifier={CHART_NUMBERS}|{scene.number}"}

    def post(url, resource):
        request = {"method": "POST", "url": resource["resourceType"]}
        return {"fullUrl": url, "resource": resource, "request": request}

    entries = [
        post(
            encounter,
            {
                "resourceType": "Encounter",
                "status": "finished",
                "class": {"code": "AMB"},
                "subject": whose,
                "participant": [{"individual": {"reference": practitioner}}],
            },
        ),
        post(practitioner, {"resourceType": "Practitioner", "name": [{"text": "白樺 徹"}]}),
    ]
    entries += [
        post(f"urn:uuid:{uuid.uuid4()}", result(day, whose, {"reference": encounter}))
        for day in DAYS
    ]
    answered = scene.client.execute(
        "", data={"resourceType": "Bundle", "type": "transaction", "entry": entries}
    )
    expect(answered["type"], "transaction-response", "type of the answer")
    statuses = [entry["response"]["status"][:3] for entry in answered["entry"]]
    expect(statuses, ["201"] * len(entries), "statuses")
    made = [
        scene.client.reference(*entry["response"]["location"].split("/")[-4:-2]).to_resource()
        for entry in answered["entry"]
    ]
    scene.encounter, doctor, *scene.observations = made
    scene.others = [scene.encounter, doctor]
    expect(scene.encounter["subject"]["reference"], scene.patient.reference, "whose encounter")
    individual = scene.encounter["participant"][0]["individual"]
    expect(individual["reference"], doctor.reference, "who took part")
    for day, observation in zip(DAYS, scene.observations, strict=True):
        expect(observation["effectiveDateTime"], day, "day of a result")
        expect(observation["subject"].reference, scene.patient.reference, "whose result")
        expect(observation["encounter"].reference, scene.encounter.reference, "its encounter")
    return f"a transaction made {len(made)} resources that refer to one another"


def all_or_nothing(scene):
    nobody = {"reference": f"Patient?identifier={CHART_NUMBERS}|{uuid.uuid4()}"}
    entries = [
        {
            "resource": result("2026-06-01", whose),
            "request": {"method": "POST", "url": "Observation"},
        }
        for whose in ({"reference": scene.patient.reference}, nobody)
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    # fhirpy's name for 412.
    refused(MultipleResourcesFound, lambda: scene.client.execute("", data=bundle))
    expect(len(scene.chart().fetch_all()), len(DAYS), "results after it")
    return "a transaction with a reference to nobody made nothing at all"


def includes(scene):
    one = scene.observations[0]
    found = scene.client.resources("Observation").search(_id=one.id)
    found = found.include("Observation", "patient").include("Observation", "encounter").fetch_raw()
    modes = {entry["resource"].reference: entry["search"]["mode"] for entry in found["entry"]}
    wanted = {one.reference: "match"}
    wanted |= {r.reference: "include" for r in (scene.patient, scene.encounter)}
    expect(modes, wanted, "a result, its patient and its encounter")

    found = scene.client.resources("Patient").search(_id=scene.patient.id)
    found = found.revinclude("Observation", "patient").fetch_raw()
    modes = {entry["resource"].reference: entry["search"]["mode"] for entry in found["entry"]}
    wanted = {scene.patient.reference: "match"}
    wanted |= {r.reference: "include" for r in scene.observations}
    expect(modes, wanted, "a patient and the results")
    return "_include brings what a result refers to, _revinclude what refers to a patient"


def sorts(scene):
    for key, wanted in (("date", sorted(DAYS)), ("-date", sorted(DAYS, reverse=True))):
        found = scene.chart().sort(key).fetch()
        expect([one["effectiveDateTime"] for one in found], wanted, f"days by {key}")
    return "_sort by date, either way"


def pages(scene):
    asked = scene.chart().sort("-date").limit(PAGE)
    first = asked.search(_total="accurate").fetch_raw()
    expect(len(first["entry"]), PAGE, "entries of the first page")
    expect(first["total"], len(DAYS), "total")
    found = asked.fetch_all()
    days = [one["effectiveDateTime"] for one in found]
    expect(days, sorted(DAYS, reverse=True), "days over all pages")
    expect(sorted(ids(found)), sorted(ids(scene.observations)), "results over all pages")
    return f"{len(found)} results over pages of {PAGE}, each once and in order"


def update(scene):
    draft = scene.sent_with(scene.patient, If_Match='W/"1"')
    draft["birthDate"] = "1958-03-15"
    expect(version(draft.save()), "2", "version after an update")
    expect(scene.patient.refresh()["birthDate"], "1958-03-15", "birth date after it")
    return "updated version 1 to version 2"


def conflict(scene):
    draft = scene.sent_with(scene.patient, If_Match='W/"1"')
    draft["birthDate"] = "1958-03-16"
    # fhirpy's name for 412.
    refused(MultipleResourcesFound, draft.save)
    expect(scene.patient.refresh()["birthDate"], "1958-03-15", "birth date after it")
    expect(version(scene.patient), "2", "version after it")
    return "who changes a version that is no longer the newest is refused"


def conditional_update(scene):
    mine = scene.client.resources("Patient").search(identifier=f"{CHART_NUMBERS}|{scene.number}")
    changed, made = mine.update(scene.draft())
    expect((changed.id, made), (scene.patient.id, False), "who was changed")
    expect(version(changed), "3", "version after it")
    return "updated whoever has the chart number"


def patch(scene):
    # What fhirpy's own `patch` sends, a JSON Merge Patch, is none of the patches of FHIR R4.
    issue = refused(OperationOutcome, lambda: scene.patient.patch(active=False))
    expect(issue["code"], "not-supported", "why a merge patch is refused")
    client = scene.with_headers(Content_Type="application/json-patch+json")
    operations = [
        {"op": "test", "path": "/birthDate", "value": "1958-03-14"},
        {"op": "replace", "path": "/active", "value": False},
    ]
    patched = client.execute(scene.patient.reference, method="patch", data=operations)
    expect((version(patched), patched["active"]), ("4", False), "version and content after it")
    failing = [{"op": "test", "path": "/active", "value": True}]
    attempt = lambda: client.execute(scene.patient.reference, method="patch", data=failing)
    refused(OperationOutcome, attempt)
    expect(version(scene.patient.refresh()), "4", "version after a patch that does not fit")
    return "a JSON Patch that fits changed the patient, one that does not changed nothing"


def batch(scene):
    made = result("2026-07-01", {"reference": scene.patient.reference})
    asked = [
        ("GET", scene.patient.reference),
        ("GET", f"Patient/{uuid.uuid4()}"),
        ("GET", f"Observation?patient={scene.patient.id}&_count=1&_total=accurate"),
        ("POST", "Observation"),
        ("GET", "Patient?shoe-size=27"),
    ]
    entries = [{"request": {"method": method, "url": url}} for method, url in asked]
    entries[3]["resource"] = made
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    answered = scene.client.execute("", data=bundle)
    expect(answered["type"], "batch-response", "type of the answer")
    statuses = [entry["response"]["status"][:3] for entry in answered["entry"]]
    expect(statuses, ["200", "404", "200", "201", "400"], "statuses")
    expect(answered["entry"][0]["resource"]["id"], scene.patient.id, "the patient")
    expect(answered["entry"][2]["resource"]["total"], len(DAYS), "total of the search")
    address = answered["entry"][3]["response"]["location"].split("/")[-4:-2]
    scene.others.append(scene.client.reference(*address).to_resource())
    return "a batch answered each of its five entries by itself"


def history(scene):
    told = scene.client.execute(f"{scene.patient.reference}/_history", method="get")
    expect(told["type"], "history", "type of the answer")
    versions = [version(entry["resource"]) for entry in told["entry"]]
    expect(versions, ["4", "3", "2", "1"], "versions, newest first")
    first = scene.client.execute(f"{scene.patient.reference}/_history/1", method="get")
    expect(first["birthDate"], "1958-03-14", "birth date in the first version")
    second = scene.client.execute(f"{scene.patient.reference}/_history/2", method="get")
    expect(second["birthDate"], "1958-03-15", "birth date in the second version")
    return "four versions in the history, each to be read"


def unknown_parameter(scene):
    asked = scene.client.resources("Patient").search(shoe_size=27)
    refused(OperationOutcome, asked.fetch)
    # `count` adds `_totalMethod`, which is another server's.
    refused(OperationOutcome, scene.chart().count)
    lenient = scene.with_headers(Prefer="handling=lenient")
    chart = lenient.resources("Observation").search(patient=scene.patient)
    expect(chart.count(), len(DAYS) + 1, "results counted without what is not known")
    return "an unknown parameter is refused, and left out only for who asks for that"


def delete(scene):
    for resource in [*scene.observations, *scene.others, scene.patient]:
        resource.delete()
    # Once more: it is gone already.
    scene.patient.delete()
    issue = refused(ResourceNotFound, scene.patient.refresh)
    expect(issue["code"], "deleted", "why it is not there: 410")
    nobody = scene.client.reference("Patient", str(uuid.uuid4()))
    issue = refused(ResourceNotFound, nobody.to_resource)
    expect(issue["code"], "not-found", "why nobody is not there: 404")
    found = scene.client.resources("Patient").search(identifier=scene.number)
    expect(found.fetch_all(), [], "who has the number")
    expect(scene.chart().fetch_all(), [], "results in the chart")
    return "deleted everything: 410 for what was here, 404 for what never was"


def history_of_the_deleted(scene):
    told = scene.client.execute(f"{scene.patient.reference}/_history", method="get")
    methods = [entry["request"]["method"] for entry in told["entry"]]
    expect(methods, ["DELETE", "PUT", "PUT", "PUT", "POST"], "what was done, newest first")
    last = scene.client.execute(f"{scene.patient.reference}/_history/4", method="get")
    expect(last["active"], False, "the last version before the deletion")
    return "the history of what was deleted is still told"


STEPS = [
    metadata,
    stranger,
    create,
    read,
    conditional_create,
    search_by_name,
    search_by_identifier,
    transaction,
    all_or_nothing,
    includes,
    sorts,
    pages,
    update,
    conflict,
    conditional_update,
    patch,
    batch,
    history,
    unknown_parameter,
    delete,
    history_of_the_deleted,
]


def main():
    scene = Scene(os.environ["FHIR_BASE"], os.environ["FHIR_TOKEN"])
    for step in STEPS:
        try:
            print(f"ok: {step(scene)}", flush=True)
        except Surprise as surprise:
            sys.exit(f"surprise in {step.__name__}: {surprise}")
        except BaseFHIRError as error:
            traceback.print_exc()
            sys.exit(f"surprise in {step.__name__}: {type(error).__name__}")


if __name__ == "__main__":
    main()
