//! `/c/patients/{patient}/consent`: the person's code, or an emergency.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use federation_protocol::category::Category;
use federation_protocol::consent::Practitioner;
use federation_protocol::digest::sha256;
use federation_protocol::emergency::{
    DescribedPerson, EmergencyPatient, EmergencySex, Reason, ReasonCode,
};
use federation_protocol::grants::{PlainCode, Witness};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::time::Timestamp;
use federation_service::problem::Problem;

use super::charts::to;
use super::session::{of_access, session};
use crate::access::AccessRefusal;
use crate::clinic::Clinic;
use crate::clinic::pages::{AskedPage, ConsentPage, Waiting};
use crate::clinic::views::Person;
use crate::emergency::AskRefusal;
use crate::federation::asking::AskError;
use crate::federation::emergency::{Urgent, UrgentError};
use crate::federation::query::form_pairs;
use crate::federation::{NewGrant, RedeemError, Redeemed};
use crate::identity::{Caller, Signed};
use crate::pages::Sheet;
use crate::pages::routes::fragment;
use unicode_normalization::UnicodeNormalization as _;

/// What is asked in an emergency.
const URGENT: [&str; 4] = [
    "AllergyIntolerance?_count=200",
    "MedicationRequest?_count=500",
    "Condition?_count=500",
    "Observation?_count=1000",
];
/// How long somebody consents who has no phone.
const WITNESSED_SECONDS: i64 = 12 * 3600;
/// The longest form, bytes.
const LONGEST_FORM: usize = 8 * 1024;

