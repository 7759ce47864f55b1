//! Functions: an arena of values and ops in one block, grown only at its end.

use crate::{Attrs, BuildError, Diagnostic, Dialect, OpDef, OpKey, OpView, TensorType};

/// A value of a function: an argument or the result of an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(u32);

/// An op of a function; the order of ids is the order of execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpId(u32);

impl ValueId {
    /// The position in the function's list of values, for tables indexed by value.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl OpId {
    /// The position in the function's list of ops.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One function in SSA form. Operands precede their users, and every type was inferred by its op.
#[derive(Clone, Debug, PartialEq)]
pub struct Func<D: Dialect> {
    name: String,
    pub(crate) args: Vec<Arg<D::Elem>>,
    arg_values: Vec<ValueId>,
    pub(crate) ops: Vec<Op<D>>,
    values: Vec<Value<D::Elem>>,
    results: Vec<FuncResult>,
}

/// An argument: a named tensor that a party brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arg<E> {
    /// The input's or weight's name, unique among the arguments.
    pub name: String,
    /// Its type.
    pub ty: TensorType<E>,
    /// The party that brings it.
    pub owner: String,
    /// Whether it changes with each inference.
    pub kind: ArgKind,
    /// What analyses found out about it.
    pub annotations: Attrs,
}

impl<E> Arg<E> {
    /// An argument without annotations.
    pub fn new(name: impl Into<String>, ty: TensorType<E>, owner: impl Into<String>, kind: ArgKind) -> Self {
        Self { name: name.into(), ty, owner: owner.into(), kind, annotations: Attrs::new() }
    }
}

/// What an argument is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArgKind {
    /// Given anew for each inference.
    Input,
    /// Fixed for a session, and kept in the weight store.
    Weight,
}

/// A result of the function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FuncResult {
    /// The value.
    pub value: ValueId,
    /// The output's name.
    pub name: String,
    /// The parties that learn it.
    pub owners: Vec<String>,
    /// What these do with it in the clear.
    pub post: Post,
}

impl FuncResult {
    /// A result that one party learns as it is.
    pub fn new(value: ValueId, name: impl Into<String>, owner: impl Into<String>) -> Self {
        Self { value, name: name.into(), owners: vec![owner.into()], post: Post::None }
    }
}

/// What the receivers of a result do with it in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Post {
    /// Nothing.
    None,
    /// Softmax over the last axis.
    Softmax,
}

/// An op in a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Op<D: Dialect> {
    /// The table entry.
    pub def: &'static OpDef<D>,
    /// The operands.
    pub operands: Vec<ValueId>,
    /// The attributes, in the table's order.
    pub attrs: Attrs,
    /// What analyses found out about it.
    pub annotations: Attrs,
    /// The results.
    pub results: Vec<ValueId>,
    /// The name of the model's node that it came from.
    pub loc: String,
}

/// A value's type and definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value<E> {
    /// Its type.
    pub ty: TensorType<E>,
    /// Where it comes from.
    pub def: ValueDef,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueDef {
    /// Argument of this index.
    Arg(usize),
    /// Result of an op, by index.
    Op(OpId, usize),
}

/// One use of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Use {
    /// Operand of an op, by index.
    Operand(OpId, usize),
    /// Result of the function, by index.
    Result(usize),
}

/// The uses of all values of a function, in order.
#[derive(Clone, Debug)]
pub struct Uses(Vec<Vec<Use>>);

impl Uses {
    /// The uses of a value, in order of execution, results last.
    pub fn of(&self, value: ValueId) -> &[Use] {
        &self.0[value.index()]
    }

    /// The ops that use a value, each use once, in order of execution.
    pub fn ops(&self, value: ValueId) -> impl Iterator<Item = OpId> + '_ {
        self.of(value).iter().filter_map(|u| if let Use::Operand(op, _) = u { Some(*op) } else { None })
    }
}

