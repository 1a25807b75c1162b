//! Where contents go in a new data directory.

use crate::error::Result;
use crate::job::Job;
use crate::server_data::{FileState, Homes, Placed, Put};
use crate::tree::Archive;

use super::super::plan::RestorePlan;

/// The data directory that contents go into, as far as they are there already.
pub(in super::super) trait Disk {
    /// Whether the content of that id is there; `present` is where the server's row has it, where there is a row.
    fn state(&mut self, archive: &Archive, file_id: &str, present: Option<&str>, job: &Job) -> Result<FileState>;
    /// The path is another's.
    fn keep_off(&mut self, path: &str);
    /// Where the content goes. What is odd about that is told in `plan`.
    fn place(&mut self, archive: &Archive, put: &Put, plan: &mut RestorePlan, job: &Job) -> Result<Placed>;
}

/// A data directory that is made.
pub(in super::super) struct NewDisk {
    pub(in super::super) homes: Homes,
}

impl Disk for NewDisk {
    fn state(&mut self, archive: &Archive, file_id: &str, present: Option<&str>, _: &Job) -> Result<FileState> {
        Ok(match present {
            None => FileState::New,
            Some(_) if archive.place_of_content(file_id).is_some() => FileState::Lost,
            Some(_) => FileState::Nowhere,
        })
    }

    fn keep_off(&mut self, path: &str) {
        self.homes.keep_off(path);
    }

    fn place(&mut self, archive: &Archive, put: &Put, plan: &mut RestorePlan, _: &Job) -> Result<Placed> {
        let held = archive.place_of_content(&put.file_id);
        let (place, why) = self.homes.content(&put.id, &put.recorded);
        if let Some(why) = why {
            plan.note_relocated(&put.file_id, &put.recorded, &place, why);
        }
        Ok(Placed { place, is_moved: why.is_some(), held, is_there: false })
    }
}
