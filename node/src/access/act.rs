//! What a caller of this node wants to do, and which role does it.

use crate::audit::{Kind, Line};
use crate::database::Rid;
use crate::identity::Caller;

use super::Permit;
use super::release::Hold;

/// Something a caller of this node wants to do. Where the chart is known beforehand, it stands in
/// the audit line.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Act<'a> {
    /// Read one resource here, any version.
    Read {
        /// Its type.
        kind: &'a str,
        /// Its logical id.
        id: &'a str,
        /// The chart it is in, where that is known.
        patient: Option<Rid>,
    },
    /// Search resources here.
    Search {
        /// Their type.
        kind: &'a str,
        /// The chart that is searched, where the search names one.
        patient: Option<Rid>,
    },
    /// Read former versions here.
    History {
        /// A resource's address, a type's name, or nothing: of everything.
        of: &'a str,
        /// The chart it is in, where that is known.
        patient: Option<Rid>,
    },
    /// Read everything about one patient, or of one encounter.
    Everything {
        /// The address of the patient or encounter.
        of: &'a str,
        /// The chart.
        patient: Option<Rid>,
    },
    /// Have a resource judged: one that was brought along, or one here.
    Validate {
        /// Its type.
        kind: &'a str,
        /// Its logical id, where one is named.
        id: Option<&'a str>,
        /// The chart it is in, where that is known.
        patient: Option<Rid>,
    },
    /// Create, change or delete a resource here.
    Write {
        /// Its type.
        kind: &'a str,
        /// Its logical id, where it has one already.
        id: Option<&'a str>,
    },
    /// Write a transaction Bundle here.
    Transaction,
    /// Export charts to files, for a system of the hospital's own; begin it, or go on with it.
    Export {
        /// Whose: `Patient` for everybody, `Group/id` for its members.
        scope: &'a str,
        /// The job.
        job: &'a str,
    },
    /// Fetch a file of an export.
    Download {
        /// The job.
        job: &'a str,
        /// The file's name.
        file: &'a str,
    },
    /// End an export and remove its files.
    CancelExport {
        /// The job.
        job: &'a str,
    },
    /// Import files of this format.
    Import {
        /// Its name.
        format: &'a str,
    },
    /// Write or delete what a person measured themselves, in their own chart.
    RecordVitals {
        /// In which way: `hand`, `import`, `token`, `delete`, `undo`.
        way: &'static str,
        /// The upload, the upload token or the resource.
        of: &'a str,
    },
    /// Redeem a visit code, or ask peers under a grant.
    Ask {
        /// The practitioner who asks.
        practitioner: &'a str,
    },
    /// Look at what peers answered under a grant or in an emergency, while it is kept.
    View {
        /// The grant, or the emergency access.
        under: &'a str,
        /// What of it: `timeline`, `labs`, `medicines`, `documents`, `history`.
        what: &'a str,
        /// The chart here that it belongs to, where one was named.
        patient: Option<Rid>,
    },
    /// Ask peers about oneself.
    AskOwn,
    /// Ask who looked at one's own records, here and at peers.
    AskWhoLooked,
    /// Ask peers in an emergency, without a consent.
    AskInEmergency {
        /// The practitioner who asks.
        practitioner: &'a str,
    },
    /// Read and close the reviews of emergency accesses.
    ReviewEmergencies,
    /// Enrol a person.
    Enroll,
    /// Make, accept or end a link.
    Link,
    /// Look at who a chart is of, to link it: at the desk any chart, a person their own.
    Identify {
        /// The chart.
        patient: Rid,
    },
    /// Look for a chart by what somebody shows at the desk: Patients and their Coverages alone.
    FindPatient,
    /// Read the audit.
    ReadAudit,
    /// Make or revoke access tokens.
    ManageTokens,
    /// Add, change or disable staff accounts, and end their sessions.
    ManageStaff,
    /// Rotate keys, show another certificate.
    ManageKeys,
    /// See how the node fares: peers, queues, backups, certificates. No chart, no audit.
    Observe,
}

