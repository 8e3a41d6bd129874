//! `POST /federation/v1/accesses`: who looked at a chart here, for the person's home node.

use federation_protocol::Verified;
use federation_protocol::accesses::AccessQuestion;
use federation_protocol::purpose::Purpose;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{Request, SignedAnswer};

use super::Inbound;
use crate::audit::{self, AuditError, Kind, Looked};
use crate::federation::replay::SeenNonce;
use crate::linkage;

impl Inbound {
    /// Tells the home of a link what the log says of its chart. Of a handle that is nobody's, or
    /// another home's, it says nothing: the same answer as of a chart that nobody looked at.
    pub(super) async fn tell_who_looked(
        &self,
        request: &Verified<Request>,
        pair: SeenNonce,
    ) -> Result<SignedAnswer, Refusal> {
        let question = AccessQuestion::from_json(&request.body).ok();
        let asks = question.filter(|_| request.purpose == Purpose::Patrqt);
        let Some(question) = asks else {
            let refusal = Refusal::QueryNotAllowed;
            return Err(self.written(request, refusal, Some(pair)).await);
        };
        let line = self.line(request, Kind::AuditRead);
        let home = request.from.clone();
        let tell = move |connection: &mut _| {
            let link = linkage::find(connection, &question.patient)?;
            let link = link.filter(|link| link.home == home);
            let patient = link.map(|link| link.patient);
            let looked = Looked {
                patient,
                person: None,
                since: question.since,
                known: question.known,
            };
            let report = audit::accesses_in(connection, &looked)?;
            let told = report.as_ref().map_or(0, |report| report.accesses.len());
            let line = line.clone().detail("act", "tell_who_looked").shown(told);
            let line = match patient {
                Some(patient) => line.patient(patient),
                None => line.outcome("handle_unknown"),
            };
            audit::append(connection, &line)?;
            Ok::<_, AuditError>(report)
        };
        // Nothing signed yet, or less than was proved before: nothing can be told for certain.
        let report = self.once(request, pair, tell).await?;
        let report = report.ok_or(Refusal::AuditUnavailable)?;
        let answer = self.sign_json(request, &report)?;
        self.keep(request, &answer).await?;
        Ok(answer)
    }
}
