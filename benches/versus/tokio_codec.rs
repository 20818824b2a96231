//! A peer of rframe: the same work on tokio-util's codecs, as one would write it with them.

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use std::os::fd::AsFd;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio_util::codec::{BytesCodec, FramedRead, FramedWrite, LengthDelimitedCodec, LinesCodec};

/// How much is read and written at once, in bytes.
const BUFFER: usize = 64 * 1024;

/// `encode lines`, `decode lines`, `encode SIZE` (chunks) or `decode raw`, in one word.
pub(crate) fn run(work: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let receiver = Receiver::from_owned_fd(rustix::stdio::stdin().try_clone_to_owned().unwrap()).unwrap();
        let sender = Sender::from_owned_fd(rustix::stdio::stdout().as_fd().try_clone_to_owned().unwrap()).unwrap();
        let frames = LengthDelimitedCodec::builder().length_field_length(4).big_endian().new_codec();
        match work {
            "encode-lines" => {
                let mut lines = FramedRead::with_capacity(receiver, LinesCodec::new(), BUFFER);
                let mut out = FramedWrite::new(sender, frames);
                out.set_backpressure_boundary(BUFFER);
                while let Some(line) = lines.next().await {
                    out.feed(Bytes::from(line.unwrap())).await.unwrap();
                }
                SinkExt::<Bytes>::flush(&mut out).await.unwrap();
            }
            "decode-lines" => {
                let mut input = FramedRead::with_capacity(receiver, frames, BUFFER);
                let mut out = FramedWrite::new(sender, LinesCodec::new());
                out.set_backpressure_boundary(BUFFER);
                while let Some(frame) = input.next().await {
                    let frame = frame.unwrap();
                    out.feed(std::str::from_utf8(&frame).unwrap()).await.unwrap();
                }
                SinkExt::<&str>::flush(&mut out).await.unwrap();
            }
            "decode-raw" => {
                let mut input = FramedRead::with_capacity(receiver, frames, BUFFER);
                let mut out = FramedWrite::new(sender, BytesCodec::new());
                while let Some(frame) = input.next().await {
                    out.send(frame.unwrap().freeze()).await.unwrap();
                }
            }
            size => {
                let size: usize = size.strip_prefix("encode-").unwrap().parse().unwrap();
                let mut receiver = receiver;
                let mut out = FramedWrite::new(sender, frames);
                loop {
                    let mut chunk = BytesMut::with_capacity(size);
                    while chunk.len() < size && receiver.read_buf(&mut chunk).await.unwrap() > 0 {}
                    if chunk.is_empty() {
                        break;
                    }
                    out.send(chunk.freeze()).await.unwrap();
                }
            }
        }
    });
}
