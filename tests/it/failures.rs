//! What a user reads when something is wrong, and the exit code: as transcripts, to be read as a user would.
//!
//! Each command must fail with its code, say why on stderr, leave stdout empty and no file behind.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ndarray::{ArrayD, IxDyn};
use treville_party::{Array, write_npy};

use crate::parties::Parties;
use crate::support::{Outcome, copy_folder, example, finish, path, root, succeed, treville};

/// What the parties say of a program that is not theirs.
const DIFFERS: &str = "differs in program hash: ours is [HASH], theirs is [HASH]";

/// How soon a party gives up.
const LIMIT: Duration = Duration::from_secs(10);

#[test]
fn model_files() {
    let mut t = Transcript::new();
    let (binary, text) =
        (t.read(&example("digits_cnn", "digits_cnn.pb")), t.read(&example("digits_cnn", "digits_cnn.pbtxt")));
    t.write("truncated.pb", &binary[..binary.len() / 2]);
    t.write("truncated.pbtxt", &text[..text.len() / 2]);
    t.write("prose.pb", b"Dear Sir or Madam, find attached the model.\n");
    t.write("empty.pb", b"");
    t.write("prose.hlil", b"\"func.func\"() ({\n  what?\n}) : () -> ()\n");
    t.write("wrong.sizes", b"x 1 thirty\n");
    std::fs::create_dir(t.folder().join("saved_model")).expect("the folder is writable");
    for case in ["many_at_once", "unknown_dims", "gather_by_input"] {
        t.copy(&root().join(format!("tests/tensorflow_ops/refused/{case}.pb")), &format!("{case}.pb"));
    }
    t.logistic_regression();
    t.write("model.onnx", b"");
    t.copy(&root().join("tests/onnx_models/refused.onnx"), "refused.onnx");
    t.copy(&root().join("tests/onnx_models/external.onnx"), "external.onnx");
    t.fails(2, "inspect absent.pb");
    t.fails(3, "inspect external.onnx");
    t.fails(3, "inspect model.onnx");
    t.fails(3, "inspect saved_model");
    t.fails(3, "inspect refused.onnx");
    t.fails(3, "inspect refused.onnx --shape image:1x2x8x8");
    t.fails(2, "inspect external.onnx --bind x=absent.npy");
    t.fails(3, "inspect truncated.pb");
    t.fails(3, "inspect truncated.pbtxt");
    t.fails(3, "inspect prose.pb");
    t.fails(3, "inspect empty.pb");
    t.fails(3, "inspect prose.hlil");
    t.fails(3, "compile many_at_once.pb -o package");
    t.fails(3, "compile unknown_dims.pb -o package");
    t.fails(3, "compile unknown_dims.pb -o package --shape image:1x100000x100000x3");
    t.fails(3, "compile gather_by_input.pb -o package");
    t.fails(2, "compile logreg.pb -o package --shape x:1x31");
    t.fails(2, "compile logreg.pb -o package --shape y:1x30");
    t.fails(2, "compile logreg.pb -o package --shape x=1x30");
    t.fails(2, "compile logreg.pb -o package --sizes absent.sizes");
    t.fails(2, "compile logreg.pb -o package --sizes wrong.sizes");
    t.fails(2, "compile logreg.pb -o package --result no/such/node");
    insta::assert_snapshot!(t.text);
}

