//! Makes the town with the same commands that operators, hospitals and people use.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::layout::{Layout, make_private, write_private};
use crate::outputs::Printed;
use crate::people::{bundles, guest};
use crate::ports::Ports;
use crate::process::{NODE, REGISTRY, Server, Words, run};
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
    /// Who signs in on pages.
    pub(crate) staff: Vec<Account>,
    persons: BTreeMap<&'static str, String>,
}

/// An account of staff, and the one-time link with which its holder makes a passkey.
pub(crate) struct Account {
    pub(crate) hospital: &'static Hospital,
    pub(crate) role: &'static str,
    pub(crate) link: String,
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
    let mut staff = Vec::new();
    for hospital in &HOSPITALS {
        telling::note(&format!(
            "making {} ({}): keys, database, charts",
            hospital.id, hospital.name
        ));
        node(layout, ports, database, &root_sha256, hospital).await?;
        admit(layout, hospital).await?;
        load(layout, hospital).await?;
        tokens(layout, hospital).await?;
        staff.extend(accounts(layout, hospital).await?);
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
        staff,
        persons,
    })
}

async fn registry(layout: &Layout, ports: Ports) -> Result<String, Trouble> {
    let words = Words::of(&["init"])
        .option("--id", "urn:musubi:registry:three-hospitals")
        .option("--dir", layout.registry())
        .option("--approver-key", layout.approver_key())
        .option("--url", format!("https://{}", ports.registry()))
        .option("--bind", ports.registry().to_string())
        // It probes a hospital that joins this town by hand.
        .option("--allow-cidr", "127.0.0.0/8")
        .json();
    Printed::read(&run(REGISTRY, words).await?.succeeded()?)?.text("/root_sha256")
}

async fn start_registry(layout: &Layout, ports: Ports) -> Result<Server, Trouble> {
    let words = Words::of(&["run"]).option("--config", layout.registry().join("registry.toml"));
    let mut server = Server::start("registry", REGISTRY, words, &[], &layout.log("registry"))?;
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
    let mut words = Words::of(&["init"])
        .option("--dir", layout.hospital(hospital))
        .option("--member", hospital.code)
        .option("--name", hospital.name)
        .option("--name-kana", hospital.kana)
        .option("--name-en", hospital.english)
        .option("--region", hospital.region)
        .option("--public-phone", hospital.phone)
        .option("--registry", format!("https://{}", ports.registry()))
        .option("--root-sha256", root_sha256)
        .option(
            "--endpoint",
            format!("https://{}", ports.federation(hospital)),
        )
        .option("--hospital-bind", ports.hospital(hospital).to_string())
        .option("--patient-bind", ports.patient(hospital).to_string())
        .option("--allow-cidr", "127.0.0.0/8");
    if let Some(url) = databases::url_of(database, hospital)? {
        words = words.option("--database", url);
    }
    run(NODE, words).await?.succeeded()?;
    pages(layout, ports, hospital)
}

/// Writes into the settings under which addresses browsers come.
fn pages(layout: &Layout, ports: Ports, hospital: &Hospital) -> Result<(), Trouble> {
    let file = layout.node_config(hospital);
    let settings = std::fs::read_to_string(&file).map_err(|error| Trouble::file(&file, &error))?;
    let section = |name: &str, url: String| {
        (
            format!("[{name}]\n"),
            format!("[{name}]\npublic_url = \"{url}\"\n"),
        )
    };
    let (staff, at_staff) = section("hospital", ports.staff_pages(hospital));
    let (people, at_people) = section("patient", ports.people_pages(hospital));
    let settings = settings
        .replace(&staff, &at_staff)
        .replace(&people, &at_people);
    write_private(&file, &settings)
}

/// The hospital describes itself; the registry's operator signs its entry.
async fn admit(layout: &Layout, hospital: &Hospital) -> Result<(), Trouble> {
    let description = layout.description(hospital);
    let describe = Words::of(&["describe"]).option("--out", &description);
    node_command(layout, hospital, describe).await?;
    let add = Words::of(&["member", "add"])
        .word(&description)
        .option("--approver-key", layout.approver_key())
        .option("--config", layout.registry().join("registry.toml"));
    run(REGISTRY, add).await?.succeeded().map(drop)
}

