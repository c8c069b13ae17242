//! `properties` from JSON to BSON in one pass. The first fault is kept and the rest of the event skipped, so that the
//! next event of the batch can be read. Of the other fields see `envelope`.

use jiter::{Jiter, JiterResult, Peek};

use crate::bson_writer as w;
use crate::envelope::Fields;
use crate::reject::push_token;
use crate::{Code, DEPTH_MAX};

/// Up to this many keys, a look at each earlier key costs less than sorting them at the end.
const KEYS_COMPARED_DIRECTLY: usize = 24;

/// Buffers that are used again for each event of a body.
#[derive(Default)]
pub(crate) struct Transcoder {
    pub(crate) properties: Vec<u8>,
    pub(crate) fields: Fields,
    /// Where in `properties` the names on the way to the current value begin: the path, for the pointer of a fault.
    pub(crate) path: Vec<usize>,
    /// Where the names of all open objects begin and end, for finding one that comes twice.
    names: Vec<(usize, usize)>,
    /// Above so many bytes of `properties` the rest of the event is not written.
    bytes_max: usize,
    pub(crate) fault: Option<(Code, String, String)>,
}

impl Transcoder {
    pub(crate) fn reset(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
        self.properties.clear();
        self.fields = Fields::default();
        self.path.clear();
        self.names.clear();
        self.fault = None;
    }

    pub(crate) fn fault(&mut self, code: Code, pointer: String, detail: String) {
        self.fault.get_or_insert((code, pointer, detail));
    }

    /// Writes the object whose brace is next.
    pub(crate) fn object(&mut self, jiter: &mut Jiter<'_>) -> JiterResult<()> {
        let start = w::open(&mut self.properties);
        let own_names = self.names.len();
        let mut more = self.name(jiter.known_object()?);
        while let Some(element) = more {
            if element.kept {
                self.path.push(element.at + 1);
                self.check_twice(own_names);
                let peek = jiter.peek()?;
                self.value(jiter, peek, element.at)?;
                self.path.pop();
            } else {
                jiter.next_skip()?;
            }
            more = self.name(jiter.next_key()?);
        }
        self.check_twice_among_many(own_names);
        self.names.truncate(own_names);
        w::close(&mut self.properties, start);
        Ok(())
    }

    fn name(&mut self, key: Option<&str>) -> Option<Element> {
        let key = key?;
        let at = self.properties.len();
        if self.fault.is_some() {
            return Some(Element { at, kept: false });
        }
        if key.as_bytes().contains(&0) {
            let pointer = self.pointer();
            self.fault(Code::BadKey, pointer, "a key holds a NUL character, which no store can keep".into());
            return Some(Element { at, kept: false });
        }
        w::name(&mut self.properties, 0, key);
        self.names.push((at + 1, at + 1 + key.len()));
        Some(Element { at, kept: true })
    }

    fn array(&mut self, jiter: &mut Jiter<'_>) -> JiterResult<()> {
        let start = w::open(&mut self.properties);
        let mut index = 0;
        let mut next = jiter.known_array()?;
        while let Some(peek) = next {
            if self.fault.is_some() {
                jiter.known_skip(peek)?;
            } else {
                let at = self.properties.len();
                self.properties.push(0);
                w::index_name(&mut self.properties, index);
                self.path.push(at + 1);
                self.value(jiter, peek, at)?;
                self.path.pop();
            }
            index += 1;
            next = jiter.array_step()?;
        }
        w::close(&mut self.properties, start);
        Ok(())
    }