#[test]
fn inputs() {
    let mut t = Transcript::new();
    t.logistic_regression();
    t.copy(&root().join("tests/tensorflow_ops/cases/add_two_inputs.pb"), "two.pb");
    t.npy("x.npy", &[1, 30], &[]);
    t.npy("two.npy", &[2, 3], &[]);
    t.npy("narrow.npy", &[1, 29], &[]);
    t.npy("flat.npy", &[30], &[]);
    t.npy("none.npy", &[0, 30], &[]);
    t.npy("nan.npy", &[2, 30], &[(1, 7, f32::NAN)]);
    t.npy("infinite.npy", &[1, 30], &[(0, 3, f32::NEG_INFINITY)]);
    t.npy("huge.npy", &[1, 30], &[(0, 3, 1e30)]);
    t.write("prose.npy", b"0.5 0.25\n");
    let whole = t.read(&t.folder().join("x.npy"));
    t.write("truncated.npy", &whole[..whole.len() - 10]);
    let archive = t.read(&example("breast_cancer_logreg", "test.npz"));
    t.write("truncated.npz", &archive[..archive.len() / 2]);
    for subject in ["eval logreg.pb", "eval --fixed --scale 12 logreg.pb", "simulate --scale 12 logreg.pb"] {
        for input in ["narrow.npy", "nan.npy", "infinite.npy", "truncated.npy", "y=x.npy"] {
            t.fails(2, &format!("{subject} --input {input}"));
        }
    }
    t.fails(2, "eval logreg.pb --input x.npy --output no/such/folder/y.npy");
    t.fails(2, "eval logreg.pb");
    t.fails(2, "eval logreg.pb --input x=x.npy --input y=x.npy");
    t.fails(2, "eval logreg.pb --input x=x.npy --input x.npy");
    t.fails(2, "simulate logreg.pb --scale 12 --input x=x.npy --input x.npy");
    t.fails(2, "eval logreg.pb --input absent.npy");
    t.fails(2, "eval logreg.pb --input none.npy");
    t.fails(2, "eval logreg.pb --input prose.npy");
    t.fails(2, "eval logreg.pb --input truncated.npz");
    t.fails(2, "eval two.pb --input x=x.npy");
    t.fails(2, "simulate two.pb --scale 12 --input x.npy");
    t.fails(2, "simulate two.pb --scale 12 --input x=x.npy");
    t.fails(2, "simulate two.pb --scale 12 --input y=two.npy --report no/such/folder/report.json");
    t.fails(2, "simulate two.pb --scale 12 --input y=two.npy");
    t.fails(2, "eval two.pb --input y=two.npy");
    t.fails(2, "simulate logreg.pb --scale 12 --input huge.npy");
    t.fails(2, "verify logreg.pb --data x.npy --limit 0");
    t.fails(2, "verify logreg.pb --data nan.npy");
    insta::assert_snapshot!(t.text);
}

#[test]
fn options() {
    let mut t = Transcript::new();
    t.logistic_regression();
    t.npy("x.npy", &[1, 30], &[]);
    t.npy("narrow.npy", &[4, 29], &[]);
    t.write("small.llil", succeed(t.folder(), &["opt", &path(&t.hlil()), "--passes", "hlil-to-llil"]).as_bytes());
    t.fails(2, "frobnicate");
    t.fails(2, "compile logreg.pb");
    t.fails(2, "compile logreg.pb -o package --backend falcon");
    for value in ["0", "41", "twelve"] {
        t.fails(2, &format!("compile logreg.pb -o package --scale {value}"));
    }
    t.fails(2, "compile logreg.pb -o package --ring-bits 65");
    t.fails(2, "compile logreg.pb -o package --max-failure 3");
    t.fails(4, "compile logreg.pb -o package --scale 12 --max-failure 2^-60");
    t.fails(4, "compile logreg.pb -o package --scale 40");
    t.fails(4, "compile logreg.pb -o package --scale 12 --ring-bits 24 --backend cleartext");
    t.fails(2, "compile logreg.pb -o package --input-range x=5:1");
    t.fails(2, "compile logreg.pb -o package --input-range y=0:1");
    t.fails(2, "compile logreg.pb -o package --calibrate absent.npz");
    t.fails(2, "compile logreg.pb -o package --calibrate narrow.npy");
    t.fails(2, "compile logreg.pb -o package --owner x");
    t.fails(2, "compile logreg.pb -o package --owner x=nobody");
    t.fails(2, "compile logreg.pb -o package --owner y=client");
    t.fails(2, "compile logreg.pb -o package --public y");
    t.fails(2, "opt small.llil --passes tidy-up");
    t.fails(2, "opt small.llil --passes hlil-fold-batch-norm");
    t.fails(2, "opt small.llil --passes dce --rounding up");
    t.fails(2, "opt absent.llil --passes dce");
    insta::assert_snapshot!(t.text);
}

