//! Browsers of people who are in already: what is shown is what comes after the door.

use musubi_node::identity::staff::By;
use musubi_node::identity::{Caller, Identity, Role, Shown};
use scenarios::{Browser, Hospital, Patient, Town};

/// Where the pages of a hospital's staff stand.
pub(crate) fn staff_pages(hospital: &Hospital) -> String {
    let port = hospital.node().addresses().hospital.port();
    format!("http://localhost:{port}")
}

/// A new member of staff, let in as `shown`; where their pages stand.
pub(crate) async fn staff(
    hospital: &Hospital,
    browser: &Browser,
    (role, id, name): (Role, &str, &str),
    shown: Shown,
) -> String {
    let identity = &hospital.rooms().identity;
    let added = identity.add_staff(role, id, name, By::operator());
    added.await.unwrap();
    let caller = Caller::staff(role, Some(id.to_owned())).unwrap();
    let base = staff_pages(hospital);
    open(identity, browser, &base, &caller, shown).await;
    base
}

/// A person at the pages of their home, let in by a passkey; where these stand.
pub(crate) async fn person(town: &Town, who: &Patient, browser: &Browser) -> String {
    let home = town.at(&who.home);
    let rooms = home.rooms();
    let id = who.person.parse().unwrap();
    let patient = rooms.linkage.person(&id).await.unwrap().patient;
    let caller = Caller::Person { id, patient };
    let port = home.node().addresses().patient.port();
    let base = format!("http://localhost:{port}");
    open(&rooms.identity, browser, &base, &caller, Shown::Passkey).await;
    base
}

async fn open(identity: &Identity, browser: &Browser, base: &str, caller: &Caller, shown: Shown) {
    let session = identity.open_session(caller, shown).await.unwrap();
    browser.goto(&format!("{base}/offline")).await;
    browser.take_session(session.reveal()).await;
}
