//! Makes the environ of a request (PEP 3333, "environ Variables"; RFC 3875 §4.1).

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use uncork_protocol::headers::{CgiName, cgi_name};
use uncork_protocol::{RequestHead, Version};
use uncork_server::{ListenerInfo, Request};

use super::file_wrapper::FileWrapper;
use super::input::Input;
use super::names::FieldKeys;
use crate::gil::latin1;

/// Entries for which a fresh environ has room beyond its own, so that it need not grow.
const ROOM_FOR_FIELDS: usize = 14;

/// What is the same in every environ of a worker.
pub(super) struct EnvironTemplate {
    constants: Py<PyDict>,
    keys: FieldKeys,
    /// The environs of the listeners that requests came to so far: few, and long-lived.
    by_listener: Mutex<Vec<(Arc<ListenerInfo>, Py<PyDict>)>>,
    /// The address that a request came from last, which is often the next one's too.
    last_peer: Mutex<Option<(IpAddr, Py<PyString>)>>,
}

impl EnvironTemplate {
    pub(super) fn new(py: Python<'_>) -> PyResult<Self> {
        let constants = PyDict::new(py);
        constants.set_item("wsgi.version", PyTuple::new(py, [1, 0])?)?;
        constants.set_item("wsgi.errors", py.import("sys")?.getattr("stderr")?)?;
        constants.set_item("wsgi.multithread", true)?;
        constants.set_item("wsgi.multiprocess", false)?;
        constants.set_item("wsgi.run_once", false)?;
        constants.set_item("wsgi.input_terminated", true)?;
        constants.set_item("wsgi.file_wrapper", py.get_type::<FileWrapper>())?;
        constants.set_item("GATEWAY_INTERFACE", "CGI/1.1")?;
        constants.set_item("SERVER_SOFTWARE", concat!("uncork/", env!("CARGO_PKG_VERSION")))?;
        constants.set_item("SCRIPT_NAME", "")?;
        Ok(Self {
            constants: constants.unbind(),
            keys: FieldKeys::new(py),
            by_listener: Mutex::new(Vec::new()),
            last_peer: Mutex::new(None),
        })
    }

    /// The environ of `request`, whose body goes into `wsgi.input`.
    ///
    /// # Errors
    /// There is no memory, or the body's temporary file can't be read.
    pub(super) fn make<'py>(&self, py: Python<'py>, request: Request<'_>) -> PyResult<Bound<'py, PyDict>> {
        let environ = self.of_listener(py, &request.connection.listener)?;
        let head = request.head;
        environ.set_item(intern!(py, "REQUEST_METHOD"), method(py, head.method()))?;
        let target = latin1(py, head.target());
        environ.set_item(intern!(py, "PATH_INFO"), path_info(py, head, &target))?;
        environ.set_item(intern!(py, "QUERY_STRING"), latin1(py, head.query()))?;
        environ.set_item(intern!(py, "RAW_URI"), &target)?;
        environ.set_item(intern!(py, "REQUEST_URI"), &target)?;
        environ.set_item(intern!(py, "SERVER_PROTOCOL"), protocol(py, head.version))?;
        if let Some(peer) = request.connection.peer {
            environ.set_item(intern!(py, "REMOTE_ADDR"), self.address(py, peer.ip()))?;
            environ.set_item(intern!(py, "REMOTE_PORT"), decimal(py, peer.port().into()))?;
        }
        self.set_fields(py, &environ, head)?;
        // Chunked or not, what has been received has a length now (RFC 3875 §4.1.2).
        if !request.body.is_empty() || has_content_length(head) {
            environ.set_item(intern!(py, "CONTENT_LENGTH"), decimal(py, request.body.len()))?;
        }
        environ.set_item(intern!(py, "wsgi.input"), Bound::new(py, Input::new(request.body.into_reader()?))?)?;
        Ok(environ)
    }

    /// A fresh environ with what holds for every request to `listener`.
    fn of_listener<'py>(&self, py: Python<'py>, listener: &Arc<ListenerInfo>) -> PyResult<Bound<'py, PyDict>> {
        let mut known = lock(&self.by_listener);
        if let Some((_, environ)) = known.iter().find(|(other, _)| Arc::ptr_eq(other, listener)) {
            return environ.bind(py).copy();
        }
        let environ = self.constants.bind(py).copy()?;
        environ.set_item("SERVER_NAME", &listener.server_name)?;
        environ.set_item("SERVER_PORT", &listener.server_port)?;
        environ.set_item("wsgi.url_scheme", if listener.is_tls { "https" } else { "http" })?;
        // Keys that every request sets, so that setting them only replaces a value.
        for key in ["REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "RAW_URI", "REQUEST_URI", "SERVER_PROTOCOL"] {
            environ.set_item(PyString::intern(py, key), "")?;
        }
        environ.set_item(intern!(py, "REMOTE_ADDR"), "")?;
        environ.set_item(intern!(py, "wsgi.input"), py.None())?;
        // A dictionary that has had more entries keeps their room, and its copies have it too.
        for number in 0..ROOM_FOR_FIELDS {
            environ.set_item(format!("uncork.{number}"), py.None())?;
        }
        for number in 0..ROOM_FOR_FIELDS {
            environ.del_item(format!("uncork.{number}"))?;
        }
        let fresh = environ.copy()?;
        known.push((Arc::clone(listener), environ.unbind()));
        Ok(fresh)
    }

    fn address<'py>(&self, py: Python<'py>, address: IpAddr) -> Bound<'py, PyString> {
        let mut last = lock(&self.last_peer);
        match &*last {
            Some((known, text)) if *known == address => text.bind(py).clone(),
            _ => {
                let text = PyString::new(py, &address.to_canonical().to_string());
                *last = Some((address, text.clone().unbind()));
                text
            }
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

/// Locks for a few lines of the same thread, which let nobody else run Python meanwhile.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn method<'py>(py: Python<'py>, method: &[u8]) -> Bound<'py, PyString> {
    match method {
        b"GET" => intern!(py, "GET").clone(),
        b"POST" => intern!(py, "POST").clone(),
        b"HEAD" => intern!(py, "HEAD").clone(),
        b"PUT" => intern!(py, "PUT").clone(),
        _ => latin1(py, method),
    }
}

fn protocol(py: Python<'_>, version: Version) -> Bound<'_, PyString> {
    match version {
        Version::Http11 => intern!(py, "HTTP/1.1").clone(),
        Version::Http10 => intern!(py, "HTTP/1.0").clone(),
    }
}

fn decimal(py: Python<'_>, mut number: u64) -> Bound<'_, PyString> {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return latin1(py, &digits[start..]);
        }
    }
}

fn has_content_length(head: &RequestHead) -> bool {
    head.fields().any(|(name, _)| cgi_name(name) == CgiName::ContentLength)
}

/// The path, percent-decoded. A target without one, `*` among them, asks for the root.
fn path_info<'py>(py: Python<'py>, head: &RequestHead, target: &Bound<'py, PyString>) -> Bound<'py, PyString> {
    match head.path() {
        b"" | b"*" => intern!(py, "/").clone(),
        path => match percent_decode(path) {
            Cow::Borrowed(path) if path.len() == head.target().len() => target.clone(),
            path => latin1(py, &path),
        },
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
