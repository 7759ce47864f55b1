//! What a raw token stands for in a field of a given type.
//!
//! # Source
//! protobuf's text format specification: numbers may be decimal, octal (`017`), hexadecimal (`0x1f`), floats also `inf`,
//! `infinity`, `nan` and `1.5f`; strings hold the escapes of C.

use super::tree::{Field, Value};
use super::{TextError, TextErrorKind};

impl Field<'_> {
    /// A string field.
    pub(super) fn string(&self) -> Result<String, TextError> {
        String::from_utf8(self.bytes()?).map_err(|_| self.error("a UTF-8 string"))
    }

    /// A bytes field.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, TextError> {
        match self.value {
            Value::Strings(token) => unquote(token).ok_or_else(|| self.error("a quoted string with valid escapes")),
            Value::Atom(_) | Value::Message(_) => Err(self.error("a quoted string")),
        }
    }

    /// A bool field.
    pub(super) fn bool(&self) -> Result<bool, TextError> {
        match self.value {
            Value::Atom("true" | "True" | "t" | "1") => Ok(true),
            Value::Atom("false" | "False" | "f" | "0") => Ok(false),
            _ => Err(self.error("true or false")),
        }
    }

    /// An integer field of any width.
    pub(super) fn int<T: TryFrom<i64>>(&self) -> Result<T, TextError> {
        let value = match self.value {
            Value::Atom(token) => integer(token),
            Value::Strings(_) | Value::Message(_) => None,
        };
        value.and_then(|v| T::try_from(v).ok()).ok_or_else(|| self.error("an integer"))
    }

    /// A float or double field; the decimal is rounded once, to the field's own precision.
    pub(super) fn float<T: std::str::FromStr + std::ops::Neg<Output = T>>(&self) -> Result<T, TextError> {
        let value = match self.value {
            Value::Atom(token) => float(token),
            Value::Strings(_) | Value::Message(_) => None,
        };
        value.ok_or_else(|| self.error("a number"))
    }

    /// An enumeration field, given the number of each name.
    pub(super) fn enumeration(
        &self,
        number: impl Fn(&str) -> Option<i32>,
        wanted: &'static str,
    ) -> Result<i32, TextError> {
        match self.value {
            Value::Atom(token) => number(token).or_else(|| integer(token).and_then(|v| i32::try_from(v).ok())),
            Value::Strings(_) | Value::Message(_) => None,
        }
        .ok_or_else(|| self.error(wanted))
    }

    /// The error that this field holds no such value.
    pub(super) fn error(&self, wanted: &'static str) -> TextError {
        TextError { at: self.at, kind: TextErrorKind::Value { field: self.name.to_owned(), wanted } }
    }
}

fn integer(token: &str) -> Option<i64> {
    let (negative, digits) = sign(token);
    // The parsers of numbers would take a sign of their own.
    if !digits.starts_with(|c: char| c.is_ascii_digit()) || digits.contains(['+', '-']) {
        return None;
    }
    let magnitude = if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        i128::from_str_radix(hex, 16)
    } else if digits.len() > 1 && digits.starts_with('0') {
        i128::from_str_radix(digits, 8)
    } else {
        digits.parse()
    };
    let magnitude = magnitude.ok()?;
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

fn float<T: std::str::FromStr + std::ops::Neg<Output = T>>(token: &str) -> Option<T> {
    let (negative, digits) = sign(token);
    let magnitude: T = if digits.starts_with(|c: char| c.is_ascii_alphabetic()) {
        match digits.to_ascii_lowercase().as_str() {
            "inf" | "infinity" | "nan" => digits.parse().ok()?,
            _ => return None,
        }
    } else if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    } else if digits.starts_with("0x") || digits.starts_with("0X") {
        integer(digits)?.to_string().parse().ok()?
    } else {
        digits.strip_suffix(['f', 'F']).unwrap_or(digits).parse().ok()?
    };
    Some(if negative { -magnitude } else { magnitude })
}

fn sign(token: &str) -> (bool, &str) {
    match token.strip_prefix('-') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, token),
    }
}

/// The bytes of one or more quoted strings with space and comments between them.
fn unquote(token: &str) -> Option<Vec<u8>> {
    let bytes = token.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&first) = bytes.get(at) {
        at += 1;
        match first {
            b'"' | b'\'' => at = quoted(bytes, at, first, &mut out)?,
            b'#' => at += bytes[at..].iter().position(|&b| b == b'\n').unwrap_or(bytes.len() - at),
            _ => {}
        }
    }
    Some(out)
}