/// Something that went wrong: the end of the key of its text; `.next` of that is what to do.
struct Wrong(&'static str);

/// `GET /c/patients/{patient}/consent`.
pub(super) async fn consent(
    clinic: Data<Clinic>,
    caller: Caller,
    sheet: Sheet,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let (person, _) = clinic.patient(&caller, &id).await?;
    clinic
        .consent_page(sheet, &caller, &id, person, None, false)
        .await
}

/// `POST /c/patients/{patient}/consent`: the code redeemed at the person's home. Where the person is
/// asked first, on their phone, the page that waits for them.
pub(super) async fn redeem(
    clinic: Data<Clinic>,
    caller: Caller,
    sheet: Sheet,
    id: Path<String>,
    http: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    let (person, _) = clinic.patient(&caller, &id).await?;
    let name = name_of(&http);
    let wrong = match clinic.new_grant(&caller, &sheet, &id, name, &body) {
        Ok(new) => match clinic.federation.asking().redeem(&caller, new).await {
            Ok(Redeemed::Granted(grant, _)) => {
                return Ok(to(&format!("/c/grants/{}", grant.id)));
            }
            Ok(Redeemed::Asked(asked)) => {
                return Ok(to(&format!("/c/patients/{id}/asked/{}", asked.id)));
            }
            Err(AskError::Access(refusal)) => return Err(of_access(&refusal)),
            Err(error) => not_redeemed(&error),
        },
        Err(wrong) => wrong,
    };
    clinic
        .consent_page(sheet, &caller, &id, person, Some(wrong), false)
        .await
}

/// What the physician who is in is called: the person reads it on their phone.
fn name_of(http: &HttpRequest) -> Option<String> {
    let signed = http.extensions().get::<Signed>().cloned();
    let name = signed.and_then(|signed| signed.name);
    name.map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
}

/// `GET /c/patients/{patient}/asked/{asked}`: the person is asked on their phone; the page looks again
/// by itself, as a part, until they have answered.
pub(super) async fn asked(
    clinic: Data<Clinic>,
    caller: Caller,
    sheet: Sheet,
    path: Path<(String, String)>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (patient, asked) = path.into_inner();
    let (person, _) = clinic.patient(&caller, &patient).await?;
    let looked = clinic.federation.asking().look_again(&caller, &asked).await;
    let state = match looked {
        Ok(Redeemed::Granted(grant, _)) => Waiting::Granted(format!("/c/grants/{}", grant.id)),
        Ok(Redeemed::Asked(still)) => Waiting::Still(still.expires_at),
        Err(AskError::NoSuchGrant) => return Err(Problem::not_found()),
        Err(error) => {
            Waiting::Over(sheet.coded("clinic-wrong-", not_redeemed(&error).0, "redeem-failed"))
        }
    };
    let is_part = http.headers().contains_key("x-fragment");
    match state {
        Waiting::Granted(grant) if !is_part => Ok(to(&grant)),
        state => {
            let page = AskedPage {
                again: format!("/c/patients/{patient}/asked/{asked}"),
                page: sheet,
                id: patient,
                person,
                state,
            };
            Ok(match is_part {
                true => fragment(&page.as_waiting()),
                false => page.page.show(&page),
            })
        }
    }
}

/// `POST /c/patients/{patient}/emergency`.
pub(super) async fn urgent(
    clinic: Data<Clinic>,
    caller: Caller,
    signed: Option<Signed>,
    sheet: Sheet,
    id: Path<String>,
    http: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    let (person, _) = clinic.patient(&caller, &id).await?;
    let passkey = signed.and_then(|signed| signed.second_factor_at);
    let wrong = match urgent_of(&person, passkey, &body) {
        Ok(urgent) => {
            let session = session(&http, &caller);
            match clinic.ask_in_emergency(&caller, session, &id, urgent).await {
                Ok(key) => return Ok(to(&format!("/c/grants/{}", key.under))),
                Err(UrgentError::Access(refusal @ AccessRefusal::Role { .. })) => {
                    return Err(of_access(&refusal));
                }
                Err(error) => not_asked(&error),
            }
        }
        Err(wrong) => wrong,
    };
    clinic
        .consent_page(sheet, &caller, &id, person, Some(wrong), true)
        .await
}

impl Clinic {
    async fn consent_page(
        &self,
        sheet: Sheet,
        caller: &Caller,
        id: &str,
        person: Person,
        wrong: Option<Wrong>,
        is_urgent: bool,
    ) -> Result<HttpResponse, Problem> {
        let grants = self.grant_lines(&sheet, caller, Some(id)).await?;
        let standing = grants
            .into_iter()
            .map(|(_, line)| line)
            .find(|line| !line.is_over);
        let status = if wrong.is_some() {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::OK
        };
        let page = ConsentPage {
            wrong: wrong.map(|Wrong(key)| {
                let next = format!("{key}.next");
                let say = |tail: &str, other: &str| sheet.coded("clinic-wrong-", tail, other);
                (say(key, "form"), say(&next, "form.next"))
            }),
            homes: self.homes(&sheet),
            page: sheet,
            id: id.to_owned(),
            person,
            standing,
            categories: Category::RELEASABLE
                .iter()
                // Genes are of relatives, too: they are asked for where they are needed.
                .map(|one| (one.as_str(), *one != Category::Genomic))
                .collect(),
            reasons: ReasonCode::ALL
                .iter()
                .map(|reason| reason.as_str())
                .collect(),
            is_urgent,
        };
        Ok(page.page.show_as(status, &page))
    }

    /// The members whom a code may be of, by name.
    fn homes(&self, sheet: &Sheet) -> Vec<(String, String)> {
        let Some(membership) = self.federation.directory().membership() else {
            return Vec::new();
        };
        let is_japanese = sheet.lang() == "ja";
        let mut homes: Vec<(String, String)> = membership
            .members()
            .map(|member| {
                let names = &member.names;
                let name = if is_japanese || names.en.is_empty() {
                    &names.ja
                } else {
                    &names.en
                };
                (member.id.to_string(), name.clone())
            })
            .collect();
        homes.sort_by(|one, other| one.1.cmp(&other.1));
        homes
    }

    /// The member whose node answers at the host of a code's address.
    fn home_at(&self, address: &str) -> Option<MemberId> {
        let host = host(address)?;
        let membership = self.federation.directory().membership()?;
        let mut members = membership.members();
        let found =
            members.find(|member| self::host(member.federation_endpoint()) == Some(host))?;
        Some(found.id.clone())
    }

    fn new_grant(
        &self,
        caller: &Caller,
        sheet: &Sheet,
        patient: &str,
        name: Option<String>,
        body: &[u8],
    ) -> Result<NewGrant, Wrong> {
        let fields = fields(body)?;
        let (address, code) = code_of(one(&fields, "code"));
        let chosen = one(&fields, "home");
        let home = match (chosen, address) {
            ("", Some(address)) => self.home_at(address).ok_or(Wrong("code-no-home"))?,
            ("", None) => return Err(Wrong("code-no-home")),
            (chosen, _) => chosen.parse().map_err(|_none| Wrong("code-no-home"))?,
        };
        if code.is_empty() {
            return Err(Wrong("code-wrong"));
        }
        // Whether anybody was given it, its home alone says, and counts the try.
        let code = PlainCode::read(&code.nfkc().collect::<String>());
        let named = fields.iter().filter(|(name, _)| name == "category");
        let wanted =
            |category: &&Category| named.clone().any(|(_, value)| value == category.as_str());
        let categories: Vec<Category> = Category::RELEASABLE
            .iter()
            .filter(wanted)
            .copied()
            .collect();
        if categories.is_empty() {
            return Err(Wrong("code-no-kinds"));
        }
        let seen = witnessed(sheet, &fields, &categories, self.clock.now())?;
        let (witness, shown) = seen.unzip();
        let id = caller.id().unwrap_or_default();
        let new = NewGrant {
            home,
            code,
            purpose: Purpose::Treat,
            practitioner: Practitioner {
                id: id.to_owned(),
                role: caller.role().as_str().to_owned(),
            },
            categories,
            patient: Some(patient.to_owned()),
            name,
            witness,
            shown,
            asked_by: id.to_owned(),
        };
        match new.is_sound() {
            true => Ok(new),
            false => Err(Wrong("witness")),
        }
    }
}

/// Who saw the person consent on this very screen, and the text that stood on it; `None` for a code
/// that the person's phone made.
fn witnessed(
    sheet: &Sheet,
    fields: &[(String, String)],
    categories: &[Category],
    now: Timestamp,
) -> Result<Option<(Witness, String)>, Wrong> {
    if one(fields, "witnessed") != "1" {
        return Ok(None);
    }
    let (id, role) = (one(fields, "witness"), one(fields, "role"));
    if id.is_empty() || role.is_empty() {
        return Err(Wrong("witness"));
    }
    let kinds = categories
        .iter()
        .map(|one| sheet.coded("clinic-category-", one.as_str(), "other"));
    let kinds = kinds
        .collect::<Vec<_>>()
        .join(&sheet.t("clinic-summary-comma"));
    let hospital = sheet.hospital().to_owned();
    let shown = sheet.say(
        "clinic-witness-shown",
        &[("hospital", &hospital), ("kinds", &kinds)],
    );
    let until = now.plus_seconds(WITNESSED_SECONDS);
    let witness = Witness {
        id: id.to_owned(),
        role: role.to_owned(),
        text: sha256(shown.as_bytes()),
        until: Timestamp::from_unix_seconds(until.unix_seconds()),
    };
    Ok(Some((witness, shown)))
}

fn fields(body: &[u8]) -> Result<Vec<(String, String)>, Wrong> {
    let body = Some(body).filter(|body| body.len() <= LONGEST_FORM);
    let pairs = body.and_then(|body| form_pairs(body).ok());
    pairs.ok_or(Wrong("form"))
}

fn one<'a>(fields: &'a [(String, String)], wanted: &str) -> &'a str {
    let found = fields.iter().find(|(name, _)| name == wanted);
    found.map_or("", |(_, value)| value.trim())
}

