//! What the parties agree on before any share is sent.
//!
//! Each party sends its [`Hello`] to all others. The session id is the hash of all hellos, and every pair compares it,
//! so that a party which said different things to different peers is found out. A peer that differs is named with the
//! field, at every party.

use bytes::Bytes;

use crate::{Frame, NetError, Party, Tag, Transport};

/// The version of frames and handshake.
pub const PROTOCOL_VERSION: u32 = 1;

const HELLO: Tag = Tag::control(0);
const CONFIRM: Tag = Tag::control(1);
const MAX_HELLO_BYTES: usize = 1 << 20;

/// What a party is about to run. All fields but the evidence must be equal at all parties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// The backend's name.
    pub backend: String,
    /// The hash of the compiled program.
    pub program_hash: [u8; 32],
    /// The salted hash of the weights.
    pub weights_commitment: [u8; 32],
    /// Rings and scales, as the manifest writes them.
    pub rings: String,
    /// [`crate::parties::Parties::hash`].
    pub parties_hash: [u8; 32],
    /// Evidence that the party runs in attested hardware, for a verifier above this crate. It enters the session id.
    pub attestation: Option<Vec<u8>>,
}

/// What the handshake settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The hash of all hellos with the nonces of all parties. Not secret.
    pub id: [u8; 32],
    /// The hellos by party, this party's own included.
    pub hellos: Vec<Hello>,
}

/// Agrees with all peers. Called by all parties, before anything else is sent.
///
/// # Errors
/// [`NetError::Handshake`] names the first peer and field that differ; the session has then ended.
///
/// # Security
/// Nonces come from the operating system, so no session has the id of another, whatever the peers send.
pub async fn run(transport: &dyn Transport, hello: Hello) -> Result<Session, NetError> {
    exchange(transport, hello, |_| ()).await
}

/// As [`run`]; calls `bind` with the session's id before any peer can believe that this party agrees.
pub(crate) async fn exchange(
    transport: &dyn Transport,
    hello: Hello,
    bind: impl FnOnce(&[u8; 32]),
) -> Result<Session, NetError> {
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(|e| transport.abort(NetError::Randomness { message: e.to_string() }))?;
    let me = transport.me();
    let peers: Vec<Party> = (0..transport.parties()).map(Party).filter(|p| *p != me).collect();
    let ours = Bytes::from(encode(&hello, &nonce));
    if ours.len() > MAX_HELLO_BYTES {
        return Err(transport.abort(NetError::Config {
            what: format!("the hello has {} bytes, {MAX_HELLO_BYTES} are allowed", ours.len()),
        }));
    }

    let mut encoded = vec![ours.clone(); transport.parties()];
    for peer in &peers {
        transport.send(*peer, Frame { tag: HELLO, depth: 0, payload: ours.clone() }).await?;
    }
    for peer in &peers {
        encoded[peer.0] = transport.recv(*peer, HELLO).await?.payload;
    }
    let id = session_id(&encoded);
    bind(&id);
    let agreed = agree(transport, &hello, &encoded);

    // Every peer hears from this party once more even if it differs, so that it gets to compare before the session ends.
    for peer in &peers {
        let confirm = Frame { tag: CONFIRM, depth: 0, payload: Bytes::copy_from_slice(&id) };
        or(&agreed, transport.send(*peer, confirm).await, transport)?;
    }
    for peer in &peers {
        let theirs = or(&agreed, transport.recv(*peer, CONFIRM).await, transport)?.payload;
        if agreed.is_ok() && theirs != id[..] {
            let peer = transport.names()[peer.0].clone();
            return Err(transport.abort(NetError::Handshake {
                peer,
                field: "session id",
                ours: hex(&id),
                theirs: hex(&theirs),
            }));
        }
    }
    match agreed {
        Ok(hellos) => Ok(Session { id, hellos }),
        Err(error) => {
            transport.abort(error.clone());
            Err(error)
        }
    }
}

