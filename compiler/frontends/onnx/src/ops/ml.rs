//! The linear models of `ai.onnx.ml`, as scikit-learn's converters write them.

use crate::node::Node;
use treville_frontend_common::compose::activation::{apply, scale};
use treville_frontend_common::compose::elementwise::abs;
use treville_frontend_common::{Result, Val};
use treville_ir::{ValueId, attrs};

/// `LinearClassifier`: the label of the greatest score, and the scores. Labels that are strings become their indices.
pub(super) fn linear_classifier(node: &mut Node<'_, '_>) -> Result<Vec<Val>> {
    node.expect(1, 1)?;
    let scores = scores(node)?;
    let n = node.dims(scores)[1];
    let labels = match (node.list("classlabels_ints")?, node.n_strings("classlabels_strings")?) {
        (Some(labels), _) => labels,
        (None, Some(n)) => (0..n as i64).collect(),
        (None, None) => return Err(node.invalid("it has no labels")),
    };
    if labels.len() != n {
        return Err(node.unsupported(
            format!("it has {n} scores for {} labels", labels.len()),
            "export the model with a row of coefficients for each class",
        ));
    }
    let best = node.emit("arg_max", &[scores], attrs! { axis: 1, keepdims: true })?;
    let label = match labels.iter().copied().eq(0..n as i64) {
        true => best,
        false => {
            // One place of the row is where the best stands; the label is the only one of the sum that is left.
            let row = |node: &mut Node<'_, '_>, values: Vec<i64>| {
                node.emit("constant", &[], attrs! { shape: [1, n as i64], values: values })
            };
            let places = row(node, (0..n as i64).collect())?;
            let labels = row(node, labels)?;
            let here = node.emit("equal", &[best, places], attrs! {})?;
            let chosen = node.emit("mul", &[here, labels], attrs! {})?;
            node.emit("reduce_sum", &[chosen], attrs! { axes: [1], keepdims: true })?
        }
    };
    let batch = node.dims(label)[0] as i64;
    let label = node.emit("reshape", &[label], attrs! { shape: [batch] })?;
    let scores = transform(node, scores)?;
    Ok(vec![Val::Data(label), Val::Data(scores)])
}

/// `LinearRegressor`.
pub(super) fn linear_regressor(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let y = scores(node)?;
    let targets = node.int("targets", 1)?;
    if node.dims(y)[1] as i64 != targets {
        return Err(node.invalid(format!("it has {} rows of coefficients for {targets} targets", node.dims(y)[1])));
    }
    transform(node, y).map(Val::Data)
}

/// The products with the rows of coefficients, plus the intercepts.
fn scores(node: &mut Node<'_, '_>) -> Result<ValueId> {
    let mut x = node.data(0)?;
    let dims = node.dims(x);
    let n = match *dims.as_slice() {
        [n] => {
            x = node.emit("reshape", &[x], attrs! { shape: [1, n as i64] })?;
            n
        }
        [_, n] => n,
        _ => return Err(node.invalid(format!("its input of shape {dims:?} is no batch of vectors"))),
    };
    let coefficients = node.floats("coefficients")?.unwrap_or_default().to_vec();
    if coefficients.is_empty() || coefficients.len() % n != 0 {
        return Err(node.invalid(format!("its {} coefficients are no rows of {n}", coefficients.len())));
    }
    let rows = coefficients.len() / n;
    let weights = node.weight("coefficients", &[rows, n], coefficients)?;
    let weights = node.emit("transpose", &[weights], attrs! { perm: [1, 0] })?;
    let y = node.emit("matmul", &[x, weights], attrs! {})?;
    match node.floats("intercepts")? {
        None | Some([]) => Ok(y),
        Some(intercepts) if intercepts.len() == rows => {
            let intercepts = node.weight("intercepts", &[rows], intercepts.to_vec())?;
            node.emit("add", &[y, intercepts], attrs! {})
        }
        Some(intercepts) => Err(node.invalid(format!("its {} intercepts are none for {rows} rows", intercepts.len()))),
    }
}

/// `post_transform`
fn transform(node: &mut Node<'_, '_>, scores: ValueId) -> Result<ValueId> {
    match node.text("post_transform", "NONE")? {
        "NONE" => Ok(scores),
        "LOGISTIC" => apply(node, scores, "sigmoid"),
        "SOFTMAX" => node.emit("softmax", &[scores], attrs! { axis: 1 }),
        other => {
            Err(node
                .unsupported(format!("its post_transform {other:?} is not supported"), "use NONE, LOGISTIC or SOFTMAX"))
        }
    }
}

/// `Normalizer`: each row divided by its greatest, summed or Euclidean magnitude.
pub(super) fn normalizer(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let x = node.data(0)?;
    let last = node.dims(x).len().checked_sub(1).ok_or_else(|| node.invalid("its input has no rows"))? as i64;
    let over = |node: &mut Node<'_, '_>, mnemonic: &str, x: ValueId| {
        node.emit(mnemonic, &[x], attrs! { axes: [last], keepdims: true })
    };
    let norm = match node.text("norm", "MAX")? {
        "MAX" => {
            let magnitude = abs(node, x)?;
            over(node, "reduce_max", magnitude)?
        }
        "L1" => {
            let magnitude = abs(node, x)?;
            over(node, "reduce_sum", magnitude)?
        }
        "L2" => {
            let square = node.emit("mul", &[x, x], attrs! {})?;
            let sum = over(node, "reduce_sum", square)?;
            let inverse = apply(node, sum, "rsqrt")?;
            return Ok(Val::Data(node.emit("mul", &[x, inverse], attrs! {})?));
        }
        other => return Err(node.invalid(format!("its norm {other:?} is unknown"))),
    };
    Ok(Val::Data(node.emit("div", &[x, norm], attrs! {})?))
}

/// `Scaler`: (x - offset) * scale, one of each for all features or for each of them.
pub(super) fn scaler(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let mut x = node.data(0)?;
    let n = node.dims(x).last().copied().unwrap_or(1);
    for (attr, mnemonic) in [("offset", "sub"), ("scale", "mul")] {
        x = match node.floats(attr)? {
            None | Some([]) => x,
            Some(&[one]) if mnemonic == "mul" => scale(node, x, one.into())?,
            Some(values) if values.len() == n || values.len() == 1 => {
                let values = node.weight(attr, &[values.len()], values.to_vec())?;
                node.emit(mnemonic, &[x, values], attrs! {})?
            }
            Some(values) => return Err(node.invalid(format!("its {} values of `{attr}` are not {n}", values.len()))),
        };
    }
    Ok(Val::Data(x))
}

/// `ZipMap`: its output is a list of maps from labels to scores; we keep the scores, in the order of the labels.
pub(super) fn zip_map(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    Ok(node.input(0)?.clone())
}
