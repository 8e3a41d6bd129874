//! `musubi-node ask`: a physician's question to every hospital of a grant, through the running
//! node's own hospital listener.

use std::fs;
use std::time::Duration;

use federation_service::outbound::{OwnListener, to_own_listener};
use futures_util::future::try_join_all;
use reqwest::{Response, StatusCode, Url};
use serde_json::{Value, json};

use super::cli::{AskArgs, Output};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, Listing, note};
use super::{member, run, scope, settings};
use crate::config::Config;

/// Longer than the whole fan-out may take.
const DEADLINE: Duration = Duration::from_secs(30);

pub(super) fn ask(args: &AskArgs) -> Result<(), Failure> {
    let config = settings(&args.node)?;
    let token = fs::read_to_string(&args.token_file)
        .map_err(|error| Failure::file(&args.token_file, &error))?;
    let asker = Asker::new(&config, token.trim())?;
    let runtime = run::small_runtime()?;
    let (grant, parts) = runtime.block_on(async {
        let grant = match &args.grant {
            Some(grant) => grant.clone(),
            None => asker.redeem(args).await?,
        };
        // All types at once: a silent hospital is waited for once, not once for each type.
        let questions = args
            .types
            .iter()
            .map(|kind| asker.stream(&grant, kind, &args.query));
        let answers = try_join_all(questions).await?;
        let parts: Vec<_> = args
            .types
            .iter()
            .zip(answers)
            .flat_map(|(kind, parts)| parts.into_iter().map(|part| (kind.clone(), part)))
            .collect();
        Ok::<_, Failure>((grant, parts))
    })?;
    print(args, &grant, &parts)?;
    verdict(&parts)
}

/// One hospital's part of one answer, as the stream's `part` event says it.
struct Part(Value);

impl Part {
    fn text(&self, member: &str) -> &str {
        self.0.get(member).and_then(Value::as_str).unwrap_or("-")
    }

    fn answered(&self) -> bool {
        self.text("outcome") == "answered"
    }

    /// The resources that came, without outcomes.
    fn resources(&self) -> impl Iterator<Item = &Value> {
        let entries = self.0.get("bundle").and_then(|bundle| bundle.get("entry"));
        let entries = entries.and_then(Value::as_array).into_iter().flatten();
        entries
            .filter(|entry| {
                let mode = entry.get("search").and_then(|search| search.get("mode"));
                mode.and_then(Value::as_str) != Some("outcome")
            })
            .filter_map(|entry| entry.get("resource"))
    }
}

fn print(args: &AskArgs, grant: &str, parts: &[(String, Part)]) -> Result<(), Failure> {
    if args.output.output == Output::Json {
        let parts = parts.iter().map(|(kind, part)| {
            let mut value = part.0.clone();
            if let Some(members) = value.as_object_mut() {
                members.insert("type".into(), kind.as_str().into());
            }
            value
        });
        let parts: Vec<Value> = parts.collect();
        return output::json(&json!({ "grant": grant, "parts": parts }));
    }
    let mut listing = Listing::new(&["hospital", "asked_for", "state", "items", "time"]);
    for (kind, part) in parts {
        let millis = part.0.get("duration_ms").and_then(Value::as_u64);
        let items = match part.answered() {
            true => part.resources().count().to_string(),
            false => "-".to_owned(),
        };
        let state = match part.text("code") {
            "-" => part.text("outcome").to_owned(),
            code => format!("{} ({code})", part.text("outcome")),
        };
        let time = millis.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
        listing.row([
            part.text("name").to_owned(),
            kind.clone(),
            state,
            items,
            time,
        ]);
    }
    listing.print(Output::Table)?;
    note(&format!(
        "grant {grant}: ask again with --grant while it lasts"
    ));
    Ok(())
}

