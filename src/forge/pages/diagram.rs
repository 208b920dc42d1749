//! Draws the graphs that tracking issues hold, in Mermaid's `graph LR`, as a picture without scripts: nodes in columns
//! by what they wait for, edges between, a legend of the classes. What goes beyond the few forms written there is not
//! drawn at all.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

/// Most nodes, and most edges, of a graph that is drawn.
const NODES_MAX: usize = 100;
const EDGES_MAX: usize = 400;
/// Sizes in pixels.
const NODE_WIDTH: usize = 196;
const NODE_HEIGHT: usize = 44;
const GAP_X: usize = 40;
const GAP_Y: usize = 12;
const LEGEND_STEP: usize = 104;
/// Characters of a label on one line, and its most lines.
const LINE_CHARACTERS_MAX: usize = 26;
const LINES_MAX: usize = 2;
/// Columns that nodes without edges fill.
const LOOSE_COLUMNS: usize = 4;

struct Node<'a> {
    label: &'a str,
    class: &'a str,
}

struct Edge {
    from: usize,
    to: usize,
    dotted: bool,
}

#[derive(Default)]
struct Graph<'a> {
    nodes: Vec<Node<'a>>,
    index: BTreeMap<&'a str, usize>,
    edges: Vec<Edge>,
    /// Fill, stroke and text colour by class.
    classes: BTreeMap<&'a str, [&'a str; 3]>,
}

/// The picture of a graph; nothing where a line of it is not known, it is too large, or its edges go in a circle.
/// `issues` is the address that `#12` at the start of a label leads to, up to the number.
pub(crate) fn draw(source: &str, issues: &str) -> Option<Markup> {
    let graph = read(source)?;
    let places = layout(&graph)?;
    let (step_x, step_y) = (NODE_WIDTH + GAP_X, NODE_HEIGHT + GAP_Y);
    let columns = places.iter().map(|(column, _)| column + 1).max()?;
    let rows = places.iter().map(|(_, row)| row + 1).max()?;
    let used: BTreeSet<&str> = graph.nodes.iter().map(|node| node.class).collect();
    let (across, down) = (columns * step_x - GAP_X + 2, rows * step_y + 26);
    let width = across.max(used.len() * LEGEND_STEP);
    let at = |index: usize| {
        let (column, row) = places.get(index).copied().unwrap_or_default();
        (column * step_x + 1, row * step_y + 1)
    };
    Some(html! {
        div.diagram {
            svg role="img" aria-label="Graph of the tasks" width=(width) height=(down)
                viewBox={ "0 0 " (width) " " (down) } {
                @for edge in &graph.edges { (arrow(edge, at(edge.from), at(edge.to))) }
                @for (index, node) in graph.nodes.iter().enumerate() { (shape(&graph, node, at(index), issues)) }
                @for (place, class) in used.iter().enumerate() {
                    (legend(&graph, class, place * LEGEND_STEP + 1, down - 14))
                }
            }
        }
    })
}

fn read(source: &str) -> Option<Graph<'_>> {
    let mut lines = source.lines().map(str::trim).filter(|line| !line.is_empty());
    if lines.next() != Some("graph LR") {
        return None;
    }
    let mut graph = Graph::default();
    for line in lines {
        if let Some(rest) = line.strip_prefix("classDef ") {
            let (name, style) = rest.split_once(' ')?;
            graph.classes.insert(name, colours(style)?);
        } else if let Some((id, rest)) = line.split_once("[\"") {
            let (label, class) = rest.split_once("\"]:::")?;
            graph.index.insert(id, graph.nodes.len());
            graph.nodes.push(Node { label, class });
        } else {
            let dotted = line.contains(" -.-> ");
            let (from, to) = line.split_once(if dotted { " -.-> " } else { " --> " })?;
            graph.edges.push(Edge { from: *graph.index.get(from)?, to: *graph.index.get(to)?, dotted });
        }
        if graph.nodes.len() > NODES_MAX || graph.edges.len() > EDGES_MAX {
            return None;
        }
    }
    Some(graph).filter(|graph| !graph.nodes.is_empty())
}

