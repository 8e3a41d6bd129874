//! With `--database postgres://…`: one database per hospital, made from that URL.
//!
//! `postgres://u:p@host/town` gives `town_minato`, `town_yukimi` and `town_shirakaba`. Only a
//! database that carries this program's comment is ever dropped.

use diesel::sql_types::Text;
use diesel::{Connection as _, PgConnection, QueryableByName, RunQueryDsl as _, sql_query};

use crate::town::{HOSPITALS, Hospital};
use crate::trouble::Trouble;

const COMMENT: &str = "three-hospitals: dropped at the next start";

/// Where a hospital's database is; none means a SQLite file in its state folder.
pub(crate) fn url_of(base: Option<&str>, hospital: &Hospital) -> Result<Option<String>, Trouble> {
    base.map(|base| split(base).map(|url| url.for_hospital(hospital)))
        .transpose()
}

/// Makes the databases afresh.
pub(crate) fn prepare(base: &str) -> Result<(), Trouble> {
    let url = split(base)?;
    let mut server = PgConnection::establish(base).map_err(|error| {
        Trouble::new(
            format!("PostgreSQL: {error}"),
            "check the URL, that the server runs, and that the database it names exists",
        )
    })?;
    for hospital in &HOSPITALS {
        let name = url.name(hospital);
        remake(&mut server, &name)
            .map_err(|error| Trouble::new(format!("database {name}: {error}"), ADVICE))?;
    }
    Ok(())
}

const ADVICE: &str = "use a role that may create databases, drop this one by hand if it is not \
                      needed, or name another in --database";

#[derive(QueryableByName)]
struct Described {
    #[diesel(sql_type = Text)]
    comment: String,
}

fn remake(server: &mut PgConnection, name: &str) -> Result<(), String> {
    let said = |error: diesel::result::Error| error.to_string();
    let there: Vec<Described> = sql_query(
        "SELECT coalesce(shobj_description(oid, 'pg_database'), '') AS comment \
         FROM pg_database WHERE datname = $1",
    )
    .bind::<Text, _>(name)
    .load(server)
    .map_err(said)?;
    if there.iter().any(|database| database.comment != COMMENT) {
        return Err("it is there already, and not from an earlier start of this program".into());
    }
    // `name` is checked in `split`: letters, digits and underscores.
    for statement in [
        format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)"),
        format!("CREATE DATABASE \"{name}\""),
        format!("COMMENT ON DATABASE \"{name}\" IS '{COMMENT}'"),
    ] {
        sql_query(statement).execute(server).map_err(said)?;
    }
    Ok(())
}

struct Base<'a> {
    server: &'a str,
    database: &'a str,
    parameters: &'a str,
}

fn split(url: &str) -> Result<Base<'_>, Trouble> {
    let refused = || {
        Trouble::new(
            "--database is no PostgreSQL URL with a database name of letters, digits and _",
            "write it as postgres://user:password@host/town, or leave it out for SQLite",
        )
        .exiting(2)
    };
    let (address, parameters) = url.split_at(url.find('?').unwrap_or(url.len()));
    let (scheme, rest) = address.split_once("://").ok_or_else(refused)?;
    let (_, database) = rest.rsplit_once('/').ok_or_else(refused)?;
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !matches!(scheme, "postgres" | "postgresql") || database.is_empty() || !plain(database) {
        return Err(refused());
    }
    let server = address.strip_suffix(database).unwrap_or(address);
    Ok(Base {
        server,
        database,
        parameters,
    })
}

impl Base<'_> {
    fn name(&self, hospital: &Hospital) -> String {
        format!("{}_{}", self.database, hospital.id)
    }

    fn for_hospital(&self, hospital: &Hospital) -> String {
        format!("{}{}{}", self.server, self.name(hospital), self.parameters)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn each_hospital_has_a_database_beside_the_one_named() {
        let base = Some("postgres://u:p@127.0.0.1:5432/town?sslmode=disable");
        let minato = Hospital::named("minato").unwrap();
        assert_eq!(
            url_of(base, minato).unwrap().unwrap(),
            "postgres://u:p@127.0.0.1:5432/town_minato?sslmode=disable"
        );
        assert!(url_of(None, minato).unwrap().is_none());
    }

    #[test]
    fn what_is_no_postgres_url_is_refused() {
        for url in [
            "sqlite:x.db",
            "postgres://host",
            "postgres://host/",
            "postgres://host/a\"b",
        ] {
            assert!(split(url).is_err(), "{url}");
        }
    }
}
