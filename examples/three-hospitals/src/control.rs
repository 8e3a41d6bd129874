//! How `kill` and `revive` reach the running town: one line of JSON each way over a Unix socket
//! that only this user can reach. Its path stands in the state folder's `run.json`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::layout::{Layout, write_private};
use crate::trouble::Trouble;

/// What can be asked of the running town.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Order {
    /// SIGKILL this hospital's node.
    Kill(String),
    /// Start it again on the same files.
    Revive(String),
}

/// What the town did.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Reply {
    /// Done, in words.
    Done(String),
    /// Not done, and why.
    Refused(String),
}

#[derive(Serialize, Deserialize)]
struct RunFile {
    pid: u32,
    control: PathBuf,
}

/// The town's end of the socket.
pub(crate) struct Door {
    listener: UnixListener,
    run_file: PathBuf,
    #[expect(dead_code, reason = "the folder is removed when it is dropped")]
    folder: tempfile::TempDir,
}

/// One order, and where its reply goes.
pub(crate) struct Visit {
    pub(crate) order: Order,
    stream: BufReader<UnixStream>,
}

impl Door {
    /// Opens the door and says where it is. Not in the state folder itself: a socket's path may
    /// have no more than 107 bytes.
    pub(crate) fn open(layout: &Layout) -> Result<Self, Trouble> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| Trouble::file(&path, &error)
        };
        let folder = tempfile::Builder::new()
            .prefix("three-hospitals-")
            .tempdir()
            .map_err(failed(&std::env::temp_dir()))?;
        let control = folder.path().join("control");
        let listener = UnixListener::bind(&control).map_err(failed(&control))?;
        let run_file = layout.run_file();
        let run = RunFile {
            pid: std::process::id(),
            control,
        };
        write_private(&run_file, &serde_json::json!(run).to_string())?;
        Ok(Self {
            listener,
            run_file,
            folder,
        })
    }

    /// The next order. Callers that say nothing sensible are hung up on.
    pub(crate) async fn next(&self) -> Visit {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                continue;
            };
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            let read = stream.read_line(&mut line).await;
            if let (Ok(_), Ok(order)) = (read, serde_json::from_str(&line)) {
                return Visit { order, stream };
            }
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // A run.json left behind is seen through: the lock tells whether a town runs.
        let _ = std::fs::remove_file(&self.run_file);
    }
}

impl Visit {
    /// Answers, if the caller still listens.
    pub(crate) async fn reply(mut self, reply: &Reply) {
        let line = format!("{}\n", serde_json::json!(reply));
        // The caller has gone: nobody is left to be told.
        let _ = self.stream.get_mut().write_all(line.as_bytes()).await;
    }
}

/// Says so when no town runs in this state folder.
pub(crate) fn must_run(layout: &Layout) -> Result<(), Trouble> {
    if layout.running() {
        Ok(())
    } else {
        Err(nobody(layout))
    }
}

fn nobody(layout: &Layout) -> Trouble {
    Trouble::new(
        format!("no three hospitals run in {}", layout.root().display()),
        "start them with `cargo run --release -p three-hospitals`, or name their folder with \
         --state",
    )
}

/// Gives an order to the town that runs in this state folder; returns what it did.
pub(crate) async fn order(layout: &Layout, order: &Order) -> Result<String, Trouble> {
    must_run(layout)?;
    let text = std::fs::read_to_string(layout.run_file())
        .map_err(|error| Trouble::file(&layout.run_file(), &error))?;
    let run: RunFile = serde_json::from_str(&text).map_err(|_torn| nobody(layout))?;
    let talk = async {
        let mut stream = BufReader::new(UnixStream::connect(&run.control).await?);
        let line = format!("{}\n", serde_json::json!(order));
        stream.get_mut().write_all(line.as_bytes()).await?;
        let mut reply = String::new();
        stream.read_line(&mut reply).await?;
        std::io::Result::Ok(reply)
    };
    let reply = talk
        .await
        .map_err(|error| Trouble::file(&run.control, &error))?;
    match serde_json::from_str(&reply) {
        Ok(Reply::Done(said)) => Ok(said),
        Ok(Reply::Refused(why)) => Err(Trouble::new(
            why,
            "`three-hospitals ask hana` shows who answers",
        )),
        Err(_torn) => Err(Trouble::new(
            "the running town hung up",
            "look at its terminal",
        )),
    }
}
