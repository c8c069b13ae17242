//! A frame: many events in one stream entry. Redis moves a hundred events in one frame for the price of one entry.
//!
//! Version 1, little endian, 40 bytes of header and then the BSON documents one after the other:
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 4 | magic `EPFR` |
//! | 4 | 1 | version, 1 |
//! | 5 | 1 | flags, 0 (compression will be one) |
//! | 6 | 2 | reserved, 0 |
//! | 8 | 4 | count of documents |
//! | 12 | 4 | length of the documents in bytes |
//! | 16 | 8 | `received_at` of the first event, Unix milliseconds |
//! | 24 | 8 | of the last |
//! | 32 | 8 | XXH3-64 of everything else: bytes 0–31 and the documents |
//!
//! Decoding trusts nothing: it allocates nothing and never panics, whatever the bytes.

use xxhash_rust::xxh3::Xxh3;

const MAGIC: [u8; 4] = *b"EPFR";
const VERSION: u8 = 1;
const HEADER: usize = 40;
const CHECKSUM_AT: usize = 32;
/// A document has at least its length and its end.
const DOC_BYTES_MIN: usize = 5;

/// A frame is flushed at this many events: half of what a worker inserts at once.
pub const FRAME_EVENTS_MAX: usize = 512;
/// A frame is flushed before its documents have more bytes than this: a bigger frame costs Redis no less per byte. With
/// the header and what Redis adds it stays within the 64 KiB that jemalloc hands out: a frame of 65,536 bytes was seen to
/// take 82,036 of Redis 7.0.15, one of 65,436 to take 65,569.
pub const FRAME_FLUSH_BYTES: usize = 64 * 1024 - 256;
/// No frame is ever above this; an event is at most a quarter of it.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// Why bytes are not a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's message is its description")]
pub enum Error {
    #[error("frame is {0} bytes, shorter than its header")]
    Short(usize),
    #[error("frame does not begin with its magic")]
    Magic,
    #[error("frame has version {0}, this program reads version 1")]
    Version(u8),
    #[error("frame has flags {0:#x} that this program does not know")]
    Flags(u16),
    #[error("frame says {said} bytes of documents and has {has}")]
    Length { said: u32, has: usize },
    #[error("frame's checksum does not match its bytes")]
    Checksum,
    #[error("document {index} of the frame is cut or has a wrong length")]
    Document { index: u32 },
    #[error("frame says {said} documents and has {has}")]
    Count { said: u32, has: u32 },
}

/// Collects documents and makes a frame of them.
#[derive(Debug)]
pub struct Builder {
    bytes: Vec<u8>,
    count: u32,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// An empty frame.
    pub fn new() -> Self {
        let mut bytes = Vec::with_capacity(FRAME_FLUSH_BYTES + 4096);
        bytes.resize(HEADER, 0);
        Self { bytes, count: 0 }
    }

    /// Adds one encoded event. The caller keeps the frame below [`FRAME_BYTES_MAX`].
    pub fn push(&mut self, doc: &[u8]) {
        self.bytes.extend_from_slice(doc);
        self.count += 1;
    }

    /// Events so far.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes so far, header included.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The frame; `first_ms` and `last_ms` are the earliest and latest `receivedAt` in it, Unix milliseconds.
    pub fn finish(mut self, first_ms: i64, last_ms: i64) -> Vec<u8> {
        let length = u32::try_from(self.bytes.len() - HEADER).unwrap_or(u32::MAX);
        self.bytes[..4].copy_from_slice(&MAGIC);
        self.bytes[4] = VERSION;
        self.bytes[8..12].copy_from_slice(&self.count.to_le_bytes());
        self.bytes[12..16].copy_from_slice(&length.to_le_bytes());
        self.bytes[16..24].copy_from_slice(&first_ms.to_le_bytes());
        self.bytes[24..32].copy_from_slice(&last_ms.to_le_bytes());
        let checksum = checksum(&self.bytes);
        self.bytes[CHECKSUM_AT..HEADER].copy_from_slice(&checksum.to_le_bytes());
        self.bytes
    }
}

fn checksum(frame: &[u8]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(&frame[..CHECKSUM_AT]);
    hasher.update(&frame[HEADER..]);
    hasher.digest()
}

/// A frame whose every length was checked, borrowed from the bytes it came in.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    documents: &'a [u8],
    count: u32,
    /// `receivedAt` of its earliest event, Unix milliseconds.
    pub first_received_ms: i64,
    /// Of its latest.
    pub last_received_ms: i64,
}

impl<'a> Frame<'a> {
    /// Checks all of it: header, checksum, and that the documents fill the frame exactly.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Error> {
        let (header, documents) = bytes.split_at_checked(HEADER).ok_or(Error::Short(bytes.len()))?;
        if header[..4] != MAGIC {
            return Err(Error::Magic);
        }
        if header[4] != VERSION {
            return Err(Error::Version(header[4]));
        }
        let flags = u16::from(header[5]) | u16_at(header, 6);
        if flags != 0 {
            return Err(Error::Flags(flags));
        }
        let said = u32_at(header, 12);
        if said as usize != documents.len() {
            return Err(Error::Length { said, has: documents.len() });
        }
        if u64_at(header, CHECKSUM_AT) != checksum(bytes) {
            return Err(Error::Checksum);
        }
        let count = u32_at(header, 8);
        let mut has = 0;
        let mut rest = documents;
        while !rest.is_empty() {
            let (_, after) = split_document(rest).ok_or(Error::Document { index: has })?;
            rest = after;
            has += 1;
        }
        if has != count {
            return Err(Error::Count { said: count, has });
        }
        let frame = Self {
            documents,
            count,
            first_received_ms: u64_at(header, 16).cast_signed(),
            last_received_ms: u64_at(header, 24).cast_signed(),
        };
        Ok(frame)
    }

    /// How many events are in it.
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// The encoded events, in the order they were taken.
    pub fn docs(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.documents;
        std::iter::from_fn(move || {
            let (doc, after) = split_document(rest)?;
            rest = after;
            Some(doc)
        })
    }
}

fn split_document(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    if length < DOC_BYTES_MIN || bytes.get(length.checked_sub(1)?) != Some(&0) {
        return None;
    }
    bytes.split_at_checked(length)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(eight)
}
