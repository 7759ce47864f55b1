//! Size files: one line per tensor, its name and its dimensions.

use std::collections::BTreeMap;
use treville_ir::Diagnostic;

/// The shapes that a size file gives, by tensor name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sizes(BTreeMap<String, Vec<usize>>);

impl Sizes {
    /// Reads a size file. Each line has a tensor's name, then its dimensions between spaces, commas, or brackets;
    /// empty lines and lines that begin with `#` do not count. `name:0` is `name`.
    ///
    /// # Errors
    /// A diagnostic for the first line that is none of this.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let mut sizes = BTreeMap::new();
        for (line_idx, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let separator = |c: char| c.is_whitespace() || ",()[]".contains(c);
            let dims =
                rest.split(separator).filter(|d| !d.is_empty()).map(str::parse).collect::<Result<Vec<usize>, _>>();
            let Ok(dims) = dims else {
                let message = format!("line {} of the size file is no name with dimensions: `{line}`", line_idx + 1);
                return Err(Diagnostic::error("E0108", message)
                    .with_help("a line is a tensor's name and its dimensions, such as `input 1 28 28 1`"));
            };
            sizes.insert(name.strip_suffix(":0").unwrap_or(name).to_owned(), dims);
        }
        Ok(Self(sizes))
    }

    /// The shape of the tensor of this name.
    pub fn get(&self, name: &str) -> Option<&[usize]> {
        self.0.get(name).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_ways_to_write_a_shape() {
        let sizes = Sizes::parse("# sizes\nx 1 28 28 1 \ny:0 (1, 10)\n\nscalar\nz [3]\n").unwrap();
        assert_eq!(sizes.get("x"), Some([1, 28, 28, 1].as_slice()));
        assert_eq!(sizes.get("y"), Some([1, 10].as_slice()));
        assert_eq!(sizes.get("scalar"), Some([].as_slice()));
        assert_eq!(sizes.get("z"), Some([3].as_slice()));
        assert_eq!(sizes.get("w"), None);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let error = Sizes::parse("x 1 2\ny 1 -1\n").unwrap_err();
        assert!(error.message.starts_with("line 2 "), "{}", error.message);
    }
}
