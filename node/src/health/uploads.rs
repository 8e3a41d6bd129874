//! Uploads as their person sees them: begun, looked at, chosen from, undone, given up.

use federation_protocol::time::Timestamp;

use super::receiving::Receiving;
use super::{Choice, Counts, Desk, Health, HealthError, State, Upload, UploadId, blocking, store};
use crate::identity::Caller;
use crate::linkage::Person;

/// How many of a person's uploads are listed.
const LISTED: i64 = 20;

impl Health {
    /// Begins an upload. What the person uploaded before and has not saved is given up for it.
    ///
    /// # Errors
    /// `Access`, `Linkage`; `Busy` while another upload of theirs is worked on; `Full`; `File`,
    /// `Database`.
    pub async fn receive(&self, caller: &Caller) -> Result<Receiving, HealthError> {
        let id = UploadId::random();
        let (_may, person) = self.desk.permit(caller, "import", id.as_str()).await?;
        for old in self.desk.in_the_way(&person).await? {
            self.desk.fail(&old, "replaced").await?;
        }
        self.desk.insert(&id, &person).await?;
        match Receiving::open(self.clone(), id.clone()).await {
            Ok(receiving) => Ok(receiving),
            Err(error) => {
                self.desk.fail(&id, error.code()).await?;
                Err(error)
            }
        }
    }

    /// Gives an upload up that broke off, for this reason.
    ///
    /// # Errors
    /// `Database`.
    pub async fn give_up(&self, id: &UploadId, why: &HealthError) -> Result<(), HealthError> {
        self.desk.fail(id, why.code()).await
    }

    /// A person's upload, and how far the work on it is in hundredths.
    ///
    /// # Errors
    /// `NotFound`, also for another person's; `Database`.
    pub async fn upload(
        &self,
        caller: &Caller,
        id: &UploadId,
    ) -> Result<(Upload, u8), HealthError> {
        let person = self.desk.person(caller).await?;
        let upload = self.desk.upload_of(&person, id).await?;
        let percent = self.desk.progress_of(id).percent(upload.bytes);
        if !upload.state.is_at_work() {
            self.desk.forget_progress(id);
        }
        Ok((upload, percent))
    }

    /// A person's last uploads, the newest first.
    ///
    /// # Errors
    /// `Linkage`, `Database`.
    pub async fn uploads(&self, caller: &Caller) -> Result<Vec<Upload>, HealthError> {
        let patient = self.desk.person(caller).await?.patient;
        self.desk
            .parts
            .database
            .read(move |connection| Ok(store::uploads_of(connection, patient, LISTED)?))
            .await
    }

    /// Saves what the person chose of an upload that is ready.
    ///
    /// # Errors
    /// `NotFound`, `State`, `Busy`; `Access`, `Database`.
    pub async fn save(
        &self,
        caller: &Caller,
        id: &UploadId,
        choice: Choice,
    ) -> Result<(), HealthError> {
        let (_may, person) = self.desk.permit(caller, "import", id.as_str()).await?;
        self.desk.upload_of(&person, id).await?;
        let (of, now) = (id.clone(), self.desk.parts.clock.now());
        self.desk
            .parts
            .database
            .transact(move |connection| {
                if !store::step(connection, &of, (State::Ready, State::Saving), now)? {
                    return Err(HealthError::State);
                }
                store::set_counts(connection, &of, Counts::default())?;
                Ok(store::set_choice(connection, &of, &choice)?)
            })
            .await?;
        self.begin(id.clone());
        Ok(())
    }

    /// Deletes again what a saved upload brought.
    ///
    /// # Errors
    /// `NotFound`, `State`, `Busy`; `Access`, `Database`.
    pub async fn undo(&self, caller: &Caller, id: &UploadId) -> Result<(), HealthError> {
        let (_may, person) = self.desk.permit(caller, "undo", id.as_str()).await?;
        self.desk.upload_of(&person, id).await?;
        self.desk.nobody_works(&person).await?;
        self.step(id, (State::Saved, State::Undoing)).await?;
        self.begin(id.clone());
        Ok(())
    }

