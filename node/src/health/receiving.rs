//! An upload while its bytes arrive: to a file, bounded, never in memory.

use std::fs::File;
use std::io::Write as _;

use super::{Desk, Health, HealthError, State, UploadId, blocking, store};

/// How much is gathered before it is written.
const PIECE: usize = 1 << 20;
/// How much may arrive before it is asked whether there still is room for all uploads.
const LOOK_BYTES: u64 = 16 << 20;

/// An upload that is being received.
pub struct Receiving {
    health: Health,
    id: UploadId,
    file: Option<File>,
    gathered: Vec<u8>,
    bytes: u64,
    looked_at: u64,
}

impl Receiving {
    pub(super) async fn open(health: Health, id: UploadId) -> Result<Self, HealthError> {
        let (folder, of) = (health.desk.folder.clone(), id.clone());
        let file = blocking(move || Ok(folder.create(&of)?)).await?;
        Ok(Self {
            health,
            id,
            file: Some(file),
            gathered: Vec::new(),
            bytes: 0,
            looked_at: 0,
        })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &UploadId {
        &self.id
    }

    /// Takes some bytes.
    ///
    /// # Errors
    /// `TooLarge`, `Full`, `File`, `Database`: give it up then.
    pub async fn take(&mut self, bytes: &[u8]) -> Result<(), HealthError> {
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(more);
        if self.bytes > self.desk().parts.settings.max_upload {
            return Err(HealthError::TooLarge);
        }
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= PIECE {
            self.write().await?;
        }
        if self.bytes.saturating_sub(self.looked_at) >= LOOK_BYTES {
            self.look().await?;
        }
        Ok(())
    }

    /// It is whole: it is read now.
    ///
    /// # Errors
    /// `Incomplete` where nothing came; `State` where another upload took its place; `File`,
    /// `Database`.
    pub async fn finish(mut self) -> Result<UploadId, HealthError> {
        self.write().await?;
        if self.bytes == 0 {
            return Err(HealthError::Incomplete);
        }
        self.look().await?;
        self.health
            .step(&self.id, (State::Receiving, State::Reading))
            .await?;
        self.health.begin(self.id.clone());
        Ok(self.id)
    }

    fn desk(&self) -> &Desk {
        &self.health.desk
    }

    async fn write(&mut self) -> Result<(), HealthError> {
        let piece = std::mem::take(&mut self.gathered);
        let Some(mut file) = self.file.take() else {
            return Err(HealthError::Incomplete);
        };
        let file = blocking(move || {
            file.write_all(&piece)?;
            Ok(file)
        });
        self.file = Some(file.await?);
        Ok(())
    }

    /// Writes down how large it is, and looks whether there is room for all.
    async fn look(&mut self) -> Result<(), HealthError> {
        self.looked_at = self.bytes;
        let (id, bytes) = (self.id.clone(), self.bytes);
        let most = self.desk().parts.settings.max_disk;
        self.desk()
            .parts
            .database
            .transact(move |connection| {
                store::set_bytes(connection, &id, bytes)?;
                if store::bytes_on_disk(connection)? > most {
                    return Err(HealthError::Full);
                }
                Ok(())
            })
            .await
    }
}
