//! Which tags a peer has used, in little memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{FrameProblem, Tag};

/// How many inferences are remembered. A frame of an older one is refused as stale.
const WINDOW: usize = 256;

/// The tags that came from one peer. Steps of an operation come nearly in order, so a number stands for most of them.
#[derive(Default)]
pub(crate) struct Seen {
    inferences: BTreeMap<u32, HashMap<u32, Steps>>,
    forgotten: Option<u32>,
}

#[derive(Default)]
struct Steps {
    below: u32,
    beyond: BTreeSet<u16>,
}

impl Seen {
    /// Notes `tag`, or says why it must not come.
    pub(crate) fn insert(&mut self, tag: Tag) -> Result<(), FrameProblem> {
        if self.is_stale(tag) {
            return Err(FrameProblem::Stale { tag });
        }
        if self.contains(tag) {
            return Err(FrameProblem::Duplicate { tag });
        }
        let steps = self.inferences.entry(tag.inference).or_default().entry(tag.op).or_default();
        steps.beyond.insert(tag.step);
        while u16::try_from(steps.below).is_ok_and(|next| steps.beyond.remove(&next)) {
            steps.below += 1;
        }
        if self.inferences.len() > WINDOW {
            self.forgotten = self.inferences.pop_first().map(|(inference, _)| inference);
        }
        Ok(())
    }

    /// Whether `tag` came, or is too old to know.
    pub(crate) fn contains(&self, tag: Tag) -> bool {
        let steps = self.inferences.get(&tag.inference).and_then(|ops| ops.get(&tag.op));
        self.is_stale(tag) || steps.is_some_and(|s| u32::from(tag.step) < s.below || s.beyond.contains(&tag.step))
    }

    fn is_stale(&self, tag: Tag) -> bool {
        self.forgotten.is_some_and(|last| tag.inference <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(inference: u32, step: u16) -> Tag {
        Tag { op: 7, inference, step }
    }

    #[test]
    fn each_tag_once_in_any_order() {
        let mut seen = Seen::default();
        for step in [0, 2, 1, u16::MAX, 3] {
            assert!(!seen.contains(tag(0, step)));
            assert_eq!(seen.insert(tag(0, step)), Ok(()));
            assert_eq!(seen.insert(tag(0, step)), Err(FrameProblem::Duplicate { tag: tag(0, step) }));
        }
        assert!(!seen.contains(tag(0, 4)));
        assert!(!seen.contains(tag(1, 0)));
        assert!(!seen.contains(Tag { op: 8, ..tag(0, 0) }));
    }

    #[test]
    fn all_steps_of_an_operation() {
        let mut seen = Seen::default();
        assert!((0..=u16::MAX).all(|step| seen.insert(tag(0, step)).is_ok()));
        assert!(seen.contains(tag(0, u16::MAX)));
        assert!(seen.inferences[&0][&7].beyond.is_empty());
    }

    #[test]
    fn old_inferences_are_forgotten_and_refused_but_the_set_up_is_not() {
        let mut seen = Seen::default();
        seen.insert(tag(u32::MAX, 0)).expect("a fresh tag");
        (0..1000).for_each(|i| seen.insert(tag(i, 0)).expect("a fresh tag"));
        assert!(seen.inferences.len() <= WINDOW);
        assert_eq!(seen.insert(tag(0, 1)), Err(FrameProblem::Stale { tag: tag(0, 1) }));
        assert_eq!(seen.insert(tag(u32::MAX, 0)), Err(FrameProblem::Duplicate { tag: tag(u32::MAX, 0) }));
        assert_eq!(seen.insert(tag(999, 1)), Ok(()));
    }
}
