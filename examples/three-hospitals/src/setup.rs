//! Makes the town with the same commands that operators, hospitals and people use.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use crate::layout::{Layout, make_private, write_private};
use crate::outputs::Printed;
use crate::people::bundles;
use crate::ports::Ports;
use crate::process::{NODE, REGISTRY, Server, run, words};
use crate::town::{HOSPITALS, Hospital, PEOPLE, Person};
use crate::trouble::Trouble;
use crate::{databases, telling};

/// The callers that each hospital gets a token for.
pub(crate) const ROLES: [&str; 3] = ["physician", "system", "auditor"];

const READY: Duration = Duration::from_secs(30);

/// What the making told.
pub(crate) struct Furnished {
    /// The pin of the registry's root.
    pub(crate) root_sha256: String,
    persons: BTreeMap<&'static str, String>,
}

impl Furnished {
    /// The id that a person has at their home node.
    pub(crate) fn person(&self, person: &Person) -> Option<&str> {
        self.persons.get(person.id).map(String::as_str)
    }
}

/// Makes everything and starts the servers, which are put into `servers` as they start.
pub(crate) async fn furnish(
    layout: &Layout,
    ports: Ports,
    database: Option<&str>,
    servers: &mut Vec<Server>,
) -> Result<Furnished, Trouble> {
    if let Some(base) = database {
        telling::note("making a PostgreSQL database for each hospital");
        databases::prepare(base)?;
    }
    telling::note("making the registry: root, approver and online keys, certificate");
    let root_sha256 = registry(layout, ports).await?;
    servers.push(start_registry(layout, ports).await?);
    for hospital in &HOSPITALS {
        telling::note(&format!(
            "making {} ({}): keys, database, charts",
            hospital.id, hospital.name
        ));
        node(layout, ports, database, &root_sha256, hospital).await?;
        admit(layout, hospital).await?;
        load(layout, hospital).await?;
        tokens(layout, hospital).await?;
    }
    for hospital in &HOSPITALS {
        servers.push(start_node(layout, ports, hospital).await?);
    }
    telling::note("enrolling people, linking their charts");
    let mut persons = BTreeMap::new();
    for person in &PEOPLE {
        persons.insert(person.id, settle(layout, person).await?);
    }
    Ok(Furnished {
        root_sha256,
        persons,
    })
}

async fn registry(layout: &Layout, ports: Ports) -> Result<String, Trouble> {
    let url = format!("https://{}", ports.registry());
    let bind = ports.registry().to_string();
    let (folder, approver) = (layout.registry(), layout.approver_key());
    let args = words([
        &"init" as &dyn AsRef<_>,
        &"--id",
        &"urn:musubi:registry:three-hospitals",
        &"--dir",
        &folder,
        &"--approver-key",
        &approver,
        &"--url",
        &url,
        &"--bind",
        &bind,
        &"-o",
        &"json",
    ]);
    Printed::read(&run(REGISTRY, &args).await?.succeeded()?)?.text("/root_sha256")
}

async fn start_registry(layout: &Layout, ports: Ports) -> Result<Server, Trouble> {
    let config = layout.registry().join("registry.toml");
    let args = words([&"run" as &dyn AsRef<_>, &"--config", &config]);
    let mut server = Server::start("registry", REGISTRY, &args, &[], &layout.log("registry"))?;
    let address = ports.registry();
    server
        .until(READY, async || {
            tokio::net::TcpStream::connect(address).await.is_ok()
        })
        .await?;
    Ok(server)
}

async fn node(
    layout: &Layout,
    ports: Ports,
    database: Option<&str>,
    root_sha256: &str,
    hospital: &Hospital,
) -> Result<(), Trouble> {
    let folder = layout.hospital(hospital);
    let registry = format!("https://{}", ports.registry());
    let endpoint = format!("https://{}", ports.federation(hospital));
    let (staff, patient) = (
        ports.hospital(hospital).to_string(),
        ports.patient(hospital).to_string(),
    );
    let mut args = words([
        &"init" as &dyn AsRef<_>,
        &"--dir",
        &folder,
        &"--member",
        &hospital.code,
        &"--name",
        &hospital.name,
        &"--name-kana",
        &hospital.kana,
        &"--name-en",
        &hospital.english,
        &"--region",
        &hospital.region,
        &"--registry",
        &registry,
        &"--root-sha256",
        &root_sha256,
        &"--endpoint",
        &endpoint,
        &"--hospital-bind",
        &staff,
        &"--patient-bind",
        &patient,
        &"--allow-cidr",
        &"127.0.0.0/8",
    ]);
    if let Some(url) = databases::url_of(database, hospital)? {
        args.extend(words([&"--database" as &dyn AsRef<_>, &url]));
    }
    run(NODE, &args).await?.succeeded().map(drop)
}

