//! How a registry takes strangers in, and what it tells those it does not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

mod house;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use federation_protocol::directory::{KeyStatement, MemberDescription, Profile};
use federation_protocol::joining::{
    ApplicantRequest, Application, ApplicationReply, ApplicationState, Contact, InvitationCode,
    JoinToken, Leave, comparison_number,
};
use federation_protocol::jws::PayloadHash;
use federation_protocol::keys::{KeyUse, SecretKey, Sign};
use federation_protocol::signature::{AnswerDraft, FedDirectory, RawRequest, RequestBinding};
use federation_protocol::time::Timestamp;
use federation_service::clock::{Clock as _, SystemClock};
use federation_service::peer_client::RawReply;
use federation_service::registry_client::RegistryClient;
use federation_service::tls::{TlsIdentity, federation_acceptor};
use house::{Hospital, House, Node, REGISTRY, eventually, failure};
use musubi_registry::{Registry, RunningRegistry};

const DEADLINE: Duration = Duration::from_secs(5);
const OTARU: &str = "0110000002";
const OTARU_ID: &str = "urn:musubi:member:0110000002";

fn now() -> Timestamp {
    SystemClock.now()
}

/// A registry by the machine's clock: its commands go by no other.
fn started() -> (House, RunningRegistry) {
    let house = House::new(0);
    let registry = Registry::start(house.config(), SystemClock::shared()).unwrap();
    (house, registry)
}

/// `musubi-registry invite`
fn invited(house: &House, number: &str) -> JoinToken {
    let made = house.json(&["invite", "--member", number, "--name", "小樽みなと病院"]);
    made["token"].as_str().unwrap().parse().unwrap()
}

/// A hospital that wants to join, with a node's keys and certificate but no node.
struct Applicant {
    hospital: Hospital,
    recovery: SecretKey,
    identity: TlsIdentity,
    profile: Profile,
    jti: u8,
}

impl Applicant {
    fn new(number: &str, seed: u8, endpoint: &str) -> Self {
        let mut hospital = Hospital::new(number, seed);
        hospital.endpoint = endpoint.to_owned();
        let recovery = SecretKey::from_seed([seed.wrapping_add(50); 32]);
        let (from, until) = (now().plus_seconds(-60), now().plus_seconds(90 * 86_400));
        let identity = TlsIdentity::generate("127.0.0.1", from, until).unwrap();
        let mut profile = hospital.profile();
        profile.certificates = vec![identity.certificate().unwrap()];
        let key = KeyStatement::of(KeyUse::Recovery, &recovery.public(), from, until);
        profile.keys.push(key);
        Self {
            hospital,
            recovery,
            identity,
            profile,
            jti: 1,
        }
    }

    fn description(&self) -> String {
        let others: [&dyn Sign; 2] = [&self.hospital.consent, &self.recovery];
        let profile = self.profile.clone();
        MemberDescription::new(profile, "test 1", [self.jti; 16], now())
            .sign(&self.hospital.sign, &others)
    }

    fn application(&self, token: &JoinToken) -> String {
        let contact = Contact {
            name: "情報管理室".into(),
            phone: "0134-00-0000".into(),
            email: String::new(),
        };
        let (root, code) = (token.root, token.code.clone());
        let application = Application::new(root, code, contact, self.description(), now());
        application.sign(&self.hospital.sign)
    }

    async fn applies(&self, door: &RegistryClient, token: &JoinToken) -> RawReply {
        door.apply(self.application(token), DEADLINE).await.unwrap()
    }

    async fn asks(&self, door: &RegistryClient, reply: &ApplicationReply) -> RawReply {
        let question = ApplicantRequest::new(reply.id, now()).sign(&self.hospital.sign);
        door.application(&reply.id, &question, DEADLINE)
            .await
            .unwrap()
    }
}

fn taken(reply: &RawReply) -> ApplicationReply {
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    serde_json::from_slice(&reply.body).unwrap()
}

fn code(reply: &RawReply) -> (u16, String) {
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    (reply.status, body["code"].as_str().unwrap().to_owned())
}

async fn door(house: &House, registry: &RunningRegistry) -> RegistryClient {
    Node::joins(registry.url(), &house.pin, now()).await.client
}

const NOBODY_LISTENS: &str = "https://127.0.0.1:1";

