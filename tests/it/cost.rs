//! What `treville cost` says is what a run measures: exactly, in total and for each node.

use serde_json::Value;

use crate::support::{EXAMPLES, example, load, options, path, read_json, succeed, write_samples};

#[test]
fn predicted_bytes_and_rounds_are_measured() {
    for (name, input, _) in EXAMPLES {
        let folder = tempfile::tempdir().expect("a folder");
        let model = path(&example(name, &format!("{name}.pb")));
        let (_, samples) = load(name, &options("porthos", "12"));
        let reports: Vec<Value> = (1..=3)
            .map(|n| {
                write_samples(&folder.path().join("in.npy"), &samples, n);
                let input = format!("{input}=in.npy");
                succeed(
                    folder.path(),
                    &["simulate", &model, "--scale", "12", "--input", &input, "--report", "report.json"],
                );
                read_json(&folder.path().join("report.json"))
            })
            .collect();
        let cost: Value =
            serde_json::from_str(&succeed(folder.path(), &["cost", &model, "--scale", "12", "--json"])).expect("JSON");

        let totals = |r: &Value| (number(r, "bytes_total"), number(r, "rounds"));
        let nodes = |r: &Value| -> Vec<(String, String, u64, u64)> {
            let nodes = r["nodes"].as_array().expect("nodes");
            nodes.iter().map(|n| (word(n, "name"), word(n, "op"), number(n, "bytes"), number(n, "rounds"))).collect()
        };
        assert_eq!(totals(&cost), totals(&reports[0]), "{name}: predicted and measured");
        assert_eq!(nodes(&cost), nodes(&reports[0]), "{name}: predicted and measured, by node");
        assert!(totals(&cost).0 > 1000 && totals(&cost).1 >= 3, "{name}: {:?}", totals(&cost));
        let sums = |r: &Value| nodes(r).iter().fold((0, 0), |(bytes, rounds), n| (bytes + n.2, rounds + n.3));
        for report in &reports {
            assert_eq!(sums(report), totals(report), "{name}: the nodes sum to the total");
        }
        // The set-up is paid once, each inference the same.
        let bytes: Vec<u64> = reports.iter().map(|r| totals(r).0).collect();
        assert_eq!(bytes[2] - bytes[1], bytes[1] - bytes[0], "{name}: bytes of the third and the second inference");
        assert!(bytes[1] - bytes[0] < bytes[0], "{name}: an inference that follows pays no set-up");
    }
}

fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or_else(|| panic!("{field} is a number: {value}"))
}

fn word(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} is a string: {value}")).to_string()
}
