//! Finds positions of a stream that one party uses twice.

use std::ops::Range;
use std::panic::Location;
use std::sync::{Mutex, PoisonError};

use crate::{SESSION_INFERENCE, StreamId};

/// One use of a part of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The party that has drawn it.
    pub owner: &'static str,
    /// Tells keys apart, and says nothing else about them.
    pub key: u64,
    /// The stream.
    pub stream: StreamId,
    /// The bytes of the stream.
    pub bytes: Range<u64>,
    /// The call.
    pub place: &'static Location<'static>,
}

/// Two uses of the same bytes by one party.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} draws bytes {:?} of {:?} at {} and bytes {:?} at {}",
    first.owner, first.bytes, first.stream, first.place, second.bytes, second.place)]
pub struct Reuse {
    /// The use with the lower start.
    pub first: Use,
    /// The other one.
    pub second: Use,
}

/// A record of what was drawn from the generators that note in it. For tests: it grows with every call.
#[derive(Debug, Default)]
pub struct Audit {
    uses: Mutex<Vec<Use>>,
}

impl Audit {
    /// All uses so far, in the order of the calls.
    pub fn uses(&self) -> Vec<Use> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Checks that no party has drawn the same bytes twice.
    ///
    /// The other holder of a key may draw them too: this is what a common key is for. A stream that is fixed for the session may be
    /// drawn again, but only by the call that has drawn it first: the weights' masks are needed in every inference.
    ///
    /// # Errors
    /// The first pair of uses that overlap.
    pub fn check(&self) -> Result<(), Box<Reuse>> {
        let mut uses = self.uses();
        uses.sort_by_key(|usage| (usage.owner, usage.key, usage.stream, usage.bytes.start, usage.bytes.end));
        let mut open: Vec<&Use> = Vec::new();
        for second in &uses {
            let same_stream =
                |first: &Use| (first.owner, first.key, first.stream) == (second.owner, second.key, second.stream);
            open.retain(|first| same_stream(first) && first.bytes.end > second.bytes.start);
            let again = |first: &Use| second.stream.inference == SESSION_INFERENCE && first.place == second.place;
            if let Some(first) = open.iter().find(|first| !again(first)) {
                return Err(Box::new(Reuse { first: (*first).clone(), second: second.clone() }));
            }
            open.push(second);
        }
        Ok(())
    }

    pub(crate) fn note(&self, usage: Use) {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner).push(usage);
    }
}
