//! A line as a FHIR R4 AuditEvent in the shape of IHE BALP: ids only, as in the log.
//!
//! A profile is named only where everything that it demands is there. What a search asked for is not
//! kept in the log (it may name people), so its query entity names the type that was searched.
//!
//! Source: FHIR R4 AuditEvent; IHE ITI Basic Audit Log Patterns (BALP) 1.1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::line::{ERASED, Recorded};
use codes::{Shape, coding, shape};

mod codes;

/// Whose log the line stands in.
#[derive(Clone, Debug)]
pub struct Observer {
    /// The member's id.
    pub member: String,
    /// What people call it.
    pub name: String,
}

/// The line as an AuditEvent. A chart is named by its number here, as in the log.
#[must_use]
pub fn event(line: &Recorded, observer: &Observer) -> Value {
    let shape = shape(line);
    let told = Told {
        line,
        observer,
        shape,
    };
    let mut event = Map::new();
    event.insert("resourceType".into(), json!("AuditEvent"));
    event.insert("id".into(), json!(format!("audit-{}", line.seq)));
    event.insert("meta".into(), told.meta());
    event.insert("type".into(), coding(told.shape.kind));
    event.insert("subtype".into(), told.subtypes());
    event.insert("action".into(), json!(told.shape.action));
    event.insert("recorded".into(), json!(line.at.to_string()));
    let failed = told.failed();
    event.insert("outcome".into(), json!(if failed { "8" } else { "0" }));
    if line.outcome != "ok" && !line.outcome.is_empty() {
        event.insert("outcomeDesc".into(), json!(line.outcome));
    }
    if let Some(purpose) = &line.purpose {
        event.insert("purposeOfEvent".into(), json!([told.purpose(purpose)]));
    }
    event.insert("agent".into(), told.agents());
    event.insert("source".into(), told.source());
    let entities = told.entities();
    if !entities.is_empty() {
        event.insert("entity".into(), Value::Array(entities));
    }
    Value::Object(event)
}

struct Told<'a> {
    line: &'a Recorded,
    observer: &'a Observer,
    shape: Shape,
}