fn colours(style: &str) -> Option<[&str; 3]> {
    let colour = |name: &str| {
        let value = style.split(',').find_map(|pair| pair.strip_prefix(name)?.strip_prefix(':'))?;
        let digits = value.strip_prefix('#')?;
        (digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())).then_some(value)
    };
    Some([colour("fill")?, colour("stroke")?, colour("color")?])
}

/// Column and row of each node. A node's column is the longest way to it; nodes that hang together stand together, in
/// bands, and those without edges fill the rows below.
fn layout(graph: &Graph<'_>) -> Option<Vec<(usize, usize)>> {
    let count = graph.nodes.len();
    let mut columns = vec![0; count];
    let mut bands: Vec<usize> = (0..count).collect();
    let mut moved = true;
    for _ in 0..=count {
        moved = false;
        for edge in &graph.edges {
            let column = columns[edge.from] + 1;
            let band = bands[edge.from].min(bands[edge.to]);
            moved |= columns[edge.to] < column || bands[edge.from] != bands[edge.to];
            columns[edge.to] = columns[edge.to].max(column);
            bands[edge.from] = band;
            bands[edge.to] = band;
        }
    }
    if moved {
        return None;
    }
    let tied: BTreeSet<usize> = graph.edges.iter().flat_map(|edge| [edge.from, edge.to]).collect();
    let mut places = vec![(0, 0); count];
    let mut top = 0;
    let kept: BTreeSet<usize> = tied.iter().map(|index| bands[*index]).collect();
    for band in kept {
        let mut filled = vec![top; count];
        for index in tied.iter().copied().filter(|index| bands[*index] == band) {
            places[index] = (columns[index], filled[columns[index]]);
            filled[columns[index]] += 1;
        }
        top = filled.into_iter().max().unwrap_or(top);
    }
    for (place, index) in (0..count).filter(|index| !tied.contains(index)).enumerate() {
        places[index] = (place % LOOSE_COLUMNS, top + place / LOOSE_COLUMNS);
    }
    Some(places)
}

fn arrow(edge: &Edge, from: (usize, usize), to: (usize, usize)) -> Markup {
    let (x, y) = (from.0 + NODE_WIDTH, from.1 + NODE_HEIGHT / 2);
    let (end, level) = (to.0.saturating_sub(7), to.1 + NODE_HEIGHT / 2);
    let middle = (x + end) / 2;
    html! {
        path.edge.dotted[edge.dotted]
            d={ "M" (x) " " (y) "C" (middle) " " (y) " " (middle) " " (level) " " (end) " " (level) } {}
        path.tip d={ "M" (to.0) " " (level) "l-8 -4v8z" } {}
    }
}

fn shape(graph: &Graph<'_>, node: &Node<'_>, (x, y): (usize, usize), issues: &str) -> Markup {
    let [fill, stroke, text] = graph.classes.get(node.class).copied().unwrap_or(["#e5e7eb", "#6b7280", "#111827"]);
    let lines = lines(node.label);
    let first = y + NODE_HEIGHT / 2 + 4 - (lines.len() - 1) * 8;
    let drawn = html! {
        title { (node.label) ": " (node.class.replace('_', " ")) }
        rect x=(x) y=(y) width=(NODE_WIDTH) height=(NODE_HEIGHT) rx="6" fill=(fill) stroke=(stroke) {}
        @for (index, line) in lines.iter().enumerate() { text x=(x + 10) y=(first + index * 16) fill=(text) { (line) } }
    };
    let number = node.label.strip_prefix('#').and_then(|rest| rest.split(' ').next());
    match number.filter(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())) {
        Some(number) => html! { a href={ (issues) (number) } { (drawn) } },
        None => html! { g { (drawn) } },
    }
}