    /// Gives up an upload that is not saved.
    ///
    /// # Errors
    /// `NotFound`; `State` where it is saved; `Access`, `Database`.
    pub async fn discard(&self, caller: &Caller, id: &UploadId) -> Result<(), HealthError> {
        let (_may, person) = self.desk.permit(caller, "discard", id.as_str()).await?;
        let upload = self.desk.upload_of(&person, id).await?;
        match upload.state {
            State::Receiving | State::Ready => self.desk.fail(id, "discarded").await,
            _other => Err(HealthError::State),
        }
    }

    pub(super) async fn step(
        &self,
        id: &UploadId,
        states: (State, State),
    ) -> Result<(), HealthError> {
        let (of, now) = (id.clone(), self.desk.parts.clock.now());
        let moved = self
            .desk
            .parts
            .database
            .transact(move |connection| {
                Ok::<_, HealthError>(store::step(connection, &of, states, now)?)
            })
            .await?;
        if moved {
            Ok(())
        } else {
            Err(HealthError::State)
        }
    }
}

impl Desk {
    /// The person's uploads that wait for them, or for their bytes.
    async fn in_the_way(&self, person: &Person) -> Result<Vec<UploadId>, HealthError> {
        self.nobody_works(person).await?;
        let patient = person.patient;
        let uploads = self
            .parts
            .database
            .read(move |connection| {
                Ok::<_, HealthError>(store::uploads_of(connection, patient, LISTED)?)
            })
            .await?;
        let waiting = |upload: &Upload| upload.state.has_file();
        Ok(uploads
            .into_iter()
            .filter(waiting)
            .map(|upload| upload.id)
            .collect())
    }

    /// # Errors
    /// `Busy`.
    async fn nobody_works(&self, person: &Person) -> Result<(), HealthError> {
        let patient = person.patient;
        let uploads = self
            .parts
            .database
            .read(move |connection| {
                Ok::<_, HealthError>(store::uploads_of(connection, patient, LISTED)?)
            })
            .await?;
        let at_work =
            |upload: &Upload| upload.state.is_at_work() && upload.state != State::Receiving;
        if uploads.iter().any(at_work) {
            return Err(HealthError::Busy);
        }
        Ok(())
    }

    async fn insert(&self, id: &UploadId, person: &Person) -> Result<(), HealthError> {
        let now: Timestamp = self.parts.clock.now();
        let most = self.parts.settings.max_disk;
        let upload = Upload {
            id: id.clone(),
            person: person.id.clone(),
            patient: person.patient,
            state: State::Receiving,
            bytes: 0,
            created_at: now,
            changed_at: now,
            reason: None,
            report: None,
            choice: None,
            counts: Counts::default(),
        };
        self.parts
            .database
            .transact(move |connection| {
                if store::bytes_on_disk(connection)? >= most {
                    return Err(HealthError::Full);
                }
                Ok(store::insert(connection, &upload)?)
            })
            .await
    }

    /// The upload of this id, if it is the person's.
    async fn upload_of(&self, person: &Person, id: &UploadId) -> Result<Upload, HealthError> {
        let wanted = id.clone();
        let upload = self
            .parts
            .database
            .read(move |connection| Ok::<_, HealthError>(store::upload(connection, &wanted)?))
            .await?;
        upload
            .filter(|upload| upload.person == person.id && upload.patient == person.patient)
            .ok_or(HealthError::NotFound)
    }

    /// Ends an upload without anything saved, then removes its file: what is left behind by a fall
    /// between them is swept.
    pub(super) async fn fail(
        &self,
        id: &UploadId,
        reason: &'static str,
    ) -> Result<(), HealthError> {
        let (of, now) = (id.clone(), self.parts.clock.now());
        self.parts
            .database
            .transact(move |connection| {
                Ok::<_, HealthError>(store::fail(connection, &of, reason, now)?)
            })
            .await?;
        self.remove_file(id).await
    }

    pub(super) async fn remove_file(&self, id: &UploadId) -> Result<(), HealthError> {
        let (folder, of) = (self.folder.clone(), id.clone());
        blocking(move || Ok(folder.remove(&of)?)).await
    }
}
