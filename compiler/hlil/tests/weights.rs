//! The weight store: sources, recipes, files.

use bytes::Bytes;
use ndarray::ArrayD;
use treville_hlil::{Encoding, Func, Hlil, StoredTensor, Tensor, Weights, WeightsError};
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
    let read = Weights::from_safetensors(bytes.clone()).unwrap();
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
    let read = Weights::from_safetensors(bytes.clone()).unwrap();
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
        assert!(Weights::from_safetensors(bytes[..end].to_vec()).is_err(), "the first {end} bytes were accepted");
    }
    let dtype = bytes.windows(3).position(|w| w == b"F32").unwrap();
    bytes[dtype] = b'I';
    assert!(matches!(Weights::from_safetensors(bytes), Err(WeightsError::Encoding { name, .. }) if name == "bias"));
}

fn stored(encoding: Encoding, bytes: &[u8]) -> StoredTensor {
    let shape = vec![bytes.len() / encoding.size()];
    StoredTensor::new(shape, encoding, Bytes::copy_from_slice(bytes)).unwrap()
}

#[test]
fn stored_elements_are_decoded_from_every_encoding() {
    let reals =
        |encoding, bytes: &[u8]| stored(encoding, bytes).decode().as_f32().unwrap().iter().copied().collect::<Vec<_>>();
    let bits = |words: &[u16]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
    let halves = reals(Encoding::F16, &bits(&[0x3C00, 0xC000, 0x7BFF, 0x0001, 0x03FF, 0x8000, 0x7C00, 0x3555, 0x7E00]));
    let expected = [1.0, -2.0, 65504.0, 5.9604645e-8, 6.097_555e-5, -0.0, f32::INFINITY, 0.33325195];
    assert_eq!(halves[..8], expected);
    assert!(halves[5].is_sign_negative() && halves[8].is_nan());
    assert_eq!(reals(Encoding::BF16, &bits(&[0x3F80, 0xC049, 0x0001])), [1.0, -3.140625, f32::from_bits(1 << 16)]);
    assert_eq!(reals(Encoding::F32, &[0.1f32, -1e38].map(f32::to_le_bytes).concat()), [0.1, -1e38]);
    assert_eq!(reals(Encoding::F64, &[0.1f64, 1e300].map(f64::to_le_bytes).concat()), [0.1, f32::INFINITY]);

    let integers =
        |encoding, bytes: &[u8]| stored(encoding, bytes).decode().as_i64().unwrap().iter().copied().collect::<Vec<_>>();
    assert_eq!(integers(Encoding::Bool, &[0, 1, 2]), [0, 1, 1]);
    assert_eq!(integers(Encoding::I8, &[0xFF, 0x7F]), [-1, 127]);
    assert_eq!(integers(Encoding::U8, &[0xFF, 0x7F]), [255, 127]);
    assert_eq!(integers(Encoding::I16, &[0xFE, 0xFF]), [-2]);
    assert_eq!(integers(Encoding::U16, &[0xFE, 0xFF]), [0xFFFE]);
    assert_eq!(integers(Encoding::I32, &i32::MIN.to_le_bytes()), [i64::from(i32::MIN)]);
    assert_eq!(integers(Encoding::U32, &u32::MAX.to_le_bytes()), [i64::from(u32::MAX)]);
    assert_eq!(integers(Encoding::I64, &i64::MIN.to_le_bytes()), [i64::MIN]);
    assert_eq!(integers(Encoding::U64, &5u64.to_le_bytes()), [5]);
}

#[test]
fn stored_tensors_are_weights_and_share_the_files_bytes() {
    let file = Bytes::from([1.0f32, 2.0, 10.0, 20.0].map(f32::to_le_bytes).concat());
    let mut weights = Weights::new();
    let part = |range| StoredTensor::new([2], Encoding::F32, file.slice(range)).unwrap();
    weights.add_stored("a", part(0..8)).unwrap();
    weights.add_stored("b", part(8..16)).unwrap();
    weights.add_recipe("sum", sum(), vec!["a".into(), "b".into()]).unwrap();
    assert_eq!(weights.get("sum").unwrap(), tensor(&[2], &[11.0, 22.0]));
    assert_eq!(weights.shape("a").unwrap(), [2]);
    assert!(!file.is_unique(), "the store keeps slices");
    let whole = StoredTensor::new([1], Encoding::I64, file.slice(..8)).unwrap();
    assert!(matches!(weights.add_stored("i", whole.clone()), Err(WeightsError::Encoding { name, .. }) if name == "i"));
    assert!(!format!("{whole:?}").contains("bytes"));
}

#[test]
fn stored_tensors_have_as_many_bytes_as_they_need() {
    for (shape, n) in [(vec![2], 7), (vec![2], 12), (vec![], 0), (vec![usize::MAX, usize::MAX], 8), (vec![0], 4)] {
        let error = StoredTensor::new(shape.clone(), Encoding::F32, Bytes::from(vec![0; n])).unwrap_err();
        assert_eq!((error.shape, error.actual), (shape, n));
    }
    let scalar = StoredTensor::new([], Encoding::F32, Bytes::from_static(&[0, 0, 128, 63])).unwrap();
    assert_eq!(scalar.decode(), Tensor::F32(tensor(&[], &[1.0])));
}
