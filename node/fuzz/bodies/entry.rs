//! Any bytes as what somebody at the door sends: a birth date, a code, where to go on.

use musubi_node::identity::BirthDate;
use musubi_node::identity::enrolment::PlainEnrolment;
use musubi_node::identity::routes::next;

pub(crate) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(date) = BirthDate::read(&text) {
        assert_eq!(BirthDate::of_chart(&date.to_string()), Some(date));
    }
    let code = PlainEnrolment::read(&text).grouped();
    assert_eq!(PlainEnrolment::read(&code).grouped(), code);
    let url = next::with_next("/login", &text);
    assert!(url.starts_with("/login?next=/") && url.bytes().all(|byte| byte.is_ascii_graphic()));
}
