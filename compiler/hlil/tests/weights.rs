//! The weight store: sources, recipes, files.

use ndarray::ArrayD;
use treville_hlil::{Func, Hlil, Weights, WeightsError};
use treville_ir::table;

fn tensor(shape: &[usize], values: &[f32]) -> ArrayD<f32> {
    ArrayD::from_shape_vec(shape, values.to_vec()).unwrap()
}

fn sum() -> Func {
    table::example::<Hlil>(r#"%0 = "hlil.add"(%a, %b) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>"#).unwrap()
}

fn store() -> Weights {
    let mut weights = Weights::new();
    weights.add_source("dense/kernel", tensor(&[2], &[1.0, 2.0])).unwrap();
    weights.add_source("bias", tensor(&[2], &[10.0, 20.0])).unwrap();
    weights.add_recipe("sum", sum(), vec!["dense/kernel".into(), "bias".into()]).unwrap();
    weights.add_recipe("more", sum(), vec!["sum".into(), "bias".into()]).unwrap();
    weights
}

#[test]
fn recipes_are_computed_on_demand() {
    let weights = store();
    assert_eq!(weights.names().collect::<Vec<_>>(), ["dense/kernel", "bias", "sum", "more"]);
    assert_eq!(weights.shape("more").unwrap(), [2]);
    assert_eq!(weights.get("more").unwrap(), tensor(&[2], &[21.0, 42.0]));
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let mut weights = store();
    weights.add_source("wide", tensor(&[3], &[0.0; 3])).unwrap();
    let mut fails = |name: &str, inputs: &[&str]| {
        let inputs = inputs.iter().map(|s| s.to_string()).collect();
        weights.add_recipe(name, sum(), inputs).unwrap_err()
    };
    assert!(matches!(fails("bias", &["bias", "bias"]), WeightsError::Duplicate { name } if name == "bias"));
    assert!(matches!(fails("new", &["bias", "absent"]), WeightsError::Unknown { name } if name == "absent"));
    assert!(matches!(fails("new", &["bias"]), WeightsError::Recipe { name, .. } if name == "new"));
    assert!(fails("new", &["bias", "wide"]).to_string().contains("`wide`"));
    assert!(matches!(weights.get("absent"), Err(WeightsError::Unknown { .. })));
    assert!(weights.add_source("sum", tensor(&[1], &[0.0])).is_err());
}

#[test]
fn files_hold_computed_values_in_order() {
    let weights = store();
    let mut bytes = Vec::new();
    weights.write_safetensors(["more", "bias"], &mut bytes).unwrap();
    let read = Weights::from_safetensors(&bytes).unwrap();
    assert_eq!(read.names().collect::<Vec<_>>(), ["more", "bias"]);
    assert_eq!(read.get("more").unwrap(), weights.get("more").unwrap());
    assert!(weights.write_safetensors(["bias", "bias"], &mut bytes).is_err());
    assert!(weights.write_safetensors(["absent"], &mut bytes).is_err());
}

#[test]
fn odd_values_and_names_survive_a_file() {
    let mut weights = Weights::new();
    let odd = [f32::NAN, -0.0, f32::INFINITY, f32::MIN_POSITIVE / 2.0];
    weights.add_source("a \"quoted\" näme", tensor(&[2, 2], &odd)).unwrap();
    weights.add_source("scalar", tensor(&[], &[0.1])).unwrap();
    let mut bytes = Vec::new();
    weights.write_safetensors(weights.names(), &mut bytes).unwrap();
    let read = Weights::from_safetensors(&bytes).unwrap();
    for name in weights.names() {
        let bits = |w: &Weights| w.get(name).unwrap().mapv(f32::to_bits);
        assert_eq!(bits(&read), bits(&weights), "{name}");
    }
}

#[test]
fn broken_files_are_errors() {
    let mut bytes = Vec::new();
    store().write_safetensors(["bias"], &mut bytes).unwrap();
    for end in 0..bytes.len() {
        assert!(Weights::from_safetensors(&bytes[..end]).is_err(), "the first {end} bytes were accepted");
    }
    let dtype = bytes.windows(3).position(|w| w == b"F32").unwrap();
    bytes[dtype] = b'I';
    assert!(matches!(Weights::from_safetensors(&bytes), Err(WeightsError::Dtype { name, .. }) if name == "bias"));
}
