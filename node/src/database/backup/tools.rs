//! PostgreSQL's own programs: where they are, and how they are told the database's address.
//!
//! A password never stands among a program's arguments, which every user of the machine can read:
//! it goes through the child's environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{BackupError, Progress, Told};

/// Where Debian puts each major version's programs, newest to be preferred: a program reads what
/// an older server holds, not what a newer one does.
const DEBIAN: &str = "/usr/lib/postgresql";
/// How often a running program is looked after.
const LOOKED_AFTER_EVERY: Duration = Duration::from_millis(100);
/// How much of what a failed program said is passed on.
const LAST_LINES: usize = 6;

/// A command line of the program `tool`, not yet started.
pub(super) fn tool(tool: &'static str) -> Result<Command, BackupError> {
    let debian = fs::read_dir(DEBIAN).into_iter().flatten();
    let mut versions: Vec<(u32, PathBuf)> = debian
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin").join(tool)))
        })
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(tool));
    let mut places = versions.into_iter().map(|(_, place)| place).chain(on_path);
    let found = places.find(|place| place.is_file());
    let mut command = Command::new(found.ok_or(BackupError::NoTool(tool))?);
    // Messages are passed on; in which language is the node's matter.
    command.env("LC_MESSAGES", "C").stdin(Stdio::null());
    Ok(command)
}

/// Tells `command` the database: the address as an argument, the password in the environment.
pub(super) fn connect(command: &mut Command, url: &str) {
    let (address, password) = without_password(url);
    command
        .arg("--no-password")
        .arg(format!("--dbname={address}"));
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
}

/// Runs `command` to its end and gives back what it printed. `grows` is the file whose length is
/// its progress.
pub(super) fn run(
    name: &'static str,
    command: &mut Command,
    grows: Option<&Path>,
    told: Told<'_>,
) -> Result<String, BackupError> {
    let failed = |said: String| BackupError::ToolFailed { tool: name, said };
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    // Both pipes are emptied while it runs, or it would wait for us.
    let (out, err) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let status = wait(&mut child, grows, told).map_err(|error| failed(error.to_string()))?;
    let out = out.join().unwrap_or_default();
    let err = err.join().unwrap_or_default();
    if status.success() {
        return Ok(out);
    }
    let lines: Vec<&str> = err.lines().collect();
    let last = lines.len().saturating_sub(LAST_LINES);
    Err(failed(lines.get(last..).unwrap_or_default().join(" | ")))
}

fn wait(
    child: &mut Child,
    grows: Option<&Path>,
    told: Told<'_>,
) -> std::io::Result<std::process::ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(LOOKED_AFTER_EVERY);
        let done = grows.and_then(|file| Some(fs::metadata(file).ok()?.len()));
        told(Progress {
            done: done.unwrap_or(0),
            of: None,
        });
    }
}

fn reader(pipe: Option<impl std::io::Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What could not be read is not said; the exit status still is.
            drop(pipe.read_to_end(&mut bytes));
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The address without its password, and the password.
///
/// Source: <https://www.postgresql.org/docs/current/libpq-connect.html>, connection URIs: it stands
/// in the user part, percent-encoded, or among the parameters.
fn without_password(url: &str) -> (String, Option<String>) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, first) = match user.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (user, None),
    };
    let (path, parameters) = tail.split_once('?').unwrap_or((tail, ""));
    let (given, others): (Vec<&str>, Vec<&str>) = parameters
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .partition(|parameter| parameter.starts_with("password="));
    let second = given.last().and_then(|one| one.strip_prefix("password="));
    let at = if user.is_empty() { "" } else { "@" };
    let question = if others.is_empty() { "" } else { "?" };
    let address = format!(
        "{scheme}://{user}{at}{hosts}{path}{question}{}",
        others.join("&")
    );
    (address, second.or(first).map(percent_decoded))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let value = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        match (first, value) {
            (b'%', Some(value)) => {
                bytes.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parted(url: &str) -> (String, Option<String>) {
        without_password(url)
    }

    #[test]
    fn the_password_leaves_the_address_wherever_it_stands() {
        let secret = Some("p@ss:1%".to_owned());
        for (given, left) in [
            (
                "postgres://musubi:p%40ss%3A1%25@db:5432/musubi",
                "postgres://musubi@db:5432/musubi",
            ),
            (
                "postgresql://musubi@a:1,b:2/musubi?sslmode=require&password=p%40ss%3a1%25",
                "postgresql://musubi@a:1,b:2/musubi?sslmode=require",
            ),
            (
                "postgres:///musubi?password=p%40ss:1%25&host=/run/postgresql",
                "postgres:///musubi?host=/run/postgresql",
            ),
        ] {
            assert_eq!(parted(given), (left.to_owned(), secret.clone()), "{given}");
        }
        let without = "postgres://musubi@db/musubi?application_name=node";
        assert_eq!(parted(without), (without.to_owned(), None));
    }
}
