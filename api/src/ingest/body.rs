//! A request's body: read within its time, inflated within its limit and its room, and nothing trusted.

use std::io::Read;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use crate::code::Code;
use crate::problem::Problem;
use crate::settings::Limits;

use super::room::{Room, Share};

/// Bodies above this are inflated on a thread for blocking work: inflating 20 MiB takes 100 ms.
const INFLATE_INLINE_BYTES: usize = 64 * 1024;
/// A zstd frame may ask for a window of 2^this bytes; 8 MiB is what the format advises decoders to allow.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Of a body that is too large, or that there is no room for, this many times the limit is read and thrown away before the answer.
const DISCARD_TIMES: usize = 4;
/// And for this long at most.
const DISCARD_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// Packed JSON is expected to unpack to this many times its size.
const INFLATED_TIMES: usize = 4;

/// Reads the body of a request that must be JSON; the share of the room is held for as long as its bytes are.
pub async fn read(
    headers: &HeaderMap,
    mut body: Body,
    limits: &Limits,
    room: &Room,
) -> Result<(Bytes, Share), Problem> {
    must_be_json(headers)?;
    let encoding = encoding(headers)?;
    let mut share = room.share();
    let collected = collect(headers, &mut body, limits.body_bytes_max, &mut share);
    let collected = tokio::time::timeout(limits.body_timeout, collected);
    let collected = collected.await.map_err(|_| {
        let seconds = limits.body_timeout.as_secs();
        let detail = format!("the body did not arrive within {seconds} s; nothing was queued");
        Problem::new(Code::BodyTimeout, detail)
    })?;
    let unread = [Code::BodyTooLarge.as_str(), Code::Overloaded.as_str()];
    if collected.as_ref().is_err_and(|problem| unread.contains(&problem.code)) {
        discard(&mut body, limits.body_bytes_max).await;
    }
    let wire = collected?;
    let inflated_max = limits.inflated_bytes_max;
    match encoding {
        Encoding::Identity => Ok((wire, share)),
        encoding if wire.len() <= INFLATE_INLINE_BYTES => inflate(encoding, &wire, inflated_max, share),
        encoding => tokio::task::spawn_blocking(move || inflate(encoding, &wire, inflated_max, share))
            .await
            .unwrap_or_else(|_| Err(Problem::new(Code::BadEncoding, "the body could not be inflated"))),
    }
}

fn must_be_json(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let media = given.split(';').next().unwrap_or("").trim();
    // JSON is UTF-8 (RFC 8259 §8.1): another charset would be misread without anybody noticing.
    let charset = given.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    if media.eq_ignore_ascii_case("application/json")
        && charset.is_none_or(|charset| charset.eq_ignore_ascii_case("utf-8"))
    {
        return Ok(());
    }
    let detail = if given.is_empty() {
        "Content-Type is missing".to_owned()
    } else {
        format!("Content-Type is {given}")
    };
    let problem =
        Problem::new(Code::UnsupportedMediaType, format!("{detail}; send application/json in UTF-8"));
    Err(problem.header(header::ACCEPT, "application/json"))
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    let given = headers.get(header::CONTENT_ENCODING).map_or("", |v| v.to_str().unwrap_or("?")).trim();
    match given.to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(Encoding::Identity),
        "gzip" | "x-gzip" => Ok(Encoding::Gzip),
        "zstd" => Ok(Encoding::Zstd),
        _ => {
            let detail = format!("Content-Encoding is {given}; send gzip, zstd or none");
            let problem = Problem::new(Code::UnsupportedEncoding, detail);
            Err(problem.header(header::ACCEPT_ENCODING, "gzip, zstd"))
        }
    }
}

async fn collect(
    headers: &HeaderMap,
    body: &mut Body,
    bytes_max: usize,
    share: &mut Share,
) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail =
            format!("the body is above {bytes_max} bytes, the most that is taken here; send less at a time");
        Problem::new(Code::BodyTooLarge, detail)
    };
    let said = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse::<usize>().ok());
    if said.is_some_and(|said| said > bytes_max) {
        return Err(too_large());
    }
    share.grow(said.unwrap_or(0))?;
    let mut whole = Bytes::new();
    let mut pieces = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new(Code::BodyCut, "the connection ended within the body"))?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + pieces.len() + data.len() > bytes_max {
            return Err(too_large());
        }
        // For whoever did not say how much it will be.
        share.grow_to(whole.len() + pieces.len() + data.len())?;
        if whole.is_empty() && pieces.is_empty() {
            // The usual small body is one piece and is not copied.
            whole = data;
        } else {
            if pieces.is_empty() {
                pieces.reserve(said.unwrap_or(0).max(whole.len() + data.len()));
                pieces.extend_from_slice(&whole);
                whole = Bytes::new();
            }
            pieces.extend_from_slice(&data);
        }
    }
    Ok(if pieces.is_empty() { whole } else { pieces.freeze() })
}

/// Reads on for a moment and throws it away: a sender in the middle of its body would see a reset connection and
/// never the answer.
async fn discard(body: &mut Body, bytes_max: usize) {
    let mut left = bytes_max.saturating_mul(DISCARD_TIMES);
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.into_data().map_or(0, |data| data.len()));
            if left == 0 {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(DISCARD_TIMEOUT, reading).await;
}

