//! Which field of a message goes where: the text's twin of the tags in [`proto`](crate::proto).

use super::TextError;
use super::tree::{Field, Message, Value as Raw};
use crate::dtype::DType;
use crate::proto::{
    ArgDef, AttrValue, Dim, FunctionDef, FunctionDefLibrary, GraphDef, ListValue, NameAttrList, NodeDef, OpDef,
    TensorProto, TensorShapeProto, Value, VersionDef,
};
use std::collections::BTreeMap;

/// The message that the fields make up.
pub(super) fn read<M: FromText>(fields: &Message<'_>) -> Result<M, TextError> {
    let mut message = M::default();
    for field in fields {
        message.merge(field)?;
    }
    Ok(message)
}

/// A message that takes its fields one at a time and ignores those that it does not know.
pub(super) trait FromText: Default {
    fn merge(&mut self, field: &Field<'_>) -> Result<(), TextError>;
}

impl<'a> Field<'a> {
    fn fields(&self) -> Result<&Message<'a>, TextError> {
        match &self.value {
            Raw::Message(fields) => Ok(fields),
            Raw::Atom(_) | Raw::Strings(_) => Err(self.error("a message in braces")),
        }
    }

    fn message<M: FromText>(&self) -> Result<M, TextError> {
        read(self.fields()?)
    }

    fn dtype(&self) -> Result<i32, TextError> {
        self.enumeration(|name| DType::from_name(name).map(|t| t.0), "a data type such as DT_FLOAT")
    }

    /// Reads the `{ key: ..., value: ... }` of a map.
    fn entry<V: Default>(
        &self,
        map: &mut BTreeMap<String, V>,
        read: impl Fn(&Self) -> Result<V, TextError>,
    ) -> Result<(), TextError> {
        let (mut key, mut value) = (String::new(), V::default());
        for field in self.fields()? {
            match field.name {
                "key" => key = field.string()?,
                "value" => value = read(field)?,
                _ => {}
            }
        }
        map.insert(key, value);
        Ok(())
    }
}

/// `fields!(Message { "name" => place, ... })`: each arm is run with `self` and `field` bound to its first two names.
macro_rules! fields {
    ($message:ty, |$this:ident, $field:ident| { $($name:literal => $body:expr,)* }) => {
        impl FromText for $message {
            fn merge(&mut self, $field: &Field<'_>) -> Result<(), TextError> {
                let $this = self;
                match $field.name {
                    $($name => $body,)*
                    _ => {}
                }
                Ok(())
            }
        }
    };
}

fields!(GraphDef, |m, f| {
    "node" => m.node.push(f.message()?),
    "library" => m.library.get_or_insert_default().merge_all(f)?,
    "version" => m.version = f.int()?,
    "versions" => m.versions.get_or_insert_default().merge_all(f)?,
});

fields!(NodeDef, |m, f| {
    "name" => m.name = f.string()?,
    "op" => m.op = f.string()?,
    "input" => m.input.push(f.string()?),
    "device" => m.device = f.string()?,
    "attr" => f.entry(&mut m.attr, Field::message)?,
});

fields!(AttrValue, |m, f| {
    "list" => m.value = Some(Value::List(f.message()?)),
    "s" => m.value = Some(Value::S(f.bytes()?)),
    "i" => m.value = Some(Value::I(f.int()?)),
    "f" => m.value = Some(Value::F(f.float()?)),
    "b" => m.value = Some(Value::B(f.bool()?)),
    "type" => m.value = Some(Value::Type(f.dtype()?)),
    "shape" => m.value = Some(Value::Shape(f.message()?)),
    "tensor" => m.value = Some(Value::Tensor(f.message()?)),
    "placeholder" => m.value = Some(Value::Placeholder(f.string()?)),
    "func" => m.value = Some(Value::Func(f.message()?)),
});

fields!(ListValue, |m, f| {
    "s" => m.s.push(f.bytes()?),
    "i" => m.i.push(f.int()?),
    "f" => m.f.push(f.float()?),
    "b" => m.b.push(f.bool()?),
    "type" => m.r#type.push(f.dtype()?),
    "shape" => m.shape.push(f.message()?),
    "tensor" => m.tensor.push(f.message()?),
    "func" => m.func.push(f.message()?),
});

fields!(NameAttrList, |m, f| {
    "name" => m.name = f.string()?,
    "attr" => f.entry(&mut m.attr, Field::message)?,
});

fields!(TensorShapeProto, |m, f| {
    "dim" => m.dim.push(f.message()?),
    "unknown_rank" => m.unknown_rank = f.bool()?,
});

fields!(Dim, |m, f| {
    "size" => m.size = f.int()?,
    "name" => m.name = f.string()?,
});

fields!(TensorProto, |m, f| {
    "dtype" => m.dtype = f.dtype()?,
    "tensor_shape" => m.tensor_shape.get_or_insert_default().merge_all(f)?,
    "version_number" => m.version_number = f.int()?,
    "tensor_content" => m.tensor_content = f.bytes()?.into(),
    "float_val" => m.float_val.push(f.float()?),
    "double_val" => m.double_val.push(f.float()?),
    "int_val" => m.int_val.push(f.int()?),
    "string_val" => m.string_val.push(f.bytes()?),
    "int64_val" => m.int64_val.push(f.int()?),
    "bool_val" => m.bool_val.push(f.bool()?),
    "half_val" => m.half_val.push(f.int()?),
});

fields!(VersionDef, |m, f| {
    "producer" => m.producer = f.int()?,
    "min_consumer" => m.min_consumer = f.int()?,
    "bad_consumers" => m.bad_consumers.push(f.int()?),
});

fields!(FunctionDefLibrary, |m, f| {
    "function" => m.function.push(f.message()?),
});

fields!(FunctionDef, |m, f| {
    "signature" => m.signature.get_or_insert_default().merge_all(f)?,
    "node_def" => m.node_def.push(f.message()?),
    "ret" => f.entry(&mut m.ret, Field::string)?,
});

fields!(OpDef, |m, f| {
    "name" => m.name = f.string()?,
    "input_arg" => m.input_arg.push(f.message()?),
    "output_arg" => m.output_arg.push(f.message()?),
});

fields!(ArgDef, |m, f| {
    "name" => m.name = f.string()?,
    "number_attr" => m.number_attr = f.string()?,
    "type_list_attr" => m.type_list_attr = f.string()?,
});

/// A message field that may come in several pieces, which add up.
trait MergeAll: FromText {
    fn merge_all(&mut self, field: &Field<'_>) -> Result<(), TextError> {
        field.fields()?.iter().try_for_each(|inner| self.merge(inner))
    }
}

impl<M: FromText> MergeAll for M {}
