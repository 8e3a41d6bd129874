//! Whether a signed token is for this request, here and now.

use crate::consent::Practitioner;
use crate::evidence::Decision;
use crate::issuers::Issuers;
use crate::keys::{KeyId, PublicKey, SealSecretKey};
use crate::link::PatientHandle;
use crate::member::MemberId;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::verified::Verified;

use super::claims::{LONGEST_LIFE_SECONDS, TokenClaims};
use super::{LinkFacts, SignedToken, Token, TokenContext};

const SKEW_SECONDS: i64 = 60;

impl SignedToken {
    /// Judges everything behind the signature, in the protocol's order; the issuer and its key
    /// first and again, for the signature may have been checked a while ago.
    ///
    /// # Errors
    /// The code of the first check that fails.
    pub fn accept<'k>(
        &self,
        request: &TokenContext<'_>,
        issuers: &dyn Issuers,
        links: &dyn Fn(&PatientHandle) -> Option<LinkFacts>,
        seal: &dyn Fn(&KeyId) -> Option<&'k SealSecretKey>,
        me: &MemberId,
        now: Timestamp,
    ) -> Result<Verified<Token>, Refusal> {
        let claims = &self.claims;
        self.check_issuer(issuers, now)?;
        check_parties(claims, request, me)?;
        check_times(claims, now)?;
        check_grant(claims, request)?;
        let link = links(&claims.sub).filter(|link| link.home == claims.iss);
        let link = link.ok_or(Refusal::TokenIssuerNotHome)?;
        if claims.iss == claims.client_id
            || issuers.have_one_operator(&claims.iss, &claims.client_id)
        {
            check_evidence(claims, &link.device_key)?;
        }
        self.open(seal).map(Verified::new)
    }
}

fn check_parties(
    claims: &TokenClaims,
    request: &TokenContext<'_>,
    me: &MemberId,
) -> Result<(), Refusal> {
    if claims.aud != *me {
        return Err(Refusal::TokenAudienceMismatch);
    }
    if claims.client_id != *request.from || claims.cnf.jkt != *request.keyid {
        return Err(Refusal::TokenHolderMismatch);
    }
    Ok(())
}

fn check_times(claims: &TokenClaims, now: Timestamp) -> Result<(), Refusal> {
    let (iat, nbf, exp) = (claims.iat, claims.nbf, claims.exp);
    if iat > nbf || nbf >= exp || exp.seconds_since(iat) > LONGEST_LIFE_SECONDS {
        return Err(Refusal::TokenLifetimeExcessive);
    }
    if now.plus_seconds(SKEW_SECONDS) < nbf {
        return Err(Refusal::TokenNotYetValid);
    }
    if now > exp.plus_seconds(SKEW_SECONDS) {
        return Err(Refusal::TokenExpired);
    }
    Ok(())
}

fn check_grant(claims: &TokenClaims, request: &TokenContext<'_>) -> Result<(), Refusal> {
    if claims.pou != request.purpose {
        return Err(Refusal::PurposeNotGranted);
    }
    let is_asking = |only: &Practitioner| {
        request.actor.id.as_deref() == Some(only.id.as_str()) && request.actor.role == only.role
    };
    if !claims.prac.as_ref().is_none_or(is_asking) {
        return Err(Refusal::PractitionerMismatch);
    }
    if claims.scope.and(request.asked).is_empty() {
        return Err(Refusal::ScopeNotGranted);
    }
    Ok(())
}

/// The person's own signature over exactly what the token grants.
fn check_evidence(claims: &TokenClaims, device: &PublicKey) -> Result<(), Refusal> {
    let evidence = claims
        .pev
        .as_ref()
        .filter(|evidence| claims.exp <= evidence.until);
    let evidence = evidence.ok_or(Refusal::PatientEvidenceMissing)?;
    let decision = Decision {
        client_id: claims.client_id.clone(),
        purpose: claims.pou,
        practitioner: claims.prac.clone(),
        scope: claims.scope,
        until: evidence.until,
    };
    evidence
        .verify(&decision, device)
        .or(Err(Refusal::PatientEvidenceMissing))
}

impl SignedToken {
    /// The residual is opened once; that this node still has the key to it is asked each time.
    fn open<'k>(
        &self,
        seal: &dyn Fn(&KeyId) -> Option<&'k SealSecretKey>,
    ) -> Result<Token, Refusal> {
        let claims = &self.claims;
        let key = seal(&claims.residual.kid).ok_or(Refusal::TokenMalformed)?;
        let residual = match self.residual.get() {
            Some(opened) => opened.clone(),
            None => match claims.residual.open(key, &claims.jti, &claims.aud) {
                Ok(opened) => self.residual.get_or_init(|| opened).clone(),
                Err(_) => return Err(Refusal::TokenMalformed),
            },
        };
        Ok(Token {
            issuer: claims.iss.clone(),
            subject: claims.sub.clone(),
            jti: claims.jti.clone(),
            expires_at: claims.exp,
            purpose: claims.pou,
            scope: claims.scope,
            residual,
            practitioner: claims.prac.clone(),
            acr: claims.acr,
            doc: claims.doc.clone(),
            status_idx: claims.status.status_list.idx,
            status_uri: claims.status.status_list.uri.clone(),
        })
    }
}
