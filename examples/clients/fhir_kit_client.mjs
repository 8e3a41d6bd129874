#!/usr/bin/env node
// What `fhir-kit-client` does with a hospital's records, step by step, over a Musubi node's `/fhir`.
//
// Owns no way of its own to speak HTTP: every request is one of the client's methods. Takes the base
// and a token of the role `system` from FHIR_BASE and FHIR_TOKEN. Says `ok: …` for each step, ends
// with 1 at the first surprise, and deletes at last what it made.

import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';

import { Client } from 'fhir-kit-client';

const CHART_NUMBERS = 'urn:oid:1.2.392.100495.20.3.51.10110000001';
const REPRESENTATION = 'http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation';
// Days, one result each: more than one page of them, and not in the order of time.
const DAYS = [9, 2, 11, 5, 1, 8, 3, 10, 6, 4, 7].map(
  (day) => `2026-05-${String(day).padStart(2, '0')}`,
);
const PAGE = 4;

const baseUrl = process.env.FHIR_BASE;
// Without this a server need not tell the id of what it makes but in `Location`.
const customHeaders = { Prefer: 'return=representation' };
const client = new Client({ baseUrl, customHeaders, bearerToken: process.env.FHIR_TOKEN });

// Nobody else has this name or this number: a search finds what this run made.
const number = randomUUID();
const kana = `ムスビ${Array.from({ length: 12 }, () => 'アカサタナハマヤラワ'[randomInt(10)]).join('')}`;
const identifier = (value) => `${CHART_NUMBERS}|${value}`;

// What earlier steps made.
const made = { patient: null, encounter: null, observations: [], others: [] };

const reference = (resource) => `${resource.resourceType}/${resource.id}`;
const status = (answer) => Client.httpFor(answer).response.status;
const header = (answer, name) => Client.httpFor(answer).response.headers.get(name);
const resources = (bundle) => (bundle.entry ?? []).map((entry) => entry.resource);
const bundle = (type, entry) => ({ resourceType: 'Bundle', type, entry });
const search = async (resourceType, searchParams, options) =>
  resources(await client.search({ resourceType, searchParams, options }));
const read = ({ resourceType, id }) => client.read({ resourceType, id });

// What an attempt is answered that fails with this status.
async function failing(wanted, attempt) {
  const { response } = await attempt.then(
    () => ({ response: { status: 'success' } }),
    (error) => (error.response ? error : Promise.reject(error)),
  );
  strictEqual(response.status, wanted);
  return response.data;
}

// The first issue of the OperationOutcome that comes with it.
async function refused(wanted, attempt) {
  const outcome = await failing(wanted, attempt);
  strictEqual(outcome.resourceType, 'OperationOutcome');
  return outcome.issue[0];
}

// The person, in kanji and in kana.
function draft(value = number) {
  const name = (family, given, valueCode) => ({
    extension: [{ url: REPRESENTATION, valueCode }],
    use: 'official',
    family,
    given: [given],
  });
  return {
    resourceType: 'Patient',
    active: true,
    identifier: [{ system: CHART_NUMBERS, value }],
    name: [name('結城', '茜', 'IDE'), name(kana, 'アカネ', 'SYL')],
    gender: 'female',
    birthDate: '1958-03-14',
  };
}

const result = (day, subject, encounter) => ({
  resourceType: 'Observation',
  status: 'final',
  code: { text: 'HbA1c(NGSP)' },
  subject: { reference: subject },
  ...(encounter && { encounter: { reference: encounter } }),
  effectiveDateTime: day,
  valueQuantity: { value: 7.2, unit: '%' },
});

async function metadata() {
  const told = await client.capabilityStatement();
  strictEqual(told.resourceType, 'CapabilityStatement');
  strictEqual(told.fhirVersion, '4.0.1');
  const kinds = told.rest[0].resource;
  strictEqual(kinds.find(({ type }) => type === 'Patient').conditionalCreate, true);
  return `the capability statement names ${kinds.length} types`;
}

async function stranger() {
  const unknown = new Client({ baseUrl, bearerToken: 'nobody' });
  await failing(401, unknown.search({ resourceType: 'Patient' }));
  return 'a token that nobody gave out opens nothing';
}

