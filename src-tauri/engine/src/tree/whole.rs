//! The tables of an archive row by row, with everything in them.

use super::Archive;
use crate::archive::json_rows::{JsonRows, whole_rows_into};
use crate::archive::whole_rows::{WholeRowTaker, WholeRows};
use crate::error::Result;
use crate::job::Job;

impl Archive {
    /// Gives the folders, as they stand in the backup, to `taker`.
    pub(crate) fn whole_folders(&self, taker: &mut impl WholeRowTaker, job: &Job) -> Result<()> {
        self.opened.folders(job, whole_rows_into(&mut WholeRows(taker)))
    }

    /// Gives the documents to `taker`.
    pub(crate) fn whole_documents(&self, taker: &mut impl WholeRowTaker, job: &Job) -> Result<()> {
        self.opened.documents(job, whole_rows_into(&mut WholeRows(taker)))
    }

    /// Gives the files to `taker`.
    pub(crate) fn whole_files(&self, taker: &mut impl WholeRowTaker, job: &Job) -> Result<()> {
        self.opened.files(job, whole_rows_into(&mut WholeRows(taker)))
    }

    /// Gives the rows that belong to no object to `taker`, which is told their table first.
    pub(crate) fn whole_orphans<T: WholeRowTaker>(
        &self,
        taker: &mut T,
        mut table: impl FnMut(&mut T, &str),
        job: &Job,
    ) -> Result<()> {
        self.opened.orphans(job, |text, size, job| {
            JsonRows::new(text, size, job).whole().only_object(|json, key| {
                table(taker, key);
                json.list(&mut WholeRows(taker))
            })
        })?;
        Ok(())
    }

    /// Bytes of all tables.
    pub(crate) fn tables_size(&self) -> u64 {
        self.opened.tables_size()
    }
}
