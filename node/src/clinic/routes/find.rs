//! `/c` and `/c/find`: two things that belong together find a patient. What is typed stands in the
//! body, never in an address.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Form};
use federation_protocol::member::MemberId;
use federation_service::problem::Problem;
use serde::Deserialize;

use super::session::{of_access, of_records, physicians_only};
use crate::access::Act;
use crate::clinic::Clinic;
use crate::clinic::find::Wanted;
use crate::clinic::pages::{FindPage, GrantLine, Typed};
use crate::clinic::views::Person;
use crate::identity::Caller;
use crate::pages::Sheet;
use crate::records::{Fit, MatchQuestion, Shown};

/// The most patients that are listed: who typed less should type more.
const MOST_FOUND: usize = 10;
/// The most patients of before that are listed: each is a read, with its line.
const MOST_RECENT: usize = 6;

/// What is typed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fields {
    #[serde(default)]
    number: String,
    #[serde(default)]
    kana: String,
    #[serde(default)]
    born: String,
    #[serde(default)]
    insured: String,
}

/// `GET /c`.
pub(super) async fn start(
    clinic: Data<Clinic>,
    caller: Caller,
    sheet: Sheet,
) -> Result<HttpResponse, Problem> {
    physicians_only(&caller)?;
    let page = FindPage {
        recent: clinic.recent(&sheet, &caller).await?,
        page: sheet,
        typed: Typed::default(),
        wrong: None,
        found: None,
    };
    Ok(page.page.show(&page))
}

/// `GET /c/find`: a search is never kept; reloading begins anew.
pub(super) async fn again() -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, "/c"))
        .finish()
}

/// `POST /c/find`.
pub(super) async fn find(
    clinic: Data<Clinic>,
    caller: Caller,
    sheet: Sheet,
    fields: Form<Fields>,
) -> Result<HttpResponse, Problem> {
    physicians_only(&caller)?;
    let Fields {
        number,
        kana,
        born,
        insured,
    } = fields.into_inner();
    let wanted = Wanted::of(&number, &kana, &born, &insured);
    let (found, wrong) = match &wanted {
        Ok(wanted) => (Some(clinic.found(&caller, wanted).await?), None),
        Err(error) => (None, Some(error.key())),
    };
    let cut = |text: String| text.chars().take(100).collect::<String>();
    let page = FindPage {
        recent: clinic.recent(&sheet, &caller).await?,
        page: sheet,
        typed: Typed {
            number: cut(number),
            kana: cut(kana),
            born: cut(born),
            insured: cut(insured),
        },
        wrong,
        found,
    };
    Ok(page.page.show(&page))
}

impl Clinic {
    /// The patients of whom everything that was typed is true.
    async fn found(
        &self,
        caller: &Caller,
        wanted: &Wanted,
    ) -> Result<Vec<(String, Person)>, Problem> {
        let act = Act::Search {
            kind: "Patient/$match",
            patient: None,
        };
        let permit = self
            .access
            .permit(caller, act)
            .await
            .map_err(|error| of_access(&error))?;
        let me: &MemberId = self.federation.asking().me();
        let institution = me.as_str().rsplit(':').next().unwrap_or_default();
        let failed = |error| of_records(&error);
        let question = MatchQuestion::parse(&wanted.question(institution)).map_err(failed)?;
        let matches = self
            .records
            .match_patient(&permit, &question)
            .await
            .map_err(failed)?;
        let mut found = Vec::new();
        for one in matches {
            let Ok(value) = serde_json::from_str(&one.entry.raw) else {
                continue;
            };
            let person = Person::of(&value, self.clock.now());
            let mut fits = wanted.is(&person);
            if let Some(insured) = wanted.insured.as_ref().filter(|_| fits) {
                let shown = [Shown::InsuredId {
                    value: insured.clone(),
                }];
                let identified = self
                    .records
                    .identify(&permit, &one.entry.address, &shown)
                    .await;
                let said = identified.map_err(failed)?.fits;
                fits = said
                    .iter()
                    .all(|fit| matches!(fit, Fit::Person | Fit::Family));
            }
            if fits && found.len() < MOST_FOUND {
                found.push((one.entry.address.id.as_str().to_owned(), person));
            }
        }
        Ok(found)
    }

    /// The charts that `caller` opened lately, with whom they are of.
    async fn recent(&self, sheet: &Sheet, caller: &Caller) -> Result<Vec<GrantLine>, Problem> {
        let mut recent = Vec::new();
        let mut listed = Vec::new();
        for (grant, mut line) in self.grant_lines(sheet, caller, None).await? {
            if listed.contains(&grant.patient) || listed.len() >= MOST_RECENT {
                continue;
            }
            listed.push(grant.patient.clone());
            let named = match &grant.patient {
                Some(patient) => self.patient(caller, patient).await.ok(),
                None => None,
            };
            line.name = match named {
                Some((person, _)) => person.name,
                None => sheet.t("clinic-recent-unknown"),
            };
            recent.push(line);
        }
        Ok(recent)
    }
}