impl Told<'_> {
    fn failed(&self) -> bool {
        let failures = [
            "forbidden",
            "split_view",
            "rollback",
            "fork",
            "differs",
            "second_factor_wrong",
            "second_factor_locked",
        ];
        self.line.kind == "refusal" || failures.contains(&self.line.outcome.as_str())
    }

    fn meta(&self) -> Value {
        let tag = json!([{ "system": "urn:musubi:audit", "code": self.line.kind }]);
        match self.profile() {
            Some(profile) => json!({
                "profile": [format!("https://profiles.ihe.net/ITI/BALP/StructureDefinition/{profile}")],
                "tag": tag,
            }),
            None => json!({ "tag": tag }),
        }
    }

    fn profile(&self) -> Option<&'static str> {
        if self.failed() {
            return None;
        }
        match (self.shape.balp?, self.line.patient) {
            ("Read", Some(_)) => Some("IHE.BasicAudit.PatientRead"),
            ("Read", None) => Some("IHE.BasicAudit.Read"),
            ("Query", Some(_)) => Some("IHE.BasicAudit.PatientQuery"),
            ("Query", None) => Some("IHE.BasicAudit.Query"),
            // A disclosure is one of somebody's data.
            ("Source", Some(_)) => Some("IHE.BasicAudit.PrivacyDisclosure.Source"),
            _ => None,
        }
    }

    fn subtypes(&self) -> Value {
        let own = json!({ "system": "urn:musubi:audit", "code": self.line.kind });
        let subtypes = self.shape.subtype.map(coding).into_iter().chain([own]);
        Value::Array(subtypes.collect())
    }

    fn purpose(&self, purpose: &str) -> Value {
        let system = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
        json!({ "coding": [{ "system": system, "code": purpose }] })
    }

    /// The two ends, then the one on whose behalf it was done.
    fn agents(&self) -> Value {
        let me = self.end(&self.observer.member);
        let peer = self.end(self.line.peer.as_deref().unwrap_or(&self.observer.member));
        // In a read and in a disclosure the data's way is told, in a query the question's.
        let (source, destination) = match self.line.kind.as_str() {
            "query" => (peer, me),
            _ if self.shape.balp == Some("Query") => (peer, me),
            _ => (me, peer),
        };
        let mut agents = vec![
            typed(
                source,
                (
                    "http://dicom.nema.org/resources/ontology/DCM",
                    "110153",
                    "Source Role ID",
                ),
            ),
            typed(
                destination,
                (
                    "http://dicom.nema.org/resources/ontology/DCM",
                    "110152",
                    "Destination Role ID",
                ),
            ),
        ];
        if self.line.kind != ERASED {
            agents.push(self.user());
        }
        Value::Array(agents)
    }

    fn end(&self, member: &str) -> Value {
        json!({
            "who": { "identifier": { "system": "urn:ietf:rfc:3986", "value": member } },
            "requestor": false,
            "network": { "address": member, "type": "5" },
        })
    }

    fn user(&self) -> Value {
        let id = self
            .line
            .actor_id
            .as_deref()
            .unwrap_or(&self.line.actor_role);
        // A peer's actor is known by that peer's id for them.
        let house = match self.line.kind.as_str() {
            "disclosure" | "refusal" | "echo" => self.line.peer.as_deref(),
            _ => None,
        };
        let house = house.unwrap_or(&self.observer.member);
        let mut user = json!({
            "type": { "coding": [coding((
                "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
                "IRCP",
                "information recipient",
            ))] },
            "role": [{ "text": self.line.actor_role }],
            "who": { "identifier": { "system": format!("{house}:actor"), "value": id } },
            "requestor": true,
        });
        if let (Some(purpose), Some(user)) = (&self.line.purpose, user.as_object_mut()) {
            user.insert("purposeOfUse".into(), json!([self.purpose(purpose)]));
        }
        user
    }

    fn source(&self) -> Value {
        json!({
            "site": self.observer.name,
            "observer": {
                "identifier": { "system": "urn:ietf:rfc:3986", "value": self.observer.member },
            },
            "type": [coding((
                "http://terminology.hl7.org/CodeSystem/security-source-type",
                "4",
                "Application Server",
            ))],
        })
    }

    fn entities(&self) -> Vec<Value> {
        let mut entities = Vec::new();
        entities.extend(self.line.patient.map(|chart| {
            let system = format!("{}:chart", self.observer.member);
            let identifier = json!({ "system": system, "value": chart.0.to_string() });
            person(json!({ "type": "Patient", "identifier": identifier }))
        }));
        entities.extend(self.line.person.as_deref().map(|id| {
            let system = format!("{}:person", self.observer.member);
            json!({
                "what": { "identifier": { "system": system, "value": id } },
                "type": coding(("urn:musubi:audit", "enrolled", "Enrolled person")),
            })
        }));
        entities.extend(self.line.exchange.as_deref().map(|id| {
            let system = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType";
            json!({
                "what": { "identifier": { "value": id } },
                "type": coding((system, "XrequestId", "X-Request-Id")),
            })
        }));
        entities.extend(self.object());
        entities
    }

    /// What it was done to: a resource, a search, or the rest of what the line says.
    fn object(&self) -> Option<Value> {
        let system = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
        let kind = coding((system, "2", "System Object"));
        let roles = "http://terminology.hl7.org/CodeSystem/object-role";
        let text = |name| self.line.detail.get(name).and_then(Value::as_str);
        if self.shape.balp == Some("Query") {
            let searched = text("type").unwrap_or_default();
            return Some(json!({
                "type": kind,
                "role": coding((roles, "24", "Query")),
                "description": "the parameters are not kept: they may name people",
                "query": STANDARD.encode(if searched.is_empty() { "?" } else { searched }),
            }));
        }
        let mut object = Map::new();
        object.insert("type".into(), kind);
        object.insert("role".into(), coding((roles, "4", "Domain Resource")));
        let what = match text("resource") {
            Some(address) => json!({ "reference": address }),
            None => {
                json!({ "identifier": { "system": "urn:musubi:audit", "value": self.line.kind } })
            }
        };
        object.insert("what".into(), what);
        let details = self.details();
        if !details.is_empty() {
            object.insert("detail".into(), Value::Array(details));
        }
        Some(Value::Object(object))
    }

    fn details(&self) -> Vec<Value> {
        let detail = |name: &str, value: String| json!({ "type": name, "valueString": value });
        let counts = [("shown", self.line.shown), ("withheld", self.line.withheld)];
        let counts = counts
            .into_iter()
            .filter_map(|(name, count)| Some(detail(name, count?.to_string())));
        let rest = self.line.detail.as_object().into_iter().flatten();
        let rest = rest.filter_map(|(name, value)| {
            let text = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            // An empty string is none in FHIR.
            (!text.trim().is_empty()).then(|| detail(name, text))
        });
        counts.chain(rest).collect()
    }
}

fn person(what: Value) -> Value {
    let system = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
    json!({
        "what": what,
        "type": coding((system, "1", "Person")),
        "role": coding(("http://terminology.hl7.org/CodeSystem/object-role", "1", "Patient")),
    })
}

fn typed(mut agent: Value, of: codes::Code) -> Value {
    if let Some(agent) = agent.as_object_mut() {
        agent.insert("type".into(), json!({ "coding": [coding(of)] }));
    }
    agent
}