async fn load(layout: &Layout, hospital: &Hospital) -> Result<(), Trouble> {
    let people = layout.people();
    make_private(&people.join(hospital.id))?;
    let mut words = Words::of(&["load"]);
    for (name, text) in bundles(hospital.id) {
        let file = people.join(name);
        write_private(&file, text)?;
        words = words.word(&file);
    }
    if let Some(text) = guest(hospital.id) {
        let file = people.join(hospital.id).join("setsuko.json");
        write_private(&file, &text)?;
        words = words.word(&file);
    }
    node_command(layout, hospital, words).await.map(drop)
}

/// Accounts for the pages of a hospital, each with the one-time link to its passkey.
async fn accounts(layout: &Layout, hospital: &'static Hospital) -> Result<Vec<Account>, Trouble> {
    let mut accounts = Vec::new();
    for (role, id, name) in [
        ("physician", hospital.physician, "高橋 医師"),
        ("registrar", "desk-1", "山田 受付"),
        ("admin", "admin-1", "佐々木 管理者"),
        ("auditor", "auditor-1", "森 監査"),
    ] {
        let add = Words::of(&["staff", "add"])
            .option("--role", role)
            .option("--id", id)
            .option("--name", name)
            .option("--ttl", "24h")
            .json();
        let printed = Printed::read(&node_command(layout, hospital, add).await?)?;
        accounts.push(Account {
            hospital,
            role,
            link: printed.text("/url")?,
        });
    }
    Ok(accounts)
}

async fn tokens(layout: &Layout, hospital: &Hospital) -> Result<(), Trouble> {
    for role in ROLES {
        let id = if role == "physician" {
            hospital.physician
        } else {
            role
        };
        let words = Words::of(&["access", "create"])
            .option("--role", role)
            .option("--id", id)
            .option("--out", layout.token(&format!("{}-{role}", hospital.id)));
        node_command(layout, hospital, words).await?;
    }
    Ok(())
}

/// Starts a hospital's node and waits until it can serve.
pub(crate) async fn start_node(
    layout: &Layout,
    ports: Ports,
    hospital: &'static Hospital,
) -> Result<Server, Trouble> {
    let words = Words::of(&["run"]).option("--config", layout.node_config(hospital));
    let metrics = (
        "MUSUBI_NODE_METRICS__BIND",
        ports.metrics(hospital).to_string(),
    );
    let mut server = Server::start(
        hospital.id,
        NODE,
        words,
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

/// A person chooses a home node, links their charts with codes of the desks, and gets a token for its patient listener.
async fn settle(layout: &Layout, person: &Person) -> Result<String, Trouble> {
    let home = home_of(person)?;
    let phone = layout.phone(person);
    let enroll = Words::of(&["person", "enroll"])
        .option("--patient", person.chart_at(home).unwrap_or_default())
        .option("--phone", &phone)
        .json();
    let id = Printed::read(&node_command(layout, home, enroll).await?)?.text("/person")?;
    for (hospital, patient) in person.charts {
        let Some(hospital) = Hospital::named(hospital) else {
            continue;
        };
        let code = offered(layout, hospital, person, (patient, home)).await?;
        let link = Words::of(&["person", "link"])
            .word(&code)
            .option("--at", hospital.member())
            .option("--phone", &phone);
        node_command(layout, home, link).await?;
    }
    let create = Words::of(&["access", "create"])
        .option("--person", &id)
        .option("--out", layout.token(person.id));
    node_command(layout, home, create).await?;
    Ok(id)
}

/// The person stands at a hospital's desk and says who they are; the code that they take home.
async fn offered(
    layout: &Layout,
    hospital: &Hospital,
    person: &Person,
    (patient, home): (&str, &Hospital),
) -> Result<String, Trouble> {
    let [name, birth_date, telephone] = person.says;
    let offer = Words::of(&["link", "offer"])
        .option("--patient", patient)
        .option("--name", name)
        .option("--birth-date", birth_date)
        .option("--telephone", telephone)
        .option("--home", home.member())
        .json();
    Printed::read(&node_command(layout, hospital, offer).await?)?.text("/code")
}

/// The hospital whose node keeps a person's consents.
pub(crate) fn home_of(person: &Person) -> Result<&'static Hospital, Trouble> {
    Hospital::named(person.home)
        .ok_or_else(|| Trouble::new(format!("{} has no home", person.id), "report this as a bug"))
}

/// Runs a `musubi-node` command with this hospital's settings; what it printed.
pub(crate) async fn node_command(
    layout: &Layout,
    hospital: &Hospital,
    words: Words,
) -> Result<String, Trouble> {
    let words = words.option("--config", layout.node_config(hospital));
    run(NODE, words).await?.succeeded()
}
