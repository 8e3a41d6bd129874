//! Any bytes as a join token, an application, a leave or a registry's answer, and as a rightly signed
//! payload of one.

use std::sync::LazyLock;

use federation_protocol::joining::{
    APPLICANT_TYP, APPLICATION_TYP, ApplicantRequest, Application, ApplicationReply, JoinToken,
    LEAVE_TYP, Leave,
};
use federation_protocol::json;
use federation_protocol::jws::sign_compact;
use federation_protocol::sample::{NOW, SampleMember};

static MEMBER: LazyLock<SampleMember> = LazyLock::new(|| SampleMember::new("0110000001", 10));

pub(crate) fn run(data: &[u8]) {
    let _ = json::parse_as::<ApplicationReply>(data);
    if let Ok(text) = std::str::from_utf8(data) {
        read(text, text, text);
        for text in [text.to_owned(), format!("mjt1_{text}")] {
            if let Ok(token) = text.parse::<JoinToken>() {
                assert_eq!(token.to_text().parse(), Ok(token));
            }
        }
    }
    read(
        &sign_compact(APPLICATION_TYP, data, &MEMBER.sign),
        &sign_compact(LEAVE_TYP, data, &MEMBER.sign),
        &sign_compact(APPLICANT_TYP, data, &MEMBER.sign),
    );
}

fn read(application: &str, leave: &str, question: &str) {
    let public = MEMBER.sign.public();
    let _ = Application::verify(application, NOW);
    let _ = Leave::verify(leave, |_| Some(public.clone()), NOW);
    let _ = ApplicantRequest::verify(question, &public, NOW);
}
