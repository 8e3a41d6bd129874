//! What can be typed: every command, option and example of `musubi-node`.

pub(crate) mod audit;
pub(crate) mod doctor;
pub(crate) mod import;
pub(crate) mod join;
pub(crate) mod upkeep;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// One hospital's place in the Musubi federation.
#[derive(Debug, Parser)]
#[command(
    name = "musubi-node",
    version,
    about,
    propagate_version = true,
    after_help = "Examples:\n  \
        musubi-node init --dir /var/lib/musubi-node --member 0110000001 --name 港病院 \\\n      \
            --registry https://registry.example.jp:9000 --root-sha256 PIN \\\n      \
            --endpoint https://minato.example.jp:9443\n  \
        musubi-node check-config --config /var/lib/musubi-node/node.toml\n  \
        musubi-node run --config /var/lib/musubi-node/node.toml\n\n\
        Exit codes: 0 ok, 1 failure, 2 usage, 3 check found problems, 4 not authorised, 5 peer or \
        registry unreachable, 6 refused by consent or policy, 7 partial result, 75 try again, \
        78 configuration error."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a node's keys, certificate, database and settings in a new directory
    Init(InitArgs),
    /// Serve: federation, hospital and patient listeners, until SIGTERM
    Run(ConfigArgs),
    /// Read the settings, say what is wrong with them, change nothing
    CheckConfig(CheckConfigArgs),
    /// Write this node's public description, for the registry's operator
    Describe(DescribeArgs),
    /// Find what is wrong: settings, keys, database, disk, registry, and the way to each peer
    Doctor(doctor::DoctorArgs),
    /// Join the federation with a token from the registry's operator
    Join(Box<join::JoinArgs>),
    /// Leave the federation, for ever
    Leave(join::LeaveArgs),
    /// Load FHIR transaction bundles and NDJSON, without memory of what was loaded; see import
    Load(LoadArgs),
    /// Import NDJSON, bundles and SS-MIX2 storage, again and again: with progress and quarantine
    Import(Box<import::ImportArgs>),
    /// People who chose this node as their home
    #[command(subcommand)]
    Person(PersonCommand),
    /// Links between a person's chart at a hospital and the person's home node
    #[command(subcommand)]
    Link(LinkCommand),
    /// What a person lets others see: directives at their home node, reservations at any
    #[command(subcommand)]
    Consent(ConsentCommand),
    /// Make a visit code: the person shows it to the doctor who is to see their records
    Code(CodeArgs),
    /// Ask the other hospitals about a person, with the visit code they gave
    Ask(AskArgs),
    /// Read the audit log of this node
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// What was signed in an exchange, verified without anybody's help
    #[command(subcommand)]
    Evidence(audit::EvidenceCommand),
    /// Bearer tokens for staff, systems and people, until sign-in pages exist
    #[command(subcommand)]
    Access(AccessCommand),
    /// Backups of the database: make, verify, restore
    #[command(subcommand)]
    Backup(upkeep::BackupCommand),
    /// The database's size, soundness and upkeep
    #[command(subcommand)]
    Database(upkeep::DatabaseCommand),
    /// The profiles that resources are held against
    #[command(subcommand)]
    Profiles(upkeep::ProfilesCommand),
}

/// Which node is meant.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigArgs {
    /// Settings file
    #[arg(
        long,
        env = "MUSUBI_NODE_CONFIG",
        default_value = "node.toml",
        value_name = "FILE"
    )]
    pub(crate) config: PathBuf,
}

