//! PEP 3333, for one request after the other.

mod coming_body;
mod environ;
mod file_wrapper;
mod input;
mod late_call;
mod names;
mod response;
mod start_response;
mod upgrade;

use std::fmt::Write;
use std::net::IpAddr;

use pyo3::exceptions::{PyConnectionError, PyOSError, PyStopIteration};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use uncork_protocol::RequestHead;
use uncork_server::{Application, LateCall, Request, RequestId, Responder, Trouble, given_id};

pub(crate) use self::file_wrapper::FileWrapper;
pub(crate) use self::input::Input;

use self::environ::EnvironMaker;
use self::start_response::{Answer, Answers, StartResponse};
use self::upgrade::UpgradeSocket;
use crate::gil;
use crate::settings::WorkerSettings;

/// A WSGI application, as the server wants it.
pub(crate) struct WsgiApplication {
    app: Py<PyAny>,
    /// Called with a line of text, and an exception or `None`.
    report: Py<PyAny>,
    /// Called with what there is to know of a call that was late; gives the exception to raise in
    /// it, or `None`.
    report_late: Option<Py<PyAny>>,
    environs: EnvironMaker,
    answers: Answers,
    /// Where a client may say what its request is called; empty for nowhere.
    id_header: String,
    /// What paths begin with at which the connection is always offered; empty: there are none.
    own_prefix: String,
}

impl WsgiApplication {
    pub(crate) fn new(
        py: Python<'_>,
        app: Py<PyAny>,
        report: Py<PyAny>,
        report_late: Option<Py<PyAny>>,
        settings: &WorkerSettings,
    ) -> PyResult<Self> {
        let id_header = settings.request_id_header.clone();
        let environs =
            EnvironMaker::new(py, settings.is_multiprocess, settings.shows_request_ids.then_some(&*id_header))?;
        Ok(Self {
            app,
            report,
            report_late,
            environs,
            answers: Answers::default(),
            id_header,
            own_prefix: settings.own_prefix.clone(),
        })
    }

    /// Tells the operator; `what` is put before the request's method and path, and behind them who
    /// asked, what the request is called, and which process this is.
    fn report(&self, py: Python<'_>, asked: &Asked<'_>, what: &str, error: Option<PyErr>) {
        let head = asked.head;
        let request_line = [head.method(), b" ", head.path()].concat();
        let mut text = format!("{what} at `{}`", String::from_utf8_lossy(&request_line).escape_debug());
        // Writing to a string does not fail.
        let _ = match asked.peer {
            Some(peer) => write!(text, " (client {}", peer.to_canonical()),
            None => write!(text, " (client on a unix socket"),
        };
        let given = || given_id(head, self.id_header.as_bytes()).map(RequestId::Given);
        if let Some(id) = asked.id.or_else(given).map(RequestId::text) {
            let _ = write!(text, ", request `{}`", String::from_utf8_lossy(id.as_bytes()));
        }
        let _ = write!(text, ", process {})", std::process::id());
        self.call_report(py, &text, error);
    }

    fn call_report(&self, py: Python<'_>, text: &str, error: Option<PyErr>) {
        let error = error.map(|error| error.into_value(py));
        if let Err(error) = self.report.call1(py, (text, error)) {
            error.write_unraisable(py, None);
        }
    }

    fn answer(&self, py: Python<'_>, request: Request<'_>, answer: &Answer) -> PyResult<()> {
        let is_own = !self.own_prefix.is_empty() && request.head.path().starts_with(self.own_prefix.as_bytes());
        let wants_upgrade = request.head.wants_upgrade || is_own;
        let environ = self.environs.make(py, request, answer.this(py))?;
        if wants_upgrade {
            return self.answer_upgrade(py, environ, answer);
        }
        let iterable = self.app.bind(py).call1((environ, answer.start(py)))?;
        response::send(&iterable, answer.this(py))
    }

    /// Answers a request that may become something else than HTTP: the application finds the
    /// connection's socket in the environ, where Gunicorn has it, and answers as usual when it
    /// does not touch it.
    fn answer_upgrade<'py>(&self, py: Python<'py>, environ: Bound<'py, PyDict>, answer: &Answer) -> PyResult<()> {
        let start_response = answer.this(py);
        let socket = Bound::new(py, UpgradeSocket::new(start_response))?;
        environ.set_item(intern!(py, "gunicorn.socket"), &socket)?;
        let result = self.app.bind(py).call1((environ, answer.start(py)));
        let result = match result {
            Ok(iterable) if start_response.get().is_handed_over() => response::close(&iterable),
            Ok(iterable) => response::send(&iterable, start_response),
            Err(error) => Err(error),
        };
        socket.get().end(py)?;
        match result {
            // How applications leave that have nothing more to say (flask-sock, python-engineio).
            Err(error)
                if start_response.get().is_handed_over()
                    && (error.is_instance_of::<PyStopIteration>(py)
                        || error.is_instance_of::<PyConnectionError>(py)) =>
            {
                Ok(())
            }
            result => result,
        }
    }
}

/// What the operator is told of a request.
struct Asked<'a> {
    head: &'a RequestHead,
    peer: Option<IpAddr>,
    id: Option<RequestId<'a>>,
}

impl Application for WsgiApplication {
    fn run_thread(&self, body: &mut dyn FnMut()) {
        gil::run_thread(body);
    }

    fn call(&self, request: Request<'_>, responder: &mut Responder<'_>) {
        let peer = request.connection.peer.map(|peer| peer.ip());
        let asked = Asked { head: request.head, peer, id: request.id };
        let has_failed = gil::attach_for_long(|py| {
            // It may have waited for the interpreter for all its time.
            if responder.is_late() {
                return true;
            }
            let answered = self.answers.take(py).and_then(|answer| {
                let result = StartResponse::lend(answer.this(py), responder, |_| self.answer(py, request, &answer));
                self.answers.put_back(answer);
                result
            });
            let is_late = late_call::leave_app(py, responder);
            match answered {
                Ok(()) => false,
                Err(error) if is_late && late_call::is_its_end(py, &error) => true,
                // How an application leaves whose client has not sent a whole upload.
                Err(error) if responder.body_failure().is_some() && error.is_instance_of::<PyOSError>(py) => true,
                Err(error) => {
                    self.report(py, &asked, "the application raised", Some(error));
                    true
                }
            }
        });
        if has_failed {
            return responder.fail();
        }
        // What was gathered goes out without the GIL. Where the answer has ended already, this
        // is out of order, and nothing is left to be done; where the client has gone, likewise.
        let _ = responder.finish();
        if let Some((announced, given)) = responder.broken_length() {
            let complaint = format!("the application announced {announced} bytes with Content-Length and gave {given}");
            Python::attach(|py| self.report(py, &asked, &complaint, None));
        }
    }

    fn on_late_call(&self, call: &LateCall) {
        let Some(report_late) = &self.report_late else {
            return;
        };
        Python::try_attach(|py| {
            if let Err(error) = late_call::end(report_late.bind(py), call, &self.id_header) {
                error.write_unraisable(py, None);
            }
        });
    }

    fn prove_alive(&self) {
        Python::try_attach(|_| ());
    }

    fn on_trouble(&self, trouble: &Trouble) {
        // Nobody is told by an interpreter that is about to end.
        Python::try_attach(|py| self.call_report(py, &trouble.to_string(), None));
    }
}
