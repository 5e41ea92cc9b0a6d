//! What must be true of any bytes: of random ones, and of the corpus after some damage.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_types, reason = "the corpus lies in files")]

mod support;

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use support::invariants;

/// The corpus without its few cases about limits, which would slow the rest down.
static CORPUS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/wire/http1");
    let mut files: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let is_request = |file: &Path| file.extension().is_some_and(|extension| extension == "http");
    let requests = files.iter().filter(|file| is_request(file)).map(|file| std::fs::read(file).unwrap());
    requests.filter(|bytes| bytes.len() <= 1024).collect()
});

/// Bytes that mean something to a parser.
const TELLING: &[&[u8]] = &[
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b":",
    b",",
    b";",
    b"\"",
    b"\\",
    b"=",
    b"\0",
    b"\x0b",
    b"\x85",
    b"\xa0",
    b"0",
    b"1",
    b"0\r\n\r\n",
    b"chunked",
    b"Host: a\r\n",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Expect: 100-continue\r\n",
    b"GET / HTTP/1.1\r\n",
];

#[derive(Debug, Clone)]
enum Damage {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, &'static [u8]),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
    Append(prop::sample::Index),
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Replace(at, byte) if !bytes.is_empty() => *at.get_mut(bytes) = *byte,
            Self::Insert(at, what) => {
                let at = at.index(bytes.len() + 1);
                bytes.splice(at..at, what.iter().copied());
            }
            Self::Remove(at, count) => {
                let at = at.index(bytes.len() + 1);
                bytes.drain(at..(at + count).min(bytes.len()));
            }
            Self::Repeat(at, count) => {
                let at = at.index(bytes.len() + 1);
                let again = bytes[at..(at + count).min(bytes.len())].to_vec();
                bytes.splice(at..at, again);
            }
            Self::Append(case) => bytes.extend_from_slice(case.get::<Vec<u8>>(&CORPUS)),
            Self::Replace(..) => {}
        }
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Replace(at, byte)),
        (at(), prop::sample::select(TELLING)).prop_map(|(at, what)| Damage::Insert(at, what)),
        (at(), 1..8_usize).prop_map(|(at, count)| Damage::Remove(at, count)),
        (at(), 1..40_usize).prop_map(|(at, count)| Damage::Repeat(at, count)),
        at().prop_map(Damage::Append),
    ]
}

/// Bytes of the corpus, after as many as three damages.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (any::<prop::sample::Index>(), prop::collection::vec(damage(), 0..4)).prop_map(|(case, damages)| {
        let mut bytes = case.get::<Vec<u8>>(&CORPUS).clone();
        damages.iter().for_each(|damage| damage.apply(&mut bytes));
        bytes
    })
}

/// Bytes that are likely to be chunks.
fn chunk_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(TELLING).prop_map(<[u8]>::to_vec),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|data| [
            format!("{:x}\r\n", data.len()).as_bytes(),
            &data,
            b"\r\n"
        ]
        .concat()),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| [&pieces.concat()[..], b"0\r\n\r\n"].concat())
}

fn random() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..400)
}

#[test]
fn the_corpus_is_read_alike_however_it_is_cut() {
    CORPUS.iter().for_each(|case| invariants::requests(case));
}

#[test]
fn a_head_of_the_corpus_survives_being_written_and_read_again() {
    CORPUS.iter().for_each(|case| invariants::head(case));
}

#[test]
fn chunks_of_the_corpus_survive_being_encoded_and_decoded_again() {
    CORPUS.iter().for_each(|case| invariants::chunked(case));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn random_bytes_are_read_alike_however_they_are_cut(bytes in random()) {
        invariants::requests(&bytes);
    }

    #[test]
    fn damaged_requests_are_read_alike_however_they_are_cut(bytes in damaged()) {
        invariants::requests(&bytes);
    }

    #[test]
    fn a_damaged_head_survives_being_written_and_read_again(bytes in damaged()) {
        invariants::head(&bytes);
    }

    #[test]
    fn random_bytes_are_decoded_alike_however_they_are_cut(bytes in random()) {
        invariants::chunked(&bytes);
    }

    #[test]
    fn chunks_survive_being_encoded_and_decoded_again(bytes in chunk_like()) {
        invariants::chunked(&bytes);
    }
}