#[tokio::test]
async fn wrong_expired_used_and_foreign_tokens_are_told_apart() {
    let (house, registry) = started();
    let door = door(&house, &registry).await;
    let otaru = Applicant::new(OTARU, 2, NOBODY_LISTENS);
    let token = invited(&house, OTARU);

    let wrong = JoinToken {
        code: InvitationCode::new([0; 16]),
        ..token.clone()
    };
    let refused = otaru.applies(&door, &wrong).await;
    assert_eq!(code(&refused), (403, "invitation_unknown".into()));

    let foreign = JoinToken {
        root: PayloadHash::of(b"another root"),
        ..token.clone()
    };
    let refused = otaru.applies(&door, &foreign).await;
    assert_eq!(code(&refused), (403, "invitation_foreign".into()));

    let late = invited(&house, OTARU);
    rusty(&house, "UPDATE invitation SET ends_at = 1");
    let refused = otaru.applies(&door, &late).await;
    assert_eq!(code(&refused), (403, "invitation_expired".into()));
    rusty(&house, "UPDATE invitation SET ends_at = 9000000000000000");

    taken(&otaru.applies(&door, &token).await);
    let second = Applicant::new(OTARU, 3, NOBODY_LISTENS);
    let refused = second.applies(&door, &token).await;
    assert_eq!(code(&refused), (403, "invitation_used".into()));

    // The right code in the wrong hands: the applicant is told what does not fit.
    let other = Applicant::new("0110000003", 4, NOBODY_LISTENS);
    let refused = other.applies(&door, &invited(&house, OTARU)).await;
    assert_eq!(code(&refused), (422, "application_not_in_order".into()));
    registry.stop().await;
}

/// What only a moved clock would do, or an attacker with the file.
fn rusty(house: &House, sql: &str) {
    use diesel::Connection as _;
    use diesel::connection::SimpleConnection as _;
    let path = house.database();
    let mut file = diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    file.batch_execute(&format!("PRAGMA busy_timeout = 5000; {sql}"))
        .unwrap();
}

#[tokio::test]
async fn whoever_guesses_codes_always_gets_the_same_answer() {
    let (house, registry) = started();
    let door = door(&house, &registry).await;
    let member = Applicant::new(OTARU, 2, NOBODY_LISTENS);
    taken(&member.applies(&door, &invited(&house, OTARU)).await);
    let stranger = Applicant::new("0110000009", 9, NOBODY_LISTENS);
    let guess = |byte, root| JoinToken {
        registry: registry.url().to_owned(),
        root,
        member: stranger.hospital.id.clone(),
        code: InvitationCode::new([byte; 16]),
    };
    let mut told = Vec::new();
    for (byte, root) in [
        (1, house.pin),
        (2, house.pin),
        (3, PayloadHash::of(b"another root")),
    ] {
        // A member that has applied and one that nobody knows; a right signature and a wrong one.
        for who in [&stranger, &member] {
            let reply = who.applies(&door, &guess(byte, root)).await;
            told.push((reply.status, reply.body));
        }
        let mut spoiled = stranger.application(&guess(byte, root)).into_bytes();
        let last = spoiled.len() - 10;
        spoiled[last] = if spoiled[last] == b'A' { b'B' } else { b'A' };
        let reply = door
            .apply(String::from_utf8(spoiled).unwrap(), DEADLINE)
            .await;
        let reply = reply.unwrap();
        told.push((reply.status, reply.body));
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");

    // Nor do they learn which applications and members there are.
    let question = |key: &SecretKey, id| ApplicantRequest::new(id, now()).sign(key);
    let applied = &house.json(&["application", "list"])[0]["id"];
    let known = applied.as_str().unwrap().parse().unwrap();
    let unknown = "AAAAAAAAAAAAAAAAAAAAAA".parse().unwrap();
    let mut told = Vec::new();
    for id in [known, unknown] {
        let question = question(&stranger.hospital.sign, id);
        let reply = door.application(&id, &question, DEADLINE).await.unwrap();
        told.push((reply.status, reply.body));
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0].0, 404);
    registry.stop().await;
}

