//! Statements as trees. The whole of the sandbox's SQL is what these types can hold.

use crate::unity::objects::Column;
use serde_json::Value;

/// `a.b.c`, each part in lower case.
pub type Name = Vec<String>;
pub type Pairs = Vec<(String, String)>;

#[derive(Debug, PartialEq)]
pub enum Statement {
    Select(Query),
    Grant {
        add: bool,
        privileges: Vec<String>,
        on: Target,
        principal: String,
    },
    CreateSchema {
        name: Name,
        if_not_exists: bool,
        comment: Option<String>,
    },
    CreateTable(Box<CreateTable>),
    /// CREATE TABLE ... DEEP CLONE.
    Clone(CloneTable),
    Alter {
        on: Target,
        change: Change,
    },
    Comment {
        on: Target,
        text: Option<String>,
    },
    Insert {
        table: Name,
        columns: Option<Vec<String>>,
        rows: Vec<Vec<Expression>>,
    },
    CreateFunction(CreateFunction),
    DropFunction {
        name: Name,
        if_exists: bool,
    },
    History(Name),
    /// DESCRIBE DETAIL.
    Detail(Name),
    /// SHOW TBLPROPERTIES.
    Properties(Name),
    /// REFRESH FOREIGN TABLE | SCHEMA | CATALOG.
    Refresh(Target),
    ShowGrants {
        principal: Option<String>,
        on: Target,
    },
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
    /// By keys.
    UntagTable(Vec<String>),
    /// Of one column or of several.
    ColumnComments(Vec<(String, String)>),
    ColumnTags(String, Pairs),
    UntagColumn(String, Vec<String>),
    RowFilter(Option<(Name, Vec<String>)>),
    Mask(String, Option<(Name, Vec<String>)>),
    Properties(Pairs),
    Clustering(Clustering),
}

#[derive(Debug, PartialEq)]
pub enum Clustering {
    /// By the paths to these columns.
    By(Vec<Name>),
    Auto,
    None,
}

#[derive(Debug, PartialEq)]
pub struct CreateFunction {
    pub name: Name,
    pub replace: bool,
    pub if_not_exists: bool,
    pub parameters: Vec<String>,
    pub body: Expression,
}

#[derive(Debug, Default, PartialEq)]
pub struct CreateTable {
    pub name: Name,
    pub if_not_exists: bool,
    pub columns: Vec<ColumnDefinition>,
    pub iceberg: bool,
    pub partitioned_by: Option<Vec<Expression>>,
    pub clustering: Option<Clustering>,
    pub comment: Option<String>,
    pub properties: Pairs,
}

#[derive(Debug, PartialEq)]
pub struct CloneTable {
    pub name: Name,
    pub if_not_exists: bool,
    pub source: Name,
    pub version: Option<Version>,
}

pub type ColumnDefinition = Column;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    pub items: Vec<Item>,
    /// The first one has no condition.
    pub from: Vec<Source>,
    pub condition: Option<Expression>,
    pub group: Vec<Expression>,
    /// With whether it is descending.
    pub order: Vec<(Expression, bool)>,
    pub limit: Option<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub value: Expression,
    pub name: String,
}

/// A table in FROM, and the condition on which it is joined to those before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    pub name: Name,
    pub alias: String,
    pub version: Option<Version>,
    pub on: Option<Expression>,
}

/// A table as it was.
#[derive(Clone, Debug, PartialEq)]
pub enum Version {
    Number(i64),
    Time(Expression),
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
    /// CASE: conditions with what follows from each, and what else.
    Case(Vec<(Expression, Expression)>, Option<Box<Expression>>),
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
    /// What it is made of.
    pub fn parts(&self) -> Vec<&Self> {
        match self {
            Self::Literal(_) | Self::Parameter(_) | Self::Column(_) | Self::CountRows => Vec::new(),
            Self::Binary(_, left, right) | Self::Like(left, right) => vec![left, right],
            Self::Not(inner)
            | Self::Negative(inner)
            | Self::IsNull(inner)
            | Self::Cast(inner, _)
            | Self::Aggregate(_, inner) => vec![inner],
            Self::In(inner, all) => std::iter::once(inner.as_ref()).chain(all).collect(),
            Self::Call(_, all) => all.iter().collect(),
            Self::Case(branches, otherwise) => {
                let branches = branches.iter().flat_map(|(when, then)| [when, then]);
                branches.chain(otherwise.as_deref()).collect()
            }
        }
    }

    /// The first column that it reads.
    pub fn column(&self) -> Option<&Name> {
        match self {
            Self::Column(name) => Some(name),
            _ => self.parts().into_iter().find_map(Self::column),
        }
    }

    pub fn has_aggregate(&self) -> bool {
        matches!(self, Self::Aggregate(..) | Self::CountRows) || self.parts().into_iter().any(Self::has_aggregate)
    }
}