/// Appends the string that begins at `at` and ends at `quote`; returns where the text goes on.
fn quoted(bytes: &[u8], mut at: usize, quote: u8, out: &mut Vec<u8>) -> Option<usize> {
    loop {
        let run = bytes[at..].iter().position(|&b| b == quote || b == b'\\')?;
        out.extend_from_slice(&bytes[at..at + run]);
        at += run + 1;
        if bytes[at - 1] == quote {
            return Some(at);
        }
        at = escape(bytes, at, out)?;
    }
}

/// Appends what the escape stands for whose letter is at `at`; returns where the text goes on.
fn escape(bytes: &[u8], at: usize, out: &mut Vec<u8>) -> Option<usize> {
    let letter = *bytes.get(at)?;
    let plain = match letter {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0C,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0B,
        b'\\' | b'\'' | b'"' | b'?' => letter,
        b'0'..=b'7' => {
            let (value, end) = digits(bytes, at, 3, 8);
            out.push(u8::try_from(value).ok()?);
            return Some(end);
        }
        b'x' | b'X' => {
            let (value, end) = digits(bytes, at + 1, 2, 16);
            out.push(u8::try_from(value).ok()?);
            return (end > at + 1).then_some(end);
        }
        b'u' | b'U' => {
            let n_digits = if letter == b'u' { 4 } else { 8 };
            let (value, end) = digits(bytes, at + 1, n_digits, 16);
            let c = char::from_u32(value).filter(|_| end == at + 1 + n_digits)?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(end);
        }
        _ => return None,
    };
    out.push(plain);
    Some(at + 1)
}

/// The number in at most `max` digits from `at`, and where they end.
fn digits(bytes: &[u8], at: usize, max: usize, radix: u32) -> (u32, usize) {
    let value_of = |b: &u8| char::from(*b).to_digit(radix);
    let run = bytes.get(at..).unwrap_or_default().iter().take(max).map_while(value_of);
    run.fold((0, at), |(value, end), digit| (value.wrapping_mul(radix).wrapping_add(digit), end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_c() {
        let text = r#""a\n\t\"\'\\\?\a\b\f\r\v" 'b"\101\7\x41\xfg\u00e9\U0001F600' # "no"
            "\0001""#;
        let expected = [b"a\n\t\"'\\?\x07\x08\x0c\r\x0bb\"A\x07A\x0fg".as_slice(), "é😀\x001".as_bytes()].concat();
        assert_eq!(unquote(text), Some(expected));
        for bad in [r#""\q""#, r#""\777""#, r#""\x""#, r#""\u12""#, r#""\Udddddddd""#] {
            assert_eq!(unquote(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_of_every_form() {
        let ints = [("0", 0), ("-7", -7), ("- 7", -7), ("017", 15), ("0x1F", 31), ("9223372036854775807", i64::MAX)];
        for (token, value) in ints {
            assert_eq!(integer(token), Some(value), "{token}");
        }
        assert_eq!(integer("-9223372036854775808"), Some(i64::MIN));
        for bad in ["9223372036854775808", "08", "1.5", "x", "", "--1", "-+1", "0x", "0x-1"] {
            assert_eq!(integer(bad), None, "{bad}");
        }
        let floats = [
            ("1", 1.0),
            ("1.5f", 1.5),
            (".5", 0.5),
            ("1e-3", 0.001),
            ("-inf", f32::NEG_INFINITY),
            ("infinity", f32::INFINITY),
        ];
        for (token, value) in floats {
            assert_eq!(float::<f32>(token), Some(value), "{token}");
        }
        assert!(float::<f32>("nan").is_some_and(f32::is_nan));
        assert_eq!(float::<f32>("-0").map(f32::to_bits), Some((-0.0f32).to_bits()));
        assert_eq!(float::<f32>("-0.0").map(f32::to_bits), Some((-0.0f32).to_bits()));
        for bad in ["", "f", "inff", "1.5ff", "1.2.3", "e5", "true", "--1", "+1", "-infi"] {
            assert_eq!(float::<f32>(bad), None, "{bad}");
        }
    }
}