async function create() {
  made.patient = await client.create({ resourceType: 'Patient', body: draft() });
  strictEqual(status(made.patient), 201);
  strictEqual(made.patient.meta.versionId, '1');
  strictEqual(made.patient.name[1].family, kana);
  ok(header(made.patient, 'location').endsWith(`${reference(made.patient)}/_history/1`));
  return `created ${reference(made.patient)}`;
}

async function readBack() {
  const there = await read(made.patient);
  deepStrictEqual(there, made.patient);
  strictEqual(header(there, 'etag'), 'W/"1"');
  deepStrictEqual(await client.resolve({ reference: reference(made.patient) }), made.patient);
  return 'read it back as it was answered';
}

async function conditionalCreate() {
  const other = randomUUID();
  const options = { headers: { 'If-None-Exist': `identifier=${identifier(other)}` } };
  const attempt = () => client.create({ resourceType: 'Patient', body: draft(other), options });
  const [first, second] = [await attempt(), await attempt()];
  deepStrictEqual([status(first), status(second)], [201, 200]);
  strictEqual(second.id, first.id);
  deepStrictEqual(await search('Patient', { identifier: identifier(other) }), [first]);
  await client.delete(first);
  return 'two conditional creates made one resource';
}

async function searchByName() {
  const hiragana = kana.replace(/./gu, (sign) => String.fromCodePoint(sign.codePointAt(0) - 0x60));
  for (const name of [kana, hiragana, kana.slice(0, 8), [kana, '結城']]) {
    deepStrictEqual(await search('Patient', { name }), [made.patient], `called ${name}`);
  }
  const posted = await search('Patient', { name: hiragana }, { postSearch: true });
  deepStrictEqual(posted, [made.patient]);
  deepStrictEqual(await search('Patient', { 'family:exact': hiragana }), []);
  return 'found by the name in katakana, in hiragana, by its beginning, and by POST';
}

async function searchByIdentifier() {
  for (const asked of [identifier(number), number]) {
    deepStrictEqual(await search('Patient', { identifier: asked }), [made.patient]);
  }
  deepStrictEqual(await search('Patient', { identifier: `urn:oid:2.999|${number}` }), []);
  return 'found by the chart number, with and without its system';
}

async function transaction() {
  const [doctor, encounter] = [1, 2].map(() => `urn:uuid:${randomUUID()}`);
  const whose = `Patient?identifier=${identifier(number)}`;
  const post = (fullUrl, resource) => ({
    fullUrl,
    resource,
    request: { method: 'POST', url: resource.resourceType },
  });
  const visit = {
    resourceType: 'Encounter',
    status: 'finished',
    class: { code: 'AMB' },
    subject: { reference: whose },
    participant: [{ individual: { reference: doctor } }],
  };
  const entries = [
    post(encounter, visit),
    post(doctor, { resourceType: 'Practitioner', name: [{ text: '白樺 徹' }] }),
    ...DAYS.map((day) => post(`urn:uuid:${randomUUID()}`, result(day, whose, encounter))),
  ];
  const answered = await client.transaction({ body: bundle('transaction', entries) });
  strictEqual(answered.type, 'transaction-response');
  for (const { response } of answered.entry) ok(response.status.startsWith('201'));

  const there = await Promise.all(answered.entry.map(({ response }) => {
    const [resourceType, id] = response.location.split('/').slice(-4, -2);
    return client.read({ resourceType, id });
  }));
  const [visited, physician, ...results] = there;
  Object.assign(made, { encounter: visited, observations: results, others: [visited, physician] });
  strictEqual(visited.subject.reference, reference(made.patient));
  strictEqual(visited.participant[0].individual.reference, reference(physician));
  results.forEach((one, at) => {
    strictEqual(one.effectiveDateTime, DAYS[at]);
    strictEqual(one.subject.reference, reference(made.patient));
    strictEqual(one.encounter.reference, reference(visited));
  });
  return `a transaction made ${there.length} resources that refer to one another`;
}

async function allOrNothing() {
  const nobody = `Patient?identifier=${identifier(randomUUID())}`;
  const entries = [reference(made.patient), nobody].map((whose) => ({
    resource: result('2026-06-01', whose),
    request: { method: 'POST', url: 'Observation' },
  }));
  await refused(412, client.transaction({ body: bundle('transaction', entries) }));
  strictEqual((await search('Observation', { patient: made.patient.id })).length, DAYS.length);
  return 'a transaction with a reference to nobody made nothing at all';
}

