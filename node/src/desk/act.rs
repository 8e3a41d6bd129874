//! What is done at the desk: a home here, a link with a home elsewhere, an end to either.

use federation_protocol::link::PatientHandle;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use zeroize::Zeroizing;

use super::find::Chart;
use super::{Reception, ReceptionError};
use crate::access::Act;
use crate::database::Rid;
use crate::identity::staff::By;
use crate::identity::{BirthDate, Caller};
use crate::linkage::desk::{Offer, Order};
use crate::linkage::{Link, Person};
use crate::records::Shown;

/// A code that was just made, for the sheet.
pub(super) struct Sheet {
    /// As it is read aloud and typed.
    pub(super) code: Zeroizing<String>,
    /// What the QR code holds; `None` where nobody knows the address of the pages.
    pub(super) address: Option<Zeroizing<String>>,
    /// Until when it is good.
    pub(super) expires_at: Timestamp,
}

/// How a chart stands at the desk.
pub(super) struct Standing {
    /// The chart.
    pub(super) chart: Chart,
    /// Its person, if this hospital is their home.
    pub(super) person: Option<Person>,
    /// Its links with homes elsewhere, ended ones too.
    pub(super) links: Vec<Link>,
    /// The link codes of the last days for it, and how each stands.
    pub(super) offers: Vec<(Offer, &'static str)>,
    /// Who may be a home: members, their names.
    pub(super) homes: Vec<(MemberId, String)>,
}

impl Reception {
    /// Whether the caller may sit here at all.
    ///
    /// # Errors
    /// `Access`.
    pub(super) async fn sits_here(&self, caller: &Caller) -> Result<(), ReceptionError> {
        self.parts.access.permit(caller, Act::Link).await?;
        Ok(())
    }

    /// How a chart stands.
    ///
    /// # Errors
    /// `NoChart`, `Access`, the database.
    pub(super) async fn standing(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<Standing, ReceptionError> {
        let (patient, chart) = self.chart(caller, id).await?;
        let desk = self.parts.federation.linking().desk();
        let now = desk.now();
        let offers = desk.offers(caller).await?.into_iter();
        let offers = offers.filter(|offer| offer.patient == patient);
        Ok(Standing {
            person: self.person_of(patient).await?,
            links: self.parts.linkage.links(Some(patient)).await?,
            offers: offers
                .map(|offer| {
                    let state = offer.state(now);
                    (offer, state)
                })
                .collect(),
            homes: self.homes(),
            chart,
        })
    }

    async fn person_of(&self, patient: Rid) -> Result<Option<Person>, ReceptionError> {
        let people = self.parts.linkage.people().await?;
        Ok(people.into_iter().find(|person| person.patient == patient))
    }

    /// The name of a member, for people.
    pub(super) fn name_of(&self, member: &MemberId) -> String {
        let membership = self.parts.federation.directory().membership();
        let listed = membership.as_deref().and_then(|all| all.member(member));
        listed.map_or_else(|| member.to_string(), |one| one.names.ja.clone())
    }

    fn homes(&self) -> Vec<(MemberId, String)> {
        let membership = self.parts.federation.directory().membership();
        let members = membership
            .as_deref()
            .into_iter()
            .flat_map(|all| all.members());
        let others = members.filter(|member| member.id != self.parts.me);
        let mut homes: Vec<(MemberId, String)> = others
            .map(|member| (member.id.clone(), member.names.ja.clone()))
            .collect();
        homes.sort_by(|a, b| a.1.cmp(&b.1));
        homes
    }

    /// Enrols the person of a chart, if they are not enrolled yet, and makes the code that they come
    /// in by: those made before for them end.
    ///
    /// # Errors
    /// `NoChart`, `NoBirthDate`, `Access`, `Identity`, the database.
    pub(super) async fn enrol(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<(Chart, Sheet), ReceptionError> {
        self.parts.access.permit(caller, Act::Enroll).await?;
        let (patient, chart) = self.chart(caller, id).await?;
        let birth = BirthDate::of_chart(&chart.born).ok_or(ReceptionError::NoBirthDate)?;
        if chart.is_replaced {
            return Err(ReceptionError::NoChart);
        }
        let person = match self.person_of(patient).await? {
            Some(known) => known.id,
            None => self
                .parts
                .linkage
                .enroll(patient, id)
                .await?
                .person()
                .clone(),
        };
        let by = By::admin(caller);
        let made = self
            .parts
            .identity
            .enrolment_code(&person, patient, birth, by)
            .await?;
        let address = self.parts.people.as_ref().map(|origin| made.url(origin));
        let sheet = Sheet {
            code: made.code.grouped(),
            address: address.map(Zeroizing::new),
            expires_at: made.expires_at,
        };
        Ok((chart, sheet))
    }

    /// Makes a code that links a chart with the home of its person.
    ///
    /// # Errors
    /// `NoChart`, `Desk`: what was shown does not suffice; nothing was made.
    pub(super) async fn offer(
        &self,
        caller: &Caller,
        id: &str,
        shown: Vec<Shown>,
        home: Option<MemberId>,
    ) -> Result<(Chart, Sheet), ReceptionError> {
        let (_patient, chart) = self.chart(caller, id).await?;
        let order = Order {
            patient: id.to_owned(),
            shown,
            home,
        };
        let made = self
            .parts
            .federation
            .linking()
            .desk()
            .offer(caller, order)
            .await?;
        let endpoint = self.parts.federation.endpoint();
        let sheet = Sheet {
            code: Zeroizing::new(made.code.spoken()),
            address: Some(Zeroizing::new(format!(
                "{endpoint}/l#{}",
                made.code.scanned()
            ))),
            expires_at: made.expires_at,
        };
        Ok((chart, sheet))
    }

    /// Takes a link code back.
    ///
    /// # Errors
    /// `Desk`.
    pub(super) async fn withdraw(
        &self,
        caller: &Caller,
        offer: &str,
    ) -> Result<(), ReceptionError> {
        let desk = self.parts.federation.linking().desk();
        Ok(desk.withdraw(caller, offer).await?)
    }

    /// Ends a link of this very chart.
    ///
    /// # Errors
    /// `NoLink`, `NoChart`, `Access`, the database.
    pub(super) async fn unlink(
        &self,
        caller: &Caller,
        id: &str,
        handle: &str,
    ) -> Result<(), ReceptionError> {
        let (patient, _chart) = self.chart(caller, id).await?;
        let handle: PatientHandle = handle.parse().map_err(|_not_one| ReceptionError::NoLink)?;
        let links = self.parts.linkage.links(Some(patient)).await?;
        let is_its = |link: &Link| link.handle == handle && link.ended_at.is_none();
        if !links.iter().any(is_its) {
            return Err(ReceptionError::NoLink);
        }
        Ok(self.parts.linkage.end(&handle).await?)
    }
}
