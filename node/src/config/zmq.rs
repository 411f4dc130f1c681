//! What is published over ZeroMQ (`-zmqpubhashblock` and its kin).

use crate::zmq::{DEFAULT_HIGH_WATER_MARK, Endpoint, EndpointError, Notification, Topic};
use chaincore_rpc::conf::{Conf, ConfError};

/// The most that libzmq's mark, a C `int`, can be.
const MAX_HIGH_WATER_MARK: u32 = i32::MAX as u32;

/// Every topic at each of its addresses.
pub(super) fn read(conf: &Conf) -> Result<Vec<Notification>, ConfError> {
    let settings = &conf.settings;
    let mut notifications = vec![];
    for topic in Topic::ALL {
        let name = format!("zmqpub{}", topic.name());
        let mark = settings.number(&format!("{name}hwm"), 0..=MAX_HIGH_WATER_MARK)?;
        for text in settings.list(&name) {
            let endpoint = Endpoint::parse(&text).map_err(|error| match error {
                // As Core says it.
                EndpointError::Port => {
                    ConfError::Value(format!("Invalid port specified in -{name}: '{text}'"))
                }
                error => {
                    settings.bad_value(&name, &text, &format!("tcp://address:port or unix:path ({error})"))
                }
            })?;
            let high_water_mark = mark.unwrap_or(DEFAULT_HIGH_WATER_MARK);
            notifications.push(Notification { topic, endpoint, high_water_mark });
        }
    }
    Ok(notifications)
}