/// Complete, or exit code 7 with the sentence that stands before any data on screen and paper.
fn verdict(parts: &[(String, Part)]) -> Result<(), Failure> {
    let mut all = std::collections::BTreeSet::new();
    let mut missing = std::collections::BTreeSet::new();
    for (_, part) in parts {
        all.insert(part.text("member"));
        if !part.answered() {
            missing.insert(part.text("name"));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.into_iter().collect();
    Err(Failure::new(
        Exit::Partial,
        format!(
            "{} of {} hospitals answered; not all of it came from: {}",
            all.len().saturating_sub(names.len()),
            all.len(),
            names.join("、")
        ),
        "ask again with --grant in a minute, or telephone the hospitals named",
    ))
}

/// Speaks to the hospital listener of the running node.
pub(super) struct Asker {
    client: OwnListener,
    base: Url,
    token: String,
}

impl Asker {
    pub(super) fn new(config: &Config, token: &str) -> Result<Self, Failure> {
        let (scheme, certificate) = match &config.hospital.tls {
            None => ("http", None),
            Some(tls) => {
                let pem = fs::read(&tls.certificate);
                let pem = pem.map_err(|error| Failure::file(&tls.certificate, &error))?;
                ("https", Some(pem))
            }
        };
        let client = to_own_listener(certificate.as_deref(), DEADLINE)
            .or_failure(Exit::Config, "check hospital.tls_certificate_file")?;
        let base = Url::parse(&format!("{scheme}://{}", config.hospital.bind))
            .or_failure(Exit::Config, "check hospital.bind")?;
        Ok(Self {
            client,
            base,
            token: token.to_owned(),
        })
    }

    /// Redeems the visit code at the person's home; the grant's id.
    async fn redeem(&self, args: &AskArgs) -> Result<String, Failure> {
        let home = member(args.home.as_deref().unwrap_or_default())?;
        let categories = scope(&args.categories)?;
        let words: Vec<_> = categories
            .iter()
            .map(|category| category.as_str())
            .collect();
        let body = json!({
            "home": home.as_str(),
            "code": args.code,
            "purpose": args.purpose,
            "practitioner": { "id": args.practitioner, "role": "physician" },
            "categories": words,
            "patient": args.patient,
        });
        let request = self.client.post(self.url("api/v1/grants")?);
        let response = self.send(request.json(&body)).await?;
        let granted: Value = response
            .json()
            .await
            .or_failure(Exit::Failure, "look at the node's log")?;
        let grant = granted.get("grant").and_then(Value::as_str);
        grant.map(str::to_owned).ok_or_else(|| {
            Failure::new(
                Exit::Failure,
                "the node named no grant",
                "report this as a bug",
            )
        })
    }

    /// One question; each hospital's part, told on standard error as it comes.
    async fn stream(
        &self,
        grant: &str,
        kind: &str,
        parameters: &[String],
    ) -> Result<Vec<Part>, Failure> {
        let mut url = self.url(&format!("federated/{grant}/stream"))?;
        url.query_pairs_mut().append_pair("type", kind);
        for parameter in parameters {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            url.query_pairs_mut().append_pair(name, value);
        }
        let mut response = self.send(self.client.get(url)).await?;
        let (mut parts, mut unread) = (Vec::new(), Vec::new());
        while let Some(chunk) = response
            .chunk()
            .await
            .or_failure(Exit::Unreachable, "look at the node's log")?
        {
            unread.extend_from_slice(&chunk);
            while let Some(event) = next_event(&mut unread) {
                if let Some(part) = part_of(&event) {
                    note(&format!("{kind}: {}", part.text("text")));
                    parts.push(part);
                }
            }
        }
        Ok(parts)
    }

    fn url(&self, path: &str) -> Result<Url, Failure> {
        self.base
            .join(path)
            .or_failure(Exit::Failure, "check the grant's id")
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response, Failure> {
        let refused = "ask the patient for a new visit code, made for this hospital";
        self.send_or(request, refused).await
    }

    /// Posts JSON; `refused` is what helps where it is refused.
    pub(super) async fn post(
        &self,
        path: &str,
        body: &Value,
        refused: &'static str,
    ) -> Result<Response, Failure> {
        let request = self.client.post(self.url(path)?).json(body);
        self.send_or(request, refused).await
    }

    async fn send_or(
        &self,
        request: reqwest::RequestBuilder,
        refused: &'static str,
    ) -> Result<Response, Failure> {
        let response = request.bearer_auth(&self.token).send().await.or_failure(
            Exit::Unreachable,
            "start the node with `musubi-node run`, or check hospital.bind",
        )?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let problem: Value = response.json().await.unwrap_or(Value::Null);
        let text = |member: &str| problem.get(member).and_then(Value::as_str);
        let code = text("code").unwrap_or("refused");
        let title = text("title").unwrap_or("no reason given");
        let detail = text("detail").filter(|detail| !detail.eq_ignore_ascii_case(title));
        let said = match detail {
            Some(detail) => format!("{code}: {title} ({detail})"),
            None => format!("{code}: {title}"),
        };
        let (exit, next) = match status {
            StatusCode::UNAUTHORIZED => (
                Exit::NotAuthorised,
                "make a token with `musubi-node access create --role physician --id ID`",
            ),
            StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => (Exit::Refused, refused),
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => (
                Exit::Unreachable,
                "try again in a minute; if it stays so, telephone the home hospital",
            ),
            StatusCode::SERVICE_UNAVAILABLE => (Exit::TryAgain, "try again in a minute"),
            _ => (Exit::Failure, "see the same command with --help"),
        };
        Err(Failure::new(exit, said, next))
    }
}

/// Takes the first whole event from what came; a character may be cut in two by the network, an
/// event never is.
fn next_event(unread: &mut Vec<u8>) -> Option<String> {
    let end = unread.windows(2).position(|pair| pair == b"\n\n")?;
    let event: Vec<u8> = unread.drain(..end.saturating_add(2)).collect();
    Some(String::from_utf8_lossy(&event).into_owned())
}

/// The part in one server-sent event, if it is one of a part.
fn part_of(event: &str) -> Option<Part> {
    let mut named = false;
    let mut data = String::new();
    for line in event.lines() {
        match line.split_once(": ") {
            Some(("event", "part")) => named = true,
            Some(("data", text)) => data.push_str(text),
            _ => {}
        }
    }
    named
        .then(|| serde_json::from_str(&data).ok().map(Part))
        .flatten()
}