#[test]
fn packages() {
    let mut t = Transcript::new();
    t.logistic_regression();
    t.npy("x.npy", &[1, 30], &[]);
    for name in ["package", "other"] {
        succeed(t.folder(), &["compile", "logreg.pb", "-o", name, "--scale", "12"]);
    }
    std::fs::create_dir(t.folder().join("nothing")).expect("the folder is writable");
    t.fails(2, "build nothing");
    t.fails(2, "run nothing --input x.npy");
    t.fails(2, "run package --input x.npy");
    t.fails(2, "keys show package");
    t.fails(2, "keys init nothing");
    t.fails(2, "keys init package --role judge");

    let weights = t.read(&t.folder().join("package/weights.safetensors"));
    t.fails_with(
        2,
        "simulate package --input x.npy",
        "package/weights.safetensors",
        "cut short",
        &weights[..weights.len() - 20],
    );
    let other = t.read(&t.folder().join("other/weights.safetensors"));
    t.fails_with(5, "simulate package --input x.npy", "package/weights.safetensors", "of another compilation", &other);
    let mut flipped = weights.clone();
    *flipped.last_mut().expect("weights") ^= 1;
    t.fails_with(5, "simulate package --input x.npy", "package/weights.safetensors", "with one bit flipped", &flipped);
    let program = t.text_of("package/program.llil");
    let edited = program.replacen("shift = 12", "shift = 11", 1);
    assert_ne!(program, edited);
    t.fails_with(7, "simulate package --input x.npy", "package/program.llil", "edited", edited.as_bytes());
    let manifest = t.text_of("package/treville.json");
    for (what, from, to) in [
        ("of the next version", "\"schema\": 1", "\"schema\": 2"),
        ("without a ring", "\"ring_bits\": 64", "\"ring_bits\": 0"),
        ("for another backend", "\"porthos\"", "\"aramis\""),
        ("with another scale of the input", "\"frac\": 12", "\"frac\": 11"),
        ("cut short", &manifest[manifest.len() / 2..], ""),
    ] {
        assert!(manifest.contains(from), "{from}");
        let code = if what.contains("another") { 7 } else { 2 };
        t.fails_with(
            code,
            "simulate package --input x.npy",
            "package/treville.json",
            what,
            manifest.replacen(from, to, 1).as_bytes(),
        );
    }
    insta::assert_snapshot!(t.text);
}

/// A built package, run by `treville run`.
pub(crate) fn of_a_run(package: &Path) {
    let mut t = Transcript::new();
    copy_folder(package, &t.folder().join("package"));
    t.logistic_regression();
    t.npy("x.npy", &[1, 30], &[]);
    t.npy("narrow.npy", &[1, 29], &[]);
    t.npy("nan.npy", &[2, 30], &[(1, 7, f32::NAN)]);
    t.npy("infinite.npy", &[1, 30], &[(0, 3, f32::INFINITY)]);
    let whole = t.read(&t.folder().join("x.npy"));
    t.write("truncated.npy", &whole[..whole.len() - 10]);
    t.copy(&package.join("weights.safetensors"), "mine.safetensors");
    succeed(t.folder(), &["compile", "logreg.pb", "-o", "other", "--scale", "12"]);
    for input in ["narrow.npy", "nan.npy", "infinite.npy", "truncated.npy", "absent.npy", "y=x.npy"] {
        t.fails(2, &format!("run package --input {input} --output y.npy"));
    }
    t.fails(2, "run package --input x.npy --output no/such/folder/y.npy");
    t.fails(2, "run package --input x.npy --output y.npy --net dsl");
    t.fails(5, "run package --input x.npy --output y.npy --weights other/weights.safetensors");
    t.fails(2, "run package --input x.npy --output y.npy --weights absent.safetensors");
    t.fails(2, "run package --input x.npy --output y.npy --weights x.npy");
    let manifest = t.text_of("package/treville.json");
    let hash = treville::package::Package::open(package).expect("a package").manifest.program_hash;
    let other_hash = manifest.replace(&hash, &"0".repeat(hash.len()));
    t.fails_with(
        2,
        "run package --input x.npy --output y.npy",
        "package/treville.json",
        "of another program",
        other_hash.as_bytes(),
    );
    succeed(t.folder(), &["compile", "logreg.pb", "-o", "package", "--scale", "13"]);
    t.text += "# package compiled again\n";
    t.fails(2, "run package --input x.npy --output y.npy");
    insta::assert_snapshot!("run", t.text);
}

