//! `musubi-node certificate …`: the next certificate made, listed, shown, and put in the old one's
//! place, while the node runs.

use std::fs;
use std::path::Path;

use federation_protocol::directory::{
    Certificate, Entry, Member, MemberDescription, Membership, Profile, ReplacementRequest,
};
use federation_protocol::keys::{KeyUse, SecretKey, Sign};
use federation_protocol::time::Timestamp;
use federation_service::clock::{Clock as _, SystemClock};
use serde_json::json;

use super::cli::certificate::{
    CertificateCommand, CertificateDropArgs, CertificateListArgs, CertificateNewArgs,
    CertificateRequestArgs,
};
use super::cli::{ConfigArgs, Output};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{json as print_json, line, note};
use super::{describe, init, join, membership, passphrase, rooms, settings};
use crate::app::Rooms;
use crate::config::TlsFiles;
use crate::federation::certificates::{self, LISTED_SECONDS, on_disk};

/// `musubi-node certificate …`
pub(super) fn certificate(command: &CertificateCommand) -> Result<(), Failure> {
    match command {
        CertificateCommand::New(args) => new(args),
        CertificateCommand::List(args) => list(args),
        CertificateCommand::Request(args) => request(args),
        CertificateCommand::Drop(args) => drop_old(args),
    }
}

fn now() -> Timestamp {
    SystemClock.now()
}

fn new(args: &CertificateNewArgs) -> Result<(), Failure> {
    let config = settings(&args.node)?;
    let next = config.federation.tls.next();
    if next.certificate.exists() {
        return Err(Failure::new(
            Exit::Failure,
            format!("{} is there already", next.certificate.display()),
            "see `musubi-node certificate list`; take both next files away to begin anew",
        ));
    }
    // A key without its certificate is what a killed attempt left: nobody knows it.
    match fs::remove_file(&next.key) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Failure::file(&next.key, &error));
        }
        _ => {}
    }
    let identity = init::certificate(&config.federation.endpoint, now())?;
    let passphrase = passphrase(&config)?;
    identity
        .write(&next.certificate, &next.key, passphrase.as_deref())
        .or_failure(Exit::Failure, "check who may write there")?;
    let print = identity
        .fingerprint()
        .or_failure(Exit::Failure, "report this as a bug")?;
    line(&print.to_string());
    note(
        "next: musubi-node certificate request --recovery-key FILE --out entry.json, and give that \
         file to the registry's operator",
    );
    Ok(())
}

/// What lies here, as the directory sees it.
struct Here {
    present: Certificate,
    next: Option<Certificate>,
    shown: Certificate,
}

fn here(rooms: &Rooms, membership: &Membership) -> Result<Here, Failure> {
    let unusable = "check federation.tls_certificate_file and its key";
    let tls = &rooms.config.federation.tls;
    let (present, next) =
        on_disk(tls, &rooms.config.passphrase).or_failure(Exit::Config, unusable)?;
    let held = rooms
        .certificates(Some(membership))
        .or_failure(Exit::Config, unusable)?;
    let shown = held
        .shown()
        .now()
        .certificate()
        .or_failure(Exit::Config, unusable)?;
    Ok(Here {
        present,
        next,
        shown,
    })
}

/// The newest that the registry says, so that nothing is decided by an old copy.
fn newest(node: &ConfigArgs) -> Result<(Rooms, std::sync::Arc<Membership>), Failure> {
    let rooms = rooms(node)?;
    let directory = rooms
        .directory()
        .or_failure(Exit::Failure, "see `musubi-node doctor`")?;
    let polled = super::run::small_runtime()?.block_on(directory.poll());
    if let Err(error) = polled {
        note(&format!("warning: the registry was not heard: {error}"));
    }
    let known = match directory.membership() {
        Some(known) => known,
        None => membership(&rooms)?,
    };
    Ok((rooms, known))
}

fn listed<'m>(rooms: &Rooms, membership: &'m Membership) -> Result<&'m Member, Failure> {
    membership.member(&rooms.me).ok_or_else(|| {
        Failure::new(
            Exit::NotAuthorised,
            "this node is not in the directory",
            "join first: musubi-node join TOKEN",
        )
    })
}