/// How results are printed on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Table,
    /// For programs
    Json,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct OutputArgs {
    /// How to print the result
    #[arg(short, long, value_enum, default_value = "table")]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  musubi-node init --dir /var/lib/musubi-node --member 0110000001 \
    --name 港病院 --name-en \"Minato Hospital\" --region 札幌 \\\n      --registry \
    https://127.0.0.1:9000 --root-sha256 PIN --endpoint https://127.0.0.1:9111"
)]
pub(crate) struct InitArgs {
    /// Directory to make: settings, keys, certificate, database
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Ten-digit medical institution number, or x-LABEL where none exists
    #[arg(long, value_name = "NUMBER")]
    pub(crate) member: String,
    /// The organisation's name in Japanese
    #[arg(long)]
    pub(crate) name: String,
    /// The same in kana
    #[arg(long, default_value = "")]
    pub(crate) name_kana: String,
    /// The same in English
    #[arg(long, default_value = "")]
    pub(crate) name_en: String,
    /// Region shown to patients and doctors
    #[arg(long, default_value = "")]
    pub(crate) region: String,
    /// The registry's address
    #[arg(long, value_name = "URL")]
    pub(crate) registry: String,
    /// SHA-256 of the registry's root document, as its operator tells it
    #[arg(long, value_name = "PIN", allow_hyphen_values = true)]
    pub(crate) root_sha256: String,
    /// The address at which peers reach this node
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: String,
    /// Address to listen on for peers [default: the endpoint's port on every interface]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) federation_bind: Option<String>,
    /// Address to listen on for the hospital's own systems and staff
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    pub(crate) hospital_bind: String,
    /// Address to listen on for patients
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8082")]
    pub(crate) patient_bind: String,
    /// sqlite:PATH or postgres://… [default: sqlite, in the directory]
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Private network that peers may be in, for example 10.0.0.0/8; may be repeated
    #[arg(long = "allow-cidr", value_name = "CIDR")]
    pub(crate) allow_cidrs: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckConfigArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DescribeArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  musubi-node load chart.json more/*.ndjson\n  \
    zcat export.ndjson.gz | musubi-node load -"
)]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Bundle files, NDJSON files, directories of them, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// What the files hold: auto, bundle or ndjson
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub(crate) format: String,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PersonCommand {
    /// Make this node the home of a person who has a chart here; writes their phone file
    Enroll(EnrollArgs),
    /// Everyone whose home this is
    List(ListArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  musubi-node person enroll --patient 0192… --phone hana.phone.json"
)]
pub(crate) struct EnrollArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Id of the person's chart (FHIR Patient) at this node
    #[arg(long, value_name = "ID")]
    pub(crate) patient: String,
    /// File that stands for the person's phone: it holds their private keys
    #[arg(long, value_name = "FILE")]
    pub(crate) phone: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LinkCommand {
    /// At the desk of a hospital, the person present: link the chart here to their home node
    Create(LinkCreateArgs),
    /// At home: take the links that the person brings on their phone
    Accept(LinkAcceptArgs),
    /// The links this node knows, as responder and as home
    List(ListArgs),
    /// End a link: the next question about this person here is refused
    End(LinkEndArgs),
    /// At the person's home: end the link with a hospital, and the tokens for it
    Forget(LinkForgetArgs),
    /// Move what hangs on a chart to the one that replaces it
    Merge(LinkMergeArgs),
    /// Say that a handle means another chart; tokens minted for it before end
    Correct(LinkCorrectArgs),
}

#[derive(Debug, Args)]
pub(crate) struct LinkCreateArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Id of the person's chart (FHIR Patient) here
    #[arg(long, value_name = "ID")]
    pub(crate) patient: String,
    /// Member id of the person's home node
    #[arg(long, value_name = "MEMBER")]
    pub(crate) home: String,
    /// The person's phone file; the new link and its key are written into it
    #[arg(long, value_name = "FILE")]
    pub(crate) phone: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LinkAcceptArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The person's phone file
    #[arg(long, value_name = "FILE")]
    pub(crate) phone: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LinkMergeArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Id of the Patient whose chart is given up
    #[arg(long, value_name = "ID")]
    pub(crate) from: String,
    /// Id of the Patient whose chart goes on
    #[arg(long, value_name = "ID")]
    pub(crate) into: String,
}

#[derive(Debug, Args)]
pub(crate) struct LinkCorrectArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The link's handle, pp:…
    #[arg(value_name = "HANDLE")]
    pub(crate) handle: String,
    /// Id of the Patient that it means
    #[arg(long, value_name = "ID")]
    pub(crate) patient: String,
}

#[derive(Debug, Args)]
pub(crate) struct LinkForgetArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The person whose home this is
    #[arg(long, value_name = "ID")]
    pub(crate) person: String,
    /// The hospital
    #[arg(long, value_name = "MEMBER")]
    pub(crate) hospital: String,
}

#[derive(Debug, Args)]
pub(crate) struct LinkEndArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The link's handle, pp:…
    #[arg(value_name = "HANDLE")]
    pub(crate) handle: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConsentCommand {
    /// Record that a person lets a member see kinds of their data (or, with --deny, does not)
    Give(GiveArgs),
    /// Withdraw a directive; the tokens that rest on it end
    Withdraw(WithdrawArgs),
    /// The directives of a person
    List(ConsentListArgs),
    /// Say what a member would be allowed, and why
    Explain(ExplainArgs),
    /// Where a change has arrived, hospital by hospital
    Arrivals(ArrivalsArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  musubi-node consent arrivals 1f0c…                (one directive)\n  \
    musubi-node consent arrivals --person ID         (every change of the last seven days)"
)]
pub(crate) struct ArrivalsArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Id of the directive, as `consent list` shows it
    #[arg(
        value_name = "ID",
        required_unless_present = "person",
        conflicts_with = "person"
    )]
    pub(crate) directive: Option<String>,
    /// The person whose home this is
    #[arg(long, value_name = "ID")]
    pub(crate) person: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  musubi-node consent give --person ID --to 0110000002 \
    --categories lab,rx --until 2027-03-31\n  \
    musubi-node consent give --person ID --to 0110000002 --categories lab,rx,condition \
    --hide PSY\n  \
    musubi-node consent give --patient ID --deny --categories rx     (a reservation at this node)"
)]
pub(crate) struct GiveArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The person whose home this is
    #[arg(
        long,
        value_name = "ID",
        required_unless_present = "patient",
        conflicts_with = "patient"
    )]
    pub(crate) person: Option<String>,
    /// A patient of this hospital: the directive is a reservation that only takes away
    #[arg(long, value_name = "ID")]
    pub(crate) patient: Option<String>,
    /// Member who may see; may be repeated; needed unless --deny
    #[arg(long = "to", value_name = "MEMBER", required_unless_present = "deny")]
    pub(crate) to: Vec<String>,
    /// TREAT, ETREAT, PATRQT, HRESCH or PUBHLTH
    #[arg(long, value_name = "PURPOSE", default_value = "TREAT")]
    pub(crate) purpose: String,
    /// Kinds of data, comma separated: lab rx vital allergy condition procedure imaging document
    /// genomic [default: all]
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    pub(crate) categories: Vec<String>,
    /// Also what is marked sensitive (psychiatry, HIV, …); without this, Normal data only
    #[arg(long)]
    pub(crate) sensitive: bool,
    /// Sensitivity that stays hidden in any case: PSY, HIV, SDV, ETH or GDIS; may be repeated
    #[arg(long, value_name = "LABEL", value_delimiter = ',')]
    pub(crate) hide: Vec<String>,
    /// First day (Japan), YYYY-MM-DD
    #[arg(long, value_name = "DAY")]
    pub(crate) from: Option<String>,
    /// Last day (Japan), YYYY-MM-DD
    #[arg(long, value_name = "DAY")]
    pub(crate) until: Option<String>,
    /// Forbid instead of permit
    #[arg(long)]
    pub(crate) deny: bool,
    /// Put this in the place of a directive that is there, as its next version
    #[arg(long, value_name = "DIRECTIVE")]
    pub(crate) replaces: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WithdrawArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Id of the directive, as `consent list` shows it
    #[arg(value_name = "ID")]
    pub(crate) directive: String,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ConsentListArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The person whose home this is
    #[arg(long, value_name = "ID", required_unless_present = "patient")]
    pub(crate) person: Option<String>,
    /// A patient of this hospital: their reservations
    #[arg(long, value_name = "ID", conflicts_with = "person")]
    pub(crate) patient: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The person whose home this is
    #[arg(long, value_name = "ID")]
    pub(crate) person: String,
    /// The member who would ask
    #[arg(long, value_name = "MEMBER")]
    pub(crate) requester: String,
    /// The practitioner who would ask
    #[arg(long, value_name = "ID")]
    pub(crate) practitioner: Option<String>,
    /// What for
    #[arg(long, value_name = "PURPOSE", default_value = "TREAT")]
    pub(crate) purpose: String,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  musubi-node code --for 0110000003 --phone hana.phone.json \
    --categories lab,rx --hospitals 0110000001,0110000002"
)]
pub(crate) struct CodeArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The person's phone file
    #[arg(long, value_name = "FILE")]
    pub(crate) phone: PathBuf,
    /// The member whose doctor is to see the records
    #[arg(long = "for", value_name = "MEMBER")]
    pub(crate) requester: String,
    /// Kinds of data, comma separated [default: all]
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    pub(crate) categories: Vec<String>,
    /// Hospitals to ask, comma separated [default: every linked one]
    #[arg(long, value_name = "MEMBERS", value_delimiter = ',')]
    pub(crate) hospitals: Vec<String>,
    /// What for
    #[arg(long, value_name = "PURPOSE", default_value = "TREAT")]
    pub(crate) purpose: String,
    /// Only this practitioner may redeem it
    #[arg(long, value_name = "ID")]
    pub(crate) practitioner: Option<String>,
    /// How long the doctor may look, in hours
    #[arg(long, value_name = "HOURS", default_value_t = 12)]
    pub(crate) hours: u32,
    /// Until when the doctor may look (RFC 3339), instead of --hours
    #[arg(long, value_name = "TIME", conflicts_with = "hours")]
    pub(crate) until: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  musubi-node ask --token-file dr-0042.token --practitioner dr-0042 \
    --home 0110000001 --code K7QFM-2X93D --categories lab --type Observation\n\n\
    Exit code 7: some hospital was silent or refused; what came is printed."
)]
pub(crate) struct AskArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// File with the bearer token of the physician who asks
    #[arg(long, value_name = "FILE", env = "MUSUBI_NODE_TOKEN_FILE")]
    pub(crate) token_file: PathBuf,
    /// The person's home node
    #[arg(long, value_name = "MEMBER", required_unless_present = "grant")]
    pub(crate) home: Option<String>,
    /// The visit code the person showed
    #[arg(long, required_unless_present = "grant")]
    pub(crate) code: Option<String>,
    /// Staff id of the physician who asks, as their token names it
    #[arg(long, value_name = "ID", required_unless_present = "grant")]
    pub(crate) practitioner: Option<String>,
    /// A grant redeemed before, instead of a code
    #[arg(long, value_name = "ID", conflicts_with_all = ["code", "home"])]
    pub(crate) grant: Option<String>,
    /// What for
    #[arg(long, value_name = "PURPOSE", default_value = "TREAT")]
    pub(crate) purpose: String,
    /// Kinds of data, comma separated
    #[arg(
        long,
        value_name = "KINDS",
        value_delimiter = ',',
        default_value = "lab,rx,allergy,condition"
    )]
    pub(crate) categories: Vec<String>,
    /// FHIR resource types, comma separated
    #[arg(
        long = "type",
        value_name = "TYPES",
        value_delimiter = ',',
        default_value = "Observation,MedicationRequest,AllergyIntolerance,Condition"
    )]
    pub(crate) types: Vec<String>,
    /// A search parameter for every type, like `date=ge2026-01-01` or
    /// `_include=Observation:has-member`; may be given again
    #[arg(long = "query", value_name = "NAME=VALUE")]
    pub(crate) query: Vec<String>,
    /// Id of the person's chart at this hospital, to show its own records beside the others
    #[arg(long, value_name = "ID")]
    pub(crate) patient: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccessCommand {
    /// Make a bearer token; it is shown once and stored hashed
    Create(AccessCreateArgs),
    /// The tokens there are, without their secrets
    List(ListArgs),
    /// End a token
    Revoke(AccessRevokeArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  musubi-node access create --role physician --id dr-0042 --days 30\n  \
    musubi-node access create --role system --id ehr\n  \
    musubi-node access create --person ID"
)]
pub(crate) struct AccessCreateArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// physician, registrar, system, auditor or admin
    #[arg(
        long,
        required_unless_present = "person",
        conflicts_with = "person",
        requires = "id"
    )]
    pub(crate) role: Option<String>,
    /// Staff or system id, as the audit will name it
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// A person whose home this is: a token for the patient listener
    #[arg(long, value_name = "ID")]
    pub(crate) person: Option<String>,
    /// Days until it ends
    #[arg(long, default_value_t = 30)]
    pub(crate) days: u16,
    /// Write the token to this file (0600) instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AccessRevokeArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Id of the token, as `access list` shows it
    #[arg(value_name = "ID")]
    pub(crate) token: String,
}