#[tokio::test]
async fn what_is_returned_reaches_the_applicant_alone_and_is_handed_in_again() {
    let (house, registry) = started();
    let door = door(&house, &registry).await;
    let mut otaru = Applicant::new(OTARU, 2, NOBODY_LISTENS);
    let token = invited(&house, OTARU);
    let first = taken(&otaru.applies(&door, &token).await);
    assert_eq!(first.state, ApplicationState::Applied);
    let id = first.id.to_string();

    house.json(&[
        "application",
        "return",
        &id,
        "--reason",
        "the kana are missing",
    ]);
    let standing = taken(&otaru.asks(&door, &first).await);
    assert_eq!(standing.state, ApplicationState::Returned);
    assert_eq!(standing.reason, "the kana are missing");
    let approve = house.command(&[
        "application",
        "approve",
        &id,
        "--on-probation",
        "--fingerprint",
        &comparison_number(&otaru.profile),
        "--approver-key",
        house.path("approver.pem").to_str().unwrap(),
    ]);
    let (exit, said) = failure(&approve);
    assert!(exit == 1 && said.contains("is returned"), "{said}");

    otaru.profile.names.kana = "オタルミナトビョウイン".into();
    otaru.jti = 2;
    let again = taken(&otaru.applies(&door, &token).await);
    assert_eq!(
        (again.id, again.state),
        (first.id, ApplicationState::Applied)
    );
    // The answer may have been lost: the same once more is no other application.
    let application = otaru.application(&token);
    for _ in 0..2 {
        let reply = door.apply(application.clone(), DEADLINE).await.unwrap();
        assert_eq!(taken(&reply).id, first.id);
    }

    house.json(&["application", "reject", &id, "--reason", "not you"]);
    assert_eq!(taken(&otaru.asks(&door, &first).await).reason, "not you");
    otaru.jti = 3;
    let refused = otaru.applies(&door, &token).await;
    assert_eq!(code(&refused), (403, "invitation_used".into()));
    let steps = house.json(&["application", "show", &id]);
    let steps: Vec<_> = steps["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["to"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(steps[..3], ["applied", "returned", "applied"]);
    assert_eq!(steps.last().unwrap(), "rejected");
    registry.stop().await;
}

/// A node that answers whatever comes, with a signature that fits.
struct Obliging {
    sign: SecretKey,
}

async fn oblige(http: HttpRequest, body: Bytes, node: Data<Obliging>) -> HttpResponse {
    let headers: Vec<(&str, &[u8])> = http
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let raw = RawRequest {
        method: "POST",
        path: http.path(),
        query: None,
        headers: &headers,
        body: &body,
    };
    let asked: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let answer = serde_json::json!({
        "echo": asked["echo"].as_str().unwrap_or_default(), "version": 1, "time": now().to_string(),
    });
    let Some(binding) = RequestBinding::of(&raw) else {
        return HttpResponse::Ok().body(answer.to_string());
    };
    let signed = AnswerDraft {
        status: 200,
        content_type: "application/json".into(),
        body: answer.to_string().into_bytes(),
        directory: FedDirectory { seq: 1, status: 1 },
    }
    .sign(&binding, &node.sign, now())
    .unwrap();
    let mut response = HttpResponse::Ok();
    for (name, value) in signed.headers {
        response.insert_header((name, value));
    }
    response.body(signed.body)
}

/// Serves an obliging node; its endpoint.
fn obliging(identity: &TlsIdentity, socket: TcpListener, sign: SecretKey) {
    let acceptor = federation_acceptor(identity).unwrap();
    let node = Arc::new(Obliging { sign });
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let server = HttpServer::new(move || {
                App::new()
                    .app_data(Data::from(Arc::clone(&node)))
                    .default_service(web::to(oblige))
            });
            let server = server.workers(1).disable_signals();
            server.listen_openssl(socket, acceptor).unwrap().run().await
        })
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_answers_what_a_right_node_refuses_is_reported_and_not_approved() {
    let (house, registry) = started();
    let door = door(&house, &registry).await;
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://{}", socket.local_addr().unwrap());
    let evil = Applicant::new(OTARU, 2, &endpoint);
    obliging(&evil.identity, socket, SecretKey::from_seed([2; 32]));
    let reply = taken(&evil.applies(&door, &invited(&house, OTARU)).await);
    let id = reply.id.to_string();

    let mut report = None;
    eventually(async || {
        report = taken(&evil.asks(&door, &reply).await).probe;
        tokio::time::sleep(Duration::from_millis(200)).await;
        report.is_some()
    })
    .await;
    let report = report.unwrap();
    let passed = |name: &str| {
        let check = report.checks.iter().find(|check| check.name == name);
        check
            .unwrap_or_else(|| panic!("{name} was not tried"))
            .passed
    };
    for right in ["echo", "clock", "version"] {
        assert!(passed(right), "{right}: {report:?}");
    }
    for wrong in [
        "replayed",
        "wrong_audience",
        "expired",
        "unsigned",
        "altered",
        "forged",
        "beyond_the_echo",
        "stranger",
    ] {
        assert!(!passed(wrong), "{wrong}: {report:?}");
    }

    let number = comparison_number(&evil.profile);
    let key = house.path("approver.pem");
    let approve = ["application", "approve", &id, "--fingerprint", &number];
    let approve = [&approve[..], &["--approver-key", key.to_str().unwrap()]].concat();
    let (exit, said) = failure(&house.command(&approve));
    assert!(
        exit == 3 && said.contains("replayed: answered 200"),
        "{said}"
    );

    // Against better knowledge it gets onto probation, where nobody hears it.
    let mut wrong = approve.clone();
    wrong[4] = "11111 11111 11111 11111 11111 11111";
    wrong.push("--on-probation");
    let (exit, said) = failure(&house.command(&wrong));
    assert!(
        exit == 3 && said.contains("digits were not confirmed"),
        "{said}"
    );
    house.json(&[&approve[..], &["--on-probation"]].concat());
    let shown = house.json(&["member", "show", OTARU_ID]);
    assert_eq!(shown["state"], "probation");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let shown = house.json(&["member", "show", OTARU_ID]);
    assert_eq!(shown["state"], "probation", "it still does not pass");
    registry.stop().await;
}

