//! A directed graph of names, where each edge carries the line of source that makes it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

/// The import behind an edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    pub file: String,
    pub line: usize,
    pub path: String,
}

/// The shortest circle of a set of nodes that all reach each other.
#[derive(Clone, Debug)]
pub struct Circle {
    /// Each node with the import that leads to the next one; the last leads to the first.
    pub steps: Vec<(String, Witness)>,
    /// All nodes that reach each other; those of `steps` are among them.
    pub members: Vec<String>,
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (node, _) in &self.steps {
            write!(f, "{node} -> ")?;
        }
        write!(f, "{}", self.steps[0].0)?;
        if self.members.len() > self.steps.len() {
            write!(f, "   (the shortest of {} that reach each other)", self.members.len())?;
        }
        for (_, import) in &self.steps {
            write!(f, "\n    {}:{}  {}", import.file, import.line, import.path)?;
        }
        Ok(())
    }
}

#[derive(Default)]
pub struct Graph {
    edges: BTreeMap<String, BTreeMap<String, Witness>>,
}

impl Graph {
    /// Keeps the first import of each pair. A node that imports itself is no circle.
    pub fn add(&mut self, from: &str, to: &str, import: Witness) {
        if from != to {
            self.edges.entry(from.to_owned()).or_default().entry(to.to_owned()).or_insert(import);
        }
    }

    fn next<'g>(&'g self, node: &str) -> impl Iterator<Item = &'g str> {
        self.edges.get(node).into_iter().flatten().map(|(to, _)| to.as_str())
    }

    fn reachable<'g>(&'g self, start: &str) -> BTreeSet<&'g str> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = self.next(start).collect();
        while let Some(node) = open.pop() {
            if seen.insert(node) {
                open.extend(self.next(node));
            }
        }
        seen
    }

    /// Sets of two or more nodes that reach each other.
    fn components(&self) -> Vec<BTreeSet<&str>> {
        let reach: BTreeMap<&str, BTreeSet<&str>> =
            self.edges.keys().map(|node| (node.as_str(), self.reachable(node))).collect();
        let mut found: Vec<BTreeSet<&str>> = Vec::new();
        for (node, reached) in &reach {
            if !reached.contains(node) || found.iter().any(|component| component.contains(node)) {
                continue;
            }
            let both_ways = |other: &&&str| reach.get(**other).is_some_and(|back| back.contains(node));
            found.push(reached.iter().filter(both_ways).copied().collect());
        }
        found
    }

    /// One circle, the shortest, for each set of nodes that reach each other.
    pub fn circles(&self) -> Vec<Circle> {
        let shortest = |component: BTreeSet<&str>| {
            let through = component.iter().filter_map(|start| self.shortest_through(start, &component));
            let nodes = through.min_by_key(Vec::len)?;
            let steps = nodes.iter().zip(nodes.iter().cycle().skip(1));
            let steps = steps.map(|(from, to)| ((*from).to_owned(), self.edges[*from][*to].clone())).collect();
            Some(Circle { steps, members: component.into_iter().map(str::to_owned).collect() })
        };
        self.components().into_iter().filter_map(shortest).collect()
    }

    fn shortest_through<'g>(&'g self, start: &'g str, component: &BTreeSet<&'g str>) -> Option<Vec<&'g str>> {
        let mut from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut open = VecDeque::from([start]);
        while let Some(node) = open.pop_front() {
            for next in self.next(node).filter(|next| component.contains(next)) {
                if next == start {
                    let mut nodes = vec![node];
                    while let Some(before) = from.get(nodes[nodes.len() - 1]) {
                        nodes.push(*before);
                    }
                    nodes.reverse();
                    return Some(nodes);
                }
                if !from.contains_key(next) {
                    from.insert(next, node);
                    open.push_back(next);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &str)]) -> Graph {
        let mut graph = Graph::default();
        for (line, (from, to)) in edges.iter().enumerate() {
            graph.add(from, to, Witness { file: format!("{from}.rs"), line, path: format!("crate::{to}") });
        }
        graph
    }

    #[test]
    fn the_shortest_circle_is_shown_with_its_imports() {
        let graph = graph(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "b"), ("d", "a")]);
        let circles = graph.circles();
        assert_eq!(circles.len(), 1);
        assert_eq!(circles[0].members, ["a", "b", "c"]);
        assert_eq!(
            circles[0].to_string(),
            "b -> c -> b   (the shortest of 3 that reach each other)\n    b.rs:1  crate::c\n    c.rs:3  crate::b"
        );
    }

    #[test]
    fn a_graph_without_a_circle_has_none_and_apart_circles_are_two() {
        assert!(graph(&[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", "d")]).circles().is_empty());
        let nodes = |circle: &Circle| circle.steps.iter().map(|(node, _)| node.clone()).collect::<Vec<_>>();
        let two = graph(&[("a", "b"), ("b", "a"), ("b", "c"), ("c", "d"), ("d", "c")]).circles();
        assert_eq!(two.iter().map(nodes).collect::<Vec<_>>(), [["a", "b"], ["c", "d"]]);
    }
}
