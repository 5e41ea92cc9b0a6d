//! Where lines go: a file, a pipe, a terminal. Only whole lines are handed over, so that those of
//! several workers never mix.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use crate::sys;

/// To a file that is open for appending, all of it is written in one go.
const FILE_BYTES: usize = 64 * 1024;

/// More than this is cut up by a pipe that others write to as well (PIPE_BUF, pipe(7)).
const PIPE_BYTES: usize = 4096;

/// How long is waited for room at a time, where a write does not wait by itself.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Sink {
    file: File,
    /// Bytes of whole lines that are written at once.
    pub(super) most_bytes: usize,
}

impl Sink {
    pub(super) fn new(descriptor: OwnedFd) -> Self {
        let file = File::from(descriptor);
        let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
        Self { file, most_bytes: if is_file { FILE_BYTES } else { PIPE_BYTES } }
    }

    /// Whether lines must not be longer than `most_bytes`.
    pub(super) fn is_narrow(&self) -> bool {
        self.most_bytes == PIPE_BYTES
    }

    /// Writes all of `lines`; blocks while nobody reads them.
    ///
    /// # Errors
    /// They can't be written; a part of them may have been.
    pub(super) fn write(&mut self, mut lines: &[u8]) -> io::Result<()> {
        while !lines.is_empty() {
            match self.file.write(lines) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => lines = &lines[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Somebody who has the same pipe or terminal has set it not to block.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    sys::wait_until_writable(self.file.as_raw_fd(), PATIENCE)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
