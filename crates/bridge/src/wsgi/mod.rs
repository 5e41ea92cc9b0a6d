//! PEP 3333, for one request after the other.

mod environ;
mod file_wrapper;
mod input;
mod names;
mod response;
mod start_response;

use pyo3::intern;
use pyo3::prelude::*;
use uncork_server::{Application, Request, Responder};

pub(crate) use self::file_wrapper::FileWrapper;
pub(crate) use self::input::Input;

use self::environ::EnvironTemplate;
use self::start_response::StartResponse;
use crate::gil;

/// A WSGI application, as the server wants it.
pub(crate) struct WsgiApplication {
    app: Py<PyAny>,
    /// Called with a line of text, and an exception or `None`.
    report: Py<PyAny>,
    template: EnvironTemplate,
}

impl WsgiApplication {
    pub(crate) fn new(py: Python<'_>, app: Py<PyAny>, report: Py<PyAny>) -> PyResult<Self> {
        Ok(Self { app, report, template: EnvironTemplate::new(py)? })
    }

    /// Tells the operator; `what` is put behind the request's method and path.
    fn report(&self, py: Python<'_>, request_line: &str, what: &str, error: Option<PyErr>) {
        let text = format!("{what} at `{request_line}`");
        let error = error.map(|error| error.into_value(py));
        if let Err(error) = self.report.call1(py, (text, error)) {
            error.write_unraisable(py, None);
        }
    }

    fn answer(&self, py: Python<'_>, request: Request<'_>, start_response: &Bound<'_, StartResponse>) -> PyResult<()> {
        let environ = self.template.make(py, request)?;
        let iterable = self.app.bind(py).call1((environ, start_response))?;
        let result = response::send(&iterable, start_response);
        // PEP 3333: also when the answer failed, and also when the client has gone.
        let closing = match iterable.getattr_opt(intern!(py, "close")) {
            Ok(Some(close)) => close.call0().map(drop),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        match (result, closing) {
            (Ok(()), closing) => closing,
            (Err(error), Ok(())) => Err(error),
            (Err(error), Err(second)) => {
                second.write_unraisable(py, Some(&iterable));
                Err(error)
            }
        }
    }
}

impl Application for WsgiApplication {
    fn run_thread(&self, body: &mut dyn FnMut()) {
        gil::run_attached_thread(body);
    }

    fn call(&self, request: Request<'_>, responder: &mut Responder<'_>) {
        Python::attach(|py| {
            let head = request.head;
            let request_line = || {
                let text = [head.method(), b" ", head.path()].concat();
                String::from_utf8_lossy(&text).escape_debug().to_string()
            };
            let started = StartResponse::lend(py, responder, |start_response| {
                if let Err(error) = self.answer(py, request, start_response) {
                    self.report(py, &request_line(), "the application raised", Some(error));
                    start_response.get().fail();
                }
                start_response.get().take_complaint()
            });
            match started {
                Ok(None) => {}
                Ok(Some(complaint)) => self.report(py, &request_line(), &complaint, None),
                Err(error) => self.report(py, &request_line(), "no room for the request", Some(error)),
            }
        });
    }
}