/// A built package, whose parties are started one by one.
pub(crate) fn between_parties(package: &Path) {
    let mut t = Transcript::new();
    let folder = t.folder().join("package");
    copy_folder(package, &folder);
    t.npy("package/in.npy", &[1, 30], &[]);
    t.npy("package/two.npy", &[2, 30], &[]);
    let parties = Parties::new(&folder);
    let table = parties.read_table();

    // What a party finds out by itself, before it calls the others.
    t.party_fails(&parties, 2, "judge", &[]);
    t.party_fails(&parties, 2, "helper", &["--input", "in.npy"]);
    t.party_fails(&parties, 2, "helper", &["--net", "dsl"]);
    t.party_fails(&parties, 2, "helper", &["--keys", "elsewhere"]);
    t.party_fails(&parties, 2, "helper", &["--parties", "elsewhere.toml"]);
    t.party_fails(&parties, 2, "client", &["--input", "two.npy"]);
    let shown = succeed(&folder, &["keys", "show", "."]);
    let fingerprint_of = |role: &str| {
        let line = shown.lines().find(|l| l.starts_with(role)).expect("every role has a certificate");
        line.split_whitespace().last().expect("a fingerprint").to_string()
    };
    let address =
        table.lines().find_map(|l| l.strip_prefix("address = ")).expect("an address").trim_matches('"').to_string();
    for (what, edited) in [
        ("no TOML", table.replace("[[party]]", "[[party]")),
        ("no helper", table[..table.rfind("[[party]]").expect("three parties")].to_string()),
        ("an empty fingerprint", table.replace(&fingerprint_of("client"), "")),
        ("a malformed fingerprint", table.replace(&fingerprint_of("client"), "sha256:00ff")),
        ("one certificate for two", table.replace(&fingerprint_of("server"), &fingerprint_of("client"))),
        ("an address without a port", table.replacen(&address, "127.0.0.1", 1)),
        ("a role that the program does not have", table.replace("role = \"helper\"", "role = \"judge\"")),
    ] {
        assert_ne!(table, edited, "{what}");
        parties.write_table(&edited);
        t.text += &format!("# parties.toml: {what}\n");
        t.party_fails(&parties, 2, "helper", &[]);
    }
    parties.write_table(&table);

    // What only shows between them. The client listens, so it is the one that waits.
    t.text += "# nobody else is there\n";
    t.party_fails(&parties, 5, "helper", &["--connect-timeout", "1"]);
    t.text += "# the client has another certificate than the table says\n";
    let keys = ["client.cert.pem", "client.key.pem"]
        .map(|f| (format!("package/keys/{f}"), t.text_of(&format!("package/keys/{f}"))));
    for (file, _) in &keys {
        std::fs::remove_file(t.folder().join(file)).expect("a key");
    }
    succeed(&folder, &["keys", "init", ".", "--role", "client"]);
    t.write("package/new.toml", parties.read_table().as_bytes());
    parties.write_table(&table);
    t.party_fails(&parties, 5, "client", &[]);
    t.text += "# and its own table agrees\n";
    let client = ["--parties", "new.toml", "--connect-timeout", "2"];
    let refused = [parties.spawn("client", &client), parties.spawn("server", &[])].map(|child| finish(child, LIMIT));
    t.note(5, &format!("party --role client {}", client.join(" ")), &refused[0]);
    t.note(5, "party --role server", &refused[1]);
    for (file, text) in &keys {
        t.write(file, text.as_bytes());
    }

    t.text += "# the helper's program is another one\n";
    let binary = t.read(&folder.join("bin/party"));
    let hash = treville::package::Package::open(&folder).expect("a package").manifest.program_hash;
    let mut other = binary.clone();
    let places: Vec<usize> =
        (0..binary.len() - hash.len()).filter(|&i| binary[i..].starts_with(hash.as_bytes())).collect();
    assert!(!places.is_empty(), "the program holds its hash");
    for place in places {
        other[place..place + hash.len()].fill(b'0');
    }
    std::fs::copy(folder.join("bin/party"), folder.join("bin/other")).expect("the folder is writable");
    t.write("package/bin/other", &other);
    // Who notices first, and tells the others, is not known.
    let programs = [("client", "party"), ("server", "party"), ("helper", "other")];
    for (role, child) in programs.map(|(role, program)| (role, parties.spawn_program(program, role, &[]))) {
        let outcome = finish(child, LIMIT);
        let said = redact(&outcome.stderr, &folder);
        assert!(outcome.code == Some(5) && said.contains(DIFFERS), "{role}: {:?}\n{said}", outcome.code);
    }
    t.text += &format!("all say that another {DIFFERS}\n");
    insta::assert_snapshot!("parties", t.text);
}

/// Commands and what became of them.
pub(crate) struct Transcript {
    folder: tempfile::TempDir,
    pub(crate) text: String,
}

