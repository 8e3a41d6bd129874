//! What this node's own staff may know of what went wrong.

use actix_web::http::StatusCode;
use federation_service::problem::Problem;

use super::super::asking::AskError;
use super::super::redeeming::RedeemError;
use crate::access::AccessRefusal;

/// Nothing is shown that cannot be written down.
pub(super) fn unavailable() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "audit_unavailable",
        "The access cannot be recorded, so nothing is shown",
    )
}

/// What a caller may know of what went wrong.
pub(super) fn problem(error: &AskError) -> Problem {
    match error {
        AskError::NoSuchGrant => Problem::new(
            StatusCode::NOT_FOUND,
            "grant_unknown",
            "No such grant of yours",
        ),
        AskError::Query(why) => Problem::new(
            StatusCode::BAD_REQUEST,
            "query_not_allowed",
            "Not a question for peers",
        )
        .with_detail(why.to_string()),
        AskError::Parameter(_) => Problem::new(
            StatusCode::BAD_REQUEST,
            "query_not_allowed",
            "Not a question for peers",
        )
        .with_detail(error.to_string()),
        AskError::Cursor => Problem::new(
            StatusCode::BAD_REQUEST,
            "cursor_invalid",
            "No page of this grant",
        ),
        AskError::Access(AccessRefusal::Role { .. }) => {
            Problem::new(StatusCode::FORBIDDEN, "forbidden", "Not with this role")
        }
        AskError::Redeem(error) => redeem_problem(error),
        AskError::Access(_) | AskError::Database(_) | AskError::Entropy => {
            tracing::error!("a question was not asked: {error}");
            unavailable()
        }
    }
}

fn redeem_problem(error: &RedeemError) -> Problem {
    match error {
        RedeemError::Refused(refusal) => {
            let status = StatusCode::from_u16(refusal.http_status());
            Problem::new(
                status.unwrap_or(StatusCode::FORBIDDEN),
                refusal.code(),
                refusal.title(),
            )
            .with_detail("The patient's home node refused")
        }
        RedeemError::Silent(silence) => Problem::new(
            StatusCode::BAD_GATEWAY,
            "home_unreachable",
            "The patient's home node gave no answer",
        )
        .with_detail(silence.code()),
        RedeemError::Unverified | RedeemError::Unusable(_) => Problem::new(
            StatusCode::BAD_GATEWAY,
            "home_answer_unusable",
            "The answer of the patient's home node cannot be used",
        ),
        other => {
            tracing::error!("a code was not redeemed: {other}");
            unavailable()
        }
    }
}

/// The FHIR issue type of the same.
pub(super) fn issue_type(error: &AskError) -> &'static str {
    match error {
        AskError::NoSuchGrant => "not-found",
        AskError::Query(_) | AskError::Parameter(_) | AskError::Cursor => "invalid",
        AskError::Access(AccessRefusal::Role { .. }) => "forbidden",
        _ => "transient",
    }
}
