//! The key of a generator.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// An AES-128 key. It is wiped when it is dropped, and never printed.
#[derive(Clone)]
pub struct Key([u8; 16]);

impl Key {
    /// The key of these bytes, which must be secret and uniform.
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A fresh key from the operating system.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut key = Self([0; 16]);
        getrandom::fill(&mut key.0)?;
        Ok(key)
    }

    pub(crate) fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for Key {}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}