// The references in a Bundle by how they came into it, in an order of their own.
const modes = ({ entry }) =>
  entry.map(({ resource, search: { mode } }) => `${mode} ${reference(resource)}`).sort();

async function includes() {
  const [one] = made.observations;
  const found = await client.search({
    resourceType: 'Observation',
    searchParams: { _id: one.id, _include: ['Observation:patient', 'Observation:encounter'] },
  });
  const referred = [made.patient, made.encounter].map((to) => `include ${reference(to)}`);
  deepStrictEqual(modes(found), [`match ${reference(one)}`, ...referred].sort());

  const chart = await client.search({
    resourceType: 'Patient',
    searchParams: { _id: made.patient.id, _revinclude: 'Observation:patient' },
  });
  const referring = made.observations.map((from) => `include ${reference(from)}`);
  deepStrictEqual(modes(chart), [`match ${reference(made.patient)}`, ...referring].sort());
  return '_include brings what a result refers to, _revinclude what refers to a patient';
}

async function sorts() {
  const oldest = DAYS.toSorted();
  for (const [_sort, days] of [['date', oldest], ['-date', oldest.toReversed()]]) {
    const found = await search('Observation', { patient: made.patient.id, _sort });
    deepStrictEqual(found.map((one) => one.effectiveDateTime), days);
  }
  return '_sort by date, either way';
}

async function pages() {
  const searchParams = { patient: made.patient.id, _sort: '-date', _count: PAGE, _total: 'accurate' };
  const seen = [];
  let page = await client.search({ resourceType: 'Observation', searchParams });
  strictEqual(page.total, DAYS.length);
  let count = 0;
  for (; page; page = await client.nextPage({ bundle: page })) {
    ok(page.entry.length <= PAGE);
    seen.push(...resources(page));
    count += 1;
  }
  strictEqual(count, Math.ceil(DAYS.length / PAGE));
  deepStrictEqual(seen.map((one) => one.effectiveDateTime), DAYS.toSorted().toReversed());
  deepStrictEqual(seen.map(reference).sort(), made.observations.map(reference).sort());
  return `${seen.length} results over ${count} pages, each once and in order`;
}

const ifMatch = (version) => ({ headers: { 'If-Match': `W/"${version}"` } });

async function update() {
  const { resourceType, id } = made.patient;
  const change = (birthDate, options) =>
    client.update({ resourceType, id, body: { ...made.patient, birthDate }, options });
  const changed = await change('1958-03-15', ifMatch(1));
  deepStrictEqual([status(changed), changed.meta.versionId], [200, '2']);
  strictEqual(header(changed, 'etag'), 'W/"2"');
  await refused(412, change('1958-03-16', ifMatch(1)));
  const there = await read(made.patient);
  deepStrictEqual([there.birthDate, there.meta.versionId], ['1958-03-15', '2']);
  return 'updated version 1 to version 2; who changes version 1 after that is refused';
}

async function conditionalUpdate() {
  const searchParams = { identifier: identifier(number) };
  const body = draft();
  const changed = await client.update({ resourceType: 'Patient', searchParams, body });
  deepStrictEqual([changed.id, changed.meta.versionId], [made.patient.id, '3']);
  return 'updated whoever has the chart number';
}

async function patch() {
  const { resourceType, id } = made.patient;
  const jsonPatch = [
    { op: 'test', path: '/birthDate', value: '1958-03-14' },
    { op: 'replace', path: '/active', value: false },
  ];
  await refused(412, client.patch({ resourceType, id, jsonPatch, options: ifMatch(2) }));
  const patched = await client.patch({ resourceType, id, jsonPatch, options: ifMatch(3) });
  deepStrictEqual([patched.active, patched.meta.versionId], [false, '4']);
  const failing = [{ op: 'test', path: '/active', value: true }];
  await refused(422, client.patch({ resourceType, id, jsonPatch: failing }));
  strictEqual((await read(made.patient)).meta.versionId, '4');
  return 'a JSON Patch that fits changed the patient, one that does not changed nothing';
}

