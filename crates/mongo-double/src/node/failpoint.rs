//! Faults on demand: the servers' own `failCommand` fail point, and one addition, `closeAfter`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bson::{Bson, Document, doc};

use crate::arguments::{truthy, whole};
use crate::refusal::{Refusal, bad_value};

/// What goes wrong, with which commands, and how often.
#[derive(Clone, Debug, Default)]
pub struct Fault {
    commands: Vec<String>,
    times: Option<u32>,
    code: Option<i32>,
    labels: Vec<String>,
    close: bool,
    close_after: bool,
    block: Option<Duration>,
    internal: bool,
}

impl Fault {
    /// For these commands, always, until something else is set.
    pub fn on(commands: &[&str]) -> Self {
        Self { commands: commands.iter().map(|name| (*name).to_owned()).collect(), ..Self::default() }
    }

    /// Only the next so many times.
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Answers with this code and does nothing.
    pub fn code(self, code: i32) -> Self {
        Self { code: Some(code), ..self }
    }

    /// Drops the connection and does nothing.
    pub fn close(self) -> Self {
        Self { close: true, ..self }
    }

    /// Does it, then drops the connection without an answer.
    pub fn close_after(self) -> Self {
        Self { close_after: true, ..self }
    }

    /// Waits before anything else.
    pub fn block(self, time: Duration) -> Self {
        Self { block: Some(time), ..self }
    }

    /// Also for commands that other members of the cluster send.
    pub fn internal_too(self) -> Self {
        Self { internal: true, ..self }
    }

    /// As a command for a server with test commands.
    pub fn document(&self) -> Document {
        let mode = self.times.map_or_else(
            || Bson::from("alwaysOn"),
            |times| doc! {"times": i32::try_from(times).unwrap_or(i32::MAX)}.into(),
        );
        let mut data = doc! {"failCommands": self.commands.clone()};
        let mut yes = |name: &str, set: bool| {
            if set {
                data.insert(name, true);
            }
        };
        yes("closeConnection", self.close);
        yes("closeAfter", self.close_after);
        yes("failInternalCommands", self.internal);
        yes("blockConnection", self.block.is_some());
        if let Some(block) = self.block {
            data.insert("blockTimeMS", i64::try_from(block.as_millis()).unwrap_or(i64::MAX));
        }
        if let Some(code) = self.code {
            data.insert("errorCode", code);
        }
        if !self.labels.is_empty() {
            data.insert("errorLabels", self.labels.clone());
        }
        doc! {"configureFailPoint": "failCommand", "mode": mode, "data": data}
    }

    fn parse(command: &Document) -> Result<Option<Self>, Refusal> {
        let mut fault = Self::default();
        match command.get("mode") {
            Some(Bson::String(mode)) if mode == "off" => return Ok(None),
            Some(Bson::String(mode)) if mode == "alwaysOn" => (),
            Some(Bson::Document(mode)) if mode.len() == 1 && mode.contains_key("times") => {
                let times = mode.get("times").and_then(whole).and_then(|times| u32::try_from(times).ok());
                fault.times = Some(times.ok_or_else(|| bad_value("'times' must be a whole number from 0"))?);
            }
            _ => return Err(bad_value("'mode' must be 'off', 'alwaysOn' or {times: n}")),
        }
        let data = command.get_document("data").map_err(|_| bad_value("'data' must be a document"))?;
        let texts = |value: &Bson| {
            let array = value.as_array()?;
            array.iter().map(|one| one.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        };
        for (name, value) in data {
            let bad = || bad_value(format!("failCommand: '{name}' cannot be {value}"));
            match name.as_str() {
                "failCommands" => fault.commands = texts(value).ok_or_else(bad)?,
                "errorLabels" => fault.labels = texts(value).ok_or_else(bad)?,
                "errorCode" => {
                    let code = whole(value).and_then(|code| i32::try_from(code).ok());
                    fault.code = Some(code.ok_or_else(bad)?);
                }
                "closeConnection" => fault.close = truthy(Some(value)),
                "closeAfter" => fault.close_after = truthy(Some(value)),
                "failInternalCommands" => fault.internal = truthy(Some(value)),
                "blockConnection" => {
                    if truthy(Some(value)) {
                        let ms = data.get("blockTimeMS").and_then(whole).and_then(|ms| u64::try_from(ms).ok());
                        fault.block = Some(Duration::from_millis(ms.ok_or_else(|| {
                            bad_value("blockConnection needs blockTimeMS, a whole number from 0")
                        })?));
                    }
                }
                "blockTimeMS" => (),
                _ => return Err(bad_value(format!("failCommand: this double does not know '{name}'"))),
            }
        }
        Ok(Some(fault))
    }
}

/// What the fail point says of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// First this.
    pub block: Option<Duration>,
    /// Then drop the connection.
    pub close: bool,
    /// Or answer this.
    pub refusal: Option<(i32, Vec<String>)>,
    /// Or do it and then drop the connection.
    pub close_after: bool,
}

