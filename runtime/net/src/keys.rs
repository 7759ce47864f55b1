//! Who a party is: a key, a self-signed certificate, and the certificate's fingerprint that the others pin.

use std::fmt;
use std::str::FromStr;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

/// A new key with its certificate, as text for files.
pub struct NewKeys {
    /// The certificate. Public.
    pub certificate_pem: String,
    /// The private key. For this party's eyes only.
    pub private_key_pem: Zeroizing<String>,
    /// What the other parties write into their party tables.
    pub fingerprint: Fingerprint,
}

/// Makes a fresh ECDSA P-256 key and a self-signed certificate for the party `name`.
///
/// # Errors
/// If the operating system gives no randomness.
pub fn generate(name: &str) -> Result<NewKeys, KeyError> {
    let made = |e: rcgen::Error| KeyError::Generate { message: e.to_string() };
    let key = rcgen::KeyPair::generate().map_err(made)?;
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let certificate = params.self_signed(&key).map_err(made)?;
    Ok(NewKeys {
        certificate_pem: certificate.pem(),
        private_key_pem: Zeroizing::new(key.serialize_pem()),
        fingerprint: Fingerprint::of(certificate.der()),
    })
}

/// A party's own certificate and private key.
pub struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads a certificate and its private key.
    ///
    /// # Errors
    /// If one of them is malformed, or they do not belong together.
    pub fn from_pem(certificate_pem: &str, private_key_pem: &str) -> Result<Identity, KeyError> {
        let certificate = certificate(certificate_pem)?;
        let key = PrivateKeyDer::from_pem_slice(private_key_pem.as_bytes())
            .map_err(|e| KeyError::PrivateKey { message: e.to_string() })?;
        CertifiedKey::from_der(vec![certificate.clone()], key.clone_key(), &rustls::crypto::ring::default_provider())
            .map_err(|e| KeyError::Pair { message: e.to_string() })?;
        Ok(Identity { certificate, key })
    }

    /// The fingerprint of the certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }
}

/// SHA-256 of a certificate's DER form, written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a certificate in PEM form.
    ///
    /// # Errors
    /// If it is no certificate.
    pub fn from_certificate_pem(pem: &str) -> Result<Fingerprint, KeyError> {
        Ok(Fingerprint::of(&certificate(pem)?))
    }

    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Fingerprint {
        let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
        Fingerprint(digest.as_ref().try_into().expect("invariant: SHA-256 has 32 bytes"))
    }
}

fn certificate(pem: &str) -> Result<CertificateDer<'static>, KeyError> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|e| KeyError::Certificate { message: e.to_string() })
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let malformed = || KeyError::Fingerprint { text: text.to_owned() };
        let digits = text
            .strip_prefix("sha256:")
            .filter(|d| d.len() == 64 && d.bytes().all(|b| b.is_ascii_hexdigit()))
            .ok_or_else(malformed)?;
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).map_err(|_| malformed())?;
        }
        Ok(Fingerprint(bytes))
    }
}

/// What is wrong with a key, a certificate or a fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are named by what they hold, and the messages say the rest")]
pub enum KeyError {
    /// A key could not be made.
    #[error("cannot make a key: {message}")]
    Generate { message: String },
    /// The certificate cannot be read.
    #[error("not a certificate in PEM form: {message}")]
    Certificate { message: String },
    /// The key cannot be read.
    #[error("not a private key in PEM form: {message}")]
    PrivateKey { message: String },
    /// The key is not the certificate's.
    #[error("the private key does not fit the certificate: {message}")]
    Pair { message: String },
    /// The fingerprint is malformed.
    #[error("`{text}` is no fingerprint: `sha256:` and 64 hexadecimal digits are expected")]
    Fingerprint { text: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_hash_of_the_certificate() {
        let keys = generate("client").expect("keys can be made");
        let identity = Identity::from_pem(&keys.certificate_pem, &keys.private_key_pem).expect("fresh keys fit");
        assert_eq!(identity.fingerprint(), keys.fingerprint);
        assert_eq!(Fingerprint::from_certificate_pem(&keys.certificate_pem), Ok(keys.fingerprint));
        assert_eq!(keys.fingerprint.to_string().parse(), Ok(keys.fingerprint));
        assert_eq!(keys.fingerprint.to_string().len(), "sha256:".len() + 64);
        assert_ne!(generate("client").expect("keys can be made").fingerprint, keys.fingerprint);
        // SHA-256 of nothing.
        let empty = Fingerprint::of(&CertificateDer::from(Vec::new()));
        assert_eq!(empty.to_string(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn foreign_and_malformed_keys_are_refused() {
        let (a, b) = (generate("a").expect("keys can be made"), generate("b").expect("keys can be made"));
        let error = |certificate: &str, key: &str| Identity::from_pem(certificate, key).err();
        assert!(matches!(error(&a.certificate_pem, &b.private_key_pem), Some(KeyError::Pair { .. })));
        assert!(matches!(error("", &a.private_key_pem), Some(KeyError::Certificate { .. })));
        assert!(matches!(error(&a.certificate_pem, &a.certificate_pem), Some(KeyError::PrivateKey { .. })));
    }

    #[test]
    fn malformed_fingerprints_are_refused() {
        let good = format!("sha256:{}", "ab".repeat(32));
        assert!(good.parse::<Fingerprint>().is_ok());
        for bad in [
            "",
            "sha256:",
            &good[7..],
            &good[..70],
            &format!("{good}0"),
            &good.replace("ab", "+b"),
            &good.replace("sha256", "sha1"),
            &good.replace("ab", "é"),
        ] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(KeyError::Fingerprint { text: bad.to_owned() }));
        }
    }
}
