//! Statements as trees. The whole of the sandbox's SQL is what these types can hold.

use crate::unity::objects::Column;
use serde_json::Value;

/// `a.b.c`, each part in lower case.
pub type Name = Vec<String>;
pub type Pairs = Vec<(String, String)>;

#[derive(Debug, PartialEq)]
pub enum Statement {
    Select(Query),
    Grant { add: bool, privileges: Vec<String>, on: Target, principal: String },
    CreateSchema { name: Name, if_not_exists: bool, comment: Option<String> },
    CreateTable(Box<CreateTable>),
    Alter { on: Target, change: Change },
    Comment { on: Target, text: Option<String> },
    Insert { table: Name, columns: Option<Vec<String>>, rows: Vec<Vec<Expression>> },
}

/// What a statement is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    Metastore,
    /// Without a name: the session's.
    Catalog(Option<String>),
    Schema(Name),
    Volume(Name),
    Table(Name),
}

#[derive(Debug, PartialEq)]
pub enum Change {
    /// ENABLE, DISABLE or INHERIT.
    Optimization(&'static str),
    Owner(String),
    Tags(Pairs),
    ColumnComment(String, String),
    ColumnTags(String, Pairs),
}

#[derive(Debug, Default, PartialEq)]
pub struct CreateTable {
    pub name: Name,
    pub if_not_exists: bool,
    pub columns: Vec<ColumnDefinition>,
    pub iceberg: bool,
    pub partitioned_by: Option<Vec<Expression>>,
    pub clustered: bool,
    pub comment: Option<String>,
    pub properties: Pairs,
}

pub type ColumnDefinition = Column;

#[derive(Debug, Default, PartialEq)]
pub struct Query {
    pub items: Vec<Item>,
    /// The first one has no condition.
    pub from: Vec<Source>,
    pub condition: Option<Expression>,
    pub group: Vec<Expression>,
    /// With whether it is descending.
    pub order: Vec<(Expression, bool)>,
}

#[derive(Debug, PartialEq)]
pub struct Item {
    pub value: Expression,
    pub name: String,
}

/// A table in FROM, and the condition on which it is joined to those before it.
#[derive(Debug, PartialEq)]
pub struct Source {
    pub name: Name,
    pub alias: String,
    pub on: Option<Expression>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    Literal(Value),
    Parameter(String),
    /// `a.b.c`: an alias, a column, fields of it.
    Column(Name),
    Binary(Operator, Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    IsNull(Box<Expression>),
    In(Box<Expression>, Vec<Expression>),
    Like(Box<Expression>, Box<Expression>),
    Cast(Box<Expression>, String),
    Call(String, Vec<Expression>),
    Aggregate(Aggregate, Box<Expression>),
    CountRows,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    Concat,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    Count,
    Sum,
    Min,
    Max,
}

impl Expression {
    pub fn has_aggregate(&self) -> bool {
        match self {
            Self::Aggregate(..) | Self::CountRows => true,
            Self::Binary(_, left, right) | Self::Like(left, right) => left.has_aggregate() || right.has_aggregate(),
            Self::Not(inner) | Self::Negative(inner) | Self::IsNull(inner) | Self::Cast(inner, _) => {
                inner.has_aggregate()
            }
            Self::In(inner, all) => inner.has_aggregate() || all.iter().any(Self::has_aggregate),
            Self::Call(_, all) => all.iter().any(Self::has_aggregate),
            Self::Literal(_) | Self::Parameter(_) | Self::Column(_) => false,
        }
    }
}
