//! Makes the environ of a request (PEP 3333, "environ Variables"; RFC 3875 §4.1).
//!
//! Most of it is what the last request's was: the listener, the client, the host, what a browser
//! says about itself. So an environ begins as a copy of a dictionary that follows the last
//! request, and only what differs is set.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, TryLockError};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use uncork_protocol::headers::{CgiName, cgi_name};
use uncork_protocol::{RequestFraming, RequestHead, Version};
use uncork_server::{ListenerInfo, Request, RequestBody};

use super::file_wrapper::FileWrapper;
use super::input::Input;
use super::names::{FieldKeys, KNOWN, KnownField, key, spell};
use super::start_response::StartResponse;
use crate::gil::latin1;

/// Longest value of a field, and longest target, that is kept for the next request.
const LONGEST_KEPT: usize = 256;

/// Ports of clients whose text is kept.
const PORTS_KEPT: usize = 256;

/// Makes the environs of a worker.
pub(super) struct EnvironMaker {
    constants: Py<PyDict>,
    keys: FieldKeys,
    /// The key of the field that says what a request is called; `None` where the application is
    /// not told.
    id_key: Option<Py<PyString>>,
    /// Only ever tried: to wait for it with the GIL, for a thread that may be waiting for the
    /// GIL (making a dictionary may run the garbage collector, and so any code), could be for ever.
    memory: Mutex<Memory>,
}

/// What of earlier requests the next one is likely to share.
#[derive(Default)]
struct Memory {
    /// One for each listener that requests came to so far: few, and long-lived.
    templates: Vec<Template>,
    values: KeptValues,
    ports: KeptPorts,
}

/// The environ of the last request to one listener, as far as the next one is to begin with it.
struct Template {
    listener: Arc<ListenerInfo>,
    environ: Py<PyDict>,
    peer: Option<IpAddr>,
    host: Option<Py<PyString>>,
    /// The target of the last request, where it had no query, which may hold a secret.
    target: Vec<u8>,
    /// Whether the environ has that target.
    has_target: bool,
}

impl EnvironMaker {
    /// `is_multiprocess`: whether other processes may be calling the same application. `id_header`:
    /// the field that says what a request is called; `None` where the application is not told.
    pub(super) fn new(py: Python<'_>, is_multiprocess: bool, id_header: Option<&str>) -> PyResult<Self> {
        let constants = PyDict::new(py);
        constants.set_item("wsgi.version", PyTuple::new(py, [1, 0])?)?;
        constants.set_item("wsgi.errors", py.import("sys")?.getattr("stderr")?)?;
        constants.set_item("wsgi.multithread", true)?;
        constants.set_item("wsgi.multiprocess", is_multiprocess)?;
        constants.set_item("wsgi.run_once", false)?;
        constants.set_item("wsgi.input", Bound::new(py, Input::empty())?)?;
        constants.set_item("wsgi.input_terminated", true)?;
        constants.set_item("wsgi.file_wrapper", py.get_type::<FileWrapper>())?;
        constants.set_item("GATEWAY_INTERFACE", "CGI/1.1")?;
        constants.set_item("SERVER_SOFTWARE", concat!("uncork/", env!("CARGO_PKG_VERSION")))?;
        constants.set_item("SCRIPT_NAME", "")?;
        constants.set_item("REQUEST_METHOD", "GET")?;
        constants.set_item("SERVER_PROTOCOL", Version::Http11.as_str())?;
        constants.set_item("QUERY_STRING", "")?;
        // Set for every request: here only so that they have their places.
        for key in ["PATH_INFO", "RAW_URI", "REQUEST_URI", "HTTP_HOST"] {
            constants.set_item(PyString::intern(py, key), "")?;
        }
        let id_key = id_header.map(|header| PyString::intern(py, &spell(header.as_bytes())));
        if let Some(key) = &id_key {
            constants.set_item(key, "")?;
        }
        Ok(Self {
            constants: constants.unbind(),
            keys: FieldKeys::new(py),
            id_key: id_key.map(Bound::unbind),
            memory: Mutex::default(),
        })
    }

