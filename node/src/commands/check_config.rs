//! `musubi-node check-config`: are the settings usable.

use federation_service::tls::TlsIdentity;
use serde_json::json;

use super::cli::{CheckConfigArgs, Output};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, line};
use super::settings;
use crate::federation::certificates::open_present;
use crate::keys::Keys;

/// Reads the settings and what they name; opens no database and no socket.
pub(super) fn check_config(args: &CheckConfigArgs) -> Result<(), Failure> {
    let config = settings(&args.node)?;
    let passphrase = super::passphrase(&config)?;
    Keys::open(&config.state_dir.join("keys"), passphrase.clone()).or_failure(
        Exit::Config,
        "run `musubi-node init` first, or mend what is said about the key files",
    )?;
    open_present(&config.federation.tls, &config.passphrase).or_failure(
        Exit::Config,
        "check federation.tls_certificate_file and its key",
    )?;
    for tls in [&config.hospital.tls, &config.patient.tls]
        .into_iter()
        .flatten()
    {
        TlsIdentity::open(&tls.certificate, &tls.key, passphrase.as_deref()).or_failure(
            Exit::Config,
            "check the listener's tls_certificate_file and its key",
        )?;
    }
    let packages = fhir_validation::list(&config.records.profiles);
    let packages = packages.or_failure(Exit::Config, super::PROFILES)?;
    let validation = config.records.validation.as_str();
    let listeners = [
        ("federation", config.federation.bind),
        ("hospital", config.hospital.bind),
        ("patient", config.patient.bind),
    ];
    match args.output.output {
        Output::Json => output::json(&json!({
            "member": config.member_urn(),
            "endpoint": config.federation.endpoint.as_str(),
            "registry": config.registry.url.as_str(),
            "validation": validation,
            "packages": packages.len(),
            "listeners": listeners.iter()
                .map(|(name, bind)| ((*name).to_owned(), json!(bind.to_string())))
                .collect::<serde_json::Map<_, _>>(),
        })),
        Output::Table => {
            line(&format!(
                "ok: {} ({})",
                config.member_urn(),
                config.organization.name
            ));
            let packages = packages.len();
            line(&format!(
                "validation  {validation}, by {packages} packages of profiles"
            ));
            for (name, bind) in listeners {
                line(&format!("{name:<11} {bind}"));
            }
            Ok(())
        }
    }
}
