//! All that an import leaves in a database, read past the node: resources, former versions, index
//! rows, what is known of each source, quarantine.

use std::collections::BTreeMap;
use std::fmt;

use diesel::RunQueryDsl as _;
use diesel::sql_types::{BigInt, Text};
use scenarios::Hospital;
use scenarios::store::OtherConnection;

/// The rows of each table as texts, sorted. Row numbers stand as the addresses they are of, and
/// what depends on the hour of the import is left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Held(BTreeMap<&'static str, Vec<String>>);

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    line: String,
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Each table's rows as one text each. In the index: the resource, its chart, the values.
const TABLES: [(&str, &str, &str); 12] = [
    (
        "resource",
        "t.version || ' ' || t.deleted || ' ' || t.category || ' ' || t.contained || ' ' || t.labels \
         || ' ' || t.date || ' ' || t.date_end || ' ' || t.authors || ' ' || t.related || ' ' || t.raw",
        OF_CHART,
    ),
    (
        "resource_version",
        "t.version || ' ' || t.deleted || ' ' || t.raw",
        OF_CHART,
    ),
    (
        "ix_token",
        "t.slot || ' ' || t.value || ' ' || t.date || ' ' || t.category",
        OF_CHART,
    ),
    (
        "ix_date",
        "t.slot || ' ' || t.lo || ' ' || t.hi || ' ' || t.date",
        OF_CHART,
    ),
    (
        "ix_string",
        "t.slot || ' ' || t.value || ' ' || t.date",
        OF_CHART,
    ),
    (
        "ix_reference",
        "t.slot || ' ' || (SELECT o.type || '/' || o.id FROM resource o WHERE o.rid = t.target) \
         || ' ' || t.date",
        OF_CHART,
    ),
    (
        "ix_quantity",
        "t.slot || ' ' || t.lo || ' ' || t.hi || ' ' || t.coded || ' ' || t.code || ' ' || t.unit \
         || ' ' || t.date",
        OF_CHART,
    ),
    (
        "ix_patient",
        "t.type || ' ' || t.date || ' ' || t.date_end || ' ' || t.category",
        OF_CHART,
    ),
    (
        "import_job",
        "t.source || ' ' || t.format || ' ' || t.state || ' ' || t.place || ' ' || t.line || ' ' \
         || t.size || ' ' || t.beginning",
        "",
    ),
    (
        "import_file",
        "t.institution || ' ' || t.stem || ' ' || t.folder || ' ' || t.size || ' ' \
         || COALESCE(t.modified, 0) || ' ' || COALESCE(t.unit, '-') || ' ' || t.step || ' ' \
         || t.occurrence",
        "",
    ),
    (
        "import_unit",
        "t.institution || ' ' || t.unit || ' ' || COALESCE(t.stem, '-') || ' ' || t.step || ' ' \
         || t.occurrence || ' ' || t.resources",
        "",
    ),
    (
        "import_quarantine",
        "t.source || ' ' || t.place || ' ' || t.reason || ' ' || t.detail",
        "",
    ),
];

/// The row is of a resource, in a chart.
const OF_CHART: &str = "COALESCE((SELECT o.type || '/' || o.id FROM resource o \
    WHERE o.rid = t.rid), '?') || ' in ' || COALESCE((SELECT o.id FROM resource o \
    WHERE o.rid = t.patient), '-') || ' ' || ";

impl Held {
    pub(super) fn at(hospital: &Hospital) -> Self {
        let mut connection = beside(hospital);
        let read = |(table, columns, of): (&'static str, &str, &str)| {
            let sql = format!("SELECT {of}{columns} AS line FROM {table} t");
            let rows = load::<Row>(&mut connection, &sql);
            let mut lines: Vec<String> = rows.iter().map(|row| outside_time(&row.line)).collect();
            lines.sort_unstable();
            (table, lines)
        };
        Self(TABLES.into_iter().map(read).collect())
    }

    /// Holds what the other holds.
    pub(super) fn is_that_of(&self, other: &Self) {
        for (table, lines) in &self.0 {
            let others = &other.0[table];
            let differs = lines
                .iter()
                .zip(others)
                .position(|(one, other)| one != other);
            let place = differs.unwrap_or(lines.len().min(others.len()));
            assert_eq!(
                (lines.len(), lines.get(place)),
                (others.len(), others.get(place)),
                "{table}, row {place}"
            );
        }
    }

    /// There is something of everything that these tests are about.
    pub(super) fn is_something(&self) {
        for table in [
            "resource",
            "resource_version",
            "ix_token",
            "import_quarantine",
        ] {
            assert!(!self.0[table].is_empty(), "nothing in {table}");
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self
            .0
            .iter()
            .map(|(table, lines)| format!("{} {table}", lines.len()));
        out.write_str(&counts.collect::<Vec<_>>().join(", "))
    }
}

/// The text of a resource without the moment at which it was stored.
pub(super) fn outside_time(text: &str) -> String {
    const BEFORE: &str = "\"lastUpdated\":\"";
    match text.split_once(BEFORE) {
        Some((head, tail)) => {
            let (_, rest) = tail.split_once('"').unwrap();
            format!("{head}{BEFORE}\"{rest}")
        }
        None => text.to_owned(),
    }
}

/// The turns that imports have taken, all together.
pub(super) fn turns(hospital: &Hospital) -> i64 {
    let sql = "SELECT CAST(COALESCE(SUM(turn), 0) AS BIGINT) AS count FROM import_job";
    counted(hospital, sql)
}

/// Whether every source is imported to its end.
pub(super) fn is_done(hospital: &Hospital) -> bool {
    let sql = "SELECT COUNT(*) AS count FROM import_job WHERE state <> 'done'";
    counted(hospital, sql) == 0
}

fn counted(hospital: &Hospital, sql: &str) -> i64 {
    let mut connection = beside(hospital);
    load::<Count>(&mut connection, sql)[0].count
}

/// A connection that waits for its turn as the node's own do.
fn beside(hospital: &Hospital) -> OtherConnection {
    let mut connection = hospital.other_connection();
    if matches!(connection, OtherConnection::Sqlite(_)) {
        connection.run("PRAGMA busy_timeout = 10000");
    }
    connection
}

fn load<R>(connection: &mut OtherConnection, sql: &str) -> Vec<R>
where
    R: diesel::QueryableByName<diesel::sqlite::Sqlite>
        + diesel::QueryableByName<diesel::pg::Pg>
        + 'static,
{
    let query = diesel::sql_query(sql);
    match connection {
        OtherConnection::Sqlite(sqlite) => query.load(sqlite).unwrap(),
        OtherConnection::Postgres(postgres) => query.load(postgres).unwrap(),
    }
}
