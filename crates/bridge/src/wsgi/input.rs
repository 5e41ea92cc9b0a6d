//! `wsgi.input`: a request's body, as a binary file (PEP 3333, "Input and Error Streams").

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use uncork_server::BodyReader;

/// The body of one request, complete. Reading never waits for the client.
#[pyclass(frozen, freelist = 64, module = "uncork._native")]
pub(crate) struct Input {
    reader: Mutex<BodyReader>,
}

impl Input {
    /// The body of every request that has none: nothing that is done with it leaves a trace.
    pub(super) fn empty() -> Self {
        Self { reader: Mutex::new(BodyReader::default()) }
    }

    pub(super) fn new(reader: BodyReader) -> Self {
        Self { reader: Mutex::new(reader) }
    }

    fn reader(&self) -> MutexGuard<'_, BodyReader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bytes<'py>(
        &self,
        py: Python<'py>,
        read: impl FnOnce(&mut BodyReader, &mut Vec<u8>) -> std::io::Result<()> + Send,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::new();
        if self.reader().is_file() {
            py.detach(|| read(&mut self.reader(), &mut out))?;
        } else {
            read(&mut self.reader(), &mut out)?;
        }
        Ok(PyBytes::new(py, &out))
    }
}

/// How Python says "no limit": a negative number or `None`.
fn limit(size: Option<i64>) -> u64 {
    size.and_then(|size| u64::try_from(size).ok()).unwrap_or(u64::MAX)
}

#[pymethods]
impl Input {
    #[pyo3(signature = (size = None, /))]
    fn read<'py>(&self, py: Python<'py>, size: Option<i64>) -> PyResult<Bound<'py, PyBytes>> {
        if let Some(bytes) = self.reader().next_in_memory(limit(size)) {
            return Ok(PyBytes::new(py, bytes));
        }
        self.bytes(py, |reader, out| reader.read(limit(size), out))
    }

    #[pyo3(signature = (size = None, /))]
    fn read1<'py>(&self, py: Python<'py>, size: Option<i64>) -> PyResult<Bound<'py, PyBytes>> {
        self.read(py, size)
    }

    #[pyo3(signature = (size = None, /))]
    fn readline<'py>(&self, py: Python<'py>, size: Option<i64>) -> PyResult<Bound<'py, PyBytes>> {
        self.bytes(py, |reader, out| reader.read_line(limit(size), out))
    }

    /// All lines that are left, or so many that `hint` bytes are reached.
    #[pyo3(signature = (hint = None, /))]
    fn readlines<'py>(&self, py: Python<'py>, hint: Option<i64>) -> PyResult<Bound<'py, PyList>> {
        let lines = PyList::empty(py);
        let wanted = hint.filter(|&hint| hint > 0).map_or(u64::MAX, |hint| limit(Some(hint)));
        let mut total = 0;
        while total < wanted {
            let line = self.readline(py, None)?;
            let length = line.as_bytes().len() as u64;
            if length == 0 {
                break;
            }
            total += length;
            lines.append(line)?;
        }
        Ok(lines)
    }

    /// Fills a writable buffer; returns the number of bytes.
    fn readinto(&self, py: Python<'_>, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        let view = py.import("builtins")?.getattr("memoryview")?.call1((buffer,))?.call_method1("cast", ("B",))?;
        let data = self.read(py, Some(view.len()? as i64))?;
        let length = data.as_bytes().len();
        view.set_item(pyo3::types::PySlice::new(py, 0, length as isize, 1), data)?;
        Ok(length)
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let line = self.readline(py, None)?;
        Ok((!line.as_bytes().is_empty()).then_some(line))
    }

    fn tell(&self) -> u64 {
        self.reader().position()
    }

    /// As `io.IOBase.seek`; behind the end means at the end.
    #[pyo3(signature = (offset, whence = 0, /))]
    fn seek(&self, offset: i64, whence: i32) -> PyResult<u64> {
        let mut reader = self.reader();
        let base = match whence {
            0 => 0,
            1 => reader.position(),
            2 => reader.length(),
            _ => return Err(PyValueError::new_err("`whence` must be 0, 1 or 2")),
        };
        let position =
            base.checked_add_signed(offset).ok_or_else(|| PyValueError::new_err("seeking to before the body"))?;
        reader.seek(position)?;
        Ok(reader.position())
    }

    fn readable(&self) -> bool {
        true
    }

    fn writable(&self) -> bool {
        false
    }

    fn seekable(&self) -> bool {
        true
    }

    /// Does nothing: the body goes with the request.
    fn close(&self) {}

    #[getter]
    fn closed(&self) -> bool {
        false
    }
}
