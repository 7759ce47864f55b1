//! Nonsense on the command line and in every kind of file: never a panic, a hang, or an exit code of no meaning.

use std::path::Path;

use serde_json::Value;
use treville::package::program_hash;
use treville_party::{Array, write_npy};

use crate::support::{Random, example, root, succeed, treville};

/// All exit codes that a user can be given, but the one of a verification that failed.
const CODES: [i32; 7] = [0, 1, 2, 3, 4, 5, 7];

/// Command lines that are right, but for the values of some options.
const COMMANDS: &[&str] = &[
    "compile logreg.pb -o out --scale 12",
    "compile open.pb -o out --scale 12 --shape image:1x4x4x3",
    "simulate package --input image.npy",
    "simulate logreg.pb --scale 12 --input x=x.npy --output y.npy --report r.json",
    "eval logreg.pb --input x.npy --output y.npy",
    "eval logreg.pb --fixed --scale 12 --input x=x.npy",
    "verify logreg.pb --data x.npy --limit 2 --mpc-limit 1 --scale 12 --json",
    "cost logreg.pb --json --scale 12 --ring-bits 64",
    "opt package/program.hlil --passes hlil-to-llil,dce --scale 12 --ring-bits 64 --rounding local --timing",
    "inspect package",
    "run package --input image.npy --net lan --timeout 1",
    "keys init package --role client",
    "keys show package",
    "doctor package --role client",
    "passes --json",
    "ops",
    "backends",
];

const WORDS: &[&str] = &[
    "",
    "-",
    "--",
    "=",
    "x=",
    "=x",
    "x=x",
    "x:",
    ":1",
    "x:1x30",
    "x:0x30",
    "x:18446744073709551615x2",
    "image:1x2x2x3",
    "x=0:1",
    "x=-1e38:1e38",
    "x=NaN:1",
    "0",
    "1",
    "-1",
    "4",
    "63",
    "64",
    "65",
    "255",
    "256",
    "2^-40",
    "2^40",
    "2^NaN",
    "1e999",
    "NaN",
    "99999999999999999999",
    "auto",
    "lan",
    "0,0",
    "1,99999999",
    "porthos",
    "cleartext",
    "client",
    "server",
    "weights=client",
    "x=helper",
    "exact",
    "logreg.pb",
    "x.npy",
    "package",
    "package/program.llil",
    "package/weights.safetensors",
    "no/such/file",
    "canonicalize",
    "hlil-to-llil,hlil-to-llil",
    "llil-default",
    ",",
    "\u{1F980}",
    "%s%n",
    "logits",
    "MatMul",
    "--backend",
    "--owner",
    "--scale",
    "--ring-bits",
    "--calibrate",
    "--input-range",
    "--shape",
    "--sizes",
    "--result",
    "--public",
    "--secret",
    "--max-failure",
    "--input",
    "--output",
    "--report",
    "--net",
    "--weights",
    "--json",
    "--vendor",
    "--limit",
    "--mpc-limit",
    "--passes",
    "--rounding",
    "--verify-each",
    "--timing",
    "--print-ir-after-all",
    "--fixed",
    "--quiet",
    "-v",
    "-q",
    "--help",
    "-o",
];

#[test]
fn any_arguments_are_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    prepare(folder.path());
    let mut random = Random(0x6172_6773);
    for _ in 0..250 {
        let mut args: Vec<&str> = random.pick(COMMANDS).split(' ').collect();
        for _ in 0..=random.below(3) {
            let at = random.below(args.len());
            match random.below(4) {
                0 if args.len() > 1 => drop(args.remove(at)),
                1 => args.insert(at + 1, random.pick(WORDS)),
                2 => args.extend([random.pick(WORDS), random.pick(WORDS)]),
                _ => args[at] = random.pick(WORDS),
            }
        }
        answered(folder.path(), &args, "");
    }
}

#[test]
fn any_file_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    prepare(folder.path());
    let mut random = Random(0x6669_6c65);
    let compile = |file: &str| format!("compile {file} -o out --scale 12");
    for (file, n, commands) in [
        ("logreg.pb", 40, [compile("logreg.pb"), "eval logreg.pb --input x.npy".into()]),
        ("logreg.pbtxt", 40, [compile("logreg.pbtxt"), "cost logreg.pbtxt --scale 12".into()]),
        ("cnn.pb", 40, [compile("cnn.pb"), "inspect cnn.pb".into()]),
        (
            "package/program.hlil",
            40,
            [compile("package/program.hlil"), "opt package/program.hlil --passes hlil-default,hlil-to-llil".into()],
        ),
        (
            "package/program.llil",
            60,
            [
                "opt package/program.llil --passes llil-default,llil-liveness".into(),
                "simulate package --input image.npy".into(),
            ],
        ),
        ("package/treville.json", 80, ["simulate package --input image.npy".into(), "doctor package".into()]),
        (
            "package/weights.safetensors",
            20,
            ["simulate package --input image.npy".into(), compile("package/program.hlil")],
        ),
        ("package/parties.toml", 20, ["doctor package --role client".into(), "keys init package".into()]),
        ("x.npy", 40, ["simulate logreg.pb --scale 12 --input x.npy".into(), "eval logreg.pb --input x.npy".into()]),
    ] {
        let path = folder.path().join(file);
        let original = std::fs::read(&path).expect("a file");
        for _ in 0..n {
            let changed = mutated(&original, &mut random);
            std::fs::write(&path, &changed).expect("the folder is writable");
            let manifest = (file == "package/program.llil").then(|| with_hash_of(folder.path(), &changed));
            for command in &commands {
                answered(
                    folder.path(),
                    &command.split(' ').collect::<Vec<_>>(),
                    &format!("{file}:\n{}", String::from_utf8_lossy(&changed)),
                );
            }
            manifest.map(|text| std::fs::write(folder.path().join("package/treville.json"), text));
        }
        std::fs::write(&path, original).expect("the folder is writable");
    }
}