/// The result of a call, or what was found out before if that is worse.
fn or<T>(
    agreed: &Result<Vec<Hello>, NetError>,
    result: Result<T, NetError>,
    transport: &dyn Transport,
) -> Result<T, NetError> {
    result.map_err(|error| match agreed {
        Ok(_) => error,
        Err(difference) => {
            transport.abort(difference.clone());
            difference.clone()
        }
    })
}

fn agree(transport: &dyn Transport, ours: &Hello, encoded: &[Bytes]) -> Result<Vec<Hello>, NetError> {
    let mut hellos = Vec::new();
    for (name, bytes) in transport.names().iter().zip(encoded) {
        let differs =
            |field, ours: String, theirs: String| NetError::Handshake { peer: name.clone(), field, ours, theirs };
        let version = bytes.first_chunk().map(|v| u32::from_le_bytes(*v));
        if version != Some(PROTOCOL_VERSION) {
            let theirs = version.map_or("none".to_owned(), |v| v.to_string());
            return Err(differs("protocol version", PROTOCOL_VERSION.to_string(), theirs));
        }
        let theirs = decode(bytes).ok_or_else(|| differs("hello", "well formed".to_owned(), "malformed".to_owned()))?;
        let fields = |h: &Hello| {
            [
                ("backend", printable(&h.backend)),
                ("program hash", hex(&h.program_hash)),
                ("weights commitment", hex(&h.weights_commitment)),
                ("rings and scales", printable(&h.rings)),
                ("party table", hex(&h.parties_hash)),
            ]
        };
        if let Some(((field, ours), (_, theirs))) =
            fields(ours).into_iter().zip(fields(&theirs)).find(|(ours, theirs)| ours != theirs)
        {
            return Err(differs(field, ours, theirs));
        }
        hellos.push(theirs);
    }
    Ok(hellos)
}

fn session_id(encoded: &[Bytes]) -> [u8; 32] {
    let mut hash = blake3::Hasher::new_derive_key("treville session v1");
    for hello in encoded {
        hash.update(&(hello.len() as u64).to_le_bytes()).update(hello);
    }
    hash.finalize().into()
}

/// The version, and then each field with its length before it. An absent attestation is an absent field.
fn encode(hello: &Hello, nonce: &[u8; 32]) -> Vec<u8> {
    let fields: [&[u8]; 6] = [
        nonce,
        hello.backend.as_bytes(),
        &hello.program_hash,
        &hello.weights_commitment,
        hello.rings.as_bytes(),
        &hello.parties_hash,
    ];
    let mut bytes = PROTOCOL_VERSION.to_le_bytes().to_vec();
    for field in fields.into_iter().chain(hello.attestation.as_deref()) {
        bytes.extend_from_slice(&(field.len() as u32).to_le_bytes());
        bytes.extend_from_slice(field);
    }
    bytes
}

fn decode(bytes: &[u8]) -> Option<Hello> {
    let mut rest = bytes.get(4..).filter(|_| bytes.len() <= MAX_HELLO_BYTES)?;
    let mut next = || {
        let (len, tail) = rest.split_first_chunk()?;
        let (field, tail) = tail.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        rest = tail;
        Some(field)
    };
    let _nonce: [u8; 32] = next()?.try_into().ok()?;
    let hello = Hello {
        backend: str::from_utf8(next()?).ok()?.to_owned(),
        program_hash: next()?.try_into().ok()?,
        weights_commitment: next()?.try_into().ok()?,
        rings: str::from_utf8(next()?).ok()?.to_owned(),
        parties_hash: next()?.try_into().ok()?,
        attestation: next().map(<[u8]>::to_vec),
    };
    rest.is_empty().then_some(hello)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// What a peer wrote, safe to be shown on a terminal.
fn printable(text: &str) -> String {
    text.escape_debug().to_string()
}
