//! The allocator's set-up.

/// Has all threads allocate from one heap: messages are allocated by a thread of the network and freed by one that computes, and
/// with a heap for each thread neither would use the memory again that the other has freed. ResNet50 takes a twelfth less time and
/// a tenth less memory so. Only glibc has heaps of threads.
#[allow(unsafe_code)]
pub(crate) fn share_one_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: sets a parameter of the allocator, before there is a second thread.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}