    /// Writes one value; `kind_at` is where its type byte belongs.
    fn value(&mut self, jiter: &mut Jiter<'_>, peek: Peek, kind_at: usize) -> JiterResult<()> {
        if self.properties.len() > self.bytes_max {
            let detail =
                format!("the event is above {} bytes as BSON, the most that is taken", self.bytes_max);
            self.fault(Code::EventTooLarge, String::new(), detail);
        }
        if self.fault.is_some() {
            return jiter.known_skip(peek);
        }
        let kind = match peek {
            Peek::String => {
                let text = jiter.known_str()?;
                w::string_value(&mut self.properties, text.as_bytes());
                w::STRING
            }
            Peek::Null => {
                jiter.known_null()?;
                w::NULL
            }
            Peek::True | Peek::False => {
                let truth = jiter.known_bool(peek)?;
                self.properties.push(u8::from(truth));
                w::BOOLEAN
            }
            Peek::Object | Peek::Array => {
                if self.path.len() > DEPTH_MAX {
                    let pointer = self.pointer();
                    self.fault(
                        Code::TooDeep,
                        pointer,
                        format!("properties nest at most {DEPTH_MAX} levels deep"),
                    );
                    return jiter.known_skip(peek);
                }
                if peek == Peek::Object {
                    self.object(jiter)?;
                    w::DOCUMENT
                } else {
                    self.array(jiter)?;
                    w::ARRAY
                }
            }
            _ => self.number(jiter, peek)?,
        };
        self.properties[kind_at] = kind;
        Ok(())
    }

    fn number(&mut self, jiter: &mut Jiter<'_>, peek: Peek) -> JiterResult<u8> {
        let digits = std::str::from_utf8(jiter.known_number_bytes(peek)?).unwrap_or_default();
        if digits.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
            if let Ok(whole) = digits.parse::<i64>() {
                self.properties.extend_from_slice(&whole.to_le_bytes());
                return Ok(w::INT64);
            }
            let pointer = self.pointer();
            let detail = "an integer is within −2^63 … 2^63−1; send a larger one as a string";
            self.fault(Code::NumberOutOfRange, pointer, detail.into());
            return Ok(w::NULL);
        }
        match digits.parse::<f64>() {
            Ok(number) if number.is_finite() => self.properties.extend_from_slice(&number.to_le_bytes()),
            _ => {
                let pointer = self.pointer();
                self.fault(
                    Code::NumberOutOfRange,
                    pointer,
                    "a number is within ±1.8e308; send a larger one as a string".into(),
                );
            }
        }
        Ok(w::DOUBLE)
    }

    /// The newest of an object's first few names against those before it.
    fn check_twice(&mut self, own_names: usize) {
        let own = &self.names[own_names..];
        let Some((&(from, to), earlier)) = own.split_last() else { return };
        if earlier.len() >= KEYS_COMPARED_DIRECTLY {
            return;
        }
        let name = &self.properties[from..to];
        if earlier.iter().any(|&(from, to)| &self.properties[from..to] == name) {
            let pointer = self.pointer();
            self.fault(Code::DuplicateKey, pointer, "the same key stands in this object twice".into());
        }
    }

    /// All names of a large object, sorted, so that a hostile one costs n log n and not n².
    fn check_twice_among_many(&mut self, own_names: usize) {
        if self.fault.is_some() || self.names.len() - own_names <= KEYS_COMPARED_DIRECTLY {
            return;
        }
        let bytes = &self.properties;
        let own = &mut self.names[own_names..];
        own.sort_unstable_by(|a, b| bytes[a.0..a.1].cmp(&bytes[b.0..b.1]));
        let twice = own.windows(2).find(|pair| bytes[pair[0].0..pair[0].1] == bytes[pair[1].0..pair[1].1]);
        if let Some(&[(from, _), _]) = twice {
            self.path.push(from);
            let pointer = self.pointer();
            self.path.pop();
            self.fault(Code::DuplicateKey, pointer, "the same key stands in this object twice".into());
        }
    }

    /// Where we are, as a pointer below the event.
    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for &from in &self.path {
            let name = self.properties[from..].split(|&b| b == 0).next().unwrap_or_default();
            push_token(&mut pointer, &String::from_utf8_lossy(name));
        }
        pointer
    }
}

/// An element whose name was written: where its type byte is, and whether its value matters.
struct Element {
    at: usize,
    kept: bool,
}
