#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::*;

fn member(code: &str) -> MemberId {
    MemberId::from_code(code).unwrap()
}

fn handle() -> PatientHandle {
    "pp:AAECAwQFBgcICQoLDA0ODw".parse().unwrap()
}

fn linked() -> Phone {
    let mut phone = Phone::new(PersonId::random(), member("0110000001"));
    phone.make_key(&member("0110000002")).unwrap();
    phone
        .keep_assertion(&member("0110000002"), handle(), "a.b.c".into())
        .unwrap();
    phone
}

#[test]
fn a_saved_phone_signs_with_the_same_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hana.phone");
    let phone = linked();
    phone.save(&path).unwrap();
    phone.save(&path).unwrap();
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let opened = Phone::open(&path).unwrap();
    assert_eq!(opened.person(), phone.person());
    assert_eq!(opened.carried(), phone.carried());
    let carried = opened.carried().pop().unwrap();
    let signature = opened.sign(&member("0110000002"), b"decision").unwrap();
    assert_eq!(carried.device_key.verify(b"decision", &signature), Ok(()));
}

#[test]
fn each_link_has_a_key_of_its_own() {
    let mut phone = linked();
    let second = phone.make_key(&member("0110000003")).unwrap();
    let first = phone.carried().pop().unwrap().device_key;
    assert_ne!(first.x(), second.x());
    assert!(matches!(
        phone.sign(&member("0110000003"), b"m"),
        Err(PhoneError::NoLink(_))
    ));
}

#[test]
fn a_key_made_anew_replaces_the_old_one_only_with_its_assertion() {
    let mut phone = linked();
    let old = phone.carried().pop().unwrap();
    phone.make_key(&member("0110000002")).unwrap();
    assert_eq!(phone.carried(), vec![old.clone()]);
    phone
        .keep_assertion(&member("0110000002"), handle(), "d.e.f".into())
        .unwrap();
    let carried = phone.carried();
    assert_eq!(carried.len(), 1);
    assert_ne!(carried.first().unwrap().device_key, old.device_key);
}

#[test]
fn a_phone_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hana.phone");
    linked().save(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = Phone::open(&path).err().unwrap();
    assert!(refused.to_string().contains("chmod 0600"));
}

#[test]
fn what_is_half_a_link_or_has_a_strange_field_is_refused() {
    let text = linked().to_text().unwrap();
    let half = text.replace("\"assertion\": \"a.b.c\"", "\"assertion\": null");
    assert!(matches!(Phone::parse(&half), Err(PhoneError::Malformed(_))));
    let strange = text.replace("\"version\"", "\"stranger\": 1, \"version\"");
    assert!(matches!(
        Phone::parse(&strange),
        Err(PhoneError::Malformed(_))
    ));
    let newer = text.replace("\"version\": 1", "\"version\": 2");
    assert!(matches!(
        Phone::parse(&newer),
        Err(PhoneError::Malformed("its version"))
    ));
}

proptest::proptest! {
    #[test]
    fn reading_a_phone_file_never_panics(text in ".{0,300}") {
        let _ = Phone::parse(&text);
    }

    #[test]
    fn a_changed_phone_file_is_read_or_refused(at in 0_usize..400, byte in 0_u8..128) {
        let mut bytes = linked().to_text().unwrap().as_bytes().to_vec();
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        if let Ok(text) = String::from_utf8(bytes) {
            let _ = Phone::parse(&text);
        }
    }
}