fn list(args: &CertificateListArgs) -> Result<(), Failure> {
    let (rooms, membership) = newest(&args.node)?;
    let here = here(&rooms, &membership)?;
    let member = membership.member(&rooms.me);
    let is_listed = |one: &Certificate| {
        let mut named = member.into_iter().flat_map(|member| &member.certificates);
        named.any(|named| named.fingerprint() == one.fingerprint())
    };
    let files = &rooms.config.federation.tls;
    let rows = [
        (Some(&here.present), files.clone()),
        (here.next.as_ref(), files.next()),
    ];
    let rows = rows
        .into_iter()
        .filter_map(|(one, files)| Some((one?, files)));
    let rows: Vec<_> = rows
        .map(|(one, TlsFiles { certificate, .. })| {
            let shown = one.fingerprint() == here.shown.fingerprint();
            (one.fingerprint(), is_listed(one), shown, certificate)
        })
        .collect();
    match args.output.output {
        Output::Json => print_json(&serde_json::Value::Array(
            rows.iter()
                .map(|(print, listed, shown, file)| {
                    json!({ "sha256": print.to_string(), "listed": listed, "shown": shown,
                        "file": file.display().to_string() })
                })
                .collect(),
        )),
        Output::Table => {
            for (print, listed, shown, file) in rows {
                let listed = if listed { "listed" } else { "not listed" };
                let shown = if shown { "shown" } else { "not shown" };
                line(&format!(
                    "{print}  {listed:<10}  {shown:<9}  {}",
                    file.display()
                ));
            }
            Ok(())
        }
    }
}

fn request(args: &CertificateRequestArgs) -> Result<(), Failure> {
    let (rooms, membership) = newest(&args.node)?;
    let member = listed(&rooms, &membership)?;
    let here = here(&rooms, &membership)?;
    let certificates = wanted(here, args.drop_old)?;
    let brought = args.recovery_key.as_deref();
    let brought = brought
        .map(|path| join::key_file(path, &rooms.config))
        .transpose()?;
    let here_still = rooms.keys.signer(KeyUse::Recovery);
    let here_still = here_still.filter(|key| is_recovery_of(member, &**key));
    let recovery: Option<&dyn Sign> = match (&brought, &here_still) {
        (Some(key), _) => Some(key),
        (None, Some(key)) => Some(&**key),
        (None, None) => None,
    };
    if let Some(key) = recovery.filter(|key| !is_recovery_of(member, *key)) {
        return Err(Failure::new(
            Exit::NotAuthorised,
            format!(
                "{} is not the recovery key that the directory lists",
                key.kid()
            ),
            "bring the recovery key that this member joined with; without it, leave the option \
             out: the change is then held for 24 hours",
        ));
    }
    let (profile, description) = profile(&rooms, member, certificates, brought.as_ref())?;
    let version = member.version().saturating_add(1);
    let entry = Entry::new(membership.registry(), version, profile, now());
    let own = rooms.keys.sign();
    let signer = recovery.unwrap_or(&*own);
    let request = ReplacementRequest::new(&entry, signer, description);
    write(&request, args.out.as_deref(), recovery.is_some())
}

fn is_recovery_of(member: &Profile, key: &dyn Sign) -> bool {
    let mut keys = member.keys.iter();
    keys.any(|one| one.key_use == KeyUse::Recovery && one.kid == *key.kid())
}

/// The certificates that are to be listed: what lies here, or the next alone.
fn wanted(here: Here, drop_old: bool) -> Result<Vec<Certificate>, Failure> {
    let Here {
        present,
        next,
        shown,
    } = here;
    if !drop_old {
        return Ok(std::iter::once(present).chain(next).collect());
    }
    let next = next.ok_or_else(|| {
        Failure::new(
            Exit::Failure,
            "there is no next certificate that could stand alone",
            "make one: musubi-node certificate new",
        )
    })?;
    if next.fingerprint() != shown.fingerprint() {
        return Err(Failure::new(
            Exit::TryAgain,
            "the next certificate is not shown yet: without the old one, peers would refuse us",
            format!(
                "have it listed, wait {} minutes, and see `musubi-node certificate list`",
                LISTED_SECONDS / 60
            ),
        ));
    }
    Ok(vec![next])
}

