//! Staff who were let in elsewhere: by the hospital's record system with a signed link, and by the
//! hospital's own sign-in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use musubi_node::identity::Role;
use musubi_node::identity::staff::By;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use scenarios::{Browser, Hospital, Provider, Store, Town, Window};
use serde_json::{Value, json};

use crate::clinic::charts_of;
use crate::named;
use crate::signed_in::staff_pages;

async fn doctor(hospital: &Hospital) {
    let identity = &hospital.rooms().identity;
    let added = identity.add_staff(Role::Physician, "dr-0032", "佐藤 一郎", By::operator());
    added.await.unwrap();
}

/// A record system and its key.
struct RecordSystem {
    key: PKey<Private>,
    kid: String,
}

impl RecordSystem {
    async fn of(hospital: &Hospital) -> Self {
        let key = PKey::generate_ed25519().unwrap();
        let pem = key.public_key_to_pem().unwrap();
        let identity = &hospital.rooms().identity;
        let kid = identity.add_system_key("ehr", &pem, By::operator()).await;
        Self {
            key,
            kid: kid.unwrap(),
        }
    }

    /// The link that its button opens, for the chart with this number.
    fn link(&self, hospital: &Hospital, town: &Town, number: &str) -> String {
        let (base, now) = (staff_pages(hospital), town.now().unix_seconds());
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let claims = json!({
            "iss": "ehr", "sub": "dr-0032", "aud": base, "mrn": number,
            "jti": uuid::Uuid::new_v4().to_string(), "iat": now, "exp": now + 60,
        });
        let header = json!({ "alg": "EdDSA", "kid": self.kid });
        let input = format!("{}.{}", part(&header), part(&claims));
        let mut signer = Signer::new_without_digest(&self.key).unwrap();
        let signature = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
        format!(
            "{base}/c/open?t={input}.{}",
            URL_SAFE_NO_PAD.encode(signature)
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_the_record_system_opens_its_patient_once() {
    // The third of three: its number is the one that its charts name.
    let names = ["minato", "yukimi", "shirakaba"];
    let town = Town::prepared(&names, Store::Sqlite, named).await;
    let shirakaba = town.at("shirakaba");
    shirakaba.load(&charts_of("shirakaba")).await;
    doctor(shirakaba).await;
    let ehr = RecordSystem::of(shirakaba).await;
    for window in Window::ALL {
        let Some(browser) = Browser::open(window).await else {
            break;
        };
        let link = ehr.link(shirakaba, &town, "H3310");
        browser.goto(&link).await;
        browser.wait_to_read("佐藤 一郎").await;
        let at = browser.at().await;
        assert!(at.ends_with("/c/patients/p-h3310"), "{at}");
        browser.show("c1-patient-by-link").await;
        browser.press("ログアウト").await;
        browser.wait_for("form.passkey").await;
        browser.goto(&link).await;
        browser.wait_for("[role=alert]").await;
        browser.show("entry-refused").await;
        browser.goto(&ehr.link(shirakaba, &town, "H9999")).await;
        browser.wait_for("[role=alert]").await;
        browser.close().await;
    }
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hospitals_own_sign_in_lets_its_staff_in_where_they_wanted_to_go() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Provider::start(folder.path(), "dr-0032").await;
    let known = |hospital: &Hospital| {
        named(hospital);
        provider.serves(hospital);
    };
    let town = Town::prepared_in_real_time(&["shirakaba"], Store::Sqlite, known).await;
    let shirakaba = town.at("shirakaba");
    let base = staff_pages(shirakaba);
    for window in Window::ALL {
        let Some(browser) = Browser::open(window).await else {
            break;
        };
        browser.goto(&format!("{base}/c/history")).await;
        browser.show("entry-login-hospital").await;
        // Whoever the hospital vouches for has no account yet.
        if window == Window::Phone {
            browser.press("病院のアカウント").await;
            browser.wait_for("[role=alert]").await;
            browser.show("entry-refused-hospital").await;
            doctor(shirakaba).await;
            browser.goto(&format!("{base}/c/history")).await;
        }
        browser.press("病院のアカウント").await;
        browser.wait_to_read("佐藤 一郎").await;
        let at = browser.at().await;
        assert!(at.ends_with("/c/history"), "{at}");
        browser.close().await;
    }
    town.stop().await;
    provider.stop().await;
}
