//! The party table, parties.toml: who runs where, and by which certificate each is known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Party;
use crate::keys::Fingerprint;

/// All parties of a session. A party's index is its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parties(Vec<PartyEntry>);

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartyEntry {
    /// What messages call the party.
    pub name: String,
    /// What the party does in the protocol, such as `client`.
    pub role: String,
    /// Where the party listens: `host:port`.
    pub address: String,
    /// The certificate that the party must show.
    pub fingerprint: Fingerprint,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    party: Vec<Line>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    role: String,
    address: String,
    fingerprint: String,
}

impl Parties {
    /// Reads a party table.
    ///
    /// # Errors
    /// If the text is no TOML of the form, or a field is malformed, or two parties share what must tell them apart.
    pub fn parse(text: &str) -> Result<Parties, PartiesError> {
        let file: File = toml::from_str(text).map_err(|e| PartiesError::Syntax { message: e.to_string() })?;
        let entry = |line: Line| match line.fingerprint.parse() {
            Ok(fingerprint) => Ok(PartyEntry { name: line.name, role: line.role, address: line.address, fingerprint }),
            Err(_) => Err(PartiesError::Fingerprint { party: line.name, fingerprint: line.fingerprint }),
        };
        Parties::new(file.party.into_iter().map(entry).collect::<Result<_, _>>()?)
    }

    /// A table of these parties, in this order.
    ///
    /// # Errors
    /// As [`Parties::parse`].
    pub fn new(entries: Vec<PartyEntry>) -> Result<Parties, PartiesError> {
        if entries.len() < 2 {
            return Err(PartiesError::TooFew { found: entries.len() });
        }
        for (index, entry) in entries.iter().enumerate() {
            for (field, value) in [("name", &entry.name), ("role", &entry.role)] {
                let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
                if value.trim().is_empty() || !value.chars().all(fits) {
                    return Err(PartiesError::Word { index, field, value: value.clone() });
                }
            }
            check_address(entry)?;
        }
        let mut seen = BTreeMap::new();
        for (second, entry) in entries.iter().enumerate() {
            let fingerprint = entry.fingerprint.to_string();
            for (field, value) in [
                ("name", &entry.name),
                ("role", &entry.role),
                ("address", &entry.address),
                ("fingerprint", &fingerprint),
            ] {
                if let Some(first) = seen.insert((field, value.clone()), second) {
                    return Err(PartiesError::Duplicate { field, value: value.clone(), first, second });
                }
            }
        }
        Ok(Parties(entries))
    }

    /// The same parties in the order of a protocol's roles, which gives them their indices.
    ///
    /// # Errors
    /// If a role has no party, or a party has none of the roles.
    pub fn in_roles(&self, roles: &[&str]) -> Result<Parties, PartiesError> {
        if let Some(stray) = self.0.iter().find(|entry| !roles.contains(&entry.role.as_str())) {
            return Err(PartiesError::StrayRole { party: stray.name.clone(), role: stray.role.clone() });
        }
        let entry = |role: &&str| {
            self.by_role(role)
                .map(|party| self.0[party.0].clone())
                .ok_or_else(|| PartiesError::MissingRole { role: (*role).to_owned() })
        };
        Ok(Parties(roles.iter().map(entry).collect::<Result<_, _>>()?))
    }

    /// All parties by index.
    pub fn entries(&self) -> &[PartyEntry] {
        &self.0
    }

    /// The names by index.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|entry| entry.name.clone()).collect()
    }

    /// The party with this role.
    pub fn by_role(&self, role: &str) -> Option<Party> {
        self.0.iter().position(|entry| entry.role == role).map(Party)
    }

    /// The table as TOML; [`Parties::parse`] reads it back.
    pub fn to_toml(&self) -> String {
        let line = |e: &PartyEntry| Line {
            name: e.name.clone(),
            role: e.role.clone(),
            address: e.address.clone(),
            fingerprint: e.fingerprint.to_string(),
        };
        toml::to_string(&File { party: self.0.iter().map(line).collect() })
            .expect("invariant: strings can be written as TOML")
    }

    /// A hash of the table, in its order, for the handshake.
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = blake3::Hasher::new_derive_key("treville party table v1");
        for entry in &self.0 {
            for field in [&entry.name, &entry.role, &entry.address, &entry.fingerprint.to_string()] {
                hash.update(&(field.len() as u64).to_le_bytes()).update(field.as_bytes());
            }
        }
        hash.finalize().into()
    }
}

fn check_address(entry: &PartyEntry) -> Result<(), PartiesError> {
    let address = entry.address.as_str();
    let host_and_port = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let problem = match host_and_port {
        None => "`host:port` is expected",
        Some((_, 0)) => "port 0 is no port",
        Some(("", _)) => "the host is missing",
        Some((host, _)) if host.contains(char::is_whitespace) => "a host has no blanks",
        Some((host, _)) if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) => {
            "an IPv6 address stands in brackets"
        }
        Some(_) => return Ok(()),
    };
    Err(PartiesError::Address { party: entry.name.clone(), address: address.to_owned(), problem })
}