/// What a permit opens.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Every chart here, to read.
    House,
    /// Every chart here, to read and write.
    HouseWrites,
    /// One's own chart, to read.
    Own(Rid),
    /// Patients and Coverages, to find out who is meant.
    Identities,
    /// What one measured oneself in one's own chart, to write.
    OwnVitals(Rid),
    /// No chart: the act itself.
    Act,
}

impl Reach {
    /// The permit; `hold` is what of their own chart a person waits for.
    pub(super) fn permit(self, hold: Option<Hold>) -> Permit {
        match self {
            Reach::House => Permit::house(false),
            Reach::HouseWrites => Permit::house(true),
            Reach::Own(patient) => Permit::own_chart(patient, hold),
            Reach::Identities => Permit::identifying(),
            Reach::OwnVitals(patient) => Permit::own_vitals(patient),
            Reach::Act => Permit::act(),
        }
    }
}

impl Act<'_> {
    /// What this role reaches with this act; `None` if it does not do it. The table of roles:
    /// `tests/access_matrix.rs` prints it.
    pub(super) fn reach_of(&self, caller: &Caller) -> Option<Reach> {
        match (self, caller) {
            (
                Act::Read { .. }
                | Act::Search { .. }
                | Act::History { .. }
                | Act::Everything { .. }
                | Act::Validate { .. },
                Caller::Physician { .. } | Caller::System { .. },
            )
            | (Act::Export { .. }, Caller::System { .. }) => Some(Reach::House),
            // Whether a read lies in their own chart, the compartment decides.
            (
                Act::Read { .. }
                | Act::Search { .. }
                | Act::History { .. }
                | Act::Everything { .. },
                Caller::Person { patient, .. },
            ) => Some(Reach::Own(*patient)),
            (Act::RecordVitals { .. }, Caller::Person { patient, .. }) => {
                Some(Reach::OwnVitals(*patient))
            }
            (Act::Identify { patient }, Caller::Registrar { .. }) => Some(Reach::Own(*patient)),
            (Act::FindPatient, Caller::Registrar { .. }) => Some(Reach::Identities),
            (Act::Identify { patient: chart }, Caller::Person { patient, .. })
                if chart == patient =>
            {
                Some(Reach::Own(*patient))
            }
            (Act::Write { .. } | Act::Transaction | Act::Import { .. }, Caller::System { .. }) => {
                Some(Reach::HouseWrites)
            }
            // A physician asks as themselves; a system names the practitioner it speaks for.
            (Act::Ask { practitioner }, Caller::Physician { id }) if id == practitioner => {
                Some(Reach::Act)
            }
            // Whose grant it is, the grant says.
            (Act::View { .. }, Caller::Physician { .. }) => Some(Reach::Act),
            // Nor does anybody ask as a person but that person.
            (Act::AskOwn | Act::AskWhoLooked, Caller::Person { .. }) => Some(Reach::Act),
            // Nobody speaks for a physician in an emergency: the second factor is theirs.
            (Act::AskInEmergency { practitioner }, Caller::Physician { id })
                if id == practitioner =>
            {
                Some(Reach::Act)
            }
            // What a file holds was judged when it was written.
            (Act::Ask { .. } | Act::Download { .. }, Caller::System { .. })
            | (Act::CancelExport { .. }, Caller::System { .. } | Caller::Admin { .. })
            | (Act::Enroll | Act::Link, Caller::Registrar { .. })
            | (Act::ReadAudit | Act::ReviewEmergencies, Caller::Auditor { .. })
            | (Act::ReviewEmergencies | Act::ManageKeys, Caller::Security { .. })
            | (Act::ManageTokens | Act::ManageStaff, Caller::Admin { .. })
            | (
                Act::Observe,
                Caller::Admin { .. }
                | Caller::Security { .. }
                | Caller::Auditor { .. }
                | Caller::Observer { .. },
            ) => Some(Reach::Act),
            _not_theirs => None,
        }
    }

    /// The word in audit lines and refusals.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Act::Read { .. } => "read",
            Act::Search { .. } => "search",
            Act::History { .. } => "history",
            Act::Everything { .. } => "everything",
            Act::Validate { .. } => "validate",
            Act::Write { .. } => "write",
            Act::Transaction => "transaction",
            Act::Export { .. } => "export",
            Act::Download { .. } => "download",
            Act::CancelExport { .. } => "cancel_export",
            Act::Import { .. } => "import",
            Act::RecordVitals { .. } => "record_vitals",
            Act::Ask { .. } => "ask",
            Act::View { .. } => "view",
            Act::AskOwn => "ask_own",
            Act::AskWhoLooked => "ask_who_looked",
            Act::AskInEmergency { .. } => "ask_in_emergency",
            Act::ReviewEmergencies => "review_emergencies",
            Act::Enroll => "enroll",
            Act::Link => "link",
            Act::Identify { .. } => "identify",
            Act::FindPatient => "find_patient",
            Act::ReadAudit => "read_audit",
            Act::ManageTokens => "manage_tokens",
            Act::ManageStaff => "manage_staff",
            Act::ManageKeys => "manage_keys",
            Act::Observe => "observe",
        }
    }

    pub(super) const fn kind(&self) -> Kind {
        match self {
            Act::Read { .. }
            | Act::Search { .. }
            | Act::History { .. }
            | Act::Everything { .. }
            | Act::Validate { .. }
            | Act::View { .. } => Kind::Read,
            Act::ReadAudit | Act::AskWhoLooked => Kind::AuditRead,
            Act::Write { .. }
            | Act::Transaction
            | Act::Import { .. }
            | Act::RecordVitals { .. } => Kind::Write,
            Act::Export { .. } | Act::Download { .. } | Act::CancelExport { .. } => Kind::Export,
            Act::Ask { .. } | Act::AskOwn | Act::AskInEmergency { .. } => Kind::Query,
            Act::ReviewEmergencies => Kind::Emergency,
            Act::Enroll | Act::Link | Act::Identify { .. } | Act::FindPatient => Kind::Link,
            Act::ManageTokens | Act::ManageStaff => Kind::AccessToken,
            Act::ManageKeys | Act::Observe => Kind::Configuration,
        }
    }

    pub(super) const fn patient(&self) -> Option<Rid> {
        match self {
            Act::Read { patient, .. }
            | Act::Search { patient, .. }
            | Act::History { patient, .. }
            | Act::Everything { patient, .. }
            | Act::Validate { patient, .. }
            | Act::View { patient, .. } => *patient,
            Act::Identify { patient } => Some(*patient),
            _other => None,
        }
    }

    pub(super) fn describe(&self, line: Line) -> Line {
        match self {
            Act::Read { kind, id, .. }
            | Act::Write { kind, id: Some(id) }
            | Act::Validate {
                kind, id: Some(id), ..
            } => line.detail("resource", format!("{kind}/{id}")),
            Act::Search { kind, .. }
            | Act::Write { kind, id: None }
            | Act::Validate { kind, id: None, .. } => line.detail("type", *kind),
            Act::History { of: "", .. } => line,
            Act::History { of, .. } | Act::Everything { of, .. } => line.detail("resource", *of),
            Act::Export { scope, job } => line.detail("scope", *scope).detail("job", *job),
            Act::Download { job, file } => line.detail("job", *job).detail("file", *file),
            Act::CancelExport { job } => line.detail("job", *job),
            Act::Import { format } => line.detail("format", *format),
            Act::RecordVitals { way, of } => line.detail("way", *way).detail("of", *of),
            Act::View { under, what, .. } => line.detail("grant", *under).detail("view", *what),
            Act::Ask { practitioner } | Act::AskInEmergency { practitioner } => {
                line.detail("practitioner", *practitioner)
            }
            _plain => line,
        }
    }
}
