//! TLS settings that accept the pinned certificates and nothing else.

use std::sync::{Arc, Mutex};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible, ServerConfig,
    SignatureScheme,
};

use crate::keys::{Fingerprint, Identity};

/// Accepts a certificate by its fingerprint, on either side of a connection.
#[derive(Debug)]
pub(crate) struct Pinned {
    allowed: Vec<Fingerprint>,
    algorithms: WebPkiSupportedAlgorithms,
    /// The last certificate that was refused, to be named in a message.
    refused: Mutex<Option<Fingerprint>>,
}

impl Pinned {
    pub(crate) fn new(allowed: Vec<Fingerprint>) -> Arc<Self> {
        Arc::new(Pinned {
            allowed,
            algorithms: provider().signature_verification_algorithms,
            refused: Mutex::new(None),
        })
    }

    pub(crate) fn refused(&self) -> Option<Fingerprint> {
        *self.refused.lock().expect("invariant: nothing panics while it holds the lock")
    }

    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        let found = Fingerprint::of(certificate);
        if self.allowed.contains(&found) {
            return Ok(());
        }
        *self.refused.lock().expect("invariant: nothing panics while it holds the lock") = Some(found);
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }
}

/// How this party meets one that it connects to.
pub(crate) fn client(identity: &Identity, pinned: Arc<Pinned>) -> Result<ClientConfig, Error> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(pinned)
        .with_client_auth_cert(vec![identity.certificate.clone()], identity.key.clone_key())?;
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    config.enable_sni = false;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

/// How this party meets those that connect to it.
pub(crate) fn server(identity: &Identity, pinned: Arc<Pinned>) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(pinned)
        .with_single_cert(vec![identity.certificate.clone()], identity.key.clone_key())?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

const ALPN: &[u8] = b"treville/1";

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::Tls13RequiredForQuic))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::Tls13RequiredForQuic))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rustls::crypto::ring::sign::any_supported_type;
    use rustls::sign::{CertifiedKey, SingleCertAndKey};
    use rustls::{ClientConnection, HandshakeKind, ProtocolVersion, ServerConnection};

    use super::*;
    use crate::keys::generate;

    fn identity() -> Identity {
        let keys = generate("party").expect("keys can be made");
        Identity::from_pem(&keys.certificate_pem, &keys.private_key_pem).expect("fresh keys fit")
    }

    /// Carries bytes between the two until both have nothing to say, or one has an error.
    fn shake_hands(client: ClientConfig, server: ServerConfig) -> Result<(ClientConnection, ServerConnection), Error> {
        let name = ServerName::try_from("party.invalid").expect("a name");
        let mut client = ClientConnection::new(Arc::new(client), name)?;
        let mut server = ServerConnection::new(Arc::new(server))?;
        while client.wants_write() || server.wants_write() {
            let mut bytes = Vec::new();
            client.write_tls(&mut bytes).expect("a vector takes all");
            server.read_tls(&mut &bytes[..]).expect("a slice gives all");
            server.process_new_packets()?;
            bytes.clear();
            server.write_tls(&mut bytes).expect("a vector takes all");
            client.read_tls(&mut &bytes[..]).expect("a slice gives all");
            client.process_new_packets()?;
        }
        Ok((client, server))
    }

    fn pin(identity: &Identity) -> Arc<Pinned> {
        Pinned::new(vec![identity.fingerprint()])
    }

    #[test]
    fn pinned_parties_meet_by_tls_1_3_without_tickets() {
        let (a, b) = (identity(), identity());
        let config = client(&a, pin(&b)).expect("good settings");
        // The same settings twice: nothing of the first connection is used in the second.
        for _ in 0..2 {
            let (client, server) =
                shake_hands(config.clone(), server(&b, pin(&a)).expect("good settings")).expect("both are known");
            assert!(!client.is_handshaking() && !server.is_handshaking());
            assert_eq!(
                (client.protocol_version(), client.handshake_kind()),
                (Some(ProtocolVersion::TLSv1_3), Some(HandshakeKind::Full))
            );
            assert_eq!(client.tls13_tickets_received(), 0);
        }
    }

    #[test]
    fn strangers_are_refused_by_either_side_and_noted() {
        let (a, b, stranger) = (identity(), identity(), identity());
        let (of_client, of_server) = (pin(&stranger), pin(&stranger));
        assert!(
            shake_hands(
                client(&a, of_client.clone()).expect("good settings"),
                server(&b, pin(&a)).expect("good settings")
            )
            .is_err()
        );
        assert!(
            shake_hands(
                client(&a, pin(&b)).expect("good settings"),
                server(&b, of_server.clone()).expect("good settings")
            )
            .is_err()
        );
        assert_eq!((of_client.refused(), of_server.refused()), (Some(b.fingerprint()), Some(a.fingerprint())));
    }

    #[test]
    fn a_copied_certificate_is_worth_nothing_without_its_key() {
        let (a, b, thief) = (identity(), identity(), identity());
        let copied = |of: &Identity| {
            let key = any_supported_type(&thief.key).expect("a good key");
            Arc::new(SingleCertAndKey::from(CertifiedKey::new(vec![of.certificate.clone()], key)))
        };
        let mut false_client = client(&thief, pin(&b)).expect("good settings");
        false_client.client_auth_cert_resolver = copied(&a);
        let error =
            shake_hands(false_client, server(&b, pin(&a)).expect("good settings")).expect_err("the signature is wrong");
        assert_eq!(error, Error::InvalidCertificate(CertificateError::BadSignature));
        let mut false_server = server(&thief, pin(&a)).expect("good settings");
        false_server.cert_resolver = copied(&b);
        let error =
            shake_hands(client(&a, pin(&b)).expect("good settings"), false_server).expect_err("the signature is wrong");
        assert_eq!(error, Error::InvalidCertificate(CertificateError::BadSignature));
    }

    #[test]
    fn a_client_without_a_certificate_is_refused() {
        let (a, b) = (identity(), identity());
        let versions =
            ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13]).expect("good settings");
        let mut config = versions.dangerous().with_custom_certificate_verifier(pin(&b)).with_no_client_auth();
        config.alpn_protocols = vec![ALPN.to_vec()];
        let error = shake_hands(config, server(&b, pin(&a)).expect("good settings")).expect_err("nothing was shown");
        assert_eq!(error, Error::NoCertificatesPresented);
    }
}
