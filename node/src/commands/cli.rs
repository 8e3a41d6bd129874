//! What can be typed: every command, option and example of `musubi-node`.

pub(crate) mod access;
pub(crate) mod audit;
pub(crate) mod certificate;
pub(crate) mod consent;
pub(crate) mod doctor;
pub(crate) mod emergency;
pub(crate) mod import;
pub(crate) mod join;
pub(crate) mod keys;
pub(crate) mod keys_encrypt;
pub(crate) mod link;
pub(crate) mod person;
pub(crate) mod staff;
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
    /// The certificate that peers know this node by: the next one made, listed and shown
    #[command(subcommand)]
    Certificate(certificate::CertificateCommand),
    /// This member's keys: list, rotate, revoke; seal their files
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Load FHIR transaction bundles and NDJSON, without memory of what was loaded; see import
    Load(LoadArgs),
    /// Import NDJSON, bundles and SS-MIX2 storage, again and again: with progress and quarantine
    Import(Box<import::ImportArgs>),
    /// People who chose this node as their home
    #[command(subcommand)]
    Person(person::PersonCommand),
    /// Links between a person's chart at a hospital and the person's home node
    #[command(subcommand)]
    Link(link::LinkCommand),
    /// What a person lets others see: directives at their home node, reservations at any
    #[command(subcommand)]
    Consent(consent::ConsentCommand),
    /// Make a visit code: the person shows it to the doctor who is to see their records
    Code(CodeArgs),
    /// Ask the other hospitals about a person, with the visit code they gave
    Ask(AskArgs),
    /// Ask without consent in an emergency, and review who did
    #[command(subcommand)]
    Emergency(emergency::EmergencyCommand),
    /// Read the audit log of this node
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// What was signed in an exchange, verified without anybody's help
    #[command(subcommand)]
    Evidence(audit::EvidenceCommand),
    /// Bearer tokens for systems and scripts, of staff and people too
    #[command(subcommand)]
    Access(access::AccessCommand),
    /// Staff who sign in on pages: accounts, one-time setup links, sessions
    #[command(subcommand)]
    Staff(staff::StaffCommand),
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
    /// The registry's address
    #[arg(long, value_name = "URL")]
    pub(crate) registry: String,
    /// SHA-256 of the registry's root document, as its operator tells it
    #[arg(long, value_name = "PIN", allow_hyphen_values = true)]
    pub(crate) root_sha256: String,
    /// The address at which peers reach this node
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: String,
    #[command(flatten)]
    pub(crate) house: HouseArgs,
}

/// How a new node is named, where it listens, and where it keeps its records: `init` and `join` ask
/// the same.
#[derive(Debug, Clone, Args)]
pub(crate) struct HouseArgs {
    /// The organisation's name in kana
    #[arg(long, default_value = "")]
    pub(crate) name_kana: String,
    /// The same in English
    #[arg(long, default_value = "")]
    pub(crate) name_en: String,
    /// Region shown to patients and doctors
    #[arg(long, default_value = "")]
    pub(crate) region: String,
    /// Telephone number that doctors and patients may call when the node does not answer
    #[arg(long, value_name = "NUMBER", default_value = "")]
    pub(crate) public_phone: String,
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
    /// File with the passphrase that seals the private keys; $CREDENTIALS_DIRECTORY/NAME is what
    /// the service manager lends [default: keys are not sealed]
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<String>,
    /// Private network that registry and peers may be in, for example 10.0.0.0/8; may be repeated
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

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  musubi-node code --for 0110000003 --phone hana.phone.json \
    --categories lab,rx --hospitals 0110000001,0110000002\n  \
    musubi-node code --open --phone hana.phone.json; then: musubi-node person requests list"
)]
pub(crate) struct CodeArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The person's phone file
    #[arg(long, value_name = "FILE")]
    pub(crate) phone: PathBuf,
    /// The member whose doctor is to see the records
    #[arg(long = "for", value_name = "MEMBER", required_unless_present = "open")]
    pub(crate) requester: Option<String>,
    /// Name nobody: whoever hands it in is answered on the phone (`person requests answer`)
    #[arg(
        long,
        conflicts_with_all = ["requester", "categories", "hospitals", "practitioner", "until"]
    )]
    pub(crate) open: bool,
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