/// Models, samples and a package.
fn prepare(folder: &Path) {
    for (from, to) in [
        (example("breast_cancer_logreg", "breast_cancer_logreg.pb"), "logreg.pb"),
        (example("breast_cancer_logreg", "breast_cancer_logreg.pbtxt"), "logreg.pbtxt"),
        (example("digits_cnn", "digits_cnn.pb"), "cnn.pb"),
        (example("digits_cnn", "sample.npy"), "image.npy"),
        (root().join("tests/tensorflow_ops/refused/unknown_dims.pb"), "open.pb"),
    ] {
        std::fs::copy(from, folder.join(to)).expect("the folder is writable");
    }
    let x = Array::F32(ndarray::ArrayD::from_elem(vec![2, 30], 0.25));
    write_npy(&folder.join("x.npy"), &x).expect("the folder is writable");
    // A small convolutional network has every part that a program can have.
    succeed(folder, &["compile", "cnn.pb", "-o", "package", "--scale", "12"]);
}

fn answered(folder: &Path, args: &[&str], what: &str) {
    // Arguments are as they are; a panic or a hang fails in `treville`.
    let outcome =
        std::panic::catch_unwind(|| treville(folder, args)).unwrap_or_else(|_| panic!("treville {args:?}\n{what}"));
    let meant = outcome.code.is_some_and(|c| CODES.contains(&c));
    assert!(meant, "treville {args:?}: {:?}\n{}\n{what}", outcome.code, outcome.stderr);
    // A command without its subcommand is answered with its help.
    let complains = outcome.stderr.starts_with("error") || outcome.stderr.contains("\nUsage: ");
    assert_eq!(outcome.code != Some(0), complains, "treville {args:?}: {:?}\n{}\n{what}", outcome.code, outcome.stderr);
}

/// Makes the manifest vouch for a changed program, so that it is not refused for its hash. Returns the manifest as it was.
fn with_hash_of(folder: &Path, program: &[u8]) -> String {
    let path = folder.join("package/treville.json");
    let text = std::fs::read_to_string(&path).expect("a manifest");
    let mut manifest: Value = serde_json::from_str(&text).expect("JSON");
    manifest["program_hash"] = program_hash(&String::from_utf8_lossy(program), "porthos").into();
    std::fs::write(&path, manifest.to_string()).expect("the folder is writable");
    text
}

/// One or two changes: of single bytes, of stretches of bytes, of numbers and words as a text has them.
fn mutated(original: &[u8], random: &mut Random) -> Vec<u8> {
    const NUMBERS: &[&str] = &[
        "0",
        "1",
        "-1",
        "2",
        "12",
        "63",
        "64",
        "65",
        "255",
        "256",
        "4294967296",
        "9223372036854775807",
        "1e300",
        "null",
        "[]",
    ];
    let mut bytes = original.to_vec();
    for _ in 0..=random.below(2) {
        let at = random.below(bytes.len());
        let end = (at + 1 + random.below(24)).min(bytes.len());
        match random.below(7) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes.truncate(at.max(1)),
            2 => drop(bytes.drain(at..end)),
            3 => bytes
                .splice(
                    at..at,
                    original[at.min(original.len() - 1)..].iter().copied().take(end - at).collect::<Vec<_>>(),
                )
                .for_each(drop),
            4 | 5 => {
                // The next number becomes another one.
                let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|i| at + i) else { continue };
                let end = bytes[start..].iter().position(|b| !b.is_ascii_digit()).map_or(bytes.len(), |i| start + i);
                bytes.splice(start..end, random.pick(NUMBERS).bytes()).for_each(drop);
            }
            _ => {
                // Two lines change places, or one is lost.
                let mut lines: Vec<&[u8]> = bytes.split(|b| *b == b'\n').collect();
                let (a, b) = (random.below(lines.len()), random.below(lines.len()));
                if a == b {
                    lines.remove(a);
                } else {
                    lines.swap(a, b);
                }
                bytes = lines.join(&b'\n');
            }
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}
