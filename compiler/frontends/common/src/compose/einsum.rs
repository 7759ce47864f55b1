//! Sums of products by named indices.
//!
//! # Source
//! ONNX Einsum-12: two operands at a time become a batched matrix product; an index that a term names twice takes the diagonal.

use super::reduce::{Axes, sum};
use super::take::take;
use crate::{Node, Result};
use std::collections::BTreeMap;
use treville_ir::{ValueId, attrs};

/// A value with a name for each of its dimensions.
struct Term {
    value: ValueId,
    names: Vec<char>,
}

/// The values of an equation like `bij,bjk->bik` or `...ii->...i`.
///
/// # Errors
/// Where the equation is none, or does not fit the operands.
pub fn einsum(node: &mut Node<'_, '_>, operands: &[ValueId], equation: &str) -> Result<ValueId> {
    let equation: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (inputs, output) = match equation.split_once("->") {
        Some((inputs, output)) => (inputs, Some(output)),
        None => (equation.as_str(), None),
    };
    let texts: Vec<&str> = inputs.split(',').collect();
    if texts.len() != operands.len() {
        return Err(node.invalid(format!(
            "its equation `{equation}` has {} terms for {} inputs",
            texts.len(),
            operands.len()
        )));
    }
    let mut terms = Vec::new();
    for (text, &value) in texts.iter().zip(operands) {
        let names = names(node, text, Some(node.dims(value).len()))?;
        terms.push(Term { value, names });
    }
    let hidden = terms.iter().flat_map(|t| &t.names).filter(|c| !c.is_alphabetic()).map(|&c| c as usize).max();
    let output = match output {
        Some(output) => {
            let n_letters = output.chars().filter(|c| *c != '.').count();
            names(node, output, output.contains('.').then_some(n_letters + hidden.map_or(0, |h| h + 1)))?
        }
        None => implied(&terms),
    };
    for term in &mut terms {
        *term = diagonals(node, term)?;
    }
    let mut rest = terms.into_iter();
    let Some(mut product) = rest.next() else { return Err(node.invalid("it has no inputs")) };
    let mut rest: std::collections::VecDeque<Term> = rest.collect();
    while let Some(next) = rest.pop_front() {
        let needed = |c: &char| output.contains(c) || rest.iter().any(|t| t.names.contains(c));
        let kept: Vec<char> = product.names.iter().chain(&next.names).copied().filter(needed).collect();
        product = contract(node, &product, &next, &kept)?;
    }
    let product = summed(node, product, &output)?;
    ordered(node, &product, &output)
}

/// The names of a term's dimensions; those of `...` are control characters, counted from the last one.
fn names(node: &Node<'_, '_>, text: &str, rank: Option<usize>) -> Result<Vec<char>> {
    let letters = text.replacen("...", "", 1);
    let wrong = |why: &str| node.invalid(format!("the term `{text}` of its equation {why}"));
    if !letters.chars().all(char::is_alphabetic) {
        return Err(wrong("has other characters than letters"));
    }
    let n_letters = letters.chars().count();
    let rank = rank.unwrap_or(n_letters);
    let n_hidden = rank.checked_sub(n_letters).ok_or_else(|| wrong("names more dimensions than there are"))?;
    let Some((before, after)) = text.split_once("...") else {
        return if n_hidden == 0 { Ok(letters.chars().collect()) } else { Err(wrong("names too few dimensions")) };
    };
    let hidden = (0..n_hidden.min(9) as u8).rev().map(char::from);
    Ok(before.chars().chain(hidden).chain(after.chars()).collect())
}

/// Without `->`: what stands behind `...`, then the letters that stand once, in alphabetical order.
fn implied(terms: &[Term]) -> Vec<char> {
    let mut counts: BTreeMap<char, usize> = BTreeMap::new();
    terms.iter().flat_map(|t| &t.names).for_each(|&c| *counts.entry(c).or_default() += 1);
    let hidden = counts.keys().copied().filter(|c| !c.is_alphabetic()).rev();
    let once = counts.iter().filter(|(c, n)| c.is_alphabetic() && **n == 1).map(|(&c, _)| c);
    hidden.chain(once).collect()
}

/// A term that names each index once.
fn diagonals(node: &mut Node<'_, '_>, term: &Term) -> Result<Term> {
    let mut term = Term { value: term.value, names: term.names.clone() };
    let repeated =
        |names: &[char]| names.iter().enumerate().find_map(|(i, c)| Some((names[..i].iter().position(|d| d == c)?, i)));
    while let Some((first, second)) = repeated(&term.names) {
        let dims = node.dims(term.value);
        let size = dims[first];
        if dims[second] != size {
            return Err(
                node.invalid(format!("its index `{}` has sizes {size} and {}", term.names[first], dims[second]))
            );
        }
        // Both dimensions in front and taken as one, each (size + 1)th element is on the diagonal.
        let others: Vec<usize> = (0..dims.len()).filter(|&i| i != first && i != second).collect();
        let perm: Vec<i64> = [first, second].iter().chain(&others).map(|&i| i as i64).collect();
        let turned = node.emit("transpose", &[term.value], attrs! { perm: perm })?;
        let rest = others.iter().map(|&i| dims[i] as i64);
        let shape: Vec<i64> = std::iter::once((size * size) as i64).chain(rest).collect();
        let flat = node.emit("reshape", &[turned], attrs! { shape: shape })?;
        node.reserve(size)?;
        let indices: Vec<i64> = (0..size).map(|i| (i * (size + 1)) as i64).collect();
        term.value = take(node, flat, 0, indices)?;
        term.names = std::iter::once(term.names[first]).chain(others.iter().map(|&i| term.names[i])).collect();
    }
    Ok(term)
}

