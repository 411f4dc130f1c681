//! Addresses and listening.

use crate::zmq::{Endpoint, EndpointError, Notification, Topic, ZmqError, ZmqPlugin};
use std::sync::Arc;

#[test]
fn addresses_are_read_as_cores_options_have_them_and_shown_as_its_rpc_shows_them() {
    let good = [
        ("tcp://127.0.0.1:28332", "tcp://127.0.0.1:28332"),
        ("tcp://[::1]:28332", "tcp://[::1]:28332"),
        ("tcp://*:28332", "tcp://*:28332"),
        ("tcp://localhost:0", "tcp://localhost:0"),
        ("ipc:///run/node.zmq", "ipc:///run/node.zmq"),
        ("unix:/run/node.zmq", "ipc:///run/node.zmq"),
    ];
    for (text, shown) in good {
        assert_eq!(Endpoint::parse(text).map(|at| at.to_string()).as_deref(), Ok(shown), "{text}");
    }
    let bad = [
        ("", EndpointError::Transport),
        ("127.0.0.1:28332", EndpointError::Transport),
        ("inproc://x", EndpointError::Transport),
        ("udp://127.0.0.1:1", EndpointError::Transport),
        ("tcp://127.0.0.1", EndpointError::Port),
        ("tcp://127.0.0.1:", EndpointError::Port),
        ("tcp://127.0.0.1:*", EndpointError::Port),
        ("tcp://127.0.0.1:65536", EndpointError::Port),
        ("tcp://127.0.0.1:+1", EndpointError::Port),
        ("tcp://:28332", EndpointError::Host),
        ("tcp://::1:28332", EndpointError::Host),
        ("tcp://[::1:28332", EndpointError::Host),
        ("tcp://[name]:28332", EndpointError::Host),
        ("ipc://", EndpointError::Path),
        ("ipc://*", EndpointError::Path),
        ("ipc://@abstract", EndpointError::Path),
        ("unix:/run/", EndpointError::Path),
    ];
    for (text, error) in bad {
        assert_eq!(Endpoint::parse(text), Err(error), "{text}");
    }
}

fn published(topic: Topic, address: &str, high_water_mark: u32) -> Notification {
    Notification { topic, endpoint: Endpoint::parse(address).unwrap(), high_water_mark }
}

#[test]
fn topics_share_an_address_and_are_listed_in_cores_order() {
    let any = "tcp://127.0.0.1:0";
    let wanted = vec![
        published(Topic::Sequence, any, 5),
        published(Topic::HashTx, any, 7),
        published(Topic::HashTx, "tcp://localhost:0", 7),
        published(Topic::HashBlock, any, 9),
    ];
    let plugin = ZmqPlugin::listen(wanted, Arc::default()).unwrap();
    let listed: Vec<_> = plugin.notifications().collect();
    let topics: Vec<_> = listed.iter().map(|one| (one.topic, one.high_water_mark)).collect();
    let expected = [(Topic::HashBlock, 9), (Topic::HashTx, 7), (Topic::HashTx, 7), (Topic::Sequence, 5)];
    assert_eq!(topics, expected);
    let Endpoint::Tcp(_, port) = &listed[0].endpoint else { panic!("{listed:?}") };
    assert_ne!(*port, 0, "the port is known");
    assert_eq!((&listed[0].endpoint, &listed[0].endpoint), (&listed[1].endpoint, &listed[3].endpoint));
    assert_ne!(listed[2].endpoint, listed[0].endpoint);
    let taken =
        ZmqPlugin::listen(vec![published(Topic::RawTx, &listed[0].endpoint.to_string(), 1)], Arc::default());
    let Err(ZmqError::Listen { address, topic: "rawtx", .. }) = taken else {
        panic!("two listen at one port")
    };
    assert_eq!(address, listed[0].endpoint.to_string());
}

#[cfg(unix)]
#[test]
fn a_file_is_replaced_if_nobody_listens_at_it_and_goes_with_the_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zmq");
    let address = format!("unix:{}", path.display());
    // What a process that was killed leaves behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let listen = || ZmqPlugin::listen(vec![published(Topic::RawTx, &address, 1)], Arc::default());
    let plugin = listen().unwrap();
    assert!(listen().is_err(), "somebody listens");
    drop(plugin);
    assert!(!path.exists());
    std::fs::write(&path, "precious").unwrap();
    assert!(listen().is_err(), "it is no socket");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}
