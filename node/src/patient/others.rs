//! The other hospitals that a person is linked with.

use super::gather::{GatherError, Gathered, Missing, Patience, People, Wanted, Why};
use crate::identity::Caller;

impl People {
    /// Names the linked hospitals: they are asked once the person's phone has signed for them.
    pub(super) async fn others(
        &self,
        caller: &Caller,
        _wanted: &[Wanted],
        _patience: Patience,
        into: &mut Gathered,
    ) -> Result<(), GatherError> {
        let whose = self.whose(caller).await?;
        let membership = self.parts.federation.directory().membership();
        for link in self.parts.linkage.home_links(&whose.id).await? {
            let listed = membership
                .as_deref()
                .and_then(|all| all.member(&link.responder));
            into.missing.push(Missing {
                name: listed.map_or_else(|| link.responder.to_string(), |one| one.names.ja.clone()),
                why: Why::Unsigned,
            });
        }
        Ok(())
    }
}
