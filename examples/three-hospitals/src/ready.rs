//! The ready file: everything that a script needs to talk to the running town.
//!
//! It holds bearer tokens, so only this user can read it.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::layout::{Layout, write_private};
use crate::ports::Ports;
use crate::setup::Furnished;
use crate::town::{HOSPITALS, Hospital, PEOPLE, Person};
use crate::trouble::Trouble;

/// `--ready-file`: written when the town serves, whole or not at all.
#[derive(Serialize)]
struct Ready {
    pid: u32,
    state: PathBuf,
    registry: Value,
    hospitals: Map<String, Value>,
    people: Map<String, Value>,
}

/// Writes the ready file to the state folder, and to `also`.
pub(crate) fn write(
    layout: &Layout,
    ports: Ports,
    made: &Furnished,
    also: Option<&Path>,
) -> Result<(), Trouble> {
    let mut hospitals = Map::new();
    for one in &HOSPITALS {
        hospitals.insert(one.id.to_owned(), hospital(layout, ports, one, made)?);
    }
    let mut people = Map::new();
    for one in &PEOPLE {
        people.insert(one.id.to_owned(), person(layout, made, one)?);
    }
    let ready = Ready {
        pid: std::process::id(),
        state: layout.root().to_owned(),
        registry: json!({
            "url": format!("https://{}", ports.registry()),
            "root_sha256": made.root_sha256,
            "config": layout.registry().join("registry.toml"),
        }),
        hospitals,
        people,
    };
    let text = format!("{:#}\n", json!(ready));
    write_private(&layout.ready_file(), &text)?;
    also.map_or(Ok(()), |path| write_private(path, &text))
}

fn hospital(
    layout: &Layout,
    ports: Ports,
    hospital: &Hospital,
    made: &Furnished,
) -> Result<Value, Trouble> {
    let of_this = made
        .staff
        .iter()
        .filter(|one| one.hospital.id == hospital.id);
    let links: Map<String, Value> = of_this
        .map(|one| (one.role.to_owned(), json!(one.link)))
        .collect();
    let folder = layout.hospital(hospital);
    let mut tokens = Map::new();
    for role in crate::setup::ROLES {
        tokens.insert(
            role.to_owned(),
            json!(token(layout, &format!("{}-{role}", hospital.id))?),
        );
    }
    Ok(json!({
        "member": hospital.member(),
        "name": hospital.name,
        "federation_url": format!("https://{}", ports.federation(hospital)),
        "hospital_url": format!("http://{}", ports.hospital(hospital)),
        "patient_url": format!("http://{}", ports.patient(hospital)),
        "staff_pages": ports.staff_pages(hospital),
        "people_pages": ports.people_pages(hospital),
        "setup_links": links,
        "metrics_url": format!("http://{}/metrics", ports.metrics(hospital)),
        "config": layout.node_config(hospital),
        "keys": folder.join("state").join("keys"),
        "tls_certificate": folder.join("state").join("tls").join("federation.crt"),
        "tls_key": folder.join("state").join("tls").join("federation.key"),
        "physician": hospital.physician,
        "tokens": tokens,
    }))
}

fn person(layout: &Layout, made: &Furnished, person: &Person) -> Result<Value, Trouble> {
    let charts: Map<String, Value> = person
        .charts
        .iter()
        .map(|(id, patient)| ((*id).to_owned(), json!(patient)))
        .collect();
    Ok(json!({
        "name": person.name,
        "story": person.story,
        "home": person.home,
        "person": made.person(person),
        "charts": charts,
        "phone": layout.phone(person),
        "token": token(layout, person.id)?,
    }))
}

fn token(layout: &Layout, whom: &str) -> Result<String, Trouble> {
    let path = layout.token(whom);
    let text = std::fs::read_to_string(&path).map_err(|error| Trouble::file(&path, &error))?;
    Ok(text.trim().to_owned())
}