impl Transcript {
    pub(crate) fn new() -> Self {
        Transcript { folder: tempfile::tempdir().expect("a folder"), text: String::new() }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs `treville` and notes how it fails.
    pub(crate) fn fails(&mut self, code: i32, args: &str) {
        let before = files(self.folder());
        let outcome = treville(self.folder(), &args.split_whitespace().collect::<Vec<_>>());
        self.note(code, &format!("treville {args}"), &outcome);
        assert_eq!(before, files(self.folder()), "treville {args}: files are left behind or changed");
    }

    /// The same with a file of other content, which is put right afterwards.
    pub(crate) fn fails_with(&mut self, code: i32, args: &str, file: &str, what: &str, content: &[u8]) {
        let original = self.read(&self.folder().join(file));
        self.write(file, content);
        self.text += &format!("# {file} {what}\n");
        self.fails(code, args);
        self.write(file, &original);
    }

    /// Starts one party with more arguments and notes how it fails.
    fn party_fails(&mut self, parties: &Parties, code: i32, role: &str, more: &[&str]) {
        let before = files(self.folder());
        let outcome = finish(parties.spawn(role, more), LIMIT);
        self.note(code, format!("party --role {role} {}", more.join(" ")).trim_end(), &outcome);
        assert_eq!(before, files(self.folder()), "{role} {more:?}: files are left behind or changed");
    }

    /// Notes how a program failed.
    pub(crate) fn note(&mut self, code: i32, what: &str, outcome: &Outcome) {
        let said = redact(&outcome.stderr, self.folder());
        assert_eq!(outcome.code, Some(code), "{what}\n{said}");
        assert_eq!(outcome.stdout, "", "{what}: stdout of a failure");
        assert!(!said.trim().is_empty(), "{what}: a failure says why");
        self.text += &format!("$ {what}\n{}\n[{code}]\n\n", said.trim_end());
    }

    pub(crate) fn logistic_regression(&self) {
        self.copy(&example("breast_cancer_logreg", "breast_cancer_logreg.pb"), "logreg.pb");
    }

    fn hlil(&self) -> PathBuf {
        succeed(self.folder(), &["compile", "logreg.pb", "-o", "compiled", "--scale", "12"]);
        self.folder().join("compiled/program.hlil")
    }

    pub(crate) fn copy(&self, from: &Path, to: &str) {
        std::fs::copy(from, self.folder().join(to)).expect("the folder is writable");
    }

    pub(crate) fn read(&self, path: &Path) -> Vec<u8> {
        std::fs::read(path).expect("a file")
    }

    pub(crate) fn text_of(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder().join(file)).expect("a file")
    }

    pub(crate) fn write(&self, file: &str, content: &[u8]) {
        std::fs::write(self.folder().join(file), content).expect("the folder is writable");
    }

    /// Writes an array of 0.5 with some elements replaced.
    pub(crate) fn npy(&self, file: &str, shape: &[usize], elements: &[(usize, usize, f32)]) {
        let mut array = ArrayD::from_elem(IxDyn(shape), 0.5);
        for &(row, column, value) in elements {
            array[[row, column]] = value;
        }
        write_npy(&self.folder().join(file), &Array::F32(array)).expect("the folder is writable");
    }
}

/// The files below a folder, with size and time of change.
fn files(folder: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("a readable entry")) {
        let about = entry.metadata().expect("a file");
        if about.is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.insert(entry.path(), (about.len(), about.modified().expect("files have times")));
        }
    }
    found
}

/// Replaces what differs from run to run: folders, ports, and hashes.
pub(crate) fn redact(text: &str, folder: &Path) -> String {
    let text = text.replace(&path(folder), "[FOLDER]").replace(&path(root()), "[ROOT]");
    let mut said = String::new();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let word: usize = rest.chars().take_while(char::is_ascii_alphanumeric).map(char::len_utf8).sum();
        let (word, next) = rest.split_at(word.max(first.len_utf8()));
        let is_hash = word.len() >= 32 && word.chars().all(|c| c.is_ascii_hexdigit());
        let is_port = said.ends_with("127.0.0.1:") && word.chars().all(|c| c.is_ascii_digit());
        said += if is_hash {
            "[HASH]"
        } else if is_port {
            "[PORT]"
        } else {
            word
        };
        rest = next;
    }
    said
}