    /// The environ of `request`, whose body goes into `wsgi.input`; one that is coming is read by
    /// way of `answer`.
    ///
    /// # Errors
    /// There is no memory, or the body's temporary file can't be read.
    pub(super) fn make<'py>(
        &self,
        py: Python<'py>,
        request: Request<'_>,
        answer: &Bound<'py, StartResponse>,
    ) -> PyResult<Bound<'py, PyDict>> {
        match self.memory.try_lock() {
            Ok(mut memory) => self.make_after(&mut memory, py, request, answer),
            Err(TryLockError::Poisoned(poisoned)) => self.make_after(&mut poisoned.into_inner(), py, request, answer),
            Err(TryLockError::WouldBlock) => self.make_after(&mut Memory::default(), py, request, answer),
        }
    }

    fn make_after<'py>(
        &self,
        memory: &mut Memory,
        py: Python<'py>,
        request: Request<'_>,
        answer: &Bound<'py, StartResponse>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let Memory { templates, values, ports } = memory;
        let template = self.template(templates, py, &request.connection.listener)?;
        if let Some(peer) = request.connection.peer {
            template.follow_peer(py, peer.ip())?;
        }
        let environ = template.environ.bind(py).copy()?;
        let head = request.head;
        if head.method() != b"GET" {
            environ.set_item(intern!(py, "REQUEST_METHOD"), method(py, head.method()))?;
        }
        if head.version != Version::Http11 {
            environ.set_item(intern!(py, "SERVER_PROTOCOL"), head.version.as_str())?;
        }
        if !head.query().is_empty() {
            environ.set_item(intern!(py, "QUERY_STRING"), latin1(py, head.query()))?;
        }
        template.follow_target(py, &environ, head)?;
        if let Some(peer) = request.connection.peer {
            environ.set_item(intern!(py, "REMOTE_PORT"), ports.text(py, peer.port()))?;
        }
        let has_length = self.set_fields(py, &environ, head, template, values)?;
        if let (Some(key), Some(id)) = (&self.id_key, request.id) {
            environ.set_item(key.bind(py), latin1(py, id.text().as_bytes()))?;
        }
        let (length, input) = match request.body {
            // Chunked or not, what has been received has a length now (RFC 3875 §4.1.2).
            RequestBody::Whole(body) if body.is_empty() => (has_length.then_some(0), None),
            RequestBody::Whole(body) => (Some(body.len()), Some(Input::whole(body.into_reader()?))),
            RequestBody::Coming => (announced_length(head), Some(Input::coming(answer))),
        };
        if let Some(length) = length {
            environ.set_item(intern!(py, "CONTENT_LENGTH"), decimal(py, length))?;
        }
        if let Some(input) = input {
            environ.set_item(intern!(py, "wsgi.input"), Bound::new(py, input)?)?;
        }
        Ok(environ)
    }

    fn template<'memory>(
        &self,
        templates: &'memory mut Vec<Template>,
        py: Python<'_>,
        listener: &Arc<ListenerInfo>,
    ) -> PyResult<&'memory mut Template> {
        let known = templates.iter().position(|template| Arc::ptr_eq(&template.listener, listener));
        let index = known.unwrap_or(templates.len());
        if known.is_none() {
            templates.push(self.new_template(py, listener)?);
        }
        Ok(&mut templates[index])
    }

    fn new_template(&self, py: Python<'_>, listener: &Arc<ListenerInfo>) -> PyResult<Template> {
        let environ = self.constants.bind(py).copy()?;
        environ.set_item("SERVER_NAME", &listener.server_name)?;
        environ.set_item("SERVER_PORT", &listener.server_port)?;
        environ.set_item("wsgi.url_scheme", if listener.is_tls { "https" } else { "http" })?;
        environ.set_item(intern!(py, "REMOTE_ADDR"), "")?;
        Ok(Template {
            listener: Arc::clone(listener),
            environ: environ.unbind(),
            peer: None,
            host: None,
            target: Vec::new(),
            has_target: false,
        })
    }

    /// Sets what the fields say; returns whether they say a length.
    fn set_fields(
        &self,
        py: Python<'_>,
        environ: &Bound<'_, PyDict>,
        head: &RequestHead,
        template: &mut Template,
        values: &mut KeptValues,
    ) -> PyResult<bool> {
        let mut has_length = false;
        let mut seen = 0;
        let host_key = intern!(py, "HTTP_HOST");
        let mut has_host = false;
        for (name, bytes) in head.fields() {
            if let Some(field) = self.keys.known(name) {
                let value = if field.is_steady() { values.text(py, field, bytes) } else { latin1(py, bytes) };
                let key = field.key.bind(py);
                if key.is(host_key) {
                    // There is one at the most (RFC 9112 §3.2).
                    has_host = true;
                    template.follow_host(py, environ, value)?;
                } else if seen & field.bit() == 0 {
                    environ.set_item(key, value)?;
                } else {
                    join(environ, key, name, &value)?;
                }
                seen |= field.bit();
                continue;
            }
            match cgi_name(name) {
                CgiName::Hidden => {}
                CgiName::ContentLength => has_length = true,
                CgiName::ContentType => join(environ, intern!(py, "CONTENT_TYPE"), name, &latin1(py, bytes))?,
                CgiName::Ordinary => join(environ, &key(py, name), name, &latin1(py, bytes))?,
            }
        }
        if let Some(authority) = head.authority() {
            environ.set_item(host_key, latin1(py, authority))?;
        } else if !has_host {
            environ.del_item(host_key)?;
        }
        Ok(has_length)
    }
}

