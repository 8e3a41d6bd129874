//! What anybody meets before signing in.

use scenarios::{Browser, Store, Town, Window};

use crate::named;

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_shown_the_way_in_and_nothing_else() {
    let town = Town::prepared(&["minato"], Store::Sqlite, named).await;
    let staff = town.at("minato").node().addresses().hospital;
    for window in Window::ALL {
        let Some(browser) = Browser::open(window).await else {
            return town.stop().await;
        };
        browser
            .goto(&format!("http://localhost:{}/offline", staff.port()))
            .await;
        browser.show("offline").await;
        browser.close().await;
    }
    town.stop().await;
}