/// The one fail point.
#[derive(Debug, Default)]
pub struct FailPoint(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    fault: Option<Fault>,
    entered: i64,
}

impl FailPoint {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets a fault in place of the one that was, or none.
    pub fn set(&self, fault: Option<Fault>) {
        self.lock().fault = fault;
    }

    /// How many commands met a fault so far.
    pub fn entered(&self) -> i64 {
        self.lock().entered
    }

    /// `configureFailPoint`.
    pub fn configure(&self, command: &Document) -> Result<Document, Refusal> {
        if command.get_str("configureFailPoint") != Ok("failCommand") {
            return Err(bad_value("the only fail point of this double is failCommand"));
        }
        let fault = Fault::parse(command)?;
        let mut state = self.lock();
        state.fault = fault;
        Ok(doc! {"count": state.entered})
    }

    /// What happens to a command.
    pub fn hit(&self, command: &str, internal: bool) -> Option<Hit> {
        let mut state = self.lock();
        let fault = state.fault.as_mut()?;
        let named = fault.commands.iter().any(|name| name.eq_ignore_ascii_case(command));
        if !named || internal && !fault.internal {
            return None;
        }
        match &mut fault.times {
            Some(0) => return None,
            Some(left) => *left -= 1,
            None => (),
        }
        let Fault { block, close, close_after, code, labels, .. } = fault.clone();
        state.entered += 1;
        Some(Hit { block, close, refusal: code.map(|code| (code, labels)), close_after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_as_often_as_it_was_told_and_only_its_commands() {
        let point = FailPoint::default();
        let fault = Fault::on(&["addShard", "find"]).code(133).times(2).block(Duration::from_millis(5));
        assert_eq!(point.configure(&fault.document()).unwrap(), doc! {"count": 0_i64});
        assert_eq!(point.hit("insert", false), None);
        assert_eq!(point.hit("find", true), None);
        let hit = point.hit("addShard", false).unwrap();
        assert_eq!((hit.refusal, hit.block), (Some((133, Vec::new())), Some(Duration::from_millis(5))));
        assert!(point.hit("find", false).is_some() && point.hit("find", false).is_none());
        assert_eq!(point.configure(&doc! {"configureFailPoint": "failCommand", "mode": "off"}).unwrap().get_i64("count"), Ok(2));
    }

    #[test]
    fn a_fault_of_unknown_shape_is_refused() {
        for command in [
            doc! {"configureFailPoint": "other", "mode": "off"},
            doc! {"configureFailPoint": "failCommand", "mode": {"skip": 1}, "data": {}},
            doc! {"configureFailPoint": "failCommand", "mode": "alwaysOn"},
            doc! {"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": {"writeConcernError": {}}},
            doc! {"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": {"blockConnection": true}},
        ] {
            assert_eq!(FailPoint::default().configure(&command).unwrap_err().code, 2, "{command}");
        }
    }
}
