//! Bytes of a connection into messages. Documents stay slices of the message: nothing is copied.

use bson::RawDocument;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{
    CHECKSUM_PRESENT, HEADER_BYTES, MESSAGE_BYTES_MAX, MORE_TO_COME, OP_MSG, OP_QUERY, OP_REPLY, REQUIRED_BITS,
};

/// A message that is none. The connection cannot go on after it.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The peer closed, or the network did.
    #[error("the connection ended: {0}")]
    Io(#[from] std::io::Error),
    /// What came is no message.
    #[error("not a message of the wire protocol: {0}")]
    Malformed(&'static str),
}

/// A request.
#[derive(Debug)]
pub struct Incoming {
    /// To be answered as `responseTo`.
    pub id: i32,
    /// The command.
    pub body: Bytes,
    /// Document sequences by name: for `insert`, the documents.
    pub sequences: Vec<(String, Vec<Bytes>)>,
    /// The sender wants no answer.
    pub more_to_come: bool,
    /// It came as `OP_QUERY` and is answered as `OP_REPLY`.
    pub legacy: bool,
}

/// Reads one message; `None` when the peer closed between messages.
pub async fn read_message(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Incoming>, WireError> {
    let mut header = [0; HEADER_BYTES];
    if stream.read(&mut header[..1]).await? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut header[1..]).await?;
    let length = usize::try_from(int(&header, 0)).unwrap_or(0);
    let (id, kind) = (int(&header, 4), int(&header, 12));
    if !(HEADER_BYTES..=MESSAGE_BYTES_MAX + 1024).contains(&length) {
        return Err(WireError::Malformed("its length cannot be"));
    }
    let mut bytes = vec![0; length - HEADER_BYTES];
    stream.read_exact(&mut bytes).await?;
    let bytes = Bytes::from(bytes);
    match kind {
        OP_MSG => op_msg(id, bytes).map(Some),
        OP_QUERY => op_query(id, &bytes).map(Some),
        _ => Err(WireError::Malformed("neither OP_MSG nor OP_QUERY; compression was not negotiated")),
    }
}

fn op_msg(id: i32, mut bytes: Bytes) -> Result<Incoming, WireError> {
    let flags = int(&take(&mut bytes, 4)?, 0).cast_unsigned();
    if flags & REQUIRED_BITS & !(CHECKSUM_PRESENT | MORE_TO_COME) != 0 {
        return Err(WireError::Malformed("unknown flag bits"));
    }
    if flags & CHECKSUM_PRESENT != 0 {
        // Its value is not looked at: TCP has its own.
        let end = bytes.len().checked_sub(4).ok_or(WireError::Malformed("no room for a checksum"))?;
        bytes.truncate(end);
    }
    let (mut body, mut sequences) = (None, Vec::new());
    while !bytes.is_empty() {
        match take(&mut bytes, 1)?[0] {
            0 if body.is_none() => body = Some(take_document(&mut bytes)?),
            1 => sequences.push(sequence(&mut bytes)?),
            _ => return Err(WireError::Malformed("an unknown or second section")),
        }
    }
    let body = body.ok_or(WireError::Malformed("no body"))?;
    Ok(Incoming { id, body, sequences, more_to_come: flags & MORE_TO_COME != 0, legacy: false })
}

fn sequence(bytes: &mut Bytes) -> Result<(String, Vec<Bytes>), WireError> {
    let size = bytes.get(..4).map_or(0, |size| usize::try_from(int(size, 0)).unwrap_or(0));
    let mut section = take(bytes, size.max(4))?;
    let _ = take(&mut section, 4)?;
    let end = section.iter().position(|b| *b == 0).ok_or(WireError::Malformed("a name without end"))?;
    let name = String::from_utf8(section[..end].to_vec()).map_err(|_| WireError::Malformed("a name"))?;
    let _ = take(&mut section, end + 1)?;
    // An event has about 460 bytes.
    let mut documents = Vec::with_capacity(section.len() / 400 + 1);
    while !section.is_empty() {
        documents.push(take_document(&mut section)?);
    }
    Ok((name, documents))
}

fn op_query(id: i32, bytes: &Bytes) -> Result<Incoming, WireError> {
    let name_end = bytes.iter().skip(4).position(|b| *b == 0).ok_or(WireError::Malformed("a name"))? + 5;
    let mut rest = bytes.clone();
    let _ = take(&mut rest, name_end + 8)?;
    Ok(Incoming {
        id,
        body: take_document(&mut rest)?,
        sequences: Vec::new(),
        more_to_come: false,
        legacy: true,
    })
}

/// The body of a server's reply.
pub fn parse_reply(kind: i32, bytes: Bytes) -> Result<Bytes, WireError> {
    match kind {
        OP_MSG => op_msg(0, bytes).map(|message| message.body),
        OP_REPLY => {
            let mut rest = bytes;
            let _ = take(&mut rest, 20)?;
            take_document(&mut rest)
        }
        _ => Err(WireError::Malformed("no reply")),
    }
}

/// The documents of an array inside `body`, as slices of it. `None` where an element is no document.
pub fn documents_of(body: &Bytes, array: &bson::RawArray) -> Option<Vec<Bytes>> {
    array.into_iter().map(|element| Some(slice_of(body, element.ok()?.as_document()?))).collect()
}

/// A document that lies inside `body`, sharing its memory.
pub fn slice_of(body: &Bytes, document: &RawDocument) -> Bytes {
    body.slice_ref(document.as_bytes())
}

pub(super) fn int(bytes: &[u8], at: usize) -> i32 {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_le_bytes)
}

fn take(bytes: &mut Bytes, count: usize) -> Result<Bytes, WireError> {
    if count > bytes.len() {
        return Err(WireError::Malformed("it ends early"));
    }
    Ok(bytes.split_to(count))
}

fn take_document(bytes: &mut Bytes) -> Result<Bytes, WireError> {
    let length = bytes.get(..4).map_or(0, |length| usize::try_from(int(length, 0)).unwrap_or(0));
    let document = take(bytes, length.max(5))?;
    if document[document.len() - 1] != 0 {
        return Err(WireError::Malformed("a document without end"));
    }
    Ok(document)
}
