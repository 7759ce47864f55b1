//! `--ranges`: a compile with the ranges of an earlier one writes the same program, and refuses those of another.

use crate::support::{example, path, read_json, succeed, treville};

#[test]
fn ranges_of_an_earlier_compile_are_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let compile = |model: &str, args: &[&str]| {
        let model = path(&example(model, &format!("{model}.pb")));
        treville(folder.path(), &[&["compile", &model], args].concat())
    };
    let calibrated = compile("digits_cnn", &["-o", "calibrated", "--scale", "12", "--input-range", "image=0:1"]);
    assert_eq!(calibrated.code, Some(0), "{}", calibrated.stderr);
    for (given, package) in [("calibrated", "by_package"), ("calibrated/program.hlil", "by_file")] {
        let outcome = compile("digits_cnn", &["-o", package, "--scale", "12", "--ranges", given]);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        for file in ["program.hlil", "program.llil"] {
            let read =
                |package: &str| std::fs::read_to_string(folder.path().join(package).join(file)).expect("a program");
            assert_eq!(read(package), read("calibrated"), "{file} of {package}");
        }
        let notes = read_json(&folder.path().join(package).join("treville.json"))["notes"].to_string();
        assert!(notes.contains("ranges are taken from") && !notes.contains("calibrated on"), "{notes}");
    }

    let other = compile("digits_mlp", &["-o", "other", "--scale", "12", "--ranges", "calibrated"]);
    assert_eq!(other.code, Some(2));
    for said in [
        "E0702",
        "ranges are of another program",
        "`image` is an argument",
        "program.hlil",
        "help: compile once without",
    ] {
        assert!(other.stderr.contains(said), "no {said} in\n{}", other.stderr);
    }
    let auto = compile("digits_cnn", &["-o", "by_bound", "--ranges", "calibrated"]);
    assert_eq!(
        (auto.code, auto.stdout.contains("chosen by the proven error bound")),
        (Some(0), true),
        "{}",
        auto.stdout
    );
    let sweep = compile("digits_cnn", &["-o", "other", "--scale", "sweep", "--ranges", "calibrated"]);
    assert_eq!((sweep.code, sweep.stderr.contains("no `--scale sweep`")), (Some(2), true), "{}", sweep.stderr);
    let two = compile(
        "digits_cnn",
        &["-o", "other", "--scale", "12", "--ranges", "calibrated", "--input-range", "image=0:1"],
    );
    assert_eq!((two.code, two.stderr.contains("--input-range")), (Some(2), true), "{}", two.stderr);
    assert!(!folder.path().join("other").exists());
}

#[test]
fn a_program_without_ranges_gives_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = path(&example("digits_mlp", "digits_mlp.pb"));
    succeed(folder.path(), &["compile", &model, "-o", "p", "--scale", "12"]);
    let program = std::fs::read_to_string(folder.path().join("p/program.hlil")).expect("a program");
    let mut bare = treville_ir::parse::<treville_hlil::Hlil>(&program).expect("IR");
    bare.clear_annotation("range");
    std::fs::write(folder.path().join("bare.hlil"), bare.to_string()).expect("the folder is ours");
    let outcome = treville(folder.path(), &["compile", &model, "-o", "q", "--scale", "12", "--ranges", "bare.hlil"]);
    assert_eq!((outcome.code, outcome.stderr.contains("no ranges")), (Some(2), true), "{}", outcome.stderr);
    let outcome = treville(folder.path(), &["compile", &model, "-o", "q", "--scale", "12", "--ranges", "missing.hlil"]);
    assert_eq!((outcome.code, outcome.stderr.contains("missing.hlil")), (Some(2), true), "{}", outcome.stderr);
}

#[test]
fn proven_ranges_are_used_or_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = path(&example("digits_cnn", "digits_cnn.pb"));
    let compile = |range: &str| {
        let args = ["compile", &model, "-o", "proven", "--scale", "12", "--require-proven", "--input-range", range];
        treville(folder.path(), &args)
    };
    let fits = compile("image=0:1");
    assert_eq!(fits.code, Some(0), "{}", fits.stderr);
    let program = std::fs::read_to_string(folder.path().join("proven/program.llil")).expect("the program");
    assert!(program.contains("range_origin = \"proven\"") && !program.contains("\"calibrated\""), "{program}");
    let too_wide = compile("image=-1e9:1e9");
    assert_eq!(too_wide.code, Some(4), "{}", too_wide.stderr);
    for said in ["E0601", "classes/MatMul", "1 times the proven range must stay below 2^", "help: use a smaller scale"]
    {
        assert!(too_wide.stderr.contains(said), "no {said} in\n{}", too_wide.stderr);
    }
}

/// Where interval arithmetic proves nothing that fits, the summary says so; where it proves all, it does not.
#[test]
fn what_is_not_proven_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let notes = |model: &std::path::Path| {
        let package = model.file_stem().and_then(|stem| stem.to_str()).expect("a name");
        succeed(folder.path(), &["compile", &path(model), "-o", package, "--scale", "12"]);
        read_json(&folder.path().join(package).join("treville.json"))["notes"].to_string()
    };
    let attention = notes(&crate::support::root().join("tests/onnx_models/attention.onnx"));
    assert!(attention.contains("have no proven bound") && attention.contains("norm1"), "{attention}");
    let shallow = notes(&example("digits_cnn", "digits_cnn.pb"));
    assert!(!shallow.contains("have no proven bound"), "{shallow}");
}
