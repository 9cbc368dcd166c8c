//! A state directory whose snapshot and files of keys are damaged, or made again with other pieces
//! under checksums that hold.
//!
//! The directory is that of `tests/golden/state-v1`. Its journal stays whole, so the books can
//! always be rebuilt: whatever became of the snapshot, they must come out as they were.

use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use kontor::ids::Position;
use kontor::journal::file::Until;
use kontor::journal::file::disk::{Disk, DiskFile};
use kontor::journal::snapshot::{evidence, file_name, list};
use kontor::ledger::StateDigest;
use kontor::partition::{KeysWanted, Loaded, Secrets, build, load};
use kontor::simulator::disk::SimulatedDisk;
use kontor::vault::JournalSecret;

use super::script::Script;

/// Bytes before the pieces, of a piece's head, and in it before the checksum.
const HEADER: usize = 64;
const PIECE_HEAD: usize = 16;
const PIECE_CRC_AT: usize = 8;
const END: u8 = 255;

const FILES: [(&str, &str); 5] = [
    (
        "secret",
        include_str!("../../../../tests/golden/state-v1/secret.hex"),
    ),
    (
        "segment-0000000001",
        include_str!("../../../../tests/golden/state-v1/segment-0000000001.hex"),
    ),
    (
        "snapshot-00000000000000000015",
        include_str!("../../../../tests/golden/state-v1/snapshot-00000000000000000015.hex"),
    ),
    (
        "keys-00000000000000000001-00000000000000000015",
        include_str!(
            "../../../../tests/golden/state-v1/keys-00000000000000000001-00000000000000000015.hex"
        ),
    ),
    (
        "frontier",
        include_str!("../../../../tests/golden/state-v1/frontier.hex"),
    ),
];

/// The bytes of a golden file: their number, then lines of an offset and bytes.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let mut lines = text.lines();
    let length = lines.next()?.strip_suffix(" bytes")?.parse().ok()?;
    let mut bytes = vec![0; length];
    for line in lines {
        let (offset, digits) = line.split_once(' ')?;
        let offset = usize::from_str_radix(offset, 16).ok()?;
        for (at, digits) in (offset..).zip(digits.split_whitespace()) {
            *bytes.get_mut(at)? = u8::from_str_radix(digits, 16).ok()?;
        }
    }
    Some(bytes)
}

/// The directory as it was kept, and its books.
struct Base {
    disk: SimulatedDisk,
    secrets: Secrets,
    books: Books,
    position: Position,
}

/// What two sets of books must have in common.
#[derive(Debug, PartialEq, Eq)]
struct Books {
    digest: StateDigest,
    keys: u64,
    next: Position,
}

impl Books {
    fn of(loaded: &Loaded) -> Self {
        Self {
            digest: loaded.engine.digest(),
            keys: loaded.engine.keys().len() + loaded.cold.len(),
            next: loaded.engine.next_position(),
        }
    }
}

fn loaded(disk: &SimulatedDisk, secrets: &Secrets) -> Loaded {
    let mut tell = |_progress| ControlFlow::Continue(());
    match load(disk, secrets, Until::End, KeysWanted::Found, &mut tell) {
        Ok(loaded) => loaded,
        Err(fault) => panic!("the journal is whole: {fault}"),
    }
}

fn put(disk: &SimulatedDisk, name: &str, bytes: &[u8]) {
    let written = disk.create(name).and_then(|file| {
        file.write_all_at(bytes, 0)?;
        file.sync()?;
        disk.sync_directory()
    });
    assert!(written.is_ok(), "{written:?}");
}

fn base() -> &'static Base {
    static BASE: OnceLock<Base> = OnceLock::new();
    BASE.get_or_init(|| {
        let disk = SimulatedDisk::new(1);
        for (name, text) in FILES {
            let Some(bytes) = unhex(text) else {
                panic!("{name} is not what the golden test writes");
            };
            put(&disk, name, &bytes);
        }
        let Ok(Some(secret)) = JournalSecret::load(&disk) else {
            panic!("the golden directory has a secret");
        };
        let secrets = Secrets::of(&secret);
        let loaded = loaded(&disk, &secrets);
        let Some(position) = loaded.snapshot else {
            panic!("the golden snapshot is not used: {:?}", loaded.passed_over);
        };
        Base {
            disk,
            secrets,
            books: Books::of(&loaded),
            position,
        }
    })
}

