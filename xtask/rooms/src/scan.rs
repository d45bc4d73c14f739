//! What a piece of Rust names: its `use` trees, its paths also in macros and attributes, and how long its functions are.

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Attribute, ImplItemFn, Item, ItemFn, ItemMod, ItemUse, Macro, TraitItemFn, UseTree, VisRestricted, Visibility,
};

pub struct Imported {
    /// `*` for all names below the path.
    pub alias: String,
    pub path: Vec<String>,
    pub line: usize,
    pub is_passed_on: bool,
}

#[derive(Default)]
pub struct Scan {
    pub imports: Vec<Imported>,
    pub paths: Vec<(Vec<String>, usize)>,
    /// Name, line, number of lines.
    pub functions: Vec<(String, usize, usize)>,
}

/// `#[cfg(test)]` or a test.
pub fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        if path.is_ident("cfg") {
            let syn::Meta::List(list) = &attribute.meta else { return false };
            let condition = list.tokens.to_string();
            return condition == "test" || condition.starts_with("all (test") || condition.starts_with("all(test");
        }
        path.segments.last().is_some_and(|last| last.ident == "test")
    })
}

pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name that an item defines in its module.
pub fn name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

impl Scan {
    pub fn item(&mut self, item: &Item) {
        self.visit_item(item);
    }

    fn use_tree(&mut self, tree: &UseTree, before: &[String], is_passed_on: bool) {
        let with = |name: &syn::Ident| before.iter().cloned().chain([name.to_string()]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => self.use_tree(&path.tree, &with(&path.ident), is_passed_on),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(tree, before, is_passed_on);
                }
            }
            // `use a::b::{self}` brings in `b`.
            UseTree::Name(name) if name.ident == "self" => {
                let alias = before.last().cloned().unwrap_or_default();
                self.import(alias, before.to_vec(), name.ident.span(), is_passed_on);
            }
            UseTree::Name(name) => {
                self.import(name.ident.to_string(), with(&name.ident), name.ident.span(), is_passed_on);
            }
            UseTree::Rename(rename) => {
                let path = if rename.ident == "self" { before.to_vec() } else { with(&rename.ident) };
                self.import(rename.rename.to_string(), path, rename.ident.span(), is_passed_on);
            }
            UseTree::Glob(glob) => self.import("*".into(), before.to_vec(), glob.span(), is_passed_on),
        }
    }

    fn import(&mut self, alias: String, path: Vec<String>, at: proc_macro2::Span, is_passed_on: bool) {
        self.imports.push(Imported { alias, path, line: at.start().line, is_passed_on });
    }

    fn function(&mut self, name: &syn::Ident, node: &impl Spanned) {
        let (first, last) = (name.span().start().line, node.span().end().line);
        self.functions.push((name.to_string(), first, last + 1 - first));
    }

    /// Paths in the tokens of a macro, whose grammar is its own.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is_colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => {
                    self.tokens(group.stream());
                    at += 1;
                }
                TokenTree::Ident(first) => {
                    let mut path = vec![first.to_string()];
                    at += 1;
                    while is_colon(at) && is_colon(at + 1) {
                        let Some(TokenTree::Ident(next)) = tokens.get(at + 2) else { break };
                        path.push(next.to_string());
                        at += 3;
                    }
                    // A name alone is often a local one; a type or component is not.
                    if path.len() > 1 || path[0].starts_with(char::is_uppercase) {
                        self.paths.push((path, first.span().start().line));
                    }
                }
                TokenTree::Literal(literal) => {
                    self.path_in_text(&literal.to_string(), literal.span().start().line);
                    at += 1;
                }
                TokenTree::Punct(_) => at += 1,
            }
        }
    }

    /// `#[serde(with = "crate::text")]`.
    fn path_in_text(&mut self, literal: &str, line: usize) {
        let text = literal.trim_matches('"');
        let path: Vec<String> = text.split("::").map(str::to_owned).collect();
        let is_name = |name: &String| {
            !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        };
        if path.len() > 1 && path.iter().all(is_name) {
            self.paths.push((path, line));
        }
    }
}

impl<'ast> Visit<'ast> for Scan {
    /// Another module, which is scanned by itself.
    fn visit_item_mod(&mut self, _: &'ast ItemMod) {}

    /// `pub(in crate::run)` imports nothing.
    fn visit_vis_restricted(&mut self, _: &'ast VisRestricted) {}

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if item.leading_colon.is_none() && !is_for_tests(&item.attrs) {
            let is_passed_on = !matches!(item.vis, Visibility::Inherited);
            self.use_tree(&item.tree, &[], is_passed_on);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.paths.push((names, path.span().start().line));
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, found: &'ast Macro) {
        self.visit_path(&found.path);
        self.tokens(found.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let syn::Meta::List(list) = &attribute.meta
            && !attribute.path().is_ident("doc")
        {
            self.tokens(list.tokens.clone());
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if !is_for_tests(&item.attrs) {
            self.function(&item.sig.ident, item);
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            self.function(&item.sig.ident, item);
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if item.default.is_some() {
            self.function(&item.sig.ident, item);
        }
        visit::visit_trait_item_fn(self, item);
    }
}