#[tokio::test]
async fn an_endpoint_inside_is_not_connected_to_unless_the_settings_allow_it() {
    let house = House::new(0);
    let config = std::fs::read_to_string(house.config_file()).unwrap();
    let closed = config.replace("\"127.0.0.0/8\"", "");
    assert_ne!(closed, config);
    std::fs::write(house.config_file(), closed).unwrap();
    let registry = Registry::start(house.config(), SystemClock::shared()).unwrap();
    let door = door(&house, &registry).await;
    let otaru = Applicant::new(OTARU, 2, "https://127.0.0.1:9");
    let reply = taken(&otaru.applies(&door, &invited(&house, OTARU)).await);
    let output = house.command(&["application", "probe", &reply.id.to_string()]);
    let (exit, said) = failure(&output);
    assert_eq!(exit, 3);
    assert!(
        said.contains("not an address that this configuration"),
        "{said}"
    );
    registry.stop().await;
}

#[tokio::test]
async fn a_member_leaves_by_its_recovery_key_and_by_no_other() {
    let (house, registry) = started();
    let door = door(&house, &registry).await;
    let otaru = Applicant::new(OTARU, 2, NOBODY_LISTENS);
    let file = house.path("otaru.jws");
    std::fs::write(&file, otaru.description()).unwrap();
    let key = house.path("approver.pem");
    house.json(&[
        "member",
        "add",
        file.to_str().unwrap(),
        "--approver-key",
        key.to_str().unwrap(),
    ]);
    let id = otaru.hospital.id.clone();
    let leave = |registry: &str, key: &SecretKey| Leave::new(registry, id.clone(), now()).sign(key);
    let stranger = SecretKey::from_seed([99; 32]);
    for refused in [
        leave(REGISTRY, &otaru.hospital.sign),
        leave(REGISTRY, &stranger),
        leave("urn:musubi:registry:other", &otaru.recovery),
        "nonsense".to_owned(),
    ] {
        let reply = door.leave(&id, refused, DEADLINE).await.unwrap();
        assert_eq!(reply.status, 404);
    }
    assert_eq!(house.json(&["member", "show", OTARU_ID])["state"], "active");
    for _ in 0..2 {
        let word = leave(REGISTRY, &otaru.recovery);
        assert_eq!(door.leave(&id, word, DEADLINE).await.unwrap().status, 200);
    }
    let shown = house.json(&["member", "show", OTARU_ID]);
    assert_eq!(shown["state"], "withdrawn");
    let node = Node::joins(registry.url(), &house.pin, now()).await;
    eventually(async || {
        let membership = node.membership(now()).await;
        membership.state(&id, now()) == Some(federation_protocol::member::MemberState::Withdrawn)
    })
    .await;
    registry.stop().await;
}

#[test]
fn an_invitation_is_shown_once_and_kept_as_a_digest() {
    let house = House::new(0);
    let token = invited(&house, OTARU);
    let kept = std::fs::read(house.database()).unwrap();
    let wal = std::fs::read(house.path("registry/registry.db-wal")).unwrap_or_default();
    let kept = String::from_utf8_lossy(&[kept, wal].concat()).into_owned();
    assert!(kept.contains(&token.code.digest()));
    let plain = serde_json::to_string(&token.code).unwrap();
    assert!(!kept.contains(plain.trim_matches('"')));
    assert!(!kept.contains(token.to_text().as_str()));
}