pub(super) fn run(input: &[u8]) {
    let base = base();
    let mut script = Script::new(input);
    let disk = base.disk.fork(u64::from(script.byte()));
    if script.byte().is_multiple_of(2) {
        damage(&disk, &mut script);
    } else {
        make_again(&disk, base.position, &mut script);
    }
    let _may_be_damaged = evidence(&disk);
    let found = loaded(&disk, &base.secrets);
    assert_eq!(Books::of(&found), base.books, "{:?}", found.passed_over);
    // The next one takes its place, and then it is the one that a start begins with.
    let durable = found.frontier;
    let Some(durable) = durable else { return };
    if build(&disk, &base.secrets, durable, &AtomicBool::new(false)).is_ok() {
        let again = loaded(&disk, &base.secrets);
        assert_eq!(Books::of(&again), base.books, "{:?}", again.passed_over);
    }
}

/// Any change of any file but the journal's own.
fn damage(disk: &SimulatedDisk, script: &mut Script<'_>) {
    let names: Vec<String> = disk
        .names()
        .into_iter()
        .filter(|name| name.starts_with("snapshot-") || name.starts_with("keys-"))
        .collect();
    while !script.is_over() {
        let what = script.byte();
        let Some(name) = names.get(usize::from(what >> 4) % names.len().max(1)) else {
            return;
        };
        let bytes = disk.bytes(name).unwrap_or_default();
        let at = script.below(bytes.len());
        match what % 8 {
            0 => drop(disk.lose(name)),
            1 => disk.spoil(name),
            2 => replace(disk, name, bytes.get(..at).unwrap_or_default()),
            3 => {
                let more = script.bytes(16);
                replace(disk, name, &[&bytes, more].concat());
            }
            _ => {
                let mask = script.byte();
                disk.flip(name, u64::try_from(at).unwrap_or(0), mask);
            }
        }
    }
}

fn replace(disk: &SimulatedDisk, name: &str, bytes: &[u8]) {
    disk.lose(name);
    put(disk, name, bytes);
}

/// A piece: its kind and its payload.
type Piece = (u8, Vec<u8>);

/// The pieces of a snapshot without its end.
fn pieces(bytes: &[u8]) -> Option<Vec<Piece>> {
    let mut rest = bytes.get(HEADER..)?;
    let mut pieces = Vec::new();
    loop {
        let (head, behind) = rest.split_at_checked(PIECE_HEAD)?;
        let length = u32::from_le_bytes(*head.get(4..)?.first_chunk()?);
        let (payload, behind) = behind.split_at_checked(usize::try_from(length).ok()?)?;
        match head.first()? {
            &END => return Some(pieces),
            kind => pieces.push((*kind, payload.to_vec())),
        }
        rest = behind;
    }
}

fn write_piece(kind: u8, payload: &[u8], out: &mut Vec<u8>) {
    let begin = out.len();
    out.extend_from_slice(&[kind, 0, 0, 0]);
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    let covered = out.get(begin..begin + PIECE_CRC_AT).unwrap_or_default();
    let crc = crc32c::crc32c_append(crc32c::crc32c(covered), payload);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// The snapshot with pieces changed, left out, doubled or put elsewhere, and its end made to fit.
fn make_again(disk: &SimulatedDisk, position: Position, script: &mut Script<'_>) {
    let name = file_name(position);
    assert_eq!(list(disk), Ok(vec![position]));
    let bytes = disk.bytes(&name).unwrap_or_default();
    let Some(mut pieces) = pieces(&bytes) else {
        panic!("the golden snapshot has other pieces");
    };
    while !script.is_over() && !pieces.is_empty() {
        let what = script.byte();
        let at = usize::from(what >> 4) % pieces.len();
        match what % 8 {
            0 => drop(pieces.remove(at)),
            1 => {
                if let Some(piece) = pieces.get(at).cloned()
                    && pieces.len() < 8
                {
                    pieces.push(piece);
                }
            }
            2 => {
                let length = usize::from(script.byte());
                let piece = (script.byte(), script.bytes(length).to_vec());
                pieces.insert(at, piece);
            }
            _ => {
                if let Some((_, payload)) = pieces.get_mut(at) {
                    splice(payload, script);
                }
            }
        }
    }
    let mut out = bytes.get(..HEADER).unwrap_or_default().to_vec();
    for (kind, payload) in &pieces {
        write_piece(*kind, payload, &mut out);
    }
    let hash = *blake3::hash(&out).as_bytes();
    write_piece(END, &hash, &mut out);
    replace(disk, &name, &out);
}

/// Puts a few bytes of the input in the place of a few bytes of a payload.
fn splice(payload: &mut Vec<u8>, script: &mut Script<'_>) {
    let at = script.below(payload.len());
    let sizes = script.byte();
    let end = at
        .saturating_add(usize::from(sizes & 15))
        .min(payload.len());
    let bytes = script.bytes(usize::from(sizes >> 4)).to_vec();
    payload.splice(at..end, bytes);
}
