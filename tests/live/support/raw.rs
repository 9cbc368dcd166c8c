//! AMQP written byte by byte, for what no client library would send.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::broker;

struct Frame {
    kind: u8,
    channel: u16,
    payload: Vec<u8>,
}

fn short(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![u8::try_from(bytes.len()).expect("a short string")];
    out.extend_from_slice(bytes);
    out
}

fn long(bytes: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(bytes.len())
        .expect("a length")
        .to_be_bytes()
        .to_vec();
    out.extend_from_slice(bytes);
    out
}

fn method(class: u16, id: u16, arguments: &[&[u8]]) -> Vec<u8> {
    [
        &class.to_be_bytes()[..],
        &id.to_be_bytes()[..],
        &arguments.concat(),
    ]
    .concat()
}

fn write(stream: &mut TcpStream, kind: u8, channel: u16, payload: &[u8]) {
    let head = [&[kind][..], &channel.to_be_bytes()].concat();
    stream
        .write_all(&[&head[..], &long(payload), &[0xCE]].concat())
        .expect("written");
}

fn read(stream: &mut TcpStream) -> Frame {
    let mut head = [0; 7];
    stream.read_exact(&mut head).expect("a frame");
    let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
    let mut payload = vec![0; usize::try_from(size).expect("a size") + 1];
    stream
        .read_exact(&mut payload)
        .expect("the frame's payload");
    Frame {
        kind: head[0],
        channel: u16::from_be_bytes([head[1], head[2]]),
        payload,
    }
}

fn expect(stream: &mut TcpStream, class: u16, id: u16) -> Frame {
    let frame = read(stream);
    assert_eq!((frame.kind, frame.channel <= 1), (1, true));
    assert_eq!(frame.payload[..4], method(class, id, &[])[..4]);
    frame
}

/// An open channel, number 1, at the shared node.
fn channel() -> TcpStream {
    let mut connected = TcpStream::connect(("127.0.0.1", broker().port())).expect("connected");
    let stream = &mut connected;
    stream.write_all(b"AMQP\x00\x00\x09\x01").expect("greeted");
    expect(stream, 10, 10);
    let login = long(b"\0guest\0guest");
    let start_ok = method(
        10,
        11,
        &[&long(b""), &short(b"PLAIN"), &login, &short(b"en_US")],
    );
    write(stream, 1, 0, &start_ok);
    let tune = expect(stream, 10, 30);
    write(stream, 1, 0, &method(10, 31, &[&tune.payload[4..12]]));
    write(
        stream,
        1,
        0,
        &method(10, 40, &[&short(b"/"), &short(b""), &[0]]),
    );
    expect(stream, 10, 41);
    write(stream, 1, 1, &method(20, 10, &[&short(b"")]));
    expect(stream, 20, 11);
    connected
}

/// Publish a persistent message whose property `type` is these bytes, confirmed by the broker.
pub(crate) fn publish_with_type(exchange: &str, routing_key: &str, kind: &[u8]) {
    let stream = &mut channel();
    write(stream, 1, 1, &method(85, 10, &[&[0]]));
    expect(stream, 85, 11);
    let target = [short(exchange.as_bytes()), short(routing_key.as_bytes())].concat();
    write(stream, 1, 1, &method(60, 40, &[&[0, 0], &target, &[0]]));
    // Class, weight, size of the body, flags of delivery mode and type, and these two.
    let head = [
        &[0, 60, 0, 0][..],
        &1_u64.to_be_bytes(),
        &[0x10, 0x20, 2],
        &short(kind),
    ]
    .concat();
    write(stream, 2, 1, &head);
    write(stream, 3, 1, b"x");
    expect(stream, 60, 80);
}

/// Take the first message out of a queue for good: the bytes of its properties.
pub(crate) fn take_properties(queue: &str) -> Vec<u8> {
    let stream = &mut channel();
    let taken_for_good = [1];
    let queue = short(queue.as_bytes());
    write(
        stream,
        1,
        1,
        &method(60, 70, &[&[0, 0], &queue, &taken_for_good]),
    );
    expect(stream, 60, 71);
    let head = read(stream);
    assert_eq!((head.kind, head.channel), (2, 1));
    read(stream);
    head.payload
}
