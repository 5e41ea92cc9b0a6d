//! The scoreboard's memory, which Python makes and reads.

use std::borrow::Cow;

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use uncork_server::{BOUNDS_NS, Place, ScoreboardRow, SharedMemory, layout, running_requests};

/// A board and the number of a row.
#[derive(FromPyObject)]
pub(crate) struct BoardRow(PyBuffer<u8>, usize);

impl BoardRow {
    /// The row, for a server to write to.
    ///
    /// # Errors
    /// `ValueError`: the board is no memory for it.
    pub(crate) fn open(self) -> PyResult<ScoreboardRow> {
        ScoreboardRow::on(memory(self.0)?, self.1)
            .ok_or_else(|| PyValueError::new_err("the scoreboard has no such row"))
    }
}

/// Where everything is on a scoreboard, and its buckets; see `_native.pyi`.
#[pyfunction]
pub(crate) fn scoreboard_layout() -> (Vec<Place>, Vec<u64>) {
    (layout(), BOUNDS_NS.to_vec())
}

/// The requests that run in a row; see `_native.pyi`.
#[pyfunction]
pub(crate) fn scoreboard_running(board: PyBuffer<u8>, row: usize) -> PyResult<Vec<(usize, Cow<'static, [u8]>)>> {
    let found = running_requests(&memory(board)?, row)
        .ok_or_else(|| PyValueError::new_err("the scoreboard has no such row"))?;
    Ok(found.into_iter().map(|(cell, words)| (cell, words.map(u64::to_ne_bytes).concat().into())).collect())
}

fn memory(buffer: PyBuffer<u8>) -> PyResult<SharedMemory> {
    if buffer.readonly() || !buffer.is_c_contiguous() {
        return Err(PyValueError::new_err("a scoreboard is memory that can be written"));
    }
    let (start, length) = (buffer.buf_ptr().cast(), buffer.len_bytes());
    // SAFETY: the exporter keeps its memory where it is until the buffer is released. It is made
    // for this, and Python reads and writes it in whole words.
    unsafe { SharedMemory::new(start, length, buffer) }
        .ok_or_else(|| PyValueError::new_err("a scoreboard begins at a multiple of 64"))
}