#[tokio::test]
async fn an_approver_signs_on_another_machine() {
    let (house, registry) = started();
    let door = door(&house, &registry).await;
    let otaru = Applicant::new(OTARU, 2, NOBODY_LISTENS);
    let reply = taken(&otaru.applies(&door, &invited(&house, OTARU)).await);
    let (id, number) = (reply.id.to_string(), comparison_number(&otaru.profile));
    let at = |file: &str| house.path(file).to_str().unwrap().to_owned();
    let (statement, signed) = (at("statement.json"), at("signed.json"));
    let exported = house.command(&["application", "export", &id, "--out", &statement]);
    assert!(exported.status.success());
    // Neither the registry's folder nor its settings are there.
    let elsewhere = std::process::Command::new(env!("CARGO_BIN_EXE_musubi-registry"))
        .args(["application", "sign", &statement, "--out", &signed])
        .args([
            "--approver-key",
            &at("approver.pem"),
            "--fingerprint",
            &number,
        ])
        .output()
        .unwrap();
    assert!(
        elsewhere.status.success(),
        "{}",
        String::from_utf8_lossy(&elsewhere.stderr)
    );

    let approve = |statement: &str| {
        house.command(&[
            "application",
            "approve",
            &id,
            "--on-probation",
            "--fingerprint",
            &number,
            "--statement",
            statement,
        ])
    };
    // Unsigned, it makes nobody a member; nor does a statement about somebody else.
    let (exit, said) = failure(&approve(&statement));
    assert!(exit == 4 && said.contains("too few approvers"), "{said}");
    let other = Applicant::new("0110000003", 4, NOBODY_LISTENS);
    taken(&other.applies(&door, &invited(&house, "0110000003")).await);
    let theirs = house.json(&["application", "list"])[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let another = at("another.json");
    house.command(&["application", "export", &theirs, "--out", &another]);
    let (exit, said) = failure(&approve(&another));
    assert!(
        exit == 3 && said.contains("not about this application"),
        "{said}"
    );

    assert!(approve(&signed).status.success());
    assert_eq!(
        house.json(&["member", "show", OTARU_ID])["state"],
        "probation"
    );
    registry.stop().await;
}

#[tokio::test]
async fn two_approvers_on_two_machines_admit_a_hospital_and_one_alone_does_not() {
    let (house, registry) = started();
    let at = |file: &str| house.path(file).to_str().unwrap().to_owned();
    let elsewhere = |words: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_musubi-registry"));
        let output = command.args(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        output
    };
    let done = |words: &[&str]| {
        let output = house.command(words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
    };
    let (first, second) = (at("approver.pem"), at("approver2.pem"));
    let made = elsewhere(&["root", "new-key", "-o", "json", "--out", &second]);
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let (draft, root) = (at("draft.json"), at("root2.json"));
    let x = made["x"].as_str().unwrap();
    let four_eyes = [
        "root",
        "draft",
        "--add-approver",
        x,
        "--approver-threshold",
        "2",
    ];
    done(&[&four_eyes[..], &["--out", &draft]].concat());
    elsewhere(&[
        "root",
        "sign",
        &draft,
        "--root-key",
        &at("root.pem"),
        "--out",
        &root,
    ]);
    done(&["root", "rotate", &root]);

    let door = door(&house, &registry).await;
    let otaru = Applicant::new(OTARU, 2, NOBODY_LISTENS);
    let reply = taken(&otaru.applies(&door, &invited(&house, OTARU)).await);
    let (id, number) = (reply.id.to_string(), comparison_number(&otaru.profile));
    let approve = [
        "application",
        "approve",
        &id,
        "--on-probation",
        "--fingerprint",
        &number,
    ];
    let is_member = || {
        house
            .command(&["member", "show", OTARU_ID])
            .status
            .success()
    };
    // One alone, as often as they like, is one.
    for _ in 0..2 {
        done(&[&approve[..], &["--approver-key", &first]].concat());
        assert!(!is_member());
    }
    // The other on a machine that has neither the registry's folder nor its settings.
    let (statement, signed) = (at("statement.json"), at("signed.json"));
    done(&["application", "export", &id, "--out", &statement]);
    let words = ["application", "sign", &statement, "--out", &signed];
    let key = ["--approver-key", &second, "--fingerprint", &number];
    elsewhere(&[&words[..], &key[..]].concat());
    assert!(!is_member());
    done(&[&approve[..], &["--statement", &signed]].concat());
    assert!(is_member());
    registry.stop().await;
}
