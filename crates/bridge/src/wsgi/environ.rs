//! Makes the environ of a request (PEP 3333, "environ Variables"; RFC 3875 §4.1).

use std::borrow::Cow;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use uncork_protocol::RequestHead;
use uncork_protocol::headers::{CgiName, cgi_name};
use uncork_server::Request;

use super::file_wrapper::FileWrapper;
use super::input::Input;
use super::names::FieldKeys;
use crate::gil::latin1;

/// What is the same in every environ of a worker.
pub(super) struct EnvironTemplate {
    constants: Py<PyDict>,
    keys: FieldKeys,
}

impl EnvironTemplate {
    pub(super) fn new(py: Python<'_>) -> PyResult<Self> {
        let constants = PyDict::new(py);
        constants.set_item("wsgi.version", PyTuple::new(py, [1, 0])?)?;
        constants.set_item("wsgi.url_scheme", "http")?;
        constants.set_item("wsgi.errors", py.import("sys")?.getattr("stderr")?)?;
        constants.set_item("wsgi.multithread", true)?;
        constants.set_item("wsgi.multiprocess", false)?;
        constants.set_item("wsgi.run_once", false)?;
        constants.set_item("wsgi.input_terminated", true)?;
        constants.set_item("wsgi.file_wrapper", py.get_type::<FileWrapper>())?;
        constants.set_item("GATEWAY_INTERFACE", "CGI/1.1")?;
        constants.set_item("SERVER_SOFTWARE", concat!("uncork/", env!("CARGO_PKG_VERSION")))?;
        constants.set_item("SCRIPT_NAME", "")?;
        Ok(Self { constants: constants.unbind(), keys: FieldKeys::new(py) })
    }

    /// The environ of `request`, whose body goes into `wsgi.input`.
    ///
    /// # Errors
    /// There is no memory, or the body's temporary file can't be read.
    pub(super) fn make<'py>(&self, py: Python<'py>, request: Request<'_>) -> PyResult<Bound<'py, PyDict>> {
        let environ = self.constants.bind(py).copy()?;
        let head = request.head;
        environ.set_item(intern!(py, "REQUEST_METHOD"), self.method(py, head.method()))?;
        let target = latin1(py, head.target());
        environ.set_item(intern!(py, "PATH_INFO"), path_info(py, head))?;
        environ.set_item(intern!(py, "QUERY_STRING"), latin1(py, head.query()))?;
        environ.set_item(intern!(py, "RAW_URI"), &target)?;
        environ.set_item(intern!(py, "REQUEST_URI"), &target)?;
        environ.set_item(intern!(py, "SERVER_PROTOCOL"), PyString::intern(py, head.version.as_str()))?;
        let listener = &request.connection.listener;
        environ.set_item(intern!(py, "SERVER_NAME"), &listener.server_name)?;
        environ.set_item(intern!(py, "SERVER_PORT"), &listener.server_port)?;
        if listener.is_tls {
            environ.set_item(intern!(py, "wsgi.url_scheme"), intern!(py, "https"))?;
        }
        match request.connection.peer {
            Some(peer) => {
                environ.set_item(intern!(py, "REMOTE_ADDR"), peer.ip().to_canonical().to_string())?;
                environ.set_item(intern!(py, "REMOTE_PORT"), peer.port().to_string())?;
            }
            None => environ.set_item(intern!(py, "REMOTE_ADDR"), "")?,
        }
        self.set_fields(py, &environ, head)?;
        // Chunked or not, what has been received has a length now (RFC 3875 §4.1.2).
        if !request.body.is_empty() || has_content_length(head) {
            environ.set_item(intern!(py, "CONTENT_LENGTH"), request.body.len().to_string())?;
        }
        environ.set_item(intern!(py, "wsgi.input"), Bound::new(py, Input::new(request.body.into_reader()?))?)?;
        Ok(environ)
    }

    fn method<'py>(&self, py: Python<'py>, method: &[u8]) -> Bound<'py, PyString> {
        match method {
            b"GET" => intern!(py, "GET").clone(),
            b"POST" => intern!(py, "POST").clone(),
            b"HEAD" => intern!(py, "HEAD").clone(),
            b"PUT" => intern!(py, "PUT").clone(),
            _ => latin1(py, method),
        }
    }

    fn set_fields<'py>(&self, py: Python<'py>, environ: &Bound<'py, PyDict>, head: &RequestHead) -> PyResult<()> {
        for (name, value) in head.fields() {
            let key = match cgi_name(name) {
                CgiName::Hidden | CgiName::ContentLength => continue,
                CgiName::ContentType => intern!(py, "CONTENT_TYPE").clone(),
                CgiName::Ordinary => self.keys.key(py, name),
            };
            let value = latin1(py, value);
            match environ.get_item(&key)? {
                None => environ.set_item(key, value)?,
                // RFC 9110 §5.3, and RFC 9113 §8.2.3 for the one field that is no list.
                Some(earlier) => {
                    let glue = if name.eq_ignore_ascii_case(b"cookie") { "; " } else { ", " };
                    let joined = earlier.add(PyString::new(py, glue))?.add(value)?;
                    environ.set_item(key, joined)?;
                }
            }
        }
        if let Some(authority) = head.authority() {
            environ.set_item(intern!(py, "HTTP_HOST"), latin1(py, authority))?;
        }
        Ok(())
    }
}

fn has_content_length(head: &RequestHead) -> bool {
    head.fields().any(|(name, _)| cgi_name(name) == CgiName::ContentLength)
}

/// The path, percent-decoded. A target without one, `*` among them, asks for the root.
fn path_info<'py>(py: Python<'py>, head: &RequestHead) -> Bound<'py, PyString> {
    match head.path() {
        b"" | b"*" => intern!(py, "/").clone(),
        path => latin1(py, &percent_decode(path)),
    }
}

/// Decodes `%XX`; a `%` that is not followed by two digits stays (as in Python's `unquote`).
fn percent_decode(path: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'%', path) else {
        return Cow::Borrowed(path);
    };
    let mut out = path[..first].to_vec();
    let mut rest = &path[first..];
    while let [byte, after @ ..] = rest {
        rest = after;
        if let (b'%', [high, low, behind @ ..]) = (byte, after) {
            if let (Some(high), Some(low)) = (hexadecimal(*high), hexadecimal(*low)) {
                out.push(high << 4 | low);
                rest = behind;
                continue;
            }
        }
        out.push(*byte);
    }
    Cow::Owned(out)
}

fn hexadecimal(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}
