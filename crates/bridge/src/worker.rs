//! `Worker`: one application served in one process.

use std::os::fd::RawFd;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use uncork_server::Server;

use crate::scoreboard::BoardRow;
use crate::settings::WorkerSettings;
use crate::wsgi::WsgiApplication;

/// Serves one application on sockets that are bound and listening already; see `_native.pyi`.
#[pyclass(frozen, module = "uncork._native")]
pub(crate) struct Worker {
    server: Server,
}

#[pymethods]
impl Worker {
    #[new]
    #[pyo3(signature = (app, listeners, settings, report, scoreboard=None, report_late=None))]
    #[allow(clippy::too_many_arguments, reason = "Python gives them by name")]
    fn new(
        py: Python<'_>,
        app: Py<PyAny>,
        listeners: Vec<RawFd>,
        settings: WorkerSettings,
        report: Py<PyAny>,
        scoreboard: Option<BoardRow>,
        report_late: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let application = WsgiApplication::new(py, app, report, report_late, &settings)?;
        let row = scoreboard.map(BoardRow::open).transpose()?;
        let server = Server::new(application, &listeners, settings.to_server_settings()?, settings.to_tls()?, row)?;
        Ok(Self { server })
    }

    fn start(&self) -> PyResult<()> {
        Ok(self.server.start()?)
    }

    fn drain(&self) {
        self.server.drain();
    }

    fn stop(&self) {
        self.server.stop();
    }

    fn reopen_access_log(&self, descriptor: RawFd) -> PyResult<()> {
        Ok(self.server.reopen_access_log(descriptor)?)
    }

    fn end_access_log(&self, py: Python<'_>, timeout_seconds: f64) -> PyResult<()> {
        let timeout = timeout(timeout_seconds)?;
        py.detach(|| self.server.end_access_log(timeout));
        Ok(())
    }

    fn has_late_threads(&self) -> bool {
        self.server.has_late_threads()
    }

    fn join(&self, py: Python<'_>, timeout_seconds: f64) -> PyResult<bool> {
        let timeout = timeout(timeout_seconds)?;
        Ok(py.detach(|| self.server.join(timeout)))
    }
}

fn timeout(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| PyValueError::new_err(format!("not a number of seconds: {seconds}")))
}