/// The member as it is listed, with this house's names, address and certificates. On a machine with
/// new keys, these take the place of the old ones, but for the recovery key; then the description
/// proves them.
fn profile(
    rooms: &Rooms,
    member: &Profile,
    certificates: Vec<Certificate>,
    recovery: Option<&SecretKey>,
) -> Result<(Profile, Option<String>), Failure> {
    let described = describe::profile_of(&rooms.config, &rooms.keys, certificates, now())?;
    let is_listed = |kid| member.keys.iter().any(|one| one.kid == kid);
    let mut profile = Profile {
        operator: member.operator.clone(),
        keys: member.keys.clone(),
        ..described.clone()
    };
    if described.keys.iter().all(|key| is_listed(key.kid.clone())) {
        return Ok((profile, None));
    }
    profile.keys = described.keys;
    let kept = member.keys.iter().filter(|key| {
        let proven = recovery.is_some_and(|brought| *brought.kid() == key.kid);
        proven && !profile.keys.iter().any(|one| one.kid == key.kid)
    });
    let kept: Vec<_> = kept.cloned().collect();
    profile.keys.extend(kept);
    let brought = recovery.map(|key| -> &dyn Sign { key });
    let text = describe::signed(&rooms.keys, profile.clone(), brought, now())?;
    MemberDescription::verify(&text).or_failure(
        Exit::Failure,
        "bring the recovery key, so that it can prove itself: --recovery-key FILE",
    )?;
    Ok((profile, Some(text)))
}

fn write(
    request: &ReplacementRequest,
    out: Option<&Path>,
    by_recovery: bool,
) -> Result<(), Failure> {
    let text = request.to_json();
    match out {
        None => line(&text),
        Some(path) => {
            fs::write(path, format!("{text}\n")).map_err(|error| Failure::file(path, &error))?;
        }
    }
    if !by_recovery {
        note(
            "warning: without the recovery key's signature the registry holds this for 24 hours, \
             and every node is alarmed",
        );
    }
    note("next: at the registry, musubi-registry member replace FILE --approver-key KEY");
    Ok(())
}

fn drop_old(args: &CertificateDropArgs) -> Result<(), Failure> {
    let (rooms, membership) = newest(&args.node)?;
    let member = listed(&rooms, &membership)?;
    let tls = &rooms.config.federation.tls;
    let next = tls.next();
    if !next.key.exists() {
        return Err(Failure::new(
            Exit::Failure,
            "there is no next certificate",
            "nothing is to be done; see `musubi-node certificate list`",
        ));
    }
    let present = certificates::open_present(tls, &rooms.config.passphrase);
    let present = present
        .and_then(|identity| identity.fingerprint())
        .or_failure(
            Exit::Config,
            "check federation.tls_certificate_file and its key",
        )?;
    // Where the certificate was moved already and its key was not, the present one is the next.
    if next.certificate.exists() {
        let mut named = member.certificates.iter();
        if named.any(|one| one.fingerprint() == present) {
            return Err(Failure::new(
                Exit::Failure,
                "the directory still lists the old certificate",
                "musubi-node certificate request --drop-old, and have the registry replace the entry",
            ));
        }
        on_disk(tls, &rooms.config.passphrase)
            .or_failure(Exit::Config, "check the next certificate and its key")?;
        rename(&next.certificate, &tls.certificate)?;
    }
    rename(&next.key, &tls.key)?;
    line(&format!("{}", tls.certificate.display()));
    Ok(())
}

fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::rename(from, to).map_err(|error| Failure::file(from, &error))?;
    let folder = to.parent().unwrap_or_else(|| Path::new("."));
    fs::File::open(folder)
        .and_then(|opened| opened.sync_all())
        .map_err(|error| Failure::file(folder, &error))
}
