//! `wsgi.file_wrapper` (PEP 3333, "Optional Platform-Specific File Handling").

use std::fs::File;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

use pyo3::intern;
use pyo3::prelude::*;

/// Yields a file's content in blocks.
#[pyclass(frozen, module = "uncork._native")]
pub(crate) struct FileWrapper {
    filelike: Py<PyAny>,
    block_bytes: usize,
}

/// Bytes that are read at once, whatever block the application asked for, when uncork itself
/// does the reading.
const OWN_BLOCK_BYTES: usize = 64 * 1024;

impl FileWrapper {
    /// What is left of a regular file: its descriptor, where it is read next, and how many bytes
    /// follow. `None` when it is something else.
    pub(super) fn rest(&self, py: Python<'_>) -> Option<(OwnedFd, u64, u64)> {
        let filelike = self.filelike.bind(py);
        // Whatever these raise, the file can still be read as any other.
        let descriptor: RawFd = filelike.call_method0(intern!(py, "fileno")).ok()?.extract().ok()?;
        let offset: u64 = filelike.call_method0(intern!(py, "tell")).ok()?.extract().ok()?;
        let borrowed = borrow(descriptor)?;
        let metadata = File::from(borrowed.try_clone_to_owned().ok()?).metadata().ok()?;
        if !metadata.is_file() {
            return None;
        }
        Some((borrowed.try_clone_to_owned().ok()?, offset, metadata.len().saturating_sub(offset)))
    }

    /// The next block, when uncork reads it: large, and empty at the end.
    pub(super) fn next_block<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let block_bytes = self.block_bytes.max(OWN_BLOCK_BYTES);
        self.filelike.bind(py).call_method1(intern!(py, "read"), (block_bytes,))
    }
}

/// The descriptor, while its file object is alive; `None` for one that can't be.
fn borrow<'a>(descriptor: RawFd) -> Option<BorrowedFd<'a>> {
    // SAFETY: it is used at once, with the GIL held and the file object alive; should the object
    // lie about it, duplicating a closed descriptor is an error and not a fault.
    (descriptor >= 0).then(|| unsafe { BorrowedFd::borrow_raw(descriptor) })
}

#[pymethods]
impl FileWrapper {
    #[new]
    #[pyo3(signature = (filelike, blksize = 65536))]
    fn new(filelike: Py<PyAny>, blksize: usize) -> Self {
        Self { filelike, block_bytes: blksize.max(1) }
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let block = self.filelike.bind(py).call_method1(intern!(py, "read"), (self.block_bytes,))?;
        Ok(block.is_truthy()?.then_some(block))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        match self.filelike.bind(py).getattr_opt(intern!(py, "close"))? {
            Some(close) => close.call0().map(drop),
            None => Ok(()),
        }
    }
}
