//! XChaCha20-Poly1305 over personal text and over the keys that encrypt it.
//!
//! ```text
//! sealed   offset 0  version      1 byte    1
//!                 1  nonce       24 bytes   random
//!                25  ciphertext             as long as the text
//!               end  tag         16 bytes
//! ```
//!
//! Nonces of 24 random bytes do not repeat in any lifetime, so nothing needs to be counted. What
//! the text belongs to (data subject, purpose) is authenticated with it: a ciphertext copied to
//! another customer or another member does not open.

use chacha20poly1305::aead::{Aead, AeadInPlace, KeyInit, Payload};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::secret::Key;
use super::{SubjectId, VaultFault};

const VERSION: u8 = 1;
/// Bytes of a nonce.
pub(super) const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// Bytes a sealed text has more than the text.
pub const SEALED_OVERHEAD_BYTES: usize = 1 + NONCE_BYTES + TAG_BYTES;

/// A subject's key as it stands in the file: nonce, then the encrypted key with its tag.
pub(super) type Wrapped = [u8; NONCE_BYTES + 32 + TAG_BYTES];

/// Encrypt text. No two calls may have the same nonce.
pub(super) fn seal(
    key: &Key,
    nonce: [u8; NONCE_BYTES],
    (subject, purpose): (SubjectId, &str),
    text: &[u8],
) -> Result<Vec<u8>, VaultFault> {
    let bound = bound_to(subject, purpose);
    let payload = Payload {
        msg: text,
        aad: &bound,
    };
    let cipher = XChaCha20Poly1305::new(key.as_slice().into());
    // Fails only for text of 256 GiB and more.
    let encrypted = cipher.encrypt(XNonce::from_slice(&nonce), payload);
    let encrypted = encrypted.map_err(|_too_long| VaultFault::TextTooLong)?;
    let mut sealed = Vec::with_capacity(text.len() + SEALED_OVERHEAD_BYTES);
    sealed.push(VERSION);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&encrypted);
    Ok(sealed)
}

/// Decrypt text; `None` if it is not what was sealed with this key for this subject and purpose.
pub(super) fn open(key: &Key, subject: SubjectId, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (&VERSION, rest) = sealed.split_first()? else {
        return None;
    };
    let (nonce, encrypted) = rest.split_first_chunk::<NONCE_BYTES>()?;
    let bound = bound_to(subject, purpose);
    let payload = Payload {
        msg: encrypted,
        aad: &bound,
    };
    let cipher = XChaCha20Poly1305::new(key.as_slice().into());
    cipher.decrypt(XNonce::from_slice(nonce), payload).ok()
}

/// Encrypt a subject's key. No two calls may have the same nonce.
pub(super) fn wrap(
    kek: &Key,
    nonce: [u8; NONCE_BYTES],
    subject: SubjectId,
    key: &Key,
) -> Result<Wrapped, VaultFault> {
    let cipher = XChaCha20Poly1305::new(kek.as_slice().into());
    // Encrypted where it lies, so that no other copy of the key is made.
    let mut encrypted = key.clone();
    let tag = cipher
        .encrypt_in_place_detached(
            XNonce::from_slice(&nonce),
            &subject.0,
            encrypted.as_mut_slice(),
        )
        .map_err(|_too_long| VaultFault::TextTooLong)?;
    let mut wrapped = [0; NONCE_BYTES + 32 + TAG_BYTES];
    let parts = nonce.iter().chain(encrypted.iter()).chain(tag.iter());
    for (to, from) in wrapped.iter_mut().zip(parts) {
        *to = *from;
    }
    Ok(wrapped)
}

/// Decrypt a subject's key.
pub(super) fn unwrap(kek: &Key, subject: SubjectId, wrapped: &Wrapped) -> Option<Key> {
    let (nonce, rest) = wrapped.split_first_chunk::<NONCE_BYTES>()?;
    let (encrypted, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
    let mut key = Zeroizing::new(<[u8; 32]>::try_from(encrypted).ok()?);
    let cipher = XChaCha20Poly1305::new(kek.as_slice().into());
    let nonce = XNonce::from_slice(nonce);
    let tag = Tag::from_slice(tag);
    cipher
        .decrypt_in_place_detached(nonce, &subject.0, key.as_mut_slice(), tag)
        .ok()?;
    Some(key)
}

/// The subject has a fixed length, so no purpose can pass for a part of it.
fn bound_to(subject: SubjectId, purpose: &str) -> Vec<u8> {
    [subject.0.as_slice(), purpose.as_bytes()].concat()
}
