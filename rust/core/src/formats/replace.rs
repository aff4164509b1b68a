//! Replacing a file as a whole: written aside, made durable, renamed. Whatever goes wrong, the old file stays whole.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::FormatError;

/// Names that are tried for a temporary file.
const MOST_TRIES: u32 = 10_000;

/// A temporary sibling of the file that it will replace; removed when dropped before [`Replacement::commit`].
pub(crate) struct Replacement {
    path: PathBuf,
    /// Where the bytes go in the end: `path`, or what it links to.
    target: PathBuf,
    temporary: PathBuf,
    committed: bool,
}

impl Replacement {
    /// Creates the temporary file beside `path`.
    pub(crate) fn create(path: &Path) -> Result<(Self, File), FormatError> {
        let failed = |source| FormatError::io(path, source);
        let old = match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => return Err(failed(io::ErrorKind::IsADirectory.into())),
            // Renaming over a device or a pipe would remove it.
            Ok(metadata) if !metadata.is_file() => return Err(FormatError::NotAFile { path: path.to_owned() }),
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        // The file that a link points to is replaced, not the link.
        let target = if old.is_some() { fs::canonicalize(path).map_err(failed)? } else { path.to_owned() };
        if target.file_name().is_none() {
            return Err(failed(io::ErrorKind::InvalidFilename.into()));
        }
        let (temporary, file) = create_beside(&target).map_err(failed)?;
        let replacement = Self { path: path.to_owned(), target, temporary, committed: false };
        if let Some(old) = old {
            file.set_permissions(old.permissions()).map_err(failed)?;
        }
        Ok((replacement, file))
    }

    /// Where the new bytes are until they replace the old ones.
    pub(crate) fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Makes the bytes of `file` durable and puts them in the place of the old ones.
    pub(crate) fn commit(mut self, file: File) -> Result<(), FormatError> {
        let failed = |source| FormatError::io(&self.path, source);
        file.sync_all().map_err(failed)?;
        drop(file);
        fs::rename(&self.temporary, &self.target).map_err(failed)?;
        self.committed = true;
        sync_folder(&self.target);
        Ok(())
    }
}

/// Creates a file with a name of its own in the folder of `target`. A process that was killed may have left one under a
/// name with the same number, as processes in containers often have.
fn create_beside(target: &Path) -> io::Result<(PathBuf, File)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut tries = 0;
    loop {
        tries += 1;
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temporary = target.with_file_name(format!(".finevec-{}-{number}.tmp", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < MOST_TRIES => {}
            outcome => return outcome.map(|file| (temporary, file)),
        }
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.committed {
            // There is nobody to tell, and the error that led here matters more.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Makes a rename durable. The data is safe without it, and some file systems refuse, so a failure is no error.
#[cfg(unix)]
fn sync_folder(file: &Path) {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

#[cfg(not(unix))]
fn sync_folder(_file: &Path) {}
