//! Messages into bytes. Stored documents are put into a reply as they are.

use bson::{Document, RawDocumentBuf, doc};
use bytes::Bytes;

use super::{HEADER_BYTES, MORE_TO_COME, OP_MSG, OP_REPLY};

/// What a command answers, before `ok` and the times of the cluster are added.
#[derive(Debug)]
pub enum Reply {
    /// A document.
    Document(Document),
    /// A batch of a cursor: documents as they are stored.
    Batch {
        /// 0: there is no more.
        cursor: i64,
        /// Namespace.
        ns: String,
        /// `firstBatch`, else `nextBatch`.
        first: bool,
        /// The documents.
        documents: Vec<Bytes>,
    },
}

impl From<Document> for Reply {
    fn from(document: Document) -> Self {
        Self::Document(document)
    }
}

impl Reply {
    /// `{ok: 1}`.
    pub fn ok() -> Self {
        Self::Document(Document::new())
    }

    /// The document as it goes out; `tail` is what every reply of this server carries.
    pub fn encode(self, tail: &Document) -> Vec<u8> {
        match self {
            Self::Document(mut document) => {
                if !document.contains_key("ok") {
                    document.insert("ok", 1.0);
                }
                document.extend(tail.clone());
                bytes(&document)
            }
            Self::Batch { cursor, ns, first, documents } => {
                let mut tail_with_ok = doc! {"ok": 1.0};
                tail_with_ok.extend(tail.clone());
                batch(cursor, &ns, first, &documents, &tail_with_ok)
            }
        }
    }
}

/// A document's bytes. What this crate builds always encodes: keys without NUL, sizes far below the limit.
fn bytes(document: &Document) -> Vec<u8> {
    RawDocumentBuf::from_document(document).unwrap_or_default().into_bytes()
}

fn batch(cursor: i64, ns: &str, first: bool, documents: &[Bytes], tail: &Document) -> Vec<u8> {
    let size: usize = documents.iter().map(|document| document.len() + 12).sum();
    let mut out = Vec::with_capacity(size + ns.len() + 512);
    nested(&mut out, |out| {
        element(out, 3, "cursor");
        nested(out, |out| {
            element(out, 4, if first { "firstBatch" } else { "nextBatch" });
            nested(out, |out| {
                for (index, document) in documents.iter().enumerate() {
                    element(out, 3, &index.to_string());
                    out.extend_from_slice(document);
                }
            });
            element(out, 18, "id");
            out.extend_from_slice(&cursor.to_le_bytes());
            element(out, 2, "ns");
            out.extend_from_slice(&length(ns.len() + 1));
            out.extend_from_slice(ns.as_bytes());
            out.push(0);
        });
        // The elements of `tail`, without its length and its end.
        let tail = bytes(tail);
        out.extend_from_slice(&tail[4..tail.len() - 1]);
    });
    out
}

fn element(out: &mut Vec<u8>, kind: u8, name: &str) {
    out.push(kind);
    out.extend_from_slice(name.as_bytes());
    out.push(0);
}

fn nested(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    fill(out);
    out.push(0);
    let size = length(out.len() - start);
    out[start..start + 4].copy_from_slice(&size);
}

fn length(bytes: usize) -> [u8; 4] {
    i32::try_from(bytes).unwrap_or(i32::MAX).to_le_bytes()
}

fn header(out: &mut [u8], id: i32, response_to: i32, kind: i32) {
    let size = length(out.len());
    for (at, bytes) in
        [(0, size), (4, id.to_le_bytes()), (8, response_to.to_le_bytes()), (12, kind.to_le_bytes())]
    {
        out[at..at + 4].copy_from_slice(&bytes);
    }
}

/// An `OP_MSG` that answers request `response_to`.
pub fn reply(response_to: i32, document: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES + 5 + document.len());
    out.extend_from_slice(&[0; HEADER_BYTES + 5]);
    out.extend_from_slice(document);
    header(&mut out, 0, response_to, OP_MSG);
    out
}