/// The address and the code of what was typed or scanned: `https://home/v#code`, or a code alone.
fn code_of(typed: &str) -> (Option<&str>, &str) {
    match typed.split_once('#') {
        Some((address, code))
            if address.starts_with("https://") || address.starts_with("http://") =>
        {
            (Some(address), code)
        }
        _ => (None, typed),
    }
}

/// `home.example` of `https://home.example:8443/v`: the people's and the peers' listeners of a node
/// have one name and two ports.
fn host(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    let authority = rest.split(['/', '#', '?']).next()?;
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    (!host.is_empty()).then_some(host)
}

fn not_redeemed(error: &AskError) -> Wrong {
    let AskError::Redeem(error) = error else {
        tracing::error!("a code was not redeemed: {error}");
        return Wrong("redeem-failed");
    };
    match error {
        RedeemError::Refused(_) => Wrong("redeem-refused"),
        RedeemError::Silent(_) => Wrong("redeem-silent"),
        RedeemError::Unverified | RedeemError::Unusable(_) => Wrong("redeem-unverified"),
        other => {
            tracing::error!("a code was not redeemed: {other}");
            Wrong("redeem-failed")
        }
    }
}

fn urgent_of(person: &Person, passkey: Option<Timestamp>, body: &[u8]) -> Result<Urgent, Wrong> {
    let fields = fields(body)?;
    let code = ReasonCode::of(one(&fields, "reason"));
    let text = one(&fields, "text").to_owned();
    let reason = code
        .map(|code| Reason { code, text })
        .filter(Reason::is_told);
    let factor = one(&fields, "code");
    Ok(Urgent {
        patient: described(person).ok_or(Wrong("urgent-patient"))?,
        reason: Some(reason.ok_or(Wrong("urgent-no-reason"))?),
        hospitals: Vec::new(),
        queries: URGENT.map(str::to_owned).to_vec(),
        code: (!factor.is_empty()).then(|| factor.to_owned()),
        passkey,
    })
}