fn inflate(
    encoding: Encoding,
    wire: &[u8],
    bytes_max: usize,
    mut share: Share,
) -> Result<(Bytes, Share), Problem> {
    let expected = wire.len().saturating_mul(INFLATED_TIMES);
    let out = match encoding {
        Encoding::Identity => wire.to_vec(),
        Encoding::Gzip => {
            unpack(flate2::bufread::MultiGzDecoder::new(wire), expected, bytes_max, &mut share)?
        }
        Encoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(wire).map_err(|_| bad_encoding())?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|_| bad_encoding())?;
            unpack(decoder, expected, bytes_max, &mut share)?
        }
    };
    Ok((out.into(), share))
}

/// All that comes, up to `bytes_max`; room is taken before it is used, and doubled when `expected` was too little.
fn unpack(
    mut from: impl Read,
    expected: usize,
    bytes_max: usize,
    share: &mut Share,
) -> Result<Vec<u8>, Problem> {
    let mut out = Vec::new();
    loop {
        // One byte above the limit tells that there is more.
        let step = expected.max(out.len()).min(bytes_max + 1 - out.len());
        share.grow(step)?;
        out.reserve_exact(step);
        let read = from.by_ref().take(step as u64).read_to_end(&mut out).map_err(|_| bad_encoding())?;
        if out.len() > bytes_max {
            let detail = format!(
                "the body inflates to more than {bytes_max} bytes, the most that is taken here; send less at a time"
            );
            return Err(Problem::new(Code::InflatedTooLarge, detail));
        }
        if read < step {
            return Ok(out);
        }
    }
}

fn bad_encoding() -> Problem {
    Problem::new(Code::BadEncoding, "the body is not what its Content-Encoding says, or is cut")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn limits() -> Limits {
        let second = std::time::Duration::from_secs(1);
        Limits {
            body_bytes_max: 1,
            inflated_bytes_max: 1,
            batch_events_max: 1,
            event_bytes_max: 1,
            body_timeout: second,
            header_timeout: second,
            request_timeout: second,
            connections_max: 1,
            events_per_second: None,
            stopped: false,
        }
    }

    fn room(bytes: usize) -> Room {
        Room::of(bytes)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_and_zstd_inflate_up_to_the_limit_and_not_a_byte_more() {
        let plain = vec![b'x'; 1000];
        let inflate = |encoding, wire: &[u8], bytes_max| {
            inflate(encoding, wire, bytes_max, room(1 << 20).share()).map(|(out, _)| out)
        };
        for (encoding, wire) in
            [(Encoding::Gzip, gzip(&plain)), (Encoding::Zstd, zstd::encode_all(&plain[..], 1).unwrap())]
        {
            assert_eq!(inflate(encoding, &wire, 1000).unwrap(), plain);
            assert_eq!(inflate(encoding, &wire, 999).unwrap_err().code, "inflated_too_large");
            assert_eq!(inflate(encoding, &wire[..wire.len() - 3], 1000).unwrap_err().code, "bad_encoding");
            assert_eq!(inflate(encoding, b"plainly not", 1000).unwrap_err().code, "bad_encoding");
        }
    }

    #[test]
    fn a_body_that_unpacks_to_more_than_there_is_room_for_is_refused_before_it_is_unpacked() {
        let plain = vec![b'x'; 1 << 20];
        let (wire, room) = (gzip(&plain), room(300_000));
        assert!(wire.len() < 10_000);
        let refused = inflate(Encoding::Gzip, &wire, 2 << 20, room.share()).map(|_| ()).unwrap_err();
        assert_eq!((refused.status, refused.code), (503, "overloaded"));
        let (out, share) = inflate(Encoding::Gzip, &gzip(&plain[..100_000]), 2 << 20, room.share()).unwrap();
        assert_eq!(out.len(), 100_000);
        assert!((100_000..=200_000).contains(&share.bytes()), "{}", share.bytes());
    }

    #[tokio::test]
    async fn a_body_takes_room_before_it_is_read_and_gives_it_back() {
        let room = room(100_000);
        let limits = Limits { body_bytes_max: 80_000, ..limits() };
        let send = |length: Option<usize>, bytes: usize| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
            if let Some(length) = length {
                headers.insert(header::CONTENT_LENGTH, length.into());
            }
            let (room, body) = (room.clone(), Body::from(vec![b' '; bytes]));
            async move { read(&headers, body, &limits, &room).await.map_err(|problem| problem.code) }
        };
        let (first, share) = send(Some(60_000), 60_000).await.unwrap();
        assert_eq!((first.len(), share.bytes()), (60_000, 60_000));
        assert_eq!(send(Some(60_000), 0).await.err(), Some("overloaded"), "although not a byte has come yet");
        assert_eq!(send(None, 60_000).await.err(), Some("overloaded"), "whose length nobody said");
        assert!(send(Some(2_000), 2_000).await.is_ok());
        drop(share);
        assert!(send(None, 60_000).await.is_ok());
    }
}