impl Template {
    fn follow_peer(&mut self, py: Python<'_>, peer: IpAddr) -> PyResult<()> {
        if self.peer != Some(peer) {
            self.peer = None;
            self.environ.bind(py).set_item(intern!(py, "REMOTE_ADDR"), peer.to_canonical().to_string())?;
            self.peer = Some(peer);
        }
        Ok(())
    }

    /// Sets the target in `environ`, which was copied from this template; and here, when it comes
    /// for the second time in a row, so that from the third on there is nothing to set.
    fn follow_target(&mut self, py: Python<'_>, environ: &Bound<'_, PyDict>, head: &RequestHead) -> PyResult<()> {
        let is_repeated = self.target == head.target() && !self.target.is_empty();
        if is_repeated && self.has_target {
            return Ok(());
        }
        self.has_target = false;
        set_target(py, environ, head)?;
        if is_repeated {
            set_target(py, self.environ.bind(py), head)?;
            self.has_target = true;
            return Ok(());
        }
        self.target.clear();
        if head.query().is_empty() && head.target().len() <= LONGEST_KEPT {
            self.target.extend_from_slice(head.target());
        }
        Ok(())
    }

    /// Sets the host in `environ`, which was copied from this template, and here.
    fn follow_host<'py>(
        &mut self,
        py: Python<'py>,
        environ: &Bound<'py, PyDict>,
        host: Bound<'py, PyString>,
    ) -> PyResult<()> {
        if !self.host.as_ref().is_some_and(|known| known.is(&host)) {
            self.host = None;
            environ.set_item(intern!(py, "HTTP_HOST"), &host)?;
            self.environ.bind(py).set_item(intern!(py, "HTTP_HOST"), &host)?;
            self.host = Some(host.unbind());
        }
        Ok(())
    }
}

fn set_target(py: Python<'_>, environ: &Bound<'_, PyDict>, head: &RequestHead) -> PyResult<()> {
    let target = latin1(py, head.target());
    environ.set_item(intern!(py, "PATH_INFO"), path_info(py, head, &target))?;
    environ.set_item(intern!(py, "RAW_URI"), &target)?;
    environ.set_item(intern!(py, "REQUEST_URI"), target)
}

/// Sets `key`, or adds to the value that it has (RFC 9110 §5.3, and RFC 9113 §8.2.3 for the one
/// field that is no list).
fn join(
    environ: &Bound<'_, PyDict>,
    key: &Bound<'_, PyString>,
    name: &[u8],
    value: &Bound<'_, PyString>,
) -> PyResult<()> {
    let Some(earlier) = environ.get_item(key)? else {
        return environ.set_item(key, value);
    };
    let glue = if name.eq_ignore_ascii_case(b"cookie") { "; " } else { ", " };
    environ.set_item(key, earlier.add(PyString::new(environ.py(), glue))?.add(value)?)
}

/// The last value of each field that seldom changes.
struct KeptValues([Option<(Vec<u8>, Py<PyString>)>; KNOWN]);

impl Default for KeptValues {
    fn default() -> Self {
        Self([const { None }; KNOWN])
    }
}

impl KeptValues {
    fn text<'py>(&mut self, py: Python<'py>, field: KnownField<'_>, bytes: &[u8]) -> Bound<'py, PyString> {
        let kept = &mut self.0[field.number];
        match kept {
            Some((known, text)) if known == bytes => return text.bind(py).clone(),
            _ => {}
        }
        let text = latin1(py, bytes);
        if bytes.len() <= LONGEST_KEPT {
            *kept = Some((bytes.to_vec(), text.clone().unbind()));
        }
        text
    }
}

/// The text of ports that clients had of late, each at its remainder.
struct KeptPorts(Vec<Option<(u16, Py<PyString>)>>);

impl Default for KeptPorts {
    fn default() -> Self {
        Self((0..PORTS_KEPT).map(|_| None).collect())
    }
}

impl KeptPorts {
    fn text<'py>(&mut self, py: Python<'py>, port: u16) -> Bound<'py, PyString> {
        let kept = &mut self.0[usize::from(port) % PORTS_KEPT];
        match kept {
            Some((known, text)) if *known == port => text.bind(py).clone(),
            _ => {
                let text = decimal(py, port.into());
                *kept = Some((port, text.clone().unbind()));
                text
            }
        }
    }
}

fn method<'py>(py: Python<'py>, method: &[u8]) -> Bound<'py, PyString> {
    match method {
        b"POST" => intern!(py, "POST").clone(),
        b"HEAD" => intern!(py, "HEAD").clone(),
        b"PUT" => intern!(py, "PUT").clone(),
        _ => latin1(py, method),
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

fn announced_length(head: &RequestHead) -> Option<u64> {
    match head.framing {
        RequestFraming::Length(length) => Some(length),
        RequestFraming::None | RequestFraming::Chunked => None,
    }
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
