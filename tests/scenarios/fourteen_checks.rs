//! The fourteen checks of PROTOCOL section 4, each provoked on a real node.
//!
//! What fails in checks 1 to 8 is counted and never written down; what fails from check 9 on is one
//! audit line, and its answer is signed.

mod at_the_door;
mod behind_the_door;

use scenarios::envoy::Parcel;
use scenarios::{Envoy, Store, Town, Witness};

/// Minato asks Yukimi; Shirakaba stands by.
async fn town(store: Store) -> Town {
    Town::start(&["minato", "yukimi", "shirakaba"], store).await
}

fn echo(town: &Town, envoy: &Envoy) -> Parcel {
    let now = town.now();
    envoy.sign(envoy.echo(town.at("yukimi"), now), now)
}

/// Sends what fails in checks 4 to 8 over Minato's connection.
async fn refused_by_door(town: &Town, parcel: &Parcel, status: u16, code: &'static str) {
    let (minato, yukimi) = (town.at("minato").envoy(), town.at("yukimi"));
    let witness = Witness::of(yukimi, code, Some(&minato.id)).await;
    let reply = minato.send(yukimi, parcel).await;
    witness.saw_it_only_counted(status, &reply).await;
}

async fn passes(town: &Town, parcel: &Parcel) {
    let reply = town
        .at("minato")
        .envoy()
        .send(town.at("yukimi"), parcel)
        .await;
    assert_eq!(reply.status, 200, "{}", reply.code());
}
