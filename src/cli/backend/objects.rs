//! `--objects`: the names of all objects, for the final link.

use std::path::Path;

use crate::cli::telling::cannot_write;
use crate::output::OutputFile;
use crate::plan::Plan;

/// The file that names the objects, in the making.
pub(super) struct Objects {
    file: OutputFile,
    text: String,
}

impl Objects {
    /// Before the work rather than after it: a file that cannot be written costs nothing.
    pub(super) fn create(path: &Path, plan: &Plan) -> Result<Self, String> {
        let text = plan.response_file().map_err(|error| error.to_string())?;
        let file = OutputFile::create(path).map_err(|error| cannot_write(path, &error))?;
        Ok(Self { file, text })
    }

    /// Without success, an earlier time's file goes with the objects that failed.
    pub(super) fn finish(self, is_success: bool) -> Result<(), String> {
        if !is_success {
            self.file.discard();
            return Ok(());
        }
        let path = self.file.path().to_owned();
        self.file.finish(self.text.as_bytes()).map(drop).map_err(|error| cannot_write(&path, &error))
    }
}