/// An `OP_REPLY` that answers the `OP_QUERY` `response_to`.
pub fn legacy_reply(response_to: i32, document: &[u8]) -> Vec<u8> {
    let mut out = vec![0; HEADER_BYTES + 20];
    // flags 0, cursor 0, starting from 0, one document
    out[HEADER_BYTES + 16..].copy_from_slice(&1_i32.to_le_bytes());
    out.extend_from_slice(document);
    header(&mut out, 0, response_to, OP_REPLY);
    out
}

/// A command for another server.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The command with `$db`.
    pub body: Document,
    /// One document sequence, if any.
    pub sequence: Option<(&'static str, Vec<Bytes>)>,
}

impl From<Document> for Outgoing {
    fn from(body: Document) -> Self {
        Self { body, sequence: None }
    }
}

/// The bytes of a command.
pub fn message(id: i32, command: &Outgoing, no_reply: bool) -> Vec<u8> {
    let documents: usize =
        command.sequence.iter().flat_map(|(_, documents)| documents).map(Bytes::len).sum();
    let mut out = Vec::with_capacity(documents + 512);
    out.extend_from_slice(&[0; HEADER_BYTES]);
    out.extend_from_slice(&if no_reply { MORE_TO_COME } else { 0 }.to_le_bytes());
    out.push(0);
    out.extend_from_slice(&bytes(&command.body));
    if let Some((name, documents)) = &command.sequence {
        out.push(1);
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(name.as_bytes());
        out.push(0);
        for document in documents {
            out.extend_from_slice(document);
        }
        let size = length(out.len() - start);
        out[start..start + 4].copy_from_slice(&size);
    }
    header(&mut out, id, 0, OP_MSG);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::read_message;

    #[test]
    fn a_batch_is_the_document_that_the_codec_would_write() {
        let stored: Vec<Bytes> =
            (0..12).map(|n| Bytes::from(bytes(&doc! {"_id": n, "a": [1, {"b": "x"}]}))).collect();
        let reply = Reply::Batch { cursor: 7, ns: "d.c".into(), first: true, documents: stored };
        let encoded = RawDocumentBuf::from_bytes(reply.encode(&doc! {"operationTime": 5})).unwrap();
        let rows: Vec<_> = (0..12).map(|n| doc! {"_id": n, "a": [1, {"b": "x"}]}).collect();
        let expected = doc! {
            "cursor": {"firstBatch": rows, "id": 7_i64, "ns": "d.c"}, "ok": 1.0, "operationTime": 5
        };
        assert_eq!(encoded.to_document().unwrap(), expected);
    }

    #[tokio::test]
    async fn a_command_with_a_sequence_reads_back() {
        let rows: Vec<Bytes> = (0..3).map(|n| Bytes::from(bytes(&doc! {"_id": n}))).collect();
        let command = Outgoing { body: doc! {"insert": "c", "$db": "d"}, sequence: Some(("documents", rows.clone())) };
        let sent = message(9, &command, false);
        let read = read_message(&mut sent.as_slice()).await.unwrap().unwrap();
        assert_eq!((read.id, read.more_to_come, read.legacy), (9, false, false));
        assert_eq!(read.sequences, [("documents".to_owned(), rows)]);
        assert!(read_message(&mut [].as_slice()).await.unwrap().is_none());
        assert!(read_message(&mut &sent[..sent.len() - 1]).await.is_err());
    }

    #[tokio::test]
    async fn a_checksum_is_tolerated_and_unknown_required_bits_are_not() {
        let mut sent = message(1, &doc! {"ping": 1}.into(), false);
        sent.extend_from_slice(&[1, 2, 3, 4]);
        let size = length(sent.len());
        sent[..4].copy_from_slice(&size);
        sent[HEADER_BYTES] = 1;
        assert!(read_message(&mut sent.as_slice()).await.unwrap().is_some());
        sent[HEADER_BYTES] = 1 << 3;
        assert!(read_message(&mut sent.as_slice()).await.is_err());
    }
}
