//! A request's body: read within its time, inflated within its limit, and nothing trusted.

use std::io::Read;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use crate::code::Code;
use crate::problem::Problem;
use crate::settings::Limits;

/// Bodies above this are inflated on a thread for blocking work: inflating 20 MiB takes 100 ms.
const INFLATE_INLINE_BYTES: usize = 64 * 1024;
/// A zstd frame may ask for a window of 2^this bytes; 8 MiB is what the format advises decoders to allow.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Of a body that is too large, this many times the limit is read and thrown away before the answer.
const DISCARD_TIMES: usize = 4;
/// And for this long at most.
const DISCARD_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// Reads the body of a request that must be JSON.
pub async fn read(headers: &HeaderMap, mut body: Body, limits: &Limits) -> Result<Bytes, Problem> {
    must_be_json(headers)?;
    let encoding = encoding(headers)?;
    let collected =
        tokio::time::timeout(limits.body_timeout, collect(headers, &mut body, limits.body_bytes_max));
    let collected = collected.await.map_err(|_| {
        let seconds = limits.body_timeout.as_secs();
        let detail = format!("the body did not arrive within {seconds} s; nothing was queued");
        Problem::new(Code::BodyTimeout, detail)
    })?;
    if collected.as_ref().is_err_and(|problem| problem.code == Code::BodyTooLarge.as_str()) {
        discard(&mut body, limits.body_bytes_max).await;
    }
    let wire = collected?;
    let inflated_max = limits.inflated_bytes_max;
    match encoding {
        Encoding::Identity => Ok(wire),
        encoding if wire.len() <= INFLATE_INLINE_BYTES => inflate(encoding, &wire, inflated_max),
        encoding => tokio::task::spawn_blocking(move || inflate(encoding, &wire, inflated_max))
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

async fn collect(headers: &HeaderMap, body: &mut Body, bytes_max: usize) -> Result<Bytes, Problem> {
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
    let mut whole = Bytes::new();
    let mut pieces = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new(Code::BodyCut, "the connection ended within the body"))?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + pieces.len() + data.len() > bytes_max {
            return Err(too_large());
        }
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

fn inflate(encoding: Encoding, wire: &[u8], bytes_max: usize) -> Result<Bytes, Problem> {
    let bad =
        |_| Problem::new(Code::BadEncoding, "the body is not what its Content-Encoding says, or is cut");
    let mut out = Vec::with_capacity((wire.len() * 4).min(bytes_max));
    let limit = bytes_max as u64 + 1;
    match encoding {
        Encoding::Identity => out.extend_from_slice(wire),
        Encoding::Gzip => {
            flate2::bufread::MultiGzDecoder::new(wire).take(limit).read_to_end(&mut out).map_err(bad)?;
        }
        Encoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(wire).map_err(bad)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(bad)?;
            decoder.take(limit).read_to_end(&mut out).map_err(bad)?;
        }
    }
    if out.len() > bytes_max {
        let detail = format!(
            "the body inflates to more than {bytes_max} bytes, the most that is taken here; send less at a time"
        );
        return Err(Problem::new(Code::InflatedTooLarge, detail));
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_and_zstd_inflate_up_to_the_limit_and_not_a_byte_more() {
        let plain = vec![b'x'; 1000];
        for (encoding, wire) in
            [(Encoding::Gzip, gzip(&plain)), (Encoding::Zstd, zstd::encode_all(&plain[..], 1).unwrap())]
        {
            assert_eq!(inflate(encoding, &wire, 1000).unwrap(), plain);
            assert_eq!(inflate(encoding, &wire, 999).unwrap_err().code, "inflated_too_large");
            assert_eq!(inflate(encoding, &wire[..wire.len() - 3], 1000).unwrap_err().code, "bad_encoding");
            assert_eq!(inflate(encoding, b"plainly not", 1000).unwrap_err().code, "bad_encoding");
        }
    }
}
