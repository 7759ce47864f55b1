//! A TLS connection whose two directions and secrets are used at once.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;
use zeroize::Zeroizing;

/// A handle on a TLS connection. The lock is held for single polls only.
#[derive(Clone)]
pub(crate) struct SharedStream(Arc<Mutex<TlsStream<TcpStream>>>);

impl SharedStream {
    pub(crate) fn new(stream: TlsStream<TcpStream>) -> Self {
        SharedStream(Arc::new(Mutex::new(stream)))
    }

    /// A secret that both ends of this connection, and nobody else, derive for `label` and `context`.
    pub(crate) fn export(&self, label: &[u8], context: &[u8]) -> Result<Zeroizing<[u8; 32]>, String> {
        let secret = match &*self.lock() {
            TlsStream::Client(stream) => stream.get_ref().1.export_keying_material([0; 32], label, Some(context)),
            TlsStream::Server(stream) => stream.get_ref().1.export_keying_material([0; 32], label, Some(context)),
        };
        secret.map(Zeroizing::new).map_err(|e| e.to_string())
    }

    fn lock(&self) -> MutexGuard<'_, TlsStream<TcpStream>> {
        self.0.lock().expect("invariant: nothing panics while it holds the lock")
    }
}

impl AsyncRead for SharedStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.lock()).poll_read(cx, buf)
    }
}

impl AsyncWrite for SharedStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.lock()).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.lock()).poll_flush(cx)
    }

    /// Ends the TCP direction without TLS's own farewell: a frame has said that this is the end, and rustls panics in
    /// debug builds where a record after its farewell is broken.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = &mut *self.lock();
        ready!(Pin::new(&mut *stream).poll_flush(cx))?;
        Pin::new(stream.get_mut().0).poll_shutdown(cx)
    }
}
