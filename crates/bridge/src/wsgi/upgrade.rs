//! `gunicorn.socket`: the connection itself, for an application that speaks WebSocket on it.

use std::os::fd::IntoRawFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::start_response::StartResponse;
use crate::gil::lock;

/// Stands for a blocking `socket.socket`, and makes it when it is first used, which is when the
/// connection becomes the application's. One that is not used changes nothing.
#[pyclass(frozen, module = "uncork._native")]
pub(crate) struct UpgradeSocket {
    start_response: Py<StartResponse>,
    socket: Mutex<Option<Py<PyAny>>>,
    /// Whether more was asked of it than a `dup`, so that somebody may go on using it.
    is_used_directly: AtomicBool,
}

impl UpgradeSocket {
    pub(super) fn new(start_response: &Bound<'_, StartResponse>) -> Self {
        Self {
            start_response: start_response.clone().unbind(),
            socket: Mutex::new(None),
            is_used_directly: AtomicBool::new(false),
        }
    }

    fn socket<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut socket = lock(py, &self.socket);
        if let Some(socket) = &*socket {
            return Ok(socket.bind(py).clone());
        }
        // Imported before the descriptor is made, which would be lost if this failed.
        let class = py.import("socket")?.getattr("socket")?;
        let descriptor = self.start_response.get().hand_over()?.into_raw_fd();
        let arguments = [("fileno", descriptor)];
        let made = class.call((), Some(&pyo3::types::IntoPyDict::into_py_dict(arguments, py)?))?;
        *socket = Some(made.clone().unbind());
        Ok(made)
    }

    /// The request has ended. Who needs the connection longer has a copy of the socket, or this
    /// object itself.
    pub(super) fn end(&self, py: Python<'_>) -> PyResult<()> {
        let socket = lock(py, &self.socket).take();
        match socket {
            Some(socket) if !self.is_used_directly.load(Ordering::Relaxed) => {
                socket.call_method0(py, "close").map(drop)
            }
            Some(socket) => {
                *lock(py, &self.socket) = Some(socket);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

#[pymethods]
impl UpgradeSocket {
    fn __getattr__<'py>(&self, py: Python<'py>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        if name.to_str()? != "dup" {
            self.is_used_directly.store(true, Ordering::Relaxed);
        }
        self.socket(py)?.getattr(name)
    }
}