/// What is wrong with a party table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are named by what they hold, and the messages say the rest")]
pub enum PartiesError {
    /// Not TOML of the expected form.
    #[error("party table: {message}")]
    Syntax { message: String },
    /// Nobody to talk to.
    #[error("party table: {found} [[party]] entries, at least 2 are needed")]
    TooFew { found: usize },
    /// A name or role is empty or has odd characters.
    #[error(
        "party table: entry {index} has the {field} `{value}`; letters, digits, `-`, `_`, `.` and blanks are expected"
    )]
    Word { index: usize, field: &'static str, value: String },
    /// An address is malformed.
    #[error("party table: {party} has the address `{address}`: {problem}")]
    Address { party: String, address: String, problem: &'static str },
    /// A fingerprint is malformed.
    #[error(
        "party table: {party} has the fingerprint `{fingerprint}`; `sha256:` and 64 hexadecimal digits are expected (`treville keys show`)"
    )]
    Fingerprint { party: String, fingerprint: String },
    /// Two parties cannot be told apart.
    #[error("party table: entries {first} and {second} have the same {field} `{value}`")]
    Duplicate { field: &'static str, value: String, first: usize, second: usize },
    /// The protocol needs a role that nobody has.
    #[error("party table: nobody has the role `{role}`")]
    MissingRole { role: String },
    /// A party has a role that the protocol does not know.
    #[error("party table: {party} has the role `{role}`, which the protocol does not have")]
    StrayRole { party: String, role: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(edit: impl Fn(&str) -> String) -> Result<Parties, PartiesError> {
        let entry = |i: usize, role: &str| {
            format!(
                "[[party]]\nname = \"{role}\"\nrole = \"{role}\"\naddress = \"127.0.0.1:{}\"\nfingerprint = \"sha256:{}\"\n\n",
                7000 + i,
                format!("{i:02x}").repeat(32)
            )
        };
        let text: String = ["client", "server", "helper"].iter().enumerate().map(|(i, role)| entry(i, role)).collect();
        Parties::parse(&edit(&text))
    }

    #[test]
    fn a_table_round_trips() {
        let parties = table(str::to_owned).expect("the table is good");
        assert_eq!(parties.names(), ["client", "server", "helper"]);
        assert_eq!(parties.by_role("helper"), Some(Party(2)));
        assert_eq!(parties.by_role("nobody"), None);
        assert_eq!(Parties::parse(&parties.to_toml()), Ok(parties));
    }

    #[test]
    fn each_field_and_the_order_enter_the_hash() {
        let hash = |edit: &dyn Fn(&str) -> String| table(edit).expect("the table is good").hash();
        let hashes = [
            hash(&|t| t.to_owned()),
            hash(&|t| t.replace("name = \"client\"", "name = \"other\"")),
            hash(&|t| t.replace("role = \"client\"", "role = \"other\"")),
            hash(&|t| t.replace("7000", "7777")),
            hash(&|t| t.replace("sha256:00", "sha256:ff")),
            table(str::to_owned)
                .and_then(|t| t.in_roles(&["server", "client", "helper"]))
                .expect("the roles are there")
                .hash(),
        ];
        assert_eq!(hashes.iter().collect::<std::collections::BTreeSet<_>>().len(), hashes.len());
    }

    #[test]
    fn roles_give_the_order() {
        let parties = table(str::to_owned).expect("the table is good");
        let names = |roles: &[&str]| parties.in_roles(roles).map(|p| p.names());
        assert_eq!(names(&["helper", "client", "server"]), Ok(vec!["helper".into(), "client".into(), "server".into()]));
        assert_eq!(
            names(&["client", "server"]),
            Err(PartiesError::StrayRole { party: "helper".into(), role: "helper".into() })
        );
        assert_eq!(
            names(&["client", "server", "helper", "dealer"]),
            Err(PartiesError::MissingRole { role: "dealer".into() })
        );
    }

    #[test]
    fn each_mistake_has_its_message() {
        let cases: &[(&str, &str, &str)] = &[
            ("[[party]]", "[[parties]]", "unknown field `parties`"),
            ("name = \"client\"", "nam = \"client\"", "unknown field `nam`"),
            ("name = \"client\"\n", "", "missing field `name`"),
            ("name = \"client\"", "name = 7", "expected a string"),
            ("name = \"client\"", "name = ", "party table: TOML parse error"),
            ("name = \"client\"", "name = \"\"", "entry 0 has the name ``"),
            ("name = \"server\"", "name = \"a\\u001b[2J\"", "entry 1 has the name"),
            ("role = \"client\"", "role = \" \"", "entry 0 has the role ` `"),
            ("127.0.0.1:7000", "127.0.0.1", "client has the address `127.0.0.1`: `host:port` is expected"),
            ("127.0.0.1:7000", "127.0.0.1:70000", "`host:port` is expected"),
            ("127.0.0.1:7000", "127.0.0.1:0", "port 0 is no port"),
            ("127.0.0.1:7000", ":7000", "the host is missing"),
            ("127.0.0.1:7000", "my host:7000", "a host has no blanks"),
            ("127.0.0.1:7000", "::1:7000", "an IPv6 address stands in brackets"),
            ("sha256:00", "sha256:0", "client has the fingerprint `sha256:0"),
            ("sha256:00", "SHA256:00", "`sha256:` and 64 hexadecimal digits are expected"),
            ("name = \"server\"", "name = \"client\"", "entries 0 and 1 have the same name `client`"),
            ("role = \"helper\"", "role = \"client\"", "entries 0 and 2 have the same role `client`"),
            ("7002", "7001", "entries 1 and 2 have the same address `127.0.0.1:7001`"),
        ];
        for (from, to, message) in cases {
            let error = table(|t| t.replacen(from, to, 1)).expect_err(to).to_string();
            assert!(error.contains(message), "{from} -> {to}: {error}");
        }
        let error =
            table(|t| t.replace(&"02".repeat(32), &"01".repeat(32))).expect_err("a shared certificate").to_string();
        assert!(error.contains("entries 1 and 2 have the same fingerprint"), "{error}");
        assert_eq!(Parties::parse(""), Err(PartiesError::TooFew { found: 0 }));
        assert!(table(|t| t.replace("127.0.0.1:7000", "[::1]:7000")).is_ok());
    }
}