async function batch() {
  const entries = [
    { request: { method: 'GET', url: reference(made.patient) } },
    { request: { method: 'GET', url: `Patient/${randomUUID()}` } },
    { request: { method: 'GET', url: `Observation?patient=${made.patient.id}&_count=1&_total=accurate` } },
    {
      resource: result('2026-07-01', reference(made.patient)),
      request: { method: 'POST', url: 'Observation' },
    },
    { request: { method: 'GET', url: 'Patient?shoe-size=27' } },
  ];
  const answered = await client.batch({ body: bundle('batch', entries) });
  strictEqual(answered.type, 'batch-response');
  const statuses = answered.entry.map(({ response }) => response.status.slice(0, 3));
  deepStrictEqual(statuses, ['200', '404', '200', '201', '400']);
  strictEqual(answered.entry[0].resource.id, made.patient.id);
  strictEqual(answered.entry[2].resource.total, DAYS.length);
  const [resourceType, id] = answered.entry[3].response.location.split('/').slice(-4, -2);
  made.others.push(await client.read({ resourceType, id }));
  return 'a batch answered each of its five entries by itself';
}

async function everything() {
  const { resourceType, id } = made.patient;
  const input = { resourceType: 'Parameters', parameter: [{ name: '_count', valueInteger: 10 }] };
  const found = new Set();
  let page = await client.operation({ name: '$everything', resourceType, id, input });
  for (; page; page = await client.nextPage({ bundle: page })) {
    for (const one of resources(page)) found.add(reference(one));
  }
  const all = [made.patient, ...made.observations, ...made.others].map(reference);
  deepStrictEqual([...found].sort(), all.sort());
  return `$everything told all ${all.length} resources of the chart and its physician`;
}

async function history() {
  const { resourceType, id } = made.patient;
  const told = await client.history({ resourceType, id });
  strictEqual(told.type, 'history');
  const versions = resources(told).map(({ meta }) => meta.versionId);
  deepStrictEqual(versions, ['4', '3', '2', '1']);
  deepStrictEqual(await client.vread({ resourceType, id, version: '1' }), made.patient);
  return 'four versions in the history, each to be read';
}

async function unknownParameter() {
  const searchParams = { identifier: identifier(number), 'shoe-size': 27 };
  await refused(400, client.search({ resourceType: 'Patient', searchParams }));
  const options = { headers: { Prefer: 'handling=lenient' } };
  const [found, said] = await search('Patient', searchParams, options);
  deepStrictEqual([found.id, said.resourceType], [made.patient.id, 'OperationOutcome']);
  return 'an unknown parameter is refused, and left out only for who asks for that';
}

async function deletion() {
  for (const { resourceType, id } of [...made.observations, ...made.others, made.patient]) {
    ok([200, 204].includes(status(await client.delete({ resourceType, id }))));
  }
  const { resourceType, id } = made.patient;
  // Once more: it is gone already.
  ok([200, 204].includes(status(await client.delete({ resourceType, id }))));
  strictEqual((await refused(410, read(made.patient))).code, 'deleted');
  strictEqual((await refused(404, read({ resourceType, id: randomUUID() }))).code, 'not-found');
  deepStrictEqual(await search('Patient', { identifier: identifier(number) }), []);
  deepStrictEqual(await search('Observation', { patient: id }), []);
  return 'deleted everything: 410 for what was here, 404 for what never was';
}

async function historyOfTheDeleted() {
  const { resourceType, id } = made.patient;
  const told = await client.history({ resourceType, id });
  const methods = told.entry.map(({ request }) => request.method);
  deepStrictEqual(methods, ['DELETE', 'PUT', 'PUT', 'PUT', 'POST']);
  const last = await client.vread({ resourceType, id, version: '4' });
  strictEqual(last.active, false);
  return 'the history of what was deleted is still told';
}

const steps = [
  metadata, stranger, create, readBack, conditionalCreate, searchByName, searchByIdentifier,
  transaction, allOrNothing, includes, sorts, pages, update, conditionalUpdate, patch, batch,
  everything, history, unknownParameter, deletion, historyOfTheDeleted,
];

for (const step of steps) {
  try {
    console.log(`ok: ${await step()}`);
  } catch (surprise) {
    console.error(`surprise in ${step.name}: ${surprise.stack}`);
    const answered = surprise.response;
    if (answered) console.error(`answered ${answered.status}: ${JSON.stringify(answered.data)}`);
    process.exit(1);
  }
}
