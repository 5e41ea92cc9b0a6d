//! Runs the corpus of `tests/wire`, which the live server runs as well: whole, byte by byte,
//! and with bytes behind it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_types, reason = "the corpus lies in files")]

mod support;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use support::exchange::{End, Exchange, Seen, exchange};

/// A request that is well-formed, and that must be served or not, as the case says.
const BEHIND: &[u8] = b"GET /behind HTTP/1.1\r\nHost: behind.example\r\n\r\n";

/// What a `.toml` says of the `.http` beside it; `tests/wire/README.md` explains the keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    rule: String,
    refused: Option<u16>,
    #[serde(default)]
    is_cut: bool,
    #[serde(default)]
    request: Vec<ExpectedRequest>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedRequest {
    method: String,
    target: String,
    version: String,
    fields: Vec<(String, String)>,
    body: String,
    keep_alive: bool,
    path: Option<String>,
    query: Option<String>,
    authority: Option<String>,
    #[serde(default)]
    expects_continue: bool,
    #[serde(default)]
    wants_upgrade: bool,
}

struct Case {
    name: String,
    bytes: Vec<u8>,
    expected: Expected,
}

#[test]
fn the_corpus_is_read_as_it_says_when_it_comes_whole() {
    hold_each_case(|case| compare(&exchange([&case.bytes[..]]), &case.expected));
}

#[test]
fn the_corpus_is_read_as_it_says_when_it_comes_byte_by_byte() {
    hold_each_case(|case| compare(&exchange(case.bytes.chunks(1)), &case.expected));
}

#[test]
fn what_follows_a_case_changes_nothing_of_it() {
    hold_each_case(|case| {
        if case.expected.is_cut {
            return Ok(());
        }
        let mut seen = exchange([&case.bytes[..], BEHIND]);
        if seen.end == End::Waiting {
            match seen.requests.pop() {
                Some(last) if last.head.target() == b"/behind" => {}
                last => return Err(format!("the request behind it was read as {last:?}")),
            }
        } else if seen.end == End::Closed && !seen.rest.ends_with(BEHIND) {
            return Err("the request behind it was used up".to_owned());
        }
        compare(&seen, &case.expected)
    });
}

#[test]
fn each_case_is_whole_and_cites_its_rule() {
    let cases = cases();
    assert!(cases.len() >= 250, "only {} cases", cases.len());
    for case in cases {
        let (section, _) = case.expected.rule.split_once(": ").unwrap();
        let (rfc, section) = section.strip_prefix("RFC ").unwrap().split_once(" §").unwrap();
        assert!(rfc.parse::<u16>().is_ok() && !section.is_empty(), "{}", case.name);
    }
}

/// Runs `check` on every case, and fails with all that went wrong.
fn hold_each_case(check: impl Fn(&Case) -> Result<(), String>) {
    let failures: Vec<String> = cases()
        .iter()
        .filter_map(|case| check(case).err().map(|error| format!("{}: {error}\n    {}", case.name, case.expected.rule)))
        .collect();
    assert!(failures.is_empty(), "{} cases failed:\n{}", failures.len(), failures.join("\n"));
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/wire/http1");
    let mut files: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (requests, expectations): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|file| file.extension().is_some_and(|extension| extension == "http"));
    let beside: Vec<_> = requests.iter().map(|file| file.with_extension("toml")).collect();
    assert_eq!(beside, expectations, "each `.http` has its `.toml`");
    let case = |file: &PathBuf| Case {
        name: file.file_stem().unwrap().to_str().unwrap().to_owned(),
        bytes: std::fs::read(file).unwrap(),
        expected: toml::from_str(&std::fs::read_to_string(file.with_extension("toml")).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", file.display())),
    };
    requests.iter().map(case).collect()
}

fn compare(seen: &Exchange, expected: &Expected) -> Result<(), String> {
    let end = match seen.end {
        End::Refused(error) => format!("refused with {}", error.status),
        end => format!("{end:?}"),
    };
    let wanted_end = match (expected.refused, expected.is_cut, expected.request.last()) {
        (Some(status), _, _) => format!("refused with {status}"),
        (None, true, _) => "Cut".to_owned(),
        (None, false, Some(last)) if !last.keep_alive => "Closed".to_owned(),
        (None, false, _) => "Waiting".to_owned(),
    };
    if end != wanted_end {
        return Err(format!("expected {wanted_end}, got {:?} behind {} requests", seen.end, seen.requests.len()));
    }
    if seen.requests.len() != expected.request.len() {
        return Err(format!("expected {} requests, got {}", expected.request.len(), seen.requests.len()));
    }
    seen.requests.iter().zip(&expected.request).try_for_each(|(seen, expected)| compare_request(seen, expected))
}

fn compare_request(seen: &Seen, expected: &ExpectedRequest) -> Result<(), String> {
    let head = &seen.head;
    let fields: Vec<_> = head.fields().map(|(name, value)| (text(name), text(value))).collect();
    same("method", &text(head.method()), &expected.method)?;
    same("target", &text(head.target()), &expected.target)?;
    same("version", head.version.as_str(), expected.version.as_str())?;
    same("fields", &fields, &expected.fields)?;
    same("body", &text(&seen.body), &expected.body)?;
    same("keep_alive", &head.wants_keep_alive, &expected.keep_alive)?;
    same("expects_continue", &head.expects_continue, &expected.expects_continue)?;
    same("wants_upgrade", &head.wants_upgrade, &expected.wants_upgrade)?;
    same("authority", &head.authority().map(text), &expected.authority)?;
    same("path", &text(head.path()), expected.path.as_ref().unwrap_or(&text(head.path())))?;
    same("query", &text(head.query()), expected.query.as_ref().unwrap_or(&text(head.query())))
}

fn same<T: PartialEq + std::fmt::Debug + ?Sized>(what: &str, seen: &T, expected: &T) -> Result<(), String> {
    if seen == expected { Ok(()) } else { Err(format!("{what}: expected {expected:?}, got {seen:?}")) }
}

/// Bytes as the corpus writes them: one character for each.
fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| byte as char).collect()
}