/// Who it is, as others can tell: kana, birth date and sex.
fn described(person: &Person) -> Option<EmergencyPatient> {
    let gender = match person.sex {
        "male" => EmergencySex::Male,
        "female" => EmergencySex::Female,
        _ => return None,
    };
    Some(EmergencyPatient::Described(DescribedPerson {
        kana: Some(&person.kana)
            .filter(|kana| kana.contains(' '))?
            .clone(),
        birth_date: person.born?.iso(),
        gender,
    }))
}

fn not_asked(error: &UrgentError) -> Wrong {
    match error {
        UrgentError::Patient => Wrong("urgent-patient"),
        UrgentError::Reason => Wrong("urgent-no-reason"),
        UrgentError::Capability => Wrong("urgent-capability"),
        UrgentError::Hospital | UrgentError::DirectoryExpired => Wrong("urgent-nobody"),
        UrgentError::Factor(_) | UrgentError::Refused(AskRefusal::NoSecondFactor) => {
            Wrong("urgent-no-factor")
        }
        UrgentError::Refused(AskRefusal::ReviewOpen(_)) => Wrong("urgent-review"),
        UrgentError::Refused(AskRefusal::RateLimited) => Wrong("urgent-enough"),
        other => {
            tracing::error!("an emergency question was not asked: {other}");
            Wrong("urgent-failed")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scanned_code_names_its_home_and_a_typed_one_does_not() {
        assert_eq!(
            code_of("https://yukimi.example:9202/v#ABCD"),
            (Some("https://yukimi.example:9202/v"), "ABCD")
        );
        assert_eq!(code_of("ABCD-EFGH"), (None, "ABCD-EFGH"));
        assert_eq!(code_of("javascript:x#ABCD"), (None, "javascript:x#ABCD"));
        assert_eq!(
            host("https://yukimi.example:9202/v"),
            host("https://yukimi.example:9002")
        );
        assert_ne!(
            host("https://yukimi.example.evil/v"),
            host("https://yukimi.example")
        );
        assert_eq!(
            host("https://yukimi.example@evil.example/v"),
            Some("yukimi.example@evil.example")
        );
        assert_eq!(host("https:///v"), None);
    }
}