fn legend(graph: &Graph<'_>, class: &str, x: usize, y: usize) -> Markup {
    let [fill, stroke, _] = graph.classes.get(class).copied().unwrap_or(["#e5e7eb", "#6b7280", "#111827"]);
    html! {
        rect x=(x) y=(y) width="12" height="12" rx="3" fill=(fill) stroke=(stroke) {}
        text.legend x=(x + 18) y=(y + 11) { (class.replace('_', " ")) }
    }
}

/// A label in lines of whole words; at least one line.
fn lines(label: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in label.split_whitespace() {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last > 0 && last + 1 + word.chars().count() > LINE_CHARACTERS_MAX {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            let space = if line.is_empty() { "" } else { " " };
            line.push_str(space);
            line.push_str(word);
        }
    }
    let cut = lines.len() > LINES_MAX;
    lines.truncate(LINES_MAX);
    for (index, line) in lines.iter_mut().enumerate() {
        let more = cut && index + 1 == LINES_MAX;
        if more || line.chars().count() > LINE_CHARACTERS_MAX {
            *line = line.chars().take(LINE_CHARACTERS_MAX - 1).collect();
            line.push('…');
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASS: &str = "  classDef merged fill:#ddd6fe,stroke:#6b7280,color:#111827\n";

    fn drawn(body: &str) -> Option<String> {
        draw(&format!("graph LR\n{body}{CLASS}"), "/o/r/issues/").map(Markup::into_string)
    }

    #[test]
    fn a_chain_goes_to_the_right_and_loose_nodes_stand_below() {
        let nodes = "  t1[\"#1 one\"]:::merged\n  t2[\"#2 two\"]:::merged\n  t3[\"#3 three\"]:::merged\n";
        let graph =
            read(&format!("graph LR\n{nodes}  t1 --> t3\n{CLASS}")).map(|graph| (layout(&graph), graph.edges.len()));
        assert_eq!(graph, Some((Some(vec![(0, 0), (0, 1), (1, 0)]), 1)));
        let svg = drawn(&format!("{nodes}  t1 --> t3\n  t2 -.-> t3\n")).expect("a picture");
        assert_eq!(svg.matches("class=\"tip\"").count(), 2, "{svg}");
        assert_eq!(svg.matches("class=\"edge dotted\"").count(), 1, "{svg}");
        assert!(svg.contains("<a href=\"/o/r/issues/2\">") && svg.contains("fill=\"#ddd6fe\""), "{svg}");
    }

    #[test]
    fn what_is_not_ours_is_not_drawn() {
        let many: String = (0..=NODES_MAX).map(|n| format!("  t{n}[\"x\"]:::merged\n")).collect();
        for body in [
            "",
            "  t1 --> t2\n",
            "  t1[\"#1 one\"]:::merged\n  click t1 \"javascript:alert(1)\"\n",
            "  t1[\"#1 one\"]:::merged\n  classDef bad fill:url(#x),stroke:#6b7280,color:#111827\n",
            "  t1[\"a\"]:::merged\n  t2[\"b\"]:::merged\n  t1 --> t2\n  t2 --> t1\n",
            "  t1[\"a\"]:::merged\n  t1 --> t1\n",
            &many,
        ] {
            assert_eq!(drawn(body), None, "{body}");
        }
        assert!(draw("sequenceDiagram\n", "/").is_none());
    }

    #[test]
    fn labels_are_text_and_keep_to_their_box() {
        let svg = drawn("  t1[\"#1x <script>&\"]:::merged\n").expect("a picture");
        assert!(svg.contains("&lt;script&gt;&amp;") && !svg.contains("<script") && !svg.contains("<a "), "{svg}");
        assert_eq!(lines("#1 short"), ["#1 short"]);
        assert_eq!(lines(""), [""]);
        let long = lines(&"word ".repeat(40));
        assert!(
            long.len() == LINES_MAX && long.iter().all(|line| line.chars().count() <= LINE_CHARACTERS_MAX),
            "{long:?}"
        );
        assert!(lines(&"x".repeat(99))[0].chars().count() <= LINE_CHARACTERS_MAX);
    }
}
