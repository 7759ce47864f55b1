//! The public facts about a compiled program: `treville.json`.

use serde::{Deserialize, Serialize};
use treville_ring::RingBits;

use crate::PartyError;

/// What a package says of itself. All of it is public; weights appear by name and shape only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this format.
    pub schema: u32,
    /// The model's name.
    pub model: String,
    /// The backend's name.
    pub backend: String,
    /// The width of the ring.
    pub ring_bits: u8,
    /// The global number of fraction bits of inputs and weights.
    pub scale: u32,
    /// How every ScaleDown rounds.
    pub rounding: String,
    /// blake3 of the program's LLIL text, the backend and the protocol version.
    pub program_hash: String,
    /// The salted hash of the weights.
    pub weights_commitment: String,
    /// log2 of the probability that an inference is wrong beyond its error bound; absent where it cannot happen.
    pub failure_log2: Option<f64>,
    /// The parties, by index.
    pub parties: Vec<PartyInfo>,
    /// The inputs of an inference.
    pub inputs: Vec<InputInfo>,
    /// The weights.
    pub weights: Vec<WeightInfo>,
    /// The results of an inference.
    pub outputs: Vec<OutputInfo>,
    /// The operations, with the model's node that each came from and the predicted cost.
    pub ops: Vec<OpInfo>,
    /// What a user should know of this compilation.
    pub notes: Vec<String>,
}

/// A party of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyInfo {
    /// The role: client, server, helper.
    pub role: String,
}

/// An input tensor of an inference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputInfo {
    /// The name in the model.
    pub name: String,
    /// The shape of one inference.
    pub shape: Vec<usize>,
    /// The role that owns it.
    pub owner: String,
    /// Fraction bits.
    pub frac: u8,
}

/// A weight tensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightInfo {
    /// The name in the weights file.
    pub name: String,
    /// The shape.
    pub shape: Vec<usize>,
    /// The role that owns it.
    pub owner: String,
    /// Fraction bits.
    pub frac: u8,
}

/// A result of an inference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputInfo {
    /// The name in the model.
    pub name: String,
    /// The shape of one inference.
    pub shape: Vec<usize>,
    /// The roles that learn it.
    pub owners: Vec<String>,
    /// Fraction bits; 0 for indices.
    pub frac: u8,
    /// What a receiver does in the clear: `none` or `softmax`.
    pub post: String,
}

/// An operation of the compiled program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpInfo {
    /// The number, the same in frames, streams and reports.
    pub op: u32,
    /// The model's node.
    pub node: String,
    /// The operation's mnemonic.
    pub kind: String,
    /// Predicted payload bytes of one inference in a session of its own.
    pub bytes: u64,
    /// Predicted rounds.
    pub rounds: u32,
}

impl Manifest {
    /// Reads and checks a manifest.
    pub fn parse(text: &str) -> Result<Self, PartyError> {
        let manifest: Manifest = serde_json::from_str(text).map_err(|e| PartyError::Manifest(e.to_string()))?;
        if manifest.schema != 1 {
            return Err(PartyError::Manifest(format!(
                "schema {} is not supported; this program reads schema 1",
                manifest.schema
            )));
        }
        manifest.ring()?;
        Ok(manifest)
    }

    /// The numbers and names of the results that `role` learns.
    pub fn outputs_of(&self, role: &str) -> (Vec<usize>, Vec<&str>) {
        let outputs = self.outputs.iter().enumerate();
        let mine = outputs.filter(|(_, output)| output.owners.iter().any(|owner| owner == role));
        mine.map(|(number, output)| (number, output.name.as_str())).unzip()
    }

    /// The ring of the program.
    pub fn ring(&self) -> Result<RingBits, PartyError> {
        RingBits::new(self.ring_bits).map_err(|e| PartyError::Manifest(e.to_string()))
    }

    /// The index of a role.
    pub fn party(&self, role: &str) -> Option<usize> {
        self.parties.iter().position(|p| p.role == role)
    }
}