/// The product of two terms, summed over what is not `kept`.
fn contract(node: &mut Node<'_, '_>, a: &Term, b: &Term, kept: &[char]) -> Result<Term> {
    let (a, b) = (shrunk(node, a, b)?, shrunk(node, b, a)?);
    let wanted = |own: &Term, other: &Term| -> Vec<char> {
        own.names.iter().copied().filter(|c| kept.contains(c) || other.names.contains(c)).collect()
    };
    let (names_a, names_b) = (wanted(&a, &b), wanted(&b, &a));
    let (a, b) = (summed(node, a, &names_a)?, summed(node, b, &names_b)?);
    let batch: Vec<char> = names_a.iter().copied().filter(|c| names_b.contains(c) && kept.contains(c)).collect();
    let inner: Vec<char> = names_a.iter().copied().filter(|c| names_b.contains(c) && !kept.contains(c)).collect();
    let free = |names: &[char]| names.iter().copied().filter(|c| !batch.contains(c) && !inner.contains(c)).collect();
    let (rows, columns): (Vec<char>, Vec<char>) = (free(&names_a), free(&names_b));
    let size = |term: &Term, node: &Node<'_, '_>, names: &[char]| -> Vec<i64> {
        let dims = node.dims(term.value);
        names.iter().map(|c| dims[term.names.iter().position(|d| d == c).unwrap_or(0)] as i64).collect()
    };
    let (batch_dims, row_dims) = (size(&a, node, &batch), size(&a, node, &rows));
    let (column_dims, inner_dims) = (size(&b, node, &columns), size(&a, node, &inner));
    if (size(&b, node, &batch), size(&b, node, &inner)) != (batch_dims.clone(), inner_dims.clone()) {
        return Err(node.invalid("its inputs disagree in the size of an index"));
    }
    let [n_batch, n_rows, n_columns, n_inner] =
        [&batch_dims, &row_dims, &column_dims, &inner_dims].map(|dims| dims.iter().product::<i64>());
    let left = ordered(node, &a, &[batch.clone(), rows.clone(), inner.clone()].concat())?;
    let left = node.emit("reshape", &[left], attrs! { shape: vec![n_batch, n_rows, n_inner] })?;
    let right = ordered(node, &b, &[batch.clone(), inner, columns.clone()].concat())?;
    let right = node.emit("reshape", &[right], attrs! { shape: vec![n_batch, n_inner, n_columns] })?;
    let product = node.emit("matmul", &[left, right], attrs! {})?;
    let shape = [batch_dims, row_dims, column_dims].concat();
    let value = node.emit("reshape", &[product], attrs! { shape: shape })?;
    Ok(Term { value, names: [batch, rows, columns].concat() })
}

/// A term without the dimensions of size 1 that are larger in the other, and so broadcast.
fn shrunk(node: &mut Node<'_, '_>, term: &Term, other: &Term) -> Result<Term> {
    let (dims, other_dims) = (node.dims(term.value), node.dims(other.value));
    let is_larger = |c: &char| other.names.iter().zip(&other_dims).any(|(d, &size)| d == c && size > 1);
    let kept = || term.names.iter().zip(&dims).filter(|(c, size)| **size != 1 || !is_larger(c));
    let shape: Vec<i64> = kept().map(|(_, &d)| d as i64).collect();
    let names: Vec<char> = kept().map(|(&c, _)| c).collect();
    let value = if names.len() == term.names.len() {
        term.value
    } else {
        node.emit("reshape", &[term.value], attrs! { shape: shape })?
    };
    Ok(Term { value, names })
}

/// A term summed over the dimensions that are not `kept`.
fn summed(node: &mut Node<'_, '_>, term: Term, kept: &[char]) -> Result<Term> {
    let axes: Vec<usize> = (0..term.names.len()).filter(|&i| !kept.contains(&term.names[i])).collect();
    let value = sum(node, term.value, &Axes { axes, keepdims: false })?;
    Ok(Term { value, names: term.names.into_iter().filter(|c| kept.contains(c)).collect() })
}

/// A term's value with its dimensions in this order.
fn ordered(node: &mut Node<'_, '_>, term: &Term, names: &[char]) -> Result<ValueId> {
    let perm: Option<Vec<i64>> =
        names.iter().map(|c| term.names.iter().position(|d| d == c).map(|i| i as i64)).collect();
    match perm {
        Some(perm) if perm.len() == term.names.len() => {
            if perm.iter().enumerate().all(|(i, &p)| i as i64 == p) {
                return Ok(term.value);
            }
            node.emit("transpose", &[term.value], attrs! { perm: perm })
        }
        _ => Err(node.invalid("its equation names an index in the result that no input has")),
    }
}
