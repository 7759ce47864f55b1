//! A queue that is bounded by the bytes in it.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::NetError;

pub(crate) struct ByteQueue<T> {
    items: mpsc::UnboundedSender<(T, Room)>,
    room: Arc<Semaphore>,
    limit: u32,
}

/// The end of the queue that takes out.
pub(crate) type Items<T> = mpsc::UnboundedReceiver<(T, Room)>;

/// The room that an item takes, until this is dropped.
pub(crate) struct Room {
    _permit: Option<OwnedSemaphorePermit>,
}

impl<T> ByteQueue<T> {
    pub(crate) fn new(limit_bytes: usize) -> (Self, Items<T>) {
        let limit = u32::try_from(limit_bytes).unwrap_or(u32::MAX).max(1);
        let (items, receiver) = mpsc::unbounded_channel();
        (ByteQueue { items, room: Arc::new(Semaphore::new(limit as usize)), limit }, receiver)
    }

    /// Puts in an item of `bytes` once there is room; one that is larger than the queue waits for all of it.
    /// `failed` must end when the receiver is gone.
    pub(crate) async fn send(
        &self,
        item: T,
        bytes: usize,
        failed: impl Future<Output = NetError>,
    ) -> Result<(), NetError> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).clamp(1, self.limit);
        let mut failed = std::pin::pin!(failed);
        let permit = tokio::select! {
            biased;
            error = &mut failed => return Err(error),
            permit = self.room.clone().acquire_many_owned(bytes) => permit.expect("invariant: the semaphore is never closed"),
        };
        match self.items.send((item, Room { _permit: Some(permit) })) {
            Ok(()) => Ok(()),
            Err(_) => Err(failed.await),
        }
    }

    /// Puts in an item that needs no room. Without a receiver it is lost.
    pub(crate) fn push(&self, item: T) {
        let _ = self.items.send((item, Room { _permit: None }));
    }
}