impl<D: Dialect> Func<D> {
    /// An empty function.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            args: Vec::new(),
            arg_values: Vec::new(),
            ops: Vec::new(),
            values: Vec::new(),
            results: Vec::new(),
        }
    }

    /// Adds an argument; this may be done at any time. [`Func::verify`] checks that names are unique.
    pub fn add_arg(&mut self, arg: Arg<D::Elem>) -> ValueId {
        let value = self.add_value(arg.ty.clone(), ValueDef::Arg(self.args.len()));
        self.args.push(arg);
        self.arg_values.push(value);
        value
    }

    /// Appends an op, given by table entry or mnemonic, and returns its results. `loc` is the model's node that it came from.
    ///
    /// # Errors
    /// A diagnostic at `loc` where [`Func::try_push`] fails.
    pub fn push(
        &mut self,
        op: impl OpKey<D>,
        operands: &[ValueId],
        attrs: Attrs,
        loc: &str,
    ) -> Result<Vec<ValueId>, Diagnostic> {
        self.try_push(op, operands, attrs, loc).map_err(|e| Diagnostic::from(e).at_node(loc, "here"))
    }

    /// Appends an op that has exactly one result, and returns it.
    ///
    /// # Errors
    /// As [`Func::push`].
    ///
    /// # Panics
    /// Where the op has no result, or more than one.
    pub fn push1(
        &mut self,
        op: impl OpKey<D>,
        operands: &[ValueId],
        attrs: Attrs,
        loc: &str,
    ) -> Result<ValueId, Diagnostic> {
        let results = self.push(op, operands, attrs, loc)?;
        assert_eq!(results.len(), 1, "invariant: push1 is for ops with one result");
        Ok(results[0])
    }

    /// Appends an op: checks operands and attributes against the table, its constraints, and infers the results' types.
    ///
    /// # Errors
    /// [`BuildError`] says what does not fit; the function is unchanged then.
    pub fn try_push(
        &mut self,
        op: impl OpKey<D>,
        operands: &[ValueId],
        mut attrs: Attrs,
        loc: &str,
    ) -> Result<Vec<ValueId>, BuildError> {
        let def = op.resolve()?;
        attrs.sort_by_cached_key(|name, _| def.attrs.iter().position(|a| a.name == name));
        let types = self.infer(def, operands, &attrs)?;
        let id = OpId(self.ops.len() as u32);
        let results: Vec<_> =
            types.into_iter().enumerate().map(|(i, ty)| self.add_value(ty, ValueDef::Op(id, i))).collect();
        self.ops.push(Op {
            def,
            operands: operands.to_vec(),
            attrs,
            annotations: Attrs::new(),
            results: results.clone(),
            loc: loc.to_string(),
        });
        Ok(results)
    }

    /// The result types that an op would have, without appending it.
    ///
    /// # Errors
    /// As [`Func::try_push`].
    pub fn infer(
        &self,
        def: &'static OpDef<D>,
        operands: &[ValueId],
        attrs: &Attrs,
    ) -> Result<Vec<TensorType<D::Elem>>, BuildError> {
        let op = || def.full_name();
        let ty = |(index, v): (usize, &ValueId)| {
            self.values.get(v.index()).map(|v| &v.ty).ok_or_else(|| BuildError::UnknownValue { op: op(), index })
        };
        let operand_types = operands.iter().enumerate().map(ty).collect::<Result<Vec<_>, _>>()?;
        let view = OpView::new(def, operand_types, attrs)?;
        let types = (def.infer)(&view).map_err(|violation| {
            let rule = def.constraint(violation.constraint).unwrap_or("undeclared constraint");
            BuildError::Constraint { op: op(), violation, rule }
        })?;
        for (index, ty) in types.iter().enumerate() {
            ty.check().map_err(|error| BuildError::ResultType { op: op(), index, error })?;
        }
        Ok(types)
    }

    /// Says what the function returns.
    pub fn set_results(&mut self, results: Vec<FuncResult>) {
        self.results = results;
    }

    /// The function's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The arguments with their values, in order.
    pub fn args(&self) -> impl ExactSizeIterator<Item = (ValueId, &Arg<D::Elem>)> + '_ {
        self.arg_values.iter().copied().zip(&self.args)
    }

    /// The argument of this name.
    pub fn arg(&self, name: &str) -> Option<(ValueId, &Arg<D::Elem>)> {
        self.args().find(|(_, arg)| arg.name == name)
    }

    /// The argument that a value is, if it is one.
    pub fn as_arg(&self, value: ValueId) -> Option<&Arg<D::Elem>> {
        match self.value(value).def {
            ValueDef::Arg(index) => Some(&self.args[index]),
            ValueDef::Op(..) => None,
        }
    }

    /// The ops in order of execution.
    pub fn ops(&self) -> impl DoubleEndedIterator<Item = (OpId, &Op<D>)> + ExactSizeIterator + '_ {
        self.ops.iter().enumerate().map(|(i, op)| (OpId(i as u32), op))
    }

    /// The op that was pushed last.
    pub fn last_op(&self) -> Option<OpId> {
        self.ops.len().checked_sub(1).map(|i| OpId(i as u32))
    }

    /// An op of this function.
    ///
    /// # Panics
    /// Where the id is of another function.
    pub fn op(&self, id: OpId) -> &Op<D> {
        &self.ops[id.index()]
    }

    /// The op that defines a value, if it is no argument.
    pub fn defining_op(&self, value: ValueId) -> Option<(OpId, &Op<D>)> {
        match self.value(value).def {
            ValueDef::Arg(_) => None,
            ValueDef::Op(id, _) => Some((id, self.op(id))),
        }
    }

    /// A value of this function.
    ///
    /// # Panics
    /// Where the id is of another function.
    pub fn value(&self, id: ValueId) -> &Value<D::Elem> {
        &self.values[id.index()]
    }

    /// A value's type.
    ///
    /// # Panics
    /// Where the id is of another function.
    pub fn ty(&self, id: ValueId) -> &TensorType<D::Elem> {
        &self.value(id).ty
    }

    /// The name of the model's node that a value came from: its op's location, or the argument's name.
    pub fn loc(&self, id: ValueId) -> &str {
        match self.value(id).def {
            ValueDef::Arg(index) => &self.args[index].name,
            ValueDef::Op(op, _) => &self.op(op).loc,
        }
    }

    /// All values, in order of creation.
    pub fn values(&self) -> impl ExactSizeIterator<Item = (ValueId, &Value<D::Elem>)> + '_ {
        self.values.iter().enumerate().map(|(i, v)| (ValueId(i as u32), v))
    }

    /// The results.
    pub fn results(&self) -> &[FuncResult] {
        &self.results
    }

    /// The view of an op that its `eval` takes, with the result types filled in.
    pub fn view(&self, id: OpId) -> OpView<'_, D> {
        let op = self.op(id);
        let types = |values: &[ValueId]| values.iter().map(|v| &self.values[v.index()].ty).collect();
        OpView { def: op.def, operands: types(&op.operands), attrs: &op.attrs, results: types(&op.results) }
    }

    /// The uses of all values.
    pub fn uses(&self) -> Uses {
        let mut uses = vec![Vec::new(); self.values.len()];
        for (id, op) in self.ops() {
            for (i, v) in op.operands.iter().enumerate() {
                uses[v.index()].push(Use::Operand(id, i));
            }
        }
        for (i, r) in self.results.iter().enumerate() {
            uses[r.value.index()].push(Use::Result(i));
        }
        Uses(uses)
    }

    fn add_value(&mut self, ty: TensorType<D::Elem>, def: ValueDef) -> ValueId {
        let id = ValueId(self.values.len() as u32);
        self.values.push(Value { ty, def });
        id
    }
}