/// The hospital describes itself; the registry's operator signs its entry.
async fn admit(layout: &Layout, hospital: &Hospital) -> Result<(), Trouble> {
    let description = layout.description(hospital);
    node_command(layout, hospital, ["describe"], &[&"--out", &description]).await?;
    let config = layout.registry().join("registry.toml");
    let approver = layout.approver_key();
    let args = words([
        &"member" as &dyn AsRef<_>,
        &"add",
        &description,
        &"--approver-key",
        &approver,
        &"--config",
        &config,
    ]);
    run(REGISTRY, &args).await?.succeeded().map(drop)
}

async fn load(layout: &Layout, hospital: &Hospital) -> Result<(), Trouble> {
    let people = layout.people();
    make_private(&people.join(hospital.id))?;
    let mut files = Vec::new();
    for (name, text) in bundles(hospital.id) {
        let file = people.join(name);
        write_private(&file, text)?;
        files.push(file);
    }
    let files: Vec<&dyn AsRef<_>> = files.iter().map(|file| file as &dyn AsRef<_>).collect();
    node_command(layout, hospital, ["load"], &files)
        .await
        .map(drop)
}

async fn tokens(layout: &Layout, hospital: &Hospital) -> Result<(), Trouble> {
    for role in ROLES {
        let id = if role == "physician" {
            hospital.physician.to_owned()
        } else {
            role.to_owned()
        };
        let file = layout.token(&format!("{}-{role}", hospital.id));
        let options: [&dyn AsRef<_>; 6] = [&"--role", &role, &"--id", &id, &"--out", &file];
        node_command(layout, hospital, ["access", "create"], &options).await?;
    }
    Ok(())
}

/// Starts a hospital's node and waits until it can serve.
pub(crate) async fn start_node(
    layout: &Layout,
    ports: Ports,
    hospital: &'static Hospital,
) -> Result<Server, Trouble> {
    let config = layout.node_config(hospital);
    let args = words([&"run" as &dyn AsRef<_>, &"--config", &config]);
    let metrics = (
        "MUSUBI_NODE_METRICS__BIND",
        ports.metrics(hospital).to_string(),
    );
    let mut server = Server::start(
        hospital.id,
        NODE,
        &args,
        &[metrics],
        &layout.log(hospital.id),
    )?;
    let url = format!("http://{}/readyz", ports.hospital(hospital));
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(2))
        .build();
    let client = client.map_err(|error| Trouble::new(error.to_string(), "try again"))?;
    let ready = async || {
        client
            .get(&url)
            .send()
            .await
            .is_ok_and(|reply| reply.status().is_success())
    };
    server.until(READY, ready).await?;
    Ok(server)
}

/// A person chooses a home node, links their charts, and gets a token for its patient listener.
async fn settle(layout: &Layout, person: &Person) -> Result<String, Trouble> {
    let home = home_of(person)?;
    let phone = layout.phone(person);
    let chart = person.chart_at(home).unwrap_or_default();
    let options: [&dyn AsRef<_>; 6] = [&"--patient", &chart, &"--phone", &phone, &"-o", &"json"];
    let said = node_command(layout, home, ["person", "enroll"], &options).await?;
    let id = Printed::read(&said)?.text("/person")?;
    for (hospital, patient) in person.charts {
        let Some(hospital) = Hospital::named(hospital) else {
            continue;
        };
        let member = home.member();
        let options: [&dyn AsRef<_>; 6] = [
            &"--patient",
            patient,
            &"--home",
            &member,
            &"--phone",
            &phone,
        ];
        node_command(layout, hospital, ["link", "create"], &options).await?;
    }
    node_command(layout, home, ["link", "accept"], &[&"--phone", &phone]).await?;
    let token = layout.token(person.id);
    node_command(
        layout,
        home,
        ["access", "create"],
        &[&"--person", &id, &"--out", &token],
    )
    .await?;
    Ok(id)
}

/// The hospital whose node keeps a person's consents.
pub(crate) fn home_of(person: &Person) -> Result<&'static Hospital, Trouble> {
    Hospital::named(person.home)
        .ok_or_else(|| Trouble::new(format!("{} has no home", person.id), "report this as a bug"))
}

/// Runs `musubi-node WORDS… --config <this hospital's> OPTIONS…` and returns what it printed.
pub(crate) async fn node_command<const N: usize>(
    layout: &Layout,
    hospital: &Hospital,
    command: [&str; N],
    options: &[&dyn AsRef<std::ffi::OsStr>],
) -> Result<String, Trouble> {
    run(
        NODE,
        &node_words(&layout.node_config(hospital), &command, options),
    )
    .await?
    .succeeded()
}

/// The words of a node command.
pub(crate) fn node_words(
    config: &Path,
    command: &[&str],
    options: &[&dyn AsRef<std::ffi::OsStr>],
) -> Vec<OsString> {
    let mut args: Vec<OsString> = command.iter().map(OsString::from).collect();
    args.push("--config".into());
    args.push(config.into());
    args.extend(options.iter().map(|option| option.as_ref().to_owned()));
    args
}
